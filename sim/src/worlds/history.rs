//! What clients of a world asked and were told, judged by the search for an order that explains it.
//!
//! A drain removes its subject whenever it is done, which no client asks for at a time. So what is told of subjects that
//! somebody drains is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use delian_core::{NodeId, Time};

use super::campaign::{has_fate, label};
use super::{Fate, Reply};
use crate::linearizability::history::{History, Operation};
use crate::linearizability::search::{Verdict, search};
use crate::linearizability::topology_model::{Action as Asked, Input, Output, Registrations};
use crate::plan::Plan;
use crate::scenario::{Action, Operation as Planned};

/// How far the search may go; a history that needs more is undecided, which is no pass.
const STEPS_MAX: u64 = 20_000_000;

/// One request under way or answered.
#[derive(Clone, Debug)]
struct Exchange {
    asked_at: Duration,
    reply: Option<(Duration, Reply)>,
}

/// All requests of a run, by the number of their operation.
#[derive(Clone, Debug, Default)]
pub struct Exchanges(BTreeMap<usize, Exchange>);

impl Exchanges {
    /// Notes that the operation of this number is asked for.
    pub fn ask(&mut self, number: usize, now: Duration) {
        self.0.insert(number, Exchange { asked_at: now, reply: None });
    }

    /// Notes what became of it; the first answer counts.
    pub fn answer(&mut self, number: usize, now: Duration, reply: Reply) {
        if let Some(exchange) = self.0.get_mut(&number) {
            exchange.reply.get_or_insert((now.max(exchange.asked_at), reply));
        }
    }

    /// Returns whether somebody still waits for an answer.
    pub(super) fn any_open(&self) -> bool {
        self.0.values().any(|exchange| exchange.reply.is_none())
    }

    /// Returns what became of an operation.
    pub fn fate(&self, number: usize) -> Fate {
        match self.0.get(&number).map(|exchange| exchange.reply.as_ref().map(|(_, reply)| reply)) {
            None => Fate::NotAsked,
            Some(None | Some(Reply::Unknown)) => Fate::Unknown,
            Some(Some(Reply::Applied(_) | Reply::Done)) => Fate::Acknowledged,
            Some(Some(Reply::Registered(Some(_)))) => Fate::Present,
            Some(Some(Reply::Registered(None))) => Fate::Absent,
            Some(Some(Reply::Unregistered)) => Fate::Refused("not-registered".to_string()),
            Some(Some(Reply::Refused(why))) => Fate::Refused(why.clone()),
        }
    }

    /// Returns what became of the operations that the scenario itself gives, in the order of the plan.
    pub fn fates(&self, plan: &Plan) -> Vec<(String, Fate)> {
        let mut given = plan.scenario.operations.clone();
        let mut fates = Vec::new();
        for (number, operation) in plan.operations.iter().enumerate().filter(|(_, it)| has_fate(&it.action)) {
            if let Some(place) = given.iter().position(|it| it == operation) {
                given.remove(place);
                fates.push((label(operation), self.fate(number)));
            }
        }
        fates
    }

    /// Returns how many operations were judged.
    ///
    /// # Errors
    ///
    /// Returns why no system that does one thing at a time could have answered so, a sentence each.
    pub fn judge(&self, plan: &[Planned]) -> Result<u64, Vec<String>> {
        let drained: BTreeSet<u16> = plan.iter().filter_map(|planned| drains(&planned.action)).collect();
        let asked = self.0.iter().filter_map(|(number, exchange)| {
            let planned = &plan[*number];
            let (subject, action) = asked(&planned.action)?;
            let input = Input { subject: NodeId::new(u64::from(subject)), action };
            let is_judged = !drained.contains(&subject);
            let told = is_judged.then(|| told(action, exchange))?;
            let called_at = Time::ZERO + exchange.asked_at;
            let answer = match told {
                Told::Nothing => None,
                Told::NoEffect => return None,
                Told::Answer(at, output) => Some((Time::ZERO + at, output)),
            };
            Some(Operation { client: planned.client, called_at, input, answer })
        });
        let history: History<Input, Output> = asked.collect();
        let judged = history.operations().count() as u64;
        match search::<Registrations>(&history, STEPS_MAX) {
            Verdict::Linearizable => Ok(judged),
            Verdict::Undecided { steps } => {
                Err(vec![format!("the search for an order gave up after {steps} steps over {judged} operations")])
            }
            Verdict::Violation(violation) => Err(violation.facts),
        }
    }
}

