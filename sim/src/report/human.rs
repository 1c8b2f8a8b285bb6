//! Numbers as people read them, in integer arithmetic only.

use std::time::Duration;

const MINUTE: u128 = 60_000_000_000;

const UNITS: [(u128, &str); 8] = [
    (1, "ns"),
    (1_000, "µs"),
    (1_000_000, "ms"),
    (1_000_000_000, "s"),
    (MINUTE, "min"),
    (3_600_000_000_000, "h"),
    (86_400_000_000_000, "d"),
    (31_557_600_000_000_000, "y"),
];

/// Returns a span to three digits, such as `12.3 ms` or `4.56 h`.
pub fn span(span: Duration) -> String {
    let exact = span.as_nanos();
    // Rounded first where units are powers of ten, so that 999.6 ms becomes 1.00 s; minutes and more are cut off.
    let nanos = if exact < MINUTE { rounded(exact).min(MINUTE) } else { exact };
    let (unit, name) = UNITS.into_iter().rev().find(|(unit, _)| nanos >= *unit).unwrap_or(UNITS[0]);
    if unit == 1 {
        return format!("{nanos} {name}");
    }
    let (digits, scale) = match nanos / unit {
        0..10 => (2, 100),
        10..100 => (1, 10),
        _ => return format!("{} {name}", nanos / unit),
    };
    let scaled = nanos * scale / unit;
    format!("{}.{:0digits$} {name}", scaled / scale, scaled % scale)
}

/// Returns a span that may be missing; a dash stands for none.
pub fn span_or_dash(value: Option<Duration>) -> String {
    value.map_or_else(|| "–".to_owned(), span)
}

/// Returns a count with its thousands set apart, such as `1,234,567`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number of bytes in the largest unit that it fills, such as `640 B` or `1.5 GiB`.
pub fn bytes(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

/// Returns a count in at most five characters, such as `9,999`, `12.3k` or `4.56M`.
pub fn compact(count: u64) -> String {
    if count < 10_000 {
        return grouped(count);
    }
    let count = rounded(u128::from(count));
    let (unit, name) = [(1_000, "k"), (1_000_000, "M"), (1_000_000_000, "G"), (1_000_000_000_000, "T")]
        .into_iter()
        .rev()
        .find(|(unit, _)| count >= *unit)
        .expect("counts of 10,000 and more are thousands");
    match count / unit {
        0..10 => format!("{}.{:02}{name}", count / unit, count % unit * 100 / unit),
        10..100 => format!("{}.{}{name}", count / unit, count % unit * 10 / unit),
        _ => format!("{}{name}", count / unit),
    }
}

/// Returns `1 seed` or `2 seeds`.
pub fn plural(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Returns parts per million as a percentage, such as `0.299 %`.
pub fn percent(parts_per_million: u32) -> String {
    let (whole, rest) = (parts_per_million / 10_000, parts_per_million % 10_000);
    match whole {
        0 => format!("0.{rest:04} %"),
        1..10 => format!("{whole}.{:02} %", rest / 100),
        10..100 => format!("{whole}.{} %", rest / 1_000),
        _ => format!("{whole} %"),
    }
}

/// Rounds to three decimal digits, half upwards.
fn rounded(value: u128) -> u128 {
    let mut unit = 1;
    while value / unit >= 1_000 {
        unit *= 10;
    }
    (value + unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_carry_three_digits_and_a_unit() {
        let cases = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (12_345_678, "12.3 ms"),
            (999_600_000, "1.00 s"),
            (9_996_000, "10.0 ms"),
            (90_000_000_000, "1.50 min"),
            (5_400_000_000_000, "1.50 h"),
            (864_000_000_000_000, "10.0 d"),
            (u64::MAX, "584 y"),
        ];
        for (nanos, text) in cases {
            assert_eq!(span(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn counts_are_grouped_or_shortened() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let shortened = [0, 9_999, 12_345, 999_999, 4_560_000].map(compact);
        assert_eq!(shortened, ["0", "9,999", "12.3k", "1.00M", "4.56M"]);
        assert_eq!(compact(u64::MAX), "18400000T");
    }

    #[test]
    fn percentages_keep_three_digits() {
        assert_eq!([2_990, 29_513, 1_000_000].map(percent), ["0.2990 %", "2.95 %", "100 %"]);
    }
}
