//! What real processes say of a planted bug, beside discrete events. Pure.

use serde::Deserialize;

use crate::Problem;

/// What stands for two worlds that did not come to the same.
const DIFFERENCE: &str = "agreement";

/// The world that is asked.
const PROCESS: &str = "process";

/// What is read of the document that `delian sim --world process --json` prints.
#[derive(Deserialize)]
struct Document {
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
struct Scenario {
    broken: Vec<Broken>,
    agreement: Vec<Row>,
}

#[derive(Deserialize)]
struct Broken {
    world: String,
    what: String,
}

#[derive(Deserialize)]
struct Row {
    agrees: bool,
}

/// Returns what was broken, each by the name before its facts, as if every one had a run of its own; one run of which all
/// held if nothing was.
///
/// # Errors
/// When the text is no such document, no scenario ran, or discrete events broke something, which shows the bug already.
pub(super) fn told(document: &str) -> Result<Vec<(u64, Option<String>)>, Problem> {
    let document: Document =
        serde_json::from_str(document).map_err(|error| format!("not a table of worlds: {error}"))?;
    if document.scenarios.is_empty() {
        return Err("no scenario ran".to_owned());
    }
    let broken = || document.scenarios.iter().flat_map(|it| &it.broken);
    if let Some(broken) = broken().find(|broken| broken.world != PROCESS) {
        return Err(format!("{} broke {}: no process is needed for that", broken.world, broken.what));
    }
    let name = |broken: &Broken| broken.what.split(':').next().unwrap_or_default().to_owned();
    let mut signs: Vec<String> = broken().map(name).collect();
    if document.scenarios.iter().flat_map(|it| &it.agreement).any(|row| !row.agrees) {
        signs.push(DIFFERENCE.to_owned());
    }
    if signs.is_empty() {
        return Ok(vec![(1, None)]);
    }
    Ok(signs.into_iter().map(|sign| (1, Some(sign))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_broken_is_named_and_so_is_a_difference() {
        let document = |broken: &str, agrees: bool| {
            told(&format!(
                r#"{{ "scenarios": [{{ "broken": [{broken}], "agreement": [{{ "agrees": {agrees} }}] }}] }}"#
            ))
        };
        assert_eq!(document("", true), Ok(vec![(1, None)]));
        let broken = r#"{ "world": "process", "what": "history-is-linearizable: n2 answered" }"#;
        let sign = |sign: &str| (1, Some(sign.to_owned()));
        assert_eq!(document(broken, false), Ok(vec![sign("history-is-linearizable"), sign("agreement")]));
        assert!(document(r#"{ "world": "des", "what": "settles: never" }"#, true).is_err());
        assert!(told(r#"{ "scenarios": [] }"#).is_err() && told("").is_err());
    }
}
