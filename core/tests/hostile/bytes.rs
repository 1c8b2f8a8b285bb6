//! Bytes that become numbers, nodes and requests.

use delian_core::observe::{Fingerprint, Form, News, Pull, PullAnswer};

use super::*;

pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Bytes<'_> {
    pub(super) fn take(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(super) fn one_in(&mut self, count: u8) -> bool {
        self.take().is_multiple_of(count)
    }

    /// A number that is usually small, and at times at the end of the range.
    pub(super) fn number(&mut self) -> u64 {
        match self.take() {
            byte @ 0..=239 => u64::from(byte % 12),
            byte => u64::MAX >> (byte % 4),
        }
    }

    pub(super) fn position(&mut self) -> Position {
        Position::new(Term::new(self.number()), LogIndex::new(self.number()))
    }

    pub(super) fn index(&mut self) -> LogIndex {
        LogIndex::new(self.number())
    }

    pub(super) fn blob(&mut self) -> Blob {
        let length = usize::from(self.take() % 8);
        Blob::from((0..length).map(|_| self.take()).collect::<Vec<_>>())
    }

    pub(super) fn quorum_change(&mut self) -> QuorumChange {
        let node = self.node();
        match self.take() % 6 {
            0 => QuorumChange::AddLearner { node, incarnation: Incarnation::new(self.number()) },
            1 => QuorumChange::Promote(node),
            2 => QuorumChange::Demote(node),
            3 => QuorumChange::Remove(node),
            4 => QuorumChange::Readmit { node, incarnation: Incarnation::new(self.number()) },
            _ => QuorumChange::Replace { voters: self.configuration().voters },
        }
    }

    /// A command of a session, mostly of the one that is open and one of its first.
    pub(super) fn operation(&mut self, open: Option<SessionId>) -> Operation {
        let drawn = SessionId::new(self.number());
        let session = if self.one_in(8) { drawn } else { open.unwrap_or(drawn) };
        let awaited_from = Sequence::new(if self.one_in(4) { self.number() } else { 0 });
        let sequence = Sequence::new(if self.one_in(4) { self.number() } else { u64::from(self.take() % 2) });
        Operation { session, sequence, awaited_from }
    }

    pub(super) fn session_request(&mut self, open: Option<SessionId>) -> SessionRequest {
        match self.take() % 8 {
            0..=2 if open.is_none() => SessionRequest::Open,
            0 => SessionRequest::Open,
            1 => SessionRequest::Close(open.unwrap_or_default()),
            _ => {
                let command = if self.one_in(4) { self.blob() } else { Command::Custom(self.blob()).encode() };
                SessionRequest::Do { operation: self.operation(open), command }
            }
        }
    }

    /// A configuration that may make no sense at all.
    pub(super) fn configuration(&mut self) -> Configuration {
        let mut nodes = || (0..self.take() % 5).map(|_| self.node()).collect();
        let (voters, learners, outgoing, learners_next) = (nodes(), nodes(), nodes(), nodes());
        let outgoing = if self.one_in(2) { outgoing } else { BTreeSet::new() };
        let incarnations = [(self.node(), Incarnation::new(self.number()))].into();
        Configuration { voters, outgoing, learners, learners_next, incarnations }
    }

    /// A level that is mostly known.
    pub(super) fn level(&mut self) -> FeatureLevel {
        FeatureLevel::new(if self.one_in(32) { self.number() } else { 1 + u64::from(!self.one_in(8)) })
    }

    pub(super) fn node(&mut self) -> NodeId {
        NodeId::new(u64::from(self.take() % 5))
    }

    /// Questions and answers of those outside of the log; a node without pools has nobody to ask and leaves them be.
    pub(super) fn gossip_of_the_topology(&mut self) -> Message {
        let (number, epoch) = (self.number(), Epoch::new(self.number()));
        if self.one_in(2) {
            let form = if self.one_in(2) { Form::Delta } else { Form::Whole };
            return Message::Pull(Pull { number, have: epoch, form });
        }
        let fingerprint = Fingerprint::new(self.number());
        let news = match self.take() % 3 {
            0 => News::Whole { bytes: self.blob(), fingerprint },
            1 => News::Nothing { epoch, fingerprint },
            _ => News::Busy,
        };
        Message::PullAnswer(Box::new(PullAnswer { number, news }))
    }
}
