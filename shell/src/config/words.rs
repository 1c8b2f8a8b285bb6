//! How single values are written: times, sizes, identities, and the word that was meant.
//!
//! Every reader says what would be right, without the value: the caller names that. What a writer wrote its reader reads
//! back exactly.

use std::time::Duration;

use delian_core::NodeId;
use delian_core::topology::Microdegrees;

/// Units of time in nanoseconds, the greatest first; longer names before those that they begin with.
const UNITS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
];

/// Units of size in bytes, the greatest first.
const SIZES: [(&str, u64); 6] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1), ("", 1)];

/// The most decimals of a time: a nanosecond is the billionth of a second.
const DECIMALS_MAX: usize = 9;

/// Reads a time such as `200ms`, `1.5s`, `10m` or `24h`.
///
/// # Errors
///
/// Says what a time must be.
pub fn read_span(text: &str) -> Result<Duration, String> {
    let right = || r#"must be a time with its unit, such as "200ms", "1.5s", "10m" or "24h""#.to_string();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(right)?;
    let (number, unit) = text.split_at(end);
    let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(right)?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || decimals.is_empty() || decimals.contains('.') {
        return Err(right());
    }
    let great = || "must be less than 2^64 seconds".to_string();
    let whole: u128 = whole.parse().map_err(|_| great())?;
    let decimals = decimals.trim_end_matches('0');
    if decimals.len() > DECIMALS_MAX {
        return Err("must not be finer than 1ns".to_string());
    }
    let power = 10_u128.pow(decimals.len() as u32);
    let parts = if decimals.is_empty() { 0 } else { decimals.parse::<u128>().map_err(|_| right())? * scale };
    if !parts.is_multiple_of(power) {
        return Err("must not be finer than 1ns".to_string());
    }
    let nanos = whole.checked_mul(*scale).and_then(|nanos| nanos.checked_add(parts / power)).ok_or_else(great)?;
    let seconds = u64::try_from(nanos / 1_000_000_000).map_err(|_| great())?;
    Ok(Duration::new(seconds, (nanos % 1_000_000_000) as u32))
}

/// Writes a time in the greatest unit of which it is a whole number.
pub fn write_span(span: Duration) -> String {
    let nanos = span.as_nanos();
    let mut units = UNITS;
    units.sort_by_key(|(_, scale)| std::cmp::Reverse(*scale));
    let unit = units.into_iter().find(|(_, scale)| nanos >= *scale && nanos.is_multiple_of(*scale));
    unit.map_or_else(|| "0s".to_string(), |(name, scale)| format!("{}{name}", nanos / scale))
}

/// Reads a size: a number of bytes, or one with its unit, such as `64KiB` or `1GiB`.
///
/// # Errors
///
/// Says what a size must be.
pub fn read_bytes(text: &str) -> Result<u64, String> {
    let right = || r#"must be a number of bytes, or one with its unit, such as "64KiB", "1MiB" or "2GiB""#.to_string();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, scale) = SIZES.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(right)?;
    let great = || "must be less than 2^64 bytes".to_string();
    if number.is_empty() {
        return Err(right());
    }
    number.parse::<u64>().map_err(|_| great())?.checked_mul(*scale).ok_or_else(great)
}

/// Writes a size in the greatest unit of which it is a whole number.
pub fn write_bytes(bytes: u64) -> String {
    let unit = SIZES.iter().find(|(_, scale)| bytes >= *scale && bytes.is_multiple_of(*scale));
    unit.map_or_else(|| "0B".to_string(), |(name, scale)| format!("{}{name}", bytes / scale))
}

/// Reads an identity, such as `n7`.
///
/// # Errors
///
/// Says what an identity must be.
pub fn read_id(text: &str) -> Result<NodeId, String> {
    let digits = text.strip_prefix('n').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse::<u64>().ok()).filter(|number| *number > 0);
    number
        .map(NodeId::new)
        .ok_or_else(|| "must be an identity: n and a number from 1 to 2^64 - 1, such as n7".to_string())
}

