//! What the properties share: who is who, what everyone holds of everyone, and what was suspected when.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use delian_core::swim::{Incarnation, PoolLabel, PoolSettings, Record, State};
use delian_core::{NodeId, Time};

use super::bounds::Bounds;
use super::dissemination::Spreading;
use super::facts::Facts;
use super::quiescence::Quiet;
use crate::pool::truth::Truth;

/// The history of a run, as the oracle keeps it.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) truth: Truth,
    pub(super) bounds: Bounds,
    pub(super) facts: Facts,
    pub(super) subjects: Vec<Subject>,
    pub(super) rows: Vec<Row>,
    /// By observer and subject: what is suspected at present.
    pub(super) suspicions: BTreeMap<(u32, u32), Suspicion>,
    /// By observer and subject: where a node was told to be last, while two processes bear its identity, and how often
    /// that changed.
    pub(super) contested: BTreeMap<(u32, u32), (SocketAddr, u32)>,
    /// New incarnations that are on their way to all.
    pub(super) spreading: Vec<Spreading>,
    pub(super) quiet: Quiet,
    /// Since when nobody came, went or was in trouble, the last time that all agreed.
    pub(super) agreed_in: Option<Time>,
    /// The subject that was last met of those whose identity names a place.
    by_place: Vec<u32>,
    by_node: BTreeMap<NodeId, u32>,
}

/// In worlds of more places nothing is kept by pairs of members: 16 bytes for each would be too many.
pub(super) const PAIRS_OF_MAX: u32 = 2048;

/// One identity, whichever processes bear it.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) node: NodeId,
    /// The pool in which it was met.
    pub(super) label: Option<PoolLabel>,
    /// The greatest incarnation that it issued.
    pub(super) issued: Incarnation,
    /// When that rose last, other than by the beginning of a life.
    pub(super) raised_at: Time,
    /// How many lives it has begun.
    pub(super) lives: u32,
    /// The greatest incarnation that it issued in lives that were over when it began the present one.
    pub(super) outlived: Option<Incarnation>,
    /// The greatest incarnation in which it left.
    pub(super) left: Option<Incarnation>,
    /// Since when all who are up hold it gone, if it runs nowhere.
    pub(super) buried_at: Option<Time>,
    /// How many lives were settled when two processes began to bear this identity at once: all but theirs.
    pub(super) settled_lives: u32,
    /// When two processes began to bear this identity at once.
    pub(super) contested_since: Option<Time>,
}

/// What one place holds of the others.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// Which life of the place this is about.
    pub(super) life: u32,
    pub(super) settings: Option<Arc<PoolSettings>>,
    pub(super) pairs: Vec<Pair>,
    pub(super) incarnation: Incarnation,
    pub(super) health: u8,
    /// How many members were reachable in the last step: no fewer and no more.
    pub(super) members: (usize, usize),
    pub(super) reachable: usize,
    /// Whether the last step was a wake.
    pub(super) woke: bool,
    /// When its last probe was, and from when on the next may be.
    pub(super) probed: Option<(Time, Time)>,
    /// What its view was like when it was last looked through: the digest, how many are known, and when.
    pub(super) looked: Option<(u32, usize, Time)>,
}

/// What an observer holds of a subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) incarnation: Incarnation,
    pub(super) state: Option<State>,
    pub(super) phase: Phase,
    /// Since when the incarnation is this one, and whether it is reachable is the same.
    pub(super) since: Time,
    /// In which incarnation somebody else told last that it is dead.
    pub(super) told_dead: Option<Incarnation>,
}

/// Where the story of a subject stands that an observer's events tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// It was not told of.
    #[default]
    Unknown,
    /// It joined.
    Up,
    /// It joined and is suspected.
    Suspected,
    /// It died.
    Died,
    /// It left.
    Left,
}

impl Phase {
    pub(super) const fn is_up(self) -> bool {
        matches!(self, Self::Up | Self::Suspected)
    }
}

