//! How long things may take, from the settings of a pool and from how many are well.
//!
//! Each bound is a sum of what the protocol waits for in the worst case. Where the worst case needs so much bad luck that
//! no run will see it, and only there, the bound is that of 28 mean times: e^-28 is one in a million million.

use std::sync::Arc;
use std::time::Duration;

use delian_core::swim::PoolSettings;

/// The bounds of one world.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    settings: Arc<PoolSettings>,
    members: usize,
}

/// As many mean times as none of a million million waits lasts.
const MEANS: u32 = 28;

/// How many seeds of a member that is alone may be gone.
const GONE_SEEDS: u32 = 3;

/// For so long a replayed packet may be under way.
pub(super) const REPLAY_WITHIN: Duration = Duration::from_mins(1);

impl Bounds {
    pub(super) fn new(settings: &Arc<PoolSettings>, members: u32) -> Self {
        Self { settings: Arc::clone(settings), members: members as usize }
    }

    /// The longest suspicion.
    pub(super) fn suspicion(&self) -> Duration {
        self.settings.suspicion_max(self.members)
    }

    /// How long a suspicion lasts in a pool of this many at least, after so many confirmations: the formula of Lifeguard,
    /// section 4, in floating point, and half a percent less for the machine's whole numbers.
    pub(super) fn suspicion_after(settings: &PoolSettings, members: usize, confirmations: usize) -> Duration {
        let (shortest, longest) = (settings.suspicion_min(members), settings.suspicion_max(members));
        let wanted = usize::from(settings.confirmations()).min(members.saturating_sub(2));
        if confirmations >= wanted {
            return shortest.mul_f64(0.995);
        }
        let saved = ((confirmations + 1) as f64).ln() / ((wanted + 1) as f64).ln();
        longest.saturating_sub(longest.saturating_sub(shortest).mul_f64(saved)).mul_f64(0.995)
    }

    /// B6: by when all who are well know what one of them knows: by an exchange of views, if gossip missed them.
    pub(super) fn news(&self) -> Duration {
        let settings = &self.settings;
        settings.sync_interval() + settings.gossip_interval() * 20 + settings.probe_interval() * 10
    }

    /// B1: by when all who are well have buried someone, with `well` of them, and `over` who are gone.
    pub(super) fn detection(&self, well: u32, over: u32) -> Duration {
        let (interval, members) = (self.settings.probe_interval(), self.members as u32);
        let rounds = (2 * members).saturating_sub(1).min(MEANS * (well + over) / well.max(1) + 2);
        let slowest = u32::from(self.settings.health_max()) + 1;
        // Helpers that are gone make a member doubt itself; with few of them gone it takes heart with every answer.
        let wait = if over * 4 > well {
            interval * (rounds + 2) * slowest
        } else {
            interval * (rounds + slowest * (slowest + 1) / 2)
        };
        // Twice the suspicion: a member that hears nobody lets as much time pass before it blames others.
        wait + self.suspicion() * 2 + self.news()
    }

    /// T0: from when on after the last fault a member that is well may not be buried.
    pub(super) fn stabilisation(&self, well: u32, over: u32) -> Duration {
        let settings = &self.settings;
        let asked = 2 + over.min(MEANS * (over + 1) / well.max(1) + 1);
        // A member that is alone asks its seeds, one after another and maybe some that are gone, at pauses of up to thirty
        // times the first and a quarter more.
        let joining = settings.join_interval() * 38 * (1 + over.min(GONE_SEEDS));
        settings.reconnect_interval() * asked + joining + self.suspicion() + self.news() * 2
    }

    /// B8: by when all agree after the last fault.
    pub(super) fn agreement(&self, well: u32, over: u32) -> Duration {
        let buried = if over == 0 { Duration::ZERO } else { self.detection(well, over) };
        self.stabilisation(well, over) + buried
    }

    /// How long the dead and the gone are remembered.
    pub(super) fn horizon(&self) -> Duration {
        self.settings.tombstone_horizon()
    }

    pub(super) const fn settings(&self) -> &Arc<PoolSettings> {
        &self.settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use delian_core::swim::PoolConfig;

    fn bounds(members: u32) -> Bounds {
        Bounds::new(&Arc::new(PoolConfig::local("bounds").check().unwrap()), members)
    }

    #[test]
    fn who_is_gone_is_buried_within_minutes_whatever_the_size() {
        let spans = [3, 9, 128, 10_000].map(|members| bounds(members).detection(members - 1, 1).as_secs());
        assert!(spans.iter().all(|span| (60..=300).contains(span)), "{spans:?}");
    }

    #[test]
    fn confirmations_shorten_the_least_suspicion_to_the_shortest() {
        let settings = PoolConfig::local("bounds").check().unwrap();
        let spans: Vec<_> = (0..5).map(|count| Bounds::suspicion_after(&settings, 128, count)).collect();
        assert!(spans.is_sorted_by(|one, other| one >= other) && spans[0] < settings.suspicion_max(128));
        assert_eq!(spans[3..], [settings.suspicion_min(128).mul_f64(0.995); 2]);
    }
}
