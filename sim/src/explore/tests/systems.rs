//! Small systems to search.

use crate::explore::System;
use crate::invariants::Breach;

/// Says that a property of a test is broken.
pub(super) fn breach(invariant: &'static str) -> Breach {
    Breach { invariant, sentence: "it does not happen", facts: vec!["it happened".to_owned()] }
}

/// A walk through a grid, one step up in one direction at a time.
pub(super) struct Grid {
    pub(super) directions: usize,
    pub(super) side: u8,
}

impl System for Grid {
    type State = Vec<u8>;
    type Action = usize;
    type Recall = ();

    fn initial(&self) -> Vec<u8> {
        vec![0; self.directions]
    }

    fn actions(&self, state: &Vec<u8>, into: &mut Vec<usize>) {
        into.extend((0..self.directions).filter(|direction| state[*direction] + 1 < self.side));
    }

    fn step(&self, state: &mut Vec<u8>, action: usize) -> Result<(), Breach> {
        state[action] += 1;
        Ok(())
    }

    fn fingerprint(&self, state: &Vec<u8>, seed: u64) -> u128 {
        let packed = state.iter().fold(0, |packed, place| packed << 8 | u128::from(*place));
        packed ^ u128::from(seed) << 64
    }

    fn goals(&self) -> &[&'static str] {
        &["a corner", "outside"]
    }

    fn reached(&self, state: &Vec<u8>) -> u64 {
        u64::from(state.iter().all(|place| *place + 1 == self.side))
            | u64::from(state.iter().any(|place| *place >= self.side)) << 1
    }
}

/// A sender that counts, over a network that may lose each number: how many were sent, arrived, and are on their way.
pub(super) struct LossyCounter {
    pub(super) sent_max: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Traffic {
    Send,
    Deliver,
    Lose,
}

impl System for LossyCounter {
    type State = [u8; 3];
    type Action = Traffic;
    type Recall = ();

    fn initial(&self) -> [u8; 3] {
        [0; 3]
    }

    fn actions(&self, [sent, _, flying]: &[u8; 3], into: &mut Vec<Traffic>) {
        if *sent < self.sent_max {
            into.push(Traffic::Send);
        }
        if *flying > 0 {
            into.extend([Traffic::Deliver, Traffic::Lose]);
        }
    }

    fn step(&self, [sent, arrived, flying]: &mut [u8; 3], action: Traffic) -> Result<(), Breach> {
        match action {
            Traffic::Send => (*sent, *flying) = (*sent + 1, *flying + 1),
            Traffic::Deliver => (*arrived, *flying) = (*arrived + 1, *flying - 1),
            Traffic::Lose => *flying -= 1,
        }
        Ok(())
    }

    fn fingerprint(&self, [sent, arrived, flying]: &[u8; 3], seed: u64) -> u128 {
        u128::from(seed) << 64 | u128::from(*sent) << 16 | u128::from(*arrived) << 8 | u128::from(*flying)
    }
}

/// Two-phase commit, as Gray and Lamport (2006) specify it: one transaction manager and some resource managers.
pub(super) struct TwoPhaseCommit {
    pub(super) managers: u32,
}

/// Two bits per resource manager, then sets of them.
#[derive(Clone, Copy)]
pub(super) struct Transaction {
    managers: [u8; 8],
    prepared_sent: u8,
    prepared_heard: u8,
    decision: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Vote {
    HearPrepared(u32),
    Commit,
    Abort,
    Prepare(u32),
    ChooseToAbort(u32),
    ObeyCommit(u32),
    ObeyAbort(u32),
}

const WORKING: u8 = 0;
const PREPARED: u8 = 1;
const COMMITTED: u8 = 2;
const ABORTED: u8 = 3;

impl System for TwoPhaseCommit {
    type State = Transaction;
    type Action = Vote;
    type Recall = ();

    fn initial(&self) -> Transaction {
        Transaction { managers: [WORKING; 8], prepared_sent: 0, prepared_heard: 0, decision: WORKING }
    }

