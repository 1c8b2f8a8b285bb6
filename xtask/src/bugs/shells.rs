//! What whole shells in a simulated world say of a planted bug. Pure.

use super::catalogue::Bug;
use super::verdict::Verdict;

/// # Errors
/// With the first seed whose run broke something, or when none ran.
pub(super) fn green(runs: &[(u64, Option<String>)]) -> Result<(), String> {
    if runs.is_empty() {
        return Err("no seed ran".to_owned());
    }
    match runs.iter().find_map(|(seed, broken)| broken.as_ref().map(|broken| (seed, broken))) {
        None => Ok(()),
        Some((seed, broken)) => Err(format!("{broken} at seed {seed}")),
    }
}

/// Judges the runs of a tree with `bug` planted.
pub(super) fn judge(bug: &Bug, runs: &[(u64, Option<String>)]) -> Verdict {
    let signs = bug.signs();
    let failures = || runs.iter().filter_map(|(seed, broken)| Some((*seed, broken.as_deref()?)));
    let catching = failures().find(|(_, broken)| signs.contains(broken));
    Verdict {
        caught: catching.is_some(),
        found_by: catching.or_else(|| failures().next()).map(|(_, broken)| broken.to_owned()),
        // Seeds are tried from 1 upwards.
        seeds: Some(catching.map_or(runs.len() as u64, |(seed, _)| seed)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::catalogue;
    use super::*;

    fn bug() -> Bug {
        let text = "name = 'early'\nsource = 'a'\nwrong = 'b'\ninvariant = 'acknowledged-stays'\n\
                    check = { kind = 'shells', scenario = 'x', seeds = 3 }";
        catalogue::parse(PathBuf::from("early.patch"), text).expect("a valid description")
    }

    fn runs(broken: &[Option<&str>]) -> Vec<(u64, Option<String>)> {
        (1..).zip(broken.iter().map(|broken| broken.map(str::to_owned))).collect()
    }

    #[test]
    fn the_right_invariant_catches_and_another_one_is_told() {
        let caught = judge(&bug(), &runs(&[None, Some("settles"), Some("acknowledged-stays")]));
        let found_by = Some("acknowledged-stays".to_owned());
        assert_eq!(caught, Verdict { caught: true, found_by, seeds: Some(3) });
        let missed = judge(&bug(), &runs(&[None, Some("settles")]));
        assert_eq!(missed, Verdict { caught: false, found_by: Some("settles".to_owned()), seeds: Some(2) });
        assert!(bug().is_of_no_model());
    }

    #[test]
    fn nothing_that_ran_and_something_that_broke_are_not_green() {
        assert!(green(&[]).is_err());
        assert!(green(&runs(&[None, Some("settles")])).is_err());
        assert_eq!(green(&runs(&[None, None])), Ok(()));
    }
}
