//! Numbers and names of documents, as people read them.

use std::time::Duration;

use delian_shell::shapes::PlaceDocument;
use delian_sim::report::human;

/// Returns milliseconds to three digits, in the unit that they fill.
pub(crate) fn span(millis: u64) -> String {
    human::span(Duration::from_millis(millis))
}

/// Returns how long ago something was.
pub(crate) fn age(millis: u64) -> String {
    format!("{} ago", span(millis))
}

/// Returns microseconds likewise.
pub(crate) fn micros(micros: u64) -> String {
    human::span(Duration::from_micros(micros))
}

/// Returns thousandths in percent.
pub(crate) fn thousandths(permille: impl Into<u32>) -> String {
    let permille = permille.into();
    format!("{}.{} %", permille / 10, permille % 10)
}

/// Returns a name with its identity behind it.
pub(crate) fn called(name: Option<&str>, id: &str) -> String {
    match name {
        Some(name) if name != id && !name.is_empty() => format!("{name} ({id})"),
        Some(_) | None => id.to_string(),
    }
}

/// Returns region, datacenter and rack.
pub(crate) fn place(place: &PlaceDocument) -> String {
    format!("{}/{}/{}", place.region, place.datacenter, place.rack)
}

/// Returns the time of day, in UTC, of milliseconds since 1970.
pub(crate) fn clock(millis: u64) -> String {
    let seconds = millis / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}.{:03}Z", seconds / 3600, seconds / 60 % 60, seconds % 60, millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_told_to_the_millisecond() {
        assert_eq!(clock(1_700_000_000_123), "22:13:20.123Z");
    }

    #[test]
    fn a_name_that_is_the_identity_is_told_once() {
        assert_eq!(called(Some("ada"), "n1"), "ada (n1)");
        assert_eq!([called(Some("n1"), "n1"), called(None, "n1")], ["n1", "n1"]);
        assert_eq!(thousandths(75_u32), "7.5 %");
    }
}
