//! Rows of text in columns, and which rows are shown.

use std::iter;

/// How many rows are shown of a long table.
pub(super) const ROWS: usize = 20;

/// A table for people.
pub(super) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

/// To which side the cells of a column are pushed.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Left,
    Right,
}

impl Table {
    pub(super) fn new(columns: &[(&'static str, Side)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row of as many cells as there are columns.
    pub(super) fn push(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.columns.len(), "cells {cells:?}");
        self.rows.push(cells);
    }

    /// Returns the table; columns in which nothing stands are left out.
    pub(super) fn to_text(&self) -> String {
        let shown: Vec<usize> =
            (0..self.columns.len()).filter(|place| self.rows.iter().any(|row| !row[*place].is_empty())).collect();
        let headings: Vec<String> = self.columns.iter().map(|(heading, _)| (*heading).to_string()).collect();
        let all = || iter::once(&headings).chain(&self.rows);
        let width = |place: usize| all().map(|row| row[place].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let cell = |row: &[String], place: usize| match self.columns[place].1 {
            Side::Left => format!("{:1$}", row[place], widths[place]),
            Side::Right => format!("{:>1$}", row[place], widths[place]),
        };
        let line = |row: &Vec<String>| {
            let cells: Vec<String> = shown.iter().map(|place| cell(row, *place)).collect();
            cells.join("  ").trim_end().to_string() + "\n"
        };
        all().map(line).collect()
    }
}

/// Returns a part of a whole in percent.
pub(super) fn percent(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned_and_empty_columns_are_left_out() {
        let mut table = Table::new(&[("name", Side::Left), ("rack", Side::Left), ("share", Side::Right)]);
        table.push(vec!["ä".into(), String::new(), "9 %".into()]);
        table.push(vec!["node-10".into(), String::new(), "10 %".into()]);
        assert_eq!(table.to_text(), "name     share\nä          9 %\nnode-10   10 %\n");
    }
}
