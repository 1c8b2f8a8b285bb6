//! Where nothing happens little is said.

use std::time::Duration;

use delian_core::Time;

use super::history::{Glance, History};
use super::{Breach, Property};

/// See [`Property::RULE`].
pub(super) struct Quiescence;

impl Property for Quiescence {
    const NAME: &'static str = "calm-is-quiet";
    const RULE: &'static str = "A bound after the last time that anything happened no news waits, and members send about \
                                two packets per probe interval each, beside those by which lost ones are made up for.";
}

/// The stretch of calm that is under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Quiet {
    /// How many things had happened at the last sample, and when that was another number last.
    happenings: u64,
    happened_at: Time,
    window: Option<Window>,
}

/// What had been sent when a window began.
#[derive(Clone, Copy, Debug)]
struct Window {
    since: Time,
    packets: u64,
    requests: u64,
}

/// How many probe intervals are judged at once.
const WINDOW_INTERVALS: u32 = 30;

/// Judges a second of calm.
pub(super) fn on_sample(history: &mut History, now: Time, glances: &[Glance]) -> Result<(), Breach> {
    let facts = &history.facts;
    let happenings =
        facts.suspicions + facts.joins + facts.updates + facts.deaths + facts.leaves + facts.refutations + facts.yields;
    let raised_at = history.subjects.iter().map(|subject| subject.raised_at).max().unwrap_or(Time::ZERO);
    if happenings != history.quiet.happenings {
        history.quiet = Quiet { happenings, happened_at: now, window: None };
    }
    let (well, over) = history.truth.census();
    let calm_since = history.truth.calm_since().map(|since| since + history.bounds.agreement(well, over));
    let quiet_since = history.quiet.happened_at.max(raised_at) + history.bounds.news();
    if calm_since.is_none_or(|since| since.max(quiet_since) > now) {
        history.quiet.window = None;
        return Ok(());
    }
    if let Some(busy) = glances.iter().find(|it| history.truth.is_up(it.place) && it.waiting_news > 0) {
        let facts = format!("{} has {} pieces of news", history.who(busy.place), busy.waiting_news);
        return Err(Quiescence::breach(now, facts));
    }
    let (packets, requests) = (facts_sent(history), history.facts.packets_of("ping-request"));
    let window = *history.quiet.window.get_or_insert(Window { since: now, packets, requests });
    let span = now.since(window.since);
    if span < history.bounds.settings().probe_interval() * WINDOW_INTERVALS {
        return Ok(());
    }
    history.quiet.window = None;
    history.facts.judge(Quiescence::NAME);
    on_window(history, glances, span, (packets - window.packets, requests - window.requests))
        .map_err(|facts| Quiescence::breach(now, facts))
}

fn facts_sent(history: &History) -> u64 {
    history.facts.packets_sent()
}

/// Judges how many packets, and requests to probe among them, went out in a while of calm.
fn on_window(
    history: &History,
    glances: &[Glance],
    span: Duration,
    (packets, requests): (u64, u64),
) -> Result<(), String> {
    let settings = |glance: &Glance| history.rows[glance.place as usize].settings.clone();
    let (mut probes, mut others, mut helpers) = (0.0, 0.0, 0.0_f64);
    for settings in glances.iter().filter_map(settings) {
        probes += span.as_secs_f64() / settings.probe_interval().as_secs_f64() + 1.0;
        others += 1.0;
        helpers = helpers.max(settings.indirect_probes() as f64);
        if glances.iter().any(|glance| glance.known > glance.reachable) {
            others += 3.0 * (span.as_secs_f64() / settings.reconnect_interval().as_secs_f64() + 1.0);
        }
    }
    // One probe of four may fail at the first attempt, which no loss that is not trouble brings about.
    let requests_max = helpers * (probes / 4.0 + 20.0);
    if requests as f64 > requests_max {
        return Err(format!("{requests} requests to probe in {span:?} of calm, above {requests_max:.0}"));
    }
    // A ping and an answer; for each request its answer, a ping and its answer, and a stream tried beside.
    let most = 2.3 * probes + 6.0 * requests as f64 + others;
    if packets as f64 > most {
        return Err(format!("{packets} packets in {span:?} of calm, above {most:.0}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, glances, history};
    use super::*;

    /// Judges ten minutes of calm in which so much is sent in a second.
    fn judge(pings: u64, requests: u64, waiting_news: usize) -> Result<(), Breach> {
        let mut history = history(4);
        let mut glances = glances(&history);
        glances[1].waiting_news = waiting_news;
        for second in 1..600 {
            *history.facts.packets.entry("ping").or_default() += pings;
            *history.facts.packets.entry("ping-request").or_default() += requests;
            on_sample(&mut history, at(second), &glances)?;
        }
        assert!(history.facts.judged[Quiescence::NAME] > 5);
        Ok(())
    }

    #[test]
    fn a_storm_in_a_calm_is_noticed() {
        assert_eq!(judge(8, 0, 0), Ok(()));
        assert_eq!(judge(12, 1, 0), Ok(()), "lost packets are made up for");
        assert!(judge(12, 0, 0).is_err());
        assert!(judge(8, 8, 0).unwrap_err().facts.contains("requests"));
    }

    #[test]
    fn news_that_never_ends_is_noticed() {
        assert_eq!(judge(8, 0, 1).unwrap_err().invariant, Quiescence::NAME);
    }
}
