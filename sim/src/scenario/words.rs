//! The words of a scenario file: how one value is read and written.
//!
//! Every reader here has its writer beside it, and reading what was written gives the same value exactly; the tests
//! below hold both to it. A reader's error says what would be right, without the value: the caller names that.

use std::time::Duration;

use delian_core::topology::Condition;

use super::{Direction, Family, Latency, Rate, Shape, Target};
use crate::plan::Redraw;

/// A word of the grammar and what it stands for.
pub(crate) type Word<T> = (&'static str, T);

/// How a fork draws what is left to chance.
pub(crate) const REDRAWS: [Word<Redraw>; 3] =
    [("plain", Redraw::Plain), ("even", Redraw::Even), ("swarm", Redraw::Swarm)];

/// The families of random faults.
pub(crate) const FAMILIES: [Word<Family>; 12] = [
    ("partition", Family::Partition),
    ("degrade", Family::Degrade),
    ("clog", Family::Clog),
    ("crash", Family::Crash),
    ("pause", Family::Pause),
    ("deafen", Family::Deafen),
    ("slow-disk", Family::SlowDisk),
    ("full-disk", Family::FullDisk),
    ("lose-disk", Family::LoseDisk),
    ("forget", Family::Forget),
    ("clock", Family::Clock),
    ("health", Family::Health),
];

/// The ways of a cut.
pub(crate) const DIRECTIONS: [Word<Direction>; 3] =
    [("both", Direction::Both), ("inbound", Direction::Inbound), ("outbound", Direction::Outbound)];

/// The shapes of a latency.
pub(crate) const SHAPES: [Word<Shape>; 2] = [("skewed", Shape::Skewed), ("uniform", Shape::Uniform)];

/// The conditions of a member.
pub(crate) const CONDITIONS: [Word<Condition>; 5] = [
    ("healthy", Condition::Healthy),
    ("degraded", Condition::Degraded),
    ("silent", Condition::Silent),
    ("leaving", Condition::Leaving),
    ("unreachable", Condition::Unreachable),
];

/// The targets that are no process number.
pub(crate) const ROLES: [Word<Target>; 4] = [
    ("leader", Target::Leader),
    ("follower", Target::Follower),
    ("followers", Target::Followers),
    ("everyone", Target::Everyone),
];

/// Returns what a word stands for.
pub(crate) fn meaning<T: Copy>(words: &[Word<T>], word: &str) -> Option<T> {
    words.iter().find(|(name, _)| *name == word).map(|(_, meaning)| *meaning)
}

/// Returns the word for a meaning; every list here is complete.
pub(crate) fn word<T: Copy + PartialEq>(words: &[Word<T>], meaning: T) -> &'static str {
    words.iter().find(|(_, other)| *other == meaning).expect("every meaning has a word").0
}

impl Family {
    /// Returns the name, as scenario files have it.
    pub fn name(self) -> &'static str {
        word(&FAMILIES, self)
    }
}

/// Returns the candidate that a misspelt word most likely meant.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    let typed = plain(word);
    let distance = |candidate: &str| strsim::damerau_levenshtein(&typed, &plain(candidate));
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if typed.len() >= 3
        && let Some(longer) = candidates.iter().find(|candidate| plain(candidate).starts_with(&typed))
    {
        return Some(longer);
    }
    let (least, best) = candidates.into_iter().map(|candidate| (distance(candidate), candidate)).min()?;
    let kept = typed.chars().count().max(best.chars().count());
    // Beyond two letters in five a suggestion is a guess, and a wrong one misleads.
    (least * 5 <= kept * 2).then_some(best)
}

/// Returns a list such as "`a`, `b` or `c`".
pub(crate) fn choice<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    let last = quoted.pop().unwrap_or_default();
    if quoted.is_empty() { last } else { format!("{} or {last}", quoted.join(", ")) }
}

const UNITS: [(&str, u128); 7] = [
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
];

/// Reads a time such as `200ms`, `1.5s`, `2m` or `1h`.
///
/// # Errors
///
/// Says what a time must be.
pub fn read_span(text: &str) -> Result<Duration, String> {
    let right = || r#"must be a time with its unit, such as "200ms", "1.5s", "2m" or "1h""#.to_string();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(right)?;
    let (number, unit) = text.split_at(end);
    let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(right)?;
    let nanos = decimal(number, *scale).map_err(|wrong| match wrong {
        NotDecimal::Malformed => right(),
        NotDecimal::TooFine => "must not be finer than 1ns".to_string(),
        NotDecimal::TooGreat => "must be less than 2^64 seconds".to_string(),
    })?;
    let whole = u64::try_from(nanos / 1_000_000_000).map_err(|_| "must be less than 2^64 seconds".to_string())?;
    Ok(Duration::new(whole, (nanos % 1_000_000_000) as u32))
}

