//! A member has one probe in flight, and slows down as it doubts itself.

use delian_core::Time;
use delian_core::swim::Packet;
use delian_core::swim::ids::NodeTag;
use delian_core::swim::packet::Body;

use super::history::History;
use super::{Breach, Property};

/// See [`Property::RULE`].
pub(super) struct OneProbe;

impl Property for OneProbe {
    const NAME: &'static str = "one-probe-at-a-time";
    const RULE: &'static str = "A member's local health stays within its bounds, and it begins a probe of its own no sooner \
                                after the one before than its probe interval, stretched by its local health.";
}

/// Judges the local health of a member.
pub(super) fn on_step(history: &History, now: Time, place: u32, health: u8) -> Result<(), Breach> {
    let most = history.rows[place as usize].settings.as_ref().map_or(u8::MAX, |settings| settings.health_max());
    if health <= most {
        return Ok(());
    }
    Err(OneProbe::breach(now, format!("the local health of {} is {health}, above {most}", history.who(place))))
}

/// Judges a datagram: whatever a member sends by itself to ask a reachable one whether it is there is its probe.
pub(super) fn on_datagram(history: &mut History, now: Time, from: u32, to: u32, packet: &Packet) -> Result<(), Breach> {
    let (Body::Ping(ping) | Body::Locate(ping)) = &packet.body else { return Ok(()) };
    let row = &history.rows[from as usize];
    let (true, Some(settings)) = (row.woke, &row.settings) else { return Ok(()) };
    let target = history.truth.life(to).map(|life| life.node).filter(|node| NodeTag::of(*node) == ping.to);
    let Some(subject) = target.and_then(|node| history.find(node)) else { return Ok(()) };
    // Those who are held dead are asked beside the probes.
    if history.keeps_pairs() && !history.pair(from, subject).phase.is_up() {
        return Ok(());
    }
    history.facts.probes += 1;
    let next_at = now + settings.probe_interval() * (u32::from(row.health) + 1);
    let before = history.rows[from as usize].probed.replace((now, next_at));
    let Some((last, earliest)) = before.filter(|(_, earliest)| now < *earliest) else { return Ok(()) };
    // A process that did not run for a while begins anew.
    if history.truth.well_since(from).is_none_or(|since| since > last) || !history.keeps_pairs() {
        return Ok(());
    }
    let facts = format!("{} probed at {last:?}, may again from {earliest:?}, and probes at {now:?}", history.who(from));
    Err(OneProbe::breach(now, facts))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, history, ping};
    use super::*;

    fn judge(history: &mut History, seconds: u64) -> Result<(), Breach> {
        history.rows[0].woke = true;
        on_datagram(history, at(seconds), 0, 1, &ping(0, 1))
    }

    #[test]
    fn a_second_probe_in_flight_is_noticed() {
        let mut history = history(3);
        assert_eq!(judge(&mut history, 1), Ok(()));
        assert_eq!(judge(&mut history, 2), Ok(()));
        assert!(judge(&mut history, 2).is_err());
        assert_eq!(history.facts.probes, 3);
    }

    #[test]
    fn a_member_that_doubts_itself_and_does_not_slow_down_is_noticed() {
        let mut history = history(3);
        history.rows[0].health = 2;
        assert_eq!(judge(&mut history, 1), Ok(()));
        assert!(judge(&mut history, 3).is_err());
        assert!(on_step(&history, at(3), 0, 9).is_err());
        assert_eq!(on_step(&history, at(3), 0, 8), Ok(()));
    }

    #[test]
    fn a_probe_for_another_member_does_not_count() {
        let mut history = history(3);
        assert_eq!(judge(&mut history, 1), Ok(()));
        history.rows[0].woke = false;
        assert_eq!(on_datagram(&mut history, at(1), 0, 1, &ping(0, 1)), Ok(()));
        assert_eq!(history.facts.probes, 1);
    }
}
