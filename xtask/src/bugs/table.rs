//! The answer of `cargo xtask bugs`, one row per bug: for programs as JSON, for people as a table. Pure.

use serde::Serialize;

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) expected: String,
    pub(super) caught: bool,
    /// The invariant that tripped or the test that failed, if any did.
    pub(super) found_by: Option<String>,
    /// How many seeds were tried until it tripped, or all that were tried; none where tests judged.
    pub(super) seeds: Option<u64>,
    /// How long the check ran, without the build.
    pub(super) seconds: f64,
}

pub(super) fn line(row: &Row) -> String {
    let Row { name, expected, seeds, seconds, .. } = row;
    match (&row.found_by, row.caught) {
        (Some(by), true) => {
            let after = seeds.map_or(String::new(), |seeds| format!(" after {seeds} seeds"));
            format!("{name}: caught by {by}{after}, {seconds:.1} s")
        }
        (Some(by), false) => format!("{name}: SURVIVED, {by} tripped instead of {expected}, {seconds:.1} s"),
        (None, _) => {
            let survived = seeds.map_or(String::new(), |seeds| format!(" {seeds} seeds"));
            format!("{name}: SURVIVED{survived}, {expected} never tripped, {seconds:.1} s")
        }
    }
}

pub(super) fn whole(rows: &[Row]) -> String {
    let cells: Vec<[String; 6]> =
        std::iter::once(["bug", "expected", "caught", "found by", "seeds", "seconds"].map(str::to_owned))
            .chain(rows.iter().map(|row| {
                [
                    row.name.clone(),
                    row.expected.clone(),
                    if row.caught { "yes" } else { "NO" }.to_owned(),
                    row.found_by.clone().unwrap_or_else(|| "-".to_owned()),
                    row.seeds.map_or_else(|| "-".to_owned(), |seeds| seeds.to_string()),
                    format!("{:.1}", row.seconds),
                ]
            }))
            .collect();
    let caught = rows.iter().filter(|row| row.caught).count();
    format!("{}{caught} of {} caught\n", aligned(&cells), rows.len())
}

/// Lays rows out in columns, a line each.
pub(super) fn aligned<const COLUMNS: usize>(cells: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| cells.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let line = |row: &[String; COLUMNS]| {
        let padded: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    cells.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(caught: bool, found_by: Option<&str>) -> Row {
        Row {
            name: "early_vote".to_owned(),
            source: "a paper".to_owned(),
            expected: "one_leader_per_term".to_owned(),
            caught,
            found_by: found_by.map(str::to_owned),
            seeds: Some(4),
            seconds: 1.5,
        }
    }

    #[test]
    fn the_document_has_exactly_the_promised_fields() {
        let text = serde_json::to_string(&[row(false, None)]).expect("a row is plain data");
        assert_eq!(
            text,
            r#"[{"name":"early_vote","source":"a paper","expected":"one_leader_per_term","caught":false,"found_by":null,"seeds":4,"seconds":1.5}]"#
        );
    }

    #[test]
    fn the_table_aligns_and_counts() {
        let text = whole(&[row(true, Some("one_leader_per_term")), row(false, None)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "bug         expected             caught  found by             seeds  seconds");
        assert_eq!(lines[2], "early_vote  one_leader_per_term  NO      -                    4      1.5");
        assert_eq!(lines[3], "1 of 2 caught");
    }

    #[test]
    fn a_bug_found_by_another_invariant_has_survived() {
        let line = line(&row(false, Some("log_matching")));
        assert_eq!(line, "early_vote: SURVIVED, log_matching tripped instead of one_leader_per_term, 1.5 s");
    }

    #[test]
    fn where_tests_judge_no_seeds_are_told() {
        let judged = Row { seeds: None, ..row(true, Some("goldens::both_are_kept")) };
        assert_eq!(line(&judged), "early_vote: caught by goldens::both_are_kept, 1.5 s");
        assert!(whole(&[judged]).contains("goldens::both_are_kept  -      1.5"));
        let survivor = Row { seeds: None, ..row(false, None) };
        assert_eq!(line(&survivor), "early_vote: SURVIVED, one_leader_per_term never tripped, 1.5 s");
    }
}