/// Writes a time in the largest unit that keeps it short and exact.
pub(crate) fn write_span(span: Duration) -> String {
    let nanos = span.as_nanos();
    let (hour, minute, second, milli, micro) = (3_600_000_000_000, 60_000_000_000, 1_000_000_000, 1_000_000, 1_000);
    match nanos {
        0 => "0s".to_string(),
        n if n % hour == 0 => format!("{}h", n / hour),
        n if n % minute == 0 && n > minute => format!("{}m", n / minute),
        n if n >= second && n % micro == 0 => format!("{}s", write_decimal(n / micro, 6)),
        n if n >= milli && n % micro == 0 => format!("{}ms", write_decimal(n / micro, 3)),
        n if n % micro == 0 => format!("{}us", n / micro),
        n => format!("{n}ns"),
    }
}

enum NotDecimal {
    Malformed,
    TooFine,
    TooGreat,
}

/// Reads a decimal number times `scale`, exactly.
fn decimal(text: &str, scale: u128) -> Result<u128, NotDecimal> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(NotDecimal::Malformed);
    }
    let whole: u128 = whole.parse().map_err(|_| NotDecimal::TooGreat)?;
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 18 {
        return Err(NotDecimal::TooFine);
    }
    // At most 18 digits times an hour in nanoseconds stays far below 2^128.
    let parts = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().map_err(|_| NotDecimal::Malformed)? };
    let power = 10_u128.pow(fraction.len() as u32);
    if !(parts * scale).is_multiple_of(power) {
        return Err(NotDecimal::TooFine);
    }
    let whole = whole.checked_mul(scale).ok_or(NotDecimal::TooGreat)?;
    whole.checked_add(parts * scale / power).ok_or(NotDecimal::TooGreat)
}

/// Writes `number` divided by ten to the power of `places`, without trailing zeros.
fn write_decimal(number: u128, places: usize) -> String {
    let digits = format!("{number:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") }
}

/// Reads a time with an optional sign, in milliseconds.
pub(crate) fn read_signed_millis(text: &str) -> Result<i64, String> {
    let (sign, size) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let span = read_span(size)?;
    if !span.as_nanos().is_multiple_of(1_000_000) {
        return Err("must not be finer than 1ms".to_string());
    }
    i64::try_from(span.as_millis()).map(|millis| sign * millis).map_err(|_| "must be less than 2^63 ms".to_string())
}

/// Writes milliseconds as a time with a sign where it is negative.
pub(crate) fn write_signed_millis(millis: i64) -> String {
    let size = write_span(Duration::from_millis(millis.unsigned_abs()));
    if millis < 0 { format!("-{size}") } else { size }
}

/// Reads a latency: `1ms..10ms`, or `5ms` for one that never varies.
pub(crate) fn read_bounds(text: &str) -> Result<(Duration, Duration), String> {
    let right = r#"must be a time or two, such as "5ms" or "1ms..10ms""#;
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    match (read_span(least.trim()), read_span(most.trim())) {
        (Ok(least), Ok(most)) => Ok((least, most)),
        _ => Err(right.to_string()),
    }
}

/// Writes the bounds of a latency.
pub(crate) fn write_bounds(latency: Latency) -> String {
    let least = write_span(latency.least);
    if latency.least == latency.most { least } else { format!("{least}..{}", write_span(latency.most)) }
}

/// Reads a probability such as `1%` or `0.5%`, in per mille.
pub(crate) fn read_permille(text: &str) -> Result<u16, String> {
    let right = || r#"must be a percentage, such as "1%" or "0.5%""#.to_string();
    let number = text.strip_suffix('%').ok_or_else(right)?;
    match decimal(number.trim_end(), 10) {
        Ok(permille) if permille <= 1000 => Ok(permille as u16),
        Ok(_) | Err(NotDecimal::TooGreat) => Err("must be at most 100%".to_string()),
        Err(NotDecimal::TooFine) => Err("must not be finer than 0.1%".to_string()),
        Err(NotDecimal::Malformed) => Err(right()),
    }
}

/// Writes a probability as a percentage.
pub(crate) fn write_permille(permille: u16) -> String {
    format!("{}%", write_decimal(u128::from(permille), 1))
}

const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads a size such as `64KiB`.
///
/// # Errors
///
/// Says what a size must be.
pub fn read_bytes(text: &str) -> Result<u64, String> {
    let right = || r#"must be a number of bytes, or such as "64KiB", "1MiB" or "2GiB""#.to_string();
    let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(right)?;
    let (number, unit) = text.split_at(end);
    let (_, scale) = SIZES.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(right)?;
    let number: u64 = number.parse().map_err(|_| right())?;
    number.checked_mul(*scale).ok_or_else(|| "must be less than 2^64 bytes".to_string())
}

/// Writes a size in the largest unit that divides it.
pub(crate) fn write_bytes(bytes: u64) -> String {
    let (unit, scale) = SIZES
        .iter()
        .find(|(_, scale)| bytes.is_multiple_of(*scale) && bytes >= *scale)
        .unwrap_or(&SIZES[SIZES.len() - 1]);
    format!("{}{unit}", bytes / scale)
}

