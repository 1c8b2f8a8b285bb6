//! Rows of text in columns, and which rows are shown.

use std::iter;

/// How many rows are shown of a long table.
pub(crate) const ROWS: usize = 20;

/// A table for people.
pub(crate) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

/// To which side the cells of a column are pushed.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Left,
    Right,
}

impl Table {
    pub(crate) fn new(columns: &[(&'static str, Side)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row of as many cells as there are columns.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.columns.len(), "cells {cells:?}");
        self.rows.push(cells);
    }

    /// Returns the table; columns in which nothing stands are left out.
    pub(crate) fn to_text(&self) -> String {
        self.text(&self.filled(), &self.widths())
    }

    /// Returns as many columns as fit into a width, from the left, with a line that names those that do not.
    pub(crate) fn fitting(&self, width: usize) -> String {
        let (widths, filled) = (self.widths(), self.filled());
        let needed = |places: &[usize]| places.iter().map(|place| widths[*place] + 2).sum::<usize>().saturating_sub(2);
        let count = (1..=filled.len()).rev().find(|count| needed(&filled[..*count]) <= width).unwrap_or(1);
        let (shown, left) = filled.split_at(count.min(filled.len()));
        let mut text = self.text(shown, &widths);
        if !left.is_empty() {
            let names: Vec<&str> = left.iter().map(|place| self.columns[*place].0).collect();
            text.extend(["(too narrow for: ", &names.join(", "), ")\n"]);
        }
        text
    }

    /// Returns the columns in which something stands.
    fn filled(&self) -> Vec<usize> {
        (0..self.columns.len()).filter(|place| self.rows.iter().any(|row| !row[*place].is_empty())).collect()
    }

    fn headings(&self) -> Vec<String> {
        self.columns.iter().map(|(heading, _)| (*heading).to_string()).collect()
    }

    fn widths(&self) -> Vec<usize> {
        let headings = self.headings();
        let rows = || iter::once(&headings).chain(&self.rows);
        let width = |place: usize| rows().map(|row| row[place].chars().count()).max().unwrap_or(0);
        (0..self.columns.len()).map(width).collect()
    }

    fn text(&self, shown: &[usize], widths: &[usize]) -> String {
        let headings = self.headings();
        let cell = |row: &[String], place: usize| match self.columns[place].1 {
            Side::Left => format!("{:1$}", row[place], widths[place]),
            Side::Right => format!("{:>1$}", row[place], widths[place]),
        };
        let line = |row: &Vec<String>| {
            let cells: Vec<String> = shown.iter().map(|place| cell(row, *place)).collect();
            cells.join("  ").trim_end().to_string() + "\n"
        };
        iter::once(&headings).chain(&self.rows).map(line).collect()
    }
}

/// Returns a part of a whole in percent.
pub(crate) fn percent(share: f64, decimals: usize) -> String {
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
        assert_eq!(table.fitting(14), table.to_text());
        assert_eq!(table.fitting(13), "name\nä\nnode-10\n(too narrow for: share)\n");
    }
}