/// What an exchange says to the search.
enum Told {
    Answer(Duration, Output),
    Nothing,
    NoEffect,
}

fn told(action: Asked, exchange: &Exchange) -> Told {
    let Some((at, reply)) = &exchange.reply else { return Told::Nothing };
    let is_read = action == Asked::Read;
    match reply {
        Reply::Applied(epoch) if !is_read => Told::Answer(*at, Output::Applied(*epoch)),
        Reply::Registered(since) if is_read => Told::Answer(*at, Output::Registered(*since)),
        Reply::Unregistered if !is_read => Told::Answer(*at, Output::Unregistered),
        Reply::Refused(_) => Told::NoEffect,
        Reply::Applied(_) | Reply::Registered(_) | Reply::Unregistered | Reply::Done | Reply::Unknown => Told::Nothing,
    }
}

fn asked(action: &Action) -> Option<(u16, Asked)> {
    match action {
        Action::Register(subject) => Some((*subject, Asked::Register)),
        Action::Deregister(subject) => Some((*subject, Asked::Deregister)),
        Action::ReadQuorum(subject) | Action::ReadLease(subject) => Some((*subject, Asked::Read)),
        // They name an epoch that the asked node chooses, or no subject.
        Action::Evict(_)
        | Action::SetCondition(..)
        | Action::Drain(..)
        | Action::Moved(..)
        | Action::Custom(_)
        | Action::Quorum(_)
        | Action::Transfer(_)
        | Action::ForgetLeader
        | Action::Read => None,
    }
}

/// Returns the subject whose story is left out, because more is done to it than the model knows.
const fn drains(action: &Action) -> Option<u16> {
    match action {
        Action::Drain(subject, _) | Action::Moved(subject, _) | Action::Evict(subject) => Some(*subject),
        Action::Register(_)
        | Action::Deregister(_)
        | Action::SetCondition(..)
        | Action::Custom(_)
        | Action::Quorum(_)
        | Action::Transfer(_)
        | Action::ForgetLeader
        | Action::Read
        | Action::ReadQuorum(_)
        | Action::ReadLease(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use delian_core::Epoch;

    use super::*;
    use crate::scenario::{Manner, Target, millis};

    fn planned(action: Action) -> Planned {
        Planned { at: Duration::ZERO, client: 1, via: Target::Leader, action, manner: Manner::default() }
    }

    /// Asks and answers one operation after the other, a millisecond each.
    fn told(plan: &[Planned], replies: &[Reply]) -> Exchanges {
        let mut exchanges = Exchanges::default();
        for (number, reply) in replies.iter().enumerate().take(plan.len()) {
            let at = millis(10 * number as u64);
            exchanges.ask(number, at);
            exchanges.answer(number, at + millis(1), reply.clone());
        }
        exchanges
    }

    #[test]
    fn a_read_that_misses_what_was_acknowledged_is_found() {
        let plan = [planned(Action::Register(4)), planned(Action::ReadQuorum(4))];
        let since = Epoch::new(3);
        let honest = told(&plan, &[Reply::Applied(since), Reply::Registered(Some(since))]);
        assert_eq!(honest.judge(&plan), Ok(2));
        let stale = told(&plan, &[Reply::Applied(since), Reply::Registered(None)]);
        assert!(stale.judge(&plan).is_err());
        assert_eq!((stale.fate(0), stale.fate(1), stale.fate(2)), (Fate::Acknowledged, Fate::Absent, Fate::NotAsked));
    }

    #[test]
    fn a_refused_command_took_no_effect_and_a_drained_subject_is_left_out() {
        let plan = [planned(Action::Register(4)), planned(Action::ReadQuorum(4)), planned(Action::Drain(5, None))];
        let refused = Reply::Refused("busy".to_string());
        assert_eq!(told(&plan, &[refused.clone(), Reply::Registered(None)]).judge(&plan), Ok(1));
        assert!(told(&plan, &[refused, Reply::Registered(Some(Epoch::new(2)))]).judge(&plan).is_err());
        let plan = [planned(Action::Drain(4, None)), planned(Action::ReadQuorum(4))];
        assert_eq!(told(&plan, &[Reply::Applied(Epoch::new(2)), Reply::Registered(None)]).judge(&plan), Ok(0));
    }
}
