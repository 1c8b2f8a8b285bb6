//! After the faults: what is whole must agree again within the scenario's bound, and know what is expected.

use std::collections::BTreeSet;
use std::time::Duration;

use super::campaign::Campaign;
use super::{Request, Stand, Trouble};
use crate::run::unmet;
use crate::scenario::{Action, write_span};

/// How long after a look nothing need have been heard before the next one.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// How long a proof may take before another process is asked for one.
const PROOF_PATIENCE: Duration = Duration::from_secs(2);

/// A subject that nobody registers: a quorum that says so proves that it takes requests.
const PROOF: u16 = u16::MAX;

impl Campaign<'_> {
    /// Lifts the faults, and waits until those that are whole agree.
    pub(super) fn settle(&mut self) -> Result<(), Trouble> {
        self.lift_all()?;
        let since = self.world.now();
        let until = since + self.plan.scenario.settle;
        let whole: BTreeSet<u16> = self.sight.up.intersection(&self.plan.healed).copied().collect();
        let mut proofs = whole.iter().copied().cycle();
        let mut asked_at = None;
        loop {
            let now = self.world.now();
            let stands = self.world.stands(&whole);
            if let Some(stand) = agreed(&whole, &stands)
                && self.has_proof
                && !self.exchanges.any_open()
            {
                self.facts.settled_after = Some(self.world.now().saturating_sub(since));
                self.facts.subjects = stand.subjects.iter().cloned().collect();
                self.facts.voters.clone_from(&stand.voters);
                return Ok(());
            }
            if now >= until {
                self.tell_disagreement(&whole, &stands);
                return Ok(());
            }
            let is_due = asked_at.is_none_or(|at| now.saturating_sub(at) >= PROOF_PATIENCE);
            if !self.has_proof
                && is_due
                && let Some(via) = proofs.next()
            {
                let number = self.plan.operations.len();
                self.world.submit(Request { number, via, action: Action::ReadQuorum(PROOF), to: None });
                asked_at = Some(now);
            }
            self.listen((now + LOOK_AGAIN).min(until))?;
        }
    }

    fn tell_disagreement(&mut self, whole: &BTreeSet<u16>, stands: &[Stand]) {
        let within = write_span(self.plan.scenario.settle);
        self.facts.broken.push(format!("heals-in-time: {whole:?} did not agree within {within} of the last fault"));
        if !self.has_proof {
            self.facts.broken.push("heals-in-time: no quorum answered since then".to_string());
        }
        if self.exchanges.any_open() {
            self.facts.broken.push("heals-in-time: a client was told nothing".to_string());
        }
        let silent = whole.iter().filter(|process| stands.iter().all(|stand| stand.process != **process));
        let silent = silent.map(|process| format!("heals-in-time: n{process} does not answer"));
        let told = stands.iter().map(|stand| {
            let Stand { process, term, leader, last, commit, epoch, fingerprint, .. } = stand;
            let leader = leader.map_or("nobody".to_string(), |leader| format!("n{leader}"));
            format!(
                "heals-in-time: n{process} is in term {term} and follows {leader}; log up to {last}, commit {commit}, \
                 epoch {epoch} with {fingerprint}"
            )
        });
        self.facts.broken.extend(silent.chain(told));
    }

    /// Holds the run to what its scenario expects, as far as this world counts it.
    pub(super) fn expected(&mut self) {
        let world = self.world.kind();
        let mut expect = self.plan.scenario.expect.clone();
        expect.at_least.retain(|fact, _| world.counts(fact));
        expect.at_most.retain(|fact, _| world.counts(fact));
        let mut facts = unmet(&expect, &self.facts.counts);
        if self.facts.settled_after.is_some() {
            let subjects = &self.facts.subjects;
            let missing = expect.everywhere.iter().filter(|subject| !subjects.contains_key(subject));
            facts.extend(missing.map(|subject| format!("nobody knows m{subject}")));
            let present = expect.nowhere.iter().filter(|subject| subjects.contains_key(subject));
            facts.extend(present.map(|subject| format!("m{subject} is still known")));
        }
        self.facts.broken.extend(facts.into_iter().map(|fact| format!("expected: {fact}")));
    }
}

/// Returns how all of them stand, if they do so alike and one of them leads.
fn agreed<'s>(whole: &BTreeSet<u16>, stands: &'s [Stand]) -> Option<&'s Stand> {
    let first = stands.iter().find(|stand| stand.is_in_log)?;
    let leader = first.leader.filter(|leader| whole.contains(leader))?;
    let is_alike = |stand: &Stand| {
        (stand.leader, stand.epoch, &stand.fingerprint) == (Some(leader), first.epoch, &first.fingerprint)
            && (!stand.is_in_log || (stand.term, stand.last, stand.commit) == (first.term, first.last, first.last))
    };
    (stands.len() == whole.len() && stands.iter().all(is_alike)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand(process: u16) -> Stand {
        let (fingerprint, subjects) = ("fe13".to_string(), vec![(11, "healthy".to_string())]);
        let (voters, is_in_log) = ([1, 2].into(), true);
        Stand {
            process,
            is_in_log,
            term: 3,
            leader: Some(2),
            last: 9,
            commit: 9,
            epoch: 4,
            fingerprint,
            subjects,
            voters,
        }
    }

    #[test]
    fn who_stands_alike_under_one_whole_leader_agrees() {
        let whole = BTreeSet::from([1, 2]);
        assert!(agreed(&whole, &[stand(1), stand(2)]).is_some());
        assert!(agreed(&whole, &[stand(1)]).is_none(), "one does not answer");
        assert!(agreed(&whole, &[stand(1), Stand { commit: 8, ..stand(2) }]).is_none());
        assert!(agreed(&whole, &[stand(1), Stand { fingerprint: "00".to_string(), ..stand(2) }]).is_none());
        assert!(agreed(&BTreeSet::from([1]), &[stand(1)]).is_none(), "who leads was not made whole");
        assert!(agreed(&whole, &[]).is_none());
        let outside = Stand { is_in_log: false, term: 0, last: 0, commit: 0, ..stand(3) };
        let all = BTreeSet::from([1, 2, 3]);
        assert!(agreed(&all, &[stand(1), stand(2), outside.clone()]).is_some(), "who is outside has no log");
        assert!(agreed(&all, &[stand(1), stand(2), Stand { epoch: 3, ..outside }]).is_none());
    }
}
