//! The words of a scenario of pools: how one value is read and written.

use std::time::Duration;

use super::{Beginning, Between, Incarnations, Target, Tier, Way, Where};
use crate::scenario::words::{Word, nearest, read_bounds, read_permille, write_permille, write_span};

pub(super) const TIERS: [Word<Tier>; 2] = [("local", Tier::Local), ("wide", Tier::Wide)];
pub(super) const WAYS: [Word<Way>; 2] = [("mute", Way::Mute), ("deaf", Way::Deaf)];
pub(super) const INCARNATIONS: [Word<Incarnations>; 2] = [("kept", Incarnations::Kept), ("lost", Incarnations::Lost)];
pub(super) const PLACES: [Word<Where>; 2] = [("same", Where::Same), ("new", Where::New)];

/// Returns how members begin who know each other or not.
pub(super) const fn beginning(preloaded: bool) -> Beginning {
    if preloaded { Beginning::Acquainted } else { Beginning::Joining }
}

/// Reads a time, or two between which a seed draws one.
pub(super) fn read_between(text: &str) -> Result<Between, String> {
    let right = |_| r#"must be a time or two, such as "5s" or "5s..20s""#.to_string();
    read_bounds(text).map(|(least, most)| Between { least, most }).map_err(right)
}

pub(super) fn write_between(Between { least, most }: Between) -> String {
    if least == most { write_span(least) } else { format!("{}..{}", write_span(least), write_span(most)) }
}

/// Reads the number of a member, such as `m17`.
pub(super) fn read_member(text: &str) -> Result<u32, String> {
    let number = text.strip_prefix('m').and_then(|digits| digits.parse::<u32>().ok()).filter(|number| *number > 0);
    number.ok_or_else(|| "that is nobody: a member is such as `m1`".to_string())
}

/// Reads a target that is written as one word.
pub(super) fn read_target(text: &str) -> Result<Target, String> {
    if let Some(count) = text.strip_prefix("some:").and_then(|count| count.parse::<u32>().ok()) {
        return Ok(Target::Some(count));
    }
    if text.ends_with('%') {
        return read_permille(text).map(Target::Share);
    }
    match text {
        "all" => return Ok(Target::All),
        "half" => return Ok(Target::Share(500)),
        _ => {}
    }
    read_member(text).map(|member| Target::These(vec![member])).map_err(|_| match nearest(text, ["all", "half"]) {
        Some(word) => format!("that is nobody: did you mean `{word}`?"),
        None => {
            r#"that is nobody: a target is such as "m17", ["m1", "m2"], "some:4", "10%", "half" or "all""#.to_string()
        }
    })
}

/// Writes a target, as a value with its quotes.
pub(super) fn write_target(target: &Target) -> String {
    match target {
        Target::These(members) => {
            let quoted = |member: &u32| format!("\"m{member}\"");
            if let [one] = members.as_slice() {
                return quoted(one);
            }
            format!("[{}]", members.iter().map(quoted).collect::<Vec<_>>().join(", "))
        }
        Target::Some(count) => format!("\"some:{count}\""),
        Target::Share(permille) => format!("\"{}\"", write_permille(*permille)),
        Target::All => "\"all\"".to_string(),
    }
}

/// What a step that says no time may draw: any instant of the chaos but its last tenth.
pub(super) fn some_time(chaos: Duration) -> Between {
    Between { least: Duration::ZERO, most: chaos.saturating_sub(chaos / 10) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_value_reads_back_as_it_was_written(count: u32, permille in 0_u16..=1000, least: u32, more: u32) {
            for target in [Target::Some(count), Target::Share(permille), Target::All] {
                prop_assert_eq!(read_target(write_target(&target).trim_matches('"')), Ok(target));
            }
            let least = Duration::from_millis(least.into());
            let between = Between { least, most: least + Duration::from_millis(more.into()) };
            prop_assert_eq!(read_between(&write_between(between)), Ok(between));
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in r"(some:|m)?[-+.0-9a-z%]{0,40}|\PC*") {
            let _ = (read_target(&text), read_between(&text), read_member(&text));
        }
    }
}