/// A suspicion that is under way at an observer.
#[derive(Clone, Debug)]
pub(super) struct Suspicion {
    pub(super) since: Time,
    pub(super) incarnation: Incarnation,
    /// Who accused, as far as the observer was told.
    pub(super) accusers: Vec<NodeId>,
    /// How many members were reachable when it began: no fewer and no more.
    pub(super) members: (usize, usize),
}

impl History {
    pub(super) fn new(settings: &Arc<PoolSettings>, members: u32) -> Self {
        Self {
            truth: Truth::new(members),
            bounds: Bounds::new(settings, members),
            facts: Facts::default(),
            subjects: Vec::new(),
            rows: vec![Row::default(); members as usize],
            suspicions: BTreeMap::new(),
            contested: BTreeMap::new(),
            spreading: Vec::new(),
            quiet: Quiet::default(),
            agreed_in: None,
            by_place: vec![u32::MAX; members as usize],
            by_node: BTreeMap::new(),
        }
    }

    /// Returns whether what members hold of each other is kept.
    pub(super) fn keeps_pairs(&self) -> bool {
        self.truth.size() <= PAIRS_OF_MAX
    }

    /// Returns the number of an identity that was met.
    pub(super) fn find(&self, node: NodeId) -> Option<u32> {
        let near = self.by_place.get(node.get() as usize & 0x00ff_ffff).copied().unwrap_or(u32::MAX);
        if self.subjects.get(near as usize).is_some_and(|subject| subject.node == node) {
            return Some(near);
        }
        self.by_node.get(&node).copied()
    }

    /// Returns the number of an identity, met before or not.
    pub(super) fn meet(&mut self, node: NodeId) -> u32 {
        if let Some(subject) = self.find(node) {
            return subject;
        }
        let number = self.subjects.len() as u32;
        self.subjects.push(Subject {
            node,
            label: None,
            issued: Incarnation::ZERO,
            raised_at: Time::ZERO,
            lives: 0,
            settled_lives: 0,
            outlived: None,
            left: None,
            buried_at: None,
            contested_since: None,
        });
        self.by_node.insert(node, number);
        if let Some(near) = self.by_place.get_mut(node.get() as usize & 0x00ff_ffff) {
            *near = number;
        }
        number
    }

    pub(super) fn subject(&self, number: u32) -> &Subject {
        &self.subjects[number as usize]
    }

    pub(super) fn pair(&self, observer: u32, subject: u32) -> Pair {
        self.rows[observer as usize].pairs.get(subject as usize).copied().unwrap_or_default()
    }

    pub(super) fn pair_mut(&mut self, observer: u32, subject: u32) -> &mut Pair {
        let pairs = &mut self.rows[observer as usize].pairs;
        if pairs.len() <= subject as usize {
            pairs.resize(subject as usize + 1, Pair::default());
        }
        &mut pairs[subject as usize]
    }

    /// Takes note of a record that an observer holds.
    pub(super) fn hold(&mut self, now: Time, observer: u32, subject: u32, record: Record) {
        let pair = self.pair_mut(observer, subject);
        let reachable = |state: Option<State>| state.is_some_and(State::is_reachable);
        let is_other = pair.state.is_none() || pair.incarnation != record.incarnation;
        if is_other || reachable(pair.state) != reachable(Some(record.state)) {
            pair.since = now;
        }
        pair.incarnation = record.incarnation;
        pair.state = Some(record.state);
    }

    /// Says who observes, such as `3 (n42)`.
    pub(super) fn who(&self, place: u32) -> String {
        let node = self.truth.life(place).map(|life| life.node);
        node.map_or_else(|| format!("place {place}"), |node| format!("place {place} ({node})"))
    }
}

/// What a member is like at a sample.
#[derive(Clone, Debug)]
pub(super) struct Glance {
    pub(super) place: u32,
    pub(super) subject: u32,
    pub(super) label: PoolLabel,
    pub(super) incarnation: Incarnation,
    pub(super) sums: [u32; delian_core::swim::members::BUCKETS],
    pub(super) reachable: usize,
    pub(super) known: usize,
    pub(super) waiting_news: usize,
    /// Whether the directory holds the member's card as the member itself does.
    pub(super) card_is_known: bool,
}
