//! When so many nodes fall silent at once that the fault is more likely here.
//!
//! An observer whose own network card died sees everybody die. While a large share of the nodes is overdue it withholds what
//! it would say of silent and unreachable ones, visibly, and for a bounded time: if they are still silent then, they are.

use super::settings::HealthSettings;
use crate::time::Time;

/// Whether the observer suspects itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Preservation {
    /// Since when too many are overdue.
    since: Option<Time>,
    doubts: bool,
}

/// How the observer's view of itself changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// It began to suspect itself.
    Began,
    /// Enough nodes are heard again.
    Ended,
    /// It has doubted for long enough, and believes what it sees.
    Overcome,
}

impl Preservation {
    /// Looks at how many of the watched nodes are overdue.
    pub(super) fn look(
        &mut self,
        now: Time,
        overdue: usize,
        watched: usize,
        settings: &HealthSettings,
    ) -> Option<Doubt> {
        let share = u128::from(settings.preservation_permille);
        let many = overdue >= settings.preservation_min && overdue as u128 * 1000 >= watched as u128 * share;
        self.since = many.then(|| self.since.unwrap_or(now));
        let doubts = self.since.is_some_and(|since| now < since + settings.preservation_max);
        let doubted = core::mem::replace(&mut self.doubts, doubts);
        match (doubted, doubts) {
            (false, true) => Some(Doubt::Began),
            (true, false) => Some(if many { Doubt::Overcome } else { Doubt::Ended }),
            (true, true) | (false, false) => None,
        }
    }

    /// Returns whether bad news is withheld.
    pub(super) const fn doubts(&self) -> bool {
        self.doubts
    }

    /// Returns when the observer believes what it sees, if it doubts.
    pub(super) fn ends_at(&self, settings: &HealthSettings) -> Option<Time> {
        self.doubts.then(|| self.since.map(|since| since + settings.preservation_max)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::settings;
    use super::*;

    fn look(preservation: &mut Preservation, secs: u64, overdue: usize, watched: usize) -> Option<Doubt> {
        preservation.look(Time::from_millis(secs * 1000), overdue, watched, &settings())
    }

    #[test]
    fn a_few_silent_nodes_are_believed_and_half_of_many_are_not() {
        let mut preservation = Preservation::default();
        assert_eq!(look(&mut preservation, 0, 2, 3), None, "two are too few to tell anything");
        assert_eq!(look(&mut preservation, 1, 49, 100), None);
        assert_eq!(look(&mut preservation, 2, 50, 100), Some(Doubt::Began));
        assert_eq!(look(&mut preservation, 3, 90, 100), None);
        assert_eq!(look(&mut preservation, 4, 49, 100), Some(Doubt::Ended));
    }

    #[test]
    fn doubt_ends_after_five_minutes_and_begins_anew_only_after_a_recovery() {
        let mut preservation = Preservation::default();
        assert_eq!(look(&mut preservation, 0, 80, 100), Some(Doubt::Began));
        assert_eq!(preservation.ends_at(&settings()), Some(Time::from_millis(300_000)));
        assert_eq!(look(&mut preservation, 299, 80, 100), None);
        assert_eq!(look(&mut preservation, 300, 80, 100), Some(Doubt::Overcome));
        assert_eq!(look(&mut preservation, 900, 100, 100), None);
        assert_eq!(look(&mut preservation, 901, 0, 100), None);
        assert_eq!(look(&mut preservation, 902, 80, 100), Some(Doubt::Began));
    }
}