/// Reads degrees with at most six decimals, such as `47.3769` or `-73.985656`.
///
/// # Errors
///
/// Says what degrees must be.
pub fn read_degrees(text: &str) -> Result<Microdegrees, String> {
    let right = || "must be degrees with at most six decimals, such as 47.3769 or -73.985656".to_string();
    let (sign, size) = match text.strip_prefix('-') {
        Some(size) => (-1, size),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, decimals) = size.split_once('.').unwrap_or((size, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(decimals) || decimals.len() > 6 {
        return Err(right());
    }
    let micros = format!("{whole}{decimals:0<6}").parse::<i32>().map_err(|_| right())?;
    Ok(Microdegrees::new(sign * micros))
}

/// Returns the candidate that a misspelt word most likely meant.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace(['-', '.'], "_");
    let typed = plain(word);
    let distance = |candidate: &str| strsim::damerau_levenshtein(&typed, &plain(candidate));
    let best = candidates.into_iter().map(|candidate| (distance(candidate), candidate)).min();
    // Beyond two letters in five a suggestion is a guess, and a wrong one misleads.
    let likely = |(least, best): &(usize, &str)| least * 5 <= typed.chars().count().max(best.chars().count()) * 2;
    best.filter(likely).map(|(_, best)| best)
}

/// Returns a list such as "`a`, `b` or `c`".
pub(super) fn choice<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    let last = quoted.pop().unwrap_or_default();
    if quoted.is_empty() { last } else { format!("{} or {last}", quoted.join(", ")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_that_was_written_reads_back_exactly(seconds: u64, nanos in 0_u32..1_000_000_000) {
            let span = Duration::new(seconds, nanos);
            prop_assert_eq!(read_span(&write_span(span)), Ok(span));
        }

        #[test]
        fn a_size_that_was_written_reads_back_exactly(bytes: u64, shift in 0_u32..64) {
            prop_assert_eq!(read_bytes(&write_bytes(bytes << shift)), Ok(bytes << shift));
        }

        #[test]
        fn no_text_makes_a_reader_panic(text: String, digits in "[0-9.]{0,60}[a-zA-Z]{0,3}") {
            for text in [&text, &digits] {
                drop((read_span(text), read_bytes(text), read_id(text), read_degrees(text)));
            }
        }
    }

    #[test]
    fn times_are_written_shortly_and_read_with_decimals() {
        let written = [0, 1_500, 200_000_000, 1_500_000_000, 60_000_000_000, 90_000_000_000, 86_400_000_000_000]
            .map(|nanos| write_span(Duration::from_nanos(nanos)));
        assert_eq!(written, ["0s", "1500ns", "200ms", "1500ms", "1m", "90s", "24h"]);
        assert_eq!(read_span("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(read_span("0.5ns"), Err("must not be finer than 1ns".to_string()));
        assert_eq!(read_span("99999999999999999999s"), Err("must be less than 2^64 seconds".to_string()));
        for wrong in ["", "1", "s", ".5s", "1.s", "1..5s", "1.5.5s", "-1s", "1 s", "1S"] {
            assert!(read_span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_have_units_or_none() {
        assert_eq!(["64KiB", "64 KiB", "65536", "65536B"].map(read_bytes), [const { Ok(65536) }; 4]);
        assert_eq!([0, 1, 1400, 65536].map(write_bytes), ["0B", "1B", "1400B", "64KiB"]);
        for wrong in ["", "KiB", "64kb", "1.5MiB", "99999999999999999999", "99999999TiB"] {
            assert!(read_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn degrees_have_a_sign_and_six_decimals() {
        let micros = |text| read_degrees(text).map(Microdegrees::get);
        assert_eq!(
            ["47.3769", "-0.5", "+8", "-180.000000"].map(micros),
            [47_376_900, -500_000, 8_000_000, -180_000_000].map(Ok)
        );
        for wrong in ["", "-", ".5", "5.", "1e3", "nan", "1.1234567", "9999"] {
            assert!(micros(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nobody_has_the_identity_zero() {
        assert_eq!(read_id("n18446744073709551615"), Ok(NodeId::new(u64::MAX)));
        for wrong in ["", "n", "7", "n0", "n-1", "n+1", "n18446744073709551616"] {
            assert!(read_id(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_misspelt_word_is_guessed_only_where_it_is_close() {
        let words = ["listen", "advertise", "heartbeat_interval"];
        assert_eq!(nearest("Heartbeat-Intervall", words), Some("heartbeat_interval"));
        assert_eq!(nearest("colour", words), None);
        assert_eq!(choice(words), "`listen`, `advertise` or `heartbeat_interval`");
    }
}
