//! How often each node may register, so that one that registers in a loop does not fill the log for all.
//!
//! The generic cell rate algorithm (ITU-T I.371, annex A): each registration is due an interval after the one before, and
//! may come early by as much as the burst allows. Whoever comes earlier is told when to come again.

use alloc::collections::BTreeMap;
use core::time::Duration;

use super::Node;
use crate::health::HealthSettings;
use crate::ids::NodeId;
use crate::io::Rejected;
use crate::time::Time;

/// When the next registration of each node is due. Who is not in here may register at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Registrations {
    due: BTreeMap<NodeId, Time>,
}

impl Registrations {
    /// Takes in a registration, or returns after how long the node may come again. `room` nodes are remembered at most.
    fn admit(&mut self, now: Time, node: NodeId, room: usize, settings: &HealthSettings) -> Result<(), Duration> {
        let interval = settings.registration_interval();
        if self.due.len() >= room && !self.due.contains_key(&node) {
            self.due.retain(|_, due| *due > now);
            if self.due.len() >= room {
                return Err(interval);
            }
        }
        let due = self.due.get(&node).copied().unwrap_or(now).max(now);
        let early_at_most = interval * settings.registration_burst().saturating_sub(1);
        let waits = due.since(now).saturating_sub(early_at_most);
        if !waits.is_zero() {
            return Err(waits);
        }
        self.due.insert(node, due + interval);
        Ok(())
    }
}

impl Node {
    /// Refuses the registration of a node that registered too often; without anybody to register all is well.
    pub(super) fn admit_registration(&mut self, now: Time, registrant: Option<NodeId>) -> Result<(), Rejected> {
        let Some((node, monitor)) = registrant.zip(self.monitor.as_mut()) else { return Ok(()) };
        let room = self.settings.topology.registrations_max;
        let settings = self.settings.health.as_deref().expect("a monitor has settings");
        monitor.registrations.admit(now, node, room, settings).map_err(|again_in| Rejected::TooOften { node, again_in })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::HealthConfig;

    const INTERVAL: Duration = Duration::from_secs(1);

    fn admitted(registrations: &mut Registrations, millis: u64, node: u64, room: usize) -> Result<(), Duration> {
        let config = HealthConfig { registration_interval: INTERVAL, registration_burst: 3, ..HealthConfig::default() };
        let settings = config.check().unwrap();
        registrations.admit(Time::from_millis(millis), NodeId::new(node), room, &settings)
    }

    #[test]
    fn a_burst_passes_then_one_in_each_interval_and_who_is_too_early_is_told_when_to_come() {
        let mut registrations = Registrations::default();
        let mut ask = |millis| admitted(&mut registrations, millis, 1, 9);
        assert_eq!([ask(0), ask(0), ask(0)], [Ok(()); 3]);
        assert_eq!(ask(400), Err(Duration::from_millis(600)));
        assert_eq!([ask(1000), ask(1999)], [Ok(()), Err(Duration::from_millis(1))]);
        assert_eq!([ask(9000), ask(9000), ask(9000)], [Ok(()); 3]);
        assert_eq!(ask(9000), Err(INTERVAL));
    }

    #[test]
    fn nodes_do_not_hold_each_other_up_and_only_so_many_are_remembered() {
        let mut registrations = Registrations::default();
        for node in 1..=4 {
            assert_eq!(admitted(&mut registrations, 0, node, 4), Ok(()));
        }
        assert_eq!(admitted(&mut registrations, 500, 5, 4), Err(INTERVAL));
        assert_eq!(admitted(&mut registrations, 1000, 5, 4), Ok(()));
        assert_eq!(registrations.due.len(), 1);
    }
}