    fn actions(&self, state: &Transaction, into: &mut Vec<Vote>) {
        let undecided = state.decision == WORKING;
        if undecided && state.prepared_heard.count_ones() == self.managers {
            into.push(Vote::Commit);
        }
        if undecided {
            into.push(Vote::Abort);
        }
        for manager in 0..self.managers {
            if undecided && state.prepared_sent >> manager & 1 == 1 {
                into.push(Vote::HearPrepared(manager));
            }
            if state.managers[manager as usize] == WORKING {
                into.extend([Vote::Prepare(manager), Vote::ChooseToAbort(manager)]);
            }
            match state.decision {
                COMMITTED => into.push(Vote::ObeyCommit(manager)),
                ABORTED => into.push(Vote::ObeyAbort(manager)),
                _ => {}
            }
        }
    }

    fn step(&self, state: &mut Transaction, action: Vote) -> Result<(), Breach> {
        match action {
            Vote::HearPrepared(manager) => state.prepared_heard |= 1 << manager,
            Vote::Commit => state.decision = COMMITTED,
            Vote::Abort => state.decision = ABORTED,
            Vote::Prepare(manager) => {
                state.managers[manager as usize] = PREPARED;
                state.prepared_sent |= 1 << manager;
            }
            Vote::ChooseToAbort(manager) | Vote::ObeyAbort(manager) => state.managers[manager as usize] = ABORTED,
            Vote::ObeyCommit(manager) => state.managers[manager as usize] = COMMITTED,
        }
        Ok(())
    }

    fn fingerprint(&self, state: &Transaction, seed: u64) -> u128 {
        let sets = [state.prepared_sent, state.prepared_heard, state.decision];
        let packed = state.managers.iter().chain(&sets).fold(0, |packed, byte| packed << 8 | u128::from(*byte));
        packed << 32 | u128::from(seed as u32)
    }

    fn check(&self, state: &Transaction) -> Result<(), Breach> {
        let shows = |what| state.managers.contains(&what);
        if shows(COMMITTED) && shows(ABORTED) { Err(breach("managers agree")) } else { Ok(()) }
    }

    fn goals(&self) -> &[&'static str] {
        &["all committed", "all aborted"]
    }

    fn reached(&self, state: &Transaction) -> u64 {
        let all = |what| state.managers[..self.managers as usize].iter().all(|manager| *manager == what);
        u64::from(all(COMMITTED)) | u64::from(all(ABORTED)) << 1
    }
}

/// A lock that processes take in two steps: they see that nobody has it, and then they take it.
pub(super) struct NaiveLock;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    Look(usize),
    Enter(usize),
    Leave(usize),
}

impl System for NaiveLock {
    /// What each of three processes does: 0 outside, 1 saw it free, 2 inside.
    type State = [u8; 3];
    type Action = Turn;
    type Recall = ();

    fn initial(&self) -> [u8; 3] {
        [0; 3]
    }

    fn actions(&self, state: &[u8; 3], into: &mut Vec<Turn>) {
        for (process, at) in state.iter().enumerate() {
            match at {
                0 if !state.contains(&2) => into.push(Turn::Look(process)),
                0 => {}
                1 => into.push(Turn::Enter(process)),
                _ => into.push(Turn::Leave(process)),
            }
        }
    }

    fn step(&self, state: &mut [u8; 3], action: Turn) -> Result<(), Breach> {
        match action {
            Turn::Look(process) => state[process] = 1,
            Turn::Enter(process) => state[process] = 2,
            Turn::Leave(process) => state[process] = 0,
        }
        Ok(())
    }

    fn fingerprint(&self, [a, b, c]: &[u8; 3], seed: u64) -> u128 {
        u128::from(seed) << 64 | u128::from(*a) << 16 | u128::from(*b) << 8 | u128::from(*c)
    }

    fn check(&self, state: &[u8; 3]) -> Result<(), Breach> {
        match state.map(|at| u32::from(at == 2)).iter().sum() {
            0 | 1 => Ok(()),
            2 => Err(breach("two are never inside")),
            _ => Err(breach("three are never inside")),
        }
    }
}