/// Reads a target: `n1` or one of the roles.
pub(crate) fn read_target(text: &str) -> Result<Target, String> {
    if let Some(target) = meaning(&ROLES, text) {
        return Ok(target);
    }
    if let Some(number) = text.strip_prefix('n').and_then(|digits| digits.parse::<u16>().ok()) {
        return Ok(Target::Process(number));
    }
    let roles = ROLES.iter().map(|(role, _)| *role);
    Err(match nearest(text, roles.clone()) {
        Some(role) => format!("that is nobody: did you mean `{role}`?"),
        None => format!("that is nobody: a target is a process, such as `n1`, or {}", choice(roles)),
    })
}

/// Writes a target.
pub(crate) fn write_target(target: Target) -> String {
    match target {
        Target::Process(number) => format!("n{number}"),
        Target::Leader | Target::Follower | Target::Followers | Target::Everyone => word(&ROLES, target).to_string(),
    }
}

/// Reads bytes from pairs of hexadecimal digits.
pub(crate) fn read_hex(text: &str) -> Result<Vec<u8>, String> {
    let right = || r#"must be pairs of hexadecimal digits, such as "00ff""#.to_string();
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return Err(right());
    }
    let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).ok().filter(|_| !text[at..].starts_with('+'));
    (0..text.len()).step_by(2).map(pair).collect::<Option<Vec<u8>>>().ok_or_else(right)
}

/// The word for a link that carries whatever is sent.
const UNLIMITED: &str = "unlimited";

/// Reads how many bytes a link carries in a second, such as `64KiB`, or `unlimited`.
pub(crate) fn read_rate(text: &str) -> Result<Option<Rate>, String> {
    if text == UNLIMITED {
        return Ok(None);
    }
    let read = read_bytes(text).map(|bytes| Some(Rate(bytes)));
    read.map_err(|error| format!("{error}: what the link carries in a second; or `{UNLIMITED}`"))
}

pub(crate) fn write_rate(rate: Option<Rate>) -> String {
    rate.map_or_else(|| UNLIMITED.to_string(), |Rate(bytes)| write_bytes(bytes))
}

/// Writes bytes as pairs of hexadecimal digits.
pub(crate) fn write_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).expect("half a byte is one digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_value_reads_back_as_it_was_written(
            seconds: u64, nanos in 0_u32..1_000_000_000, millis: i64, permille in 0_u16..=1000, bytes: u64,
            number: u16, custom: Vec<u8>, grain in prop::sample::select(vec![1_u32, 1_000, 1_000_000, 1_000_000_000]),
        ) {
            let span = Duration::new(seconds, nanos / grain * grain);
            prop_assert_eq!(read_span(&write_span(span)), Ok(span));
            let short = Duration::new(seconds % 5000, nanos / grain * grain);
            prop_assert_eq!(read_span(&write_span(short)), Ok(short));
            let millis = millis / 2;
            prop_assert_eq!(read_signed_millis(&write_signed_millis(millis)), Ok(millis));
            prop_assert_eq!(read_permille(&write_permille(permille)), Ok(permille));
            prop_assert_eq!(read_bytes(&write_bytes(bytes)), Ok(bytes));
            for rate in [None, Some(Rate(bytes))] {
                prop_assert_eq!(read_rate(&write_rate(rate)), Ok(rate));
            }
            prop_assert_eq!(read_target(&write_target(Target::Process(number))), Ok(Target::Process(number)));
            prop_assert_eq!(read_hex(&write_hex(&custom)), Ok(custom));
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in r"[-+.0-9a-zµ%]{0,40}|\PC*") {
            let _ = (read_span(&text), read_bounds(&text), read_signed_millis(&text), read_permille(&text));
            let _ = (read_bytes(&text), read_rate(&text), read_target(&text), read_hex(&text));
        }
    }

    #[test]
    fn times_are_written_as_a_person_would() {
        let written = |millis| write_span(Duration::from_millis(millis));
        assert_eq!(written(200), "200ms");
        assert_eq!(written(1500), "1.5s");
        assert_eq!(written(60_000), "60s");
        assert_eq!(written(120_000), "2m");
        assert_eq!(written(3_600_000), "1h");
        assert_eq!(write_span(Duration::from_micros(1_500)), "1.5ms");
    }

    #[test]
    fn probabilities_and_times_are_exact_or_refused() {
        assert_eq!(read_permille("0.5%"), Ok(5));
        assert_eq!(read_permille("0.05%"), Err("must not be finer than 0.1%".to_string()));
        assert_eq!(read_permille("101%"), Err("must be at most 100%".to_string()));
        assert_eq!(read_span("0.5ns"), Err("must not be finer than 1ns".to_string()));
        assert!(read_span("5").is_err() && read_span("5 s").is_err() && read_span(".5s").is_err());
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        let kinds = ["partition", "isolate", "clog"];
        assert_eq!(nearest("partiton", kinds), Some("partition"));
        assert_eq!(nearest("Isolate", kinds), Some("isolate"));
        assert_eq!(nearest("part", kinds), Some("partition"));
        assert_eq!(nearest("earthquake", kinds), None);
    }
}
