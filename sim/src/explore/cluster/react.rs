//! What a node makes of one input, with all that follows from it at once: a function of the node and the input alone.

use std::sync::Arc;

use delian_core::io::StepDown;
use delian_core::projection::Deadline;
use delian_core::raft::Recovered;
use delian_core::{
    Blob, Effect, Event, Incarnation, Input, LogIndex, Node, Outbox, RequestId, Seed, SessionRequest, Time,
};

use super::Cluster;
use super::cell::{Cell, NOW, SEED};
use super::model::{Asking, Disk, Forget, Goal, id_of, number_of};
use super::network::{Letter, forget_round};
use crate::invariants::Asked;

/// What happens to a node.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) enum Cause<'a> {
    Letter(&'a Letter),
    Flush,
    Fire(Deadline),
    Lapse(Deadline),
    /// A client gives its command of this number, or tries the same one again.
    Command(u8),
    OpenSession(RequestId),
    Read(RequestId),
    /// It crashes, keeps so many of the writes that waited, and starts again.
    Crash(u8),
    /// It loses its disk, and starts again with an empty one.
    Wipe,
    /// The model's change of the quorum at this place.
    Change(u8, RequestId),
    Transfer(u8, RequestId),
    Forget,
}

/// What a step made of a node.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) cell: Arc<Cell>,
    pub(super) sent: Vec<Arc<Letter>>,
    /// The goals that it shows wherever it happens.
    pub(super) shown: u64,
    /// Whether the node came to lead; which goal that is depends on who led before.
    pub(super) came_to_lead: bool,
    /// Whether it came back from a crash.
    pub(super) restarted: bool,
    /// Whether it learned that something is committed.
    pub(super) commits: bool,
}

/// A step of a node as it was judged, beat by beat, and what came of it.
#[derive(Debug)]
pub(super) struct Reaction {
    beats: Vec<(Kept, Beat)>,
    pub(super) made: Arc<Made>,
}

impl Reaction {
    pub(super) fn new(mut beats: Vec<(Kept, Beat)>, made: Arc<Made>) -> Self {
        if let Some((last, _)) = beats.last_mut()
            && last.0.as_ref().is_some_and(|(node, _)| *node == made.cell.node)
        {
            *last = Kept(None);
        }
        Self { beats, made }
    }

    /// Iterates over the beats, with the node as it was after each. Disks are lost before the first of them.
    pub(super) fn beats(&self) -> impl DoubleEndedIterator<Item = (Standing<'_>, &Beat)> {
        self.beats.iter().map(|(kept, beat)| match &kept.0 {
            Some((node, disk)) => (Standing { node, disk, ..Standing::of(&self.made.cell) }, beat),
            None => (Standing::of(&self.made.cell), beat),
        })
    }
}

/// A node with its disk as it was after a beat; nothing if it is the one that the reaction made.
#[derive(Debug)]
pub(super) struct Kept(Option<(Node, Arc<Recovered>)>);

/// One run of the machine within a step, and what it asked for.
#[derive(Clone, Debug)]
pub(super) struct Beat {
    /// Whether the machine was started by it.
    pub(super) is_start: bool,
    pub(super) effects: Vec<Effect>,
    /// Whether nothing waited for the disk before these effects.
    pub(super) was_settled: bool,
}

/// A node as it stands after a beat.
#[derive(Clone, Copy)]
pub(super) struct Standing<'a> {
    pub(super) node: &'a Node,
    pub(super) disk: &'a Recovered,
    /// What was on the disks that were lost.
    pub(super) graves: &'a [Arc<Recovered>],
    pub(super) is_settled: bool,
}

impl<'a> Standing<'a> {
    pub(super) fn of(cell: &'a Cell) -> Self {
        Self { node: &cell.node, disk: &cell.disk, graves: &cell.graves, is_settled: cell.waiting.is_empty() }
    }
}

/// A node in the midst of a step.
pub(super) struct Reacting<'a> {
    cluster: &'a Cluster,
    number: u8,
    cell: Cell,
    outbox: Outbox,
    next: Option<Next>,
    sent: Vec<Arc<Letter>>,
    shown: u64,
    came_to_lead: bool,
    restarted: bool,
    commits: bool,
    /// What a read shows that is answered at once.
    read_shows: Goal,
}

/// What the machine is run for next.
enum Next {
    /// It was started, and what it asked for is in the outbox.
    Started,
    Input(Input),
}

impl<'a> Reacting<'a> {
    /// Begins with the first start of a node.
    pub(super) fn founding(cluster: &'a Cluster, number: u8, founding: &Arc<Recovered>) -> Self {
        let mut outbox = Outbox::new();
        let node = start(cluster, number, SEED, founding, &mut outbox);
        Self { outbox, next: Some(Next::Started), ..Self::new(cluster, number, Cell::new(node, Arc::clone(founding))) }
    }

    /// Begins with what happens to a node.
    pub(super) fn begin(cluster: &'a Cluster, number: u8, before: &Cell, cause: &Cause<'_>) -> Self {
        let mut this = Self::new(cluster, number, before.clone());
        let has_lease = before.node.raft().lease_until().is_some_and(|until| until > NOW);
        if has_lease && matches!(cause, Cause::Read(_)) {
            this.read_shows = Goal::LeaseRead;
        }
        this.next = match *cause {
            Cause::Letter(letter) => Some(Next::Input(Input::Receive(id_of(letter.from), letter.message.clone()))),
            Cause::Flush => {
                let all = this.cell.waiting.len();
                this.cell.flush(all).map(|write| Next::Input(Input::Persisted(write)))
            }
            Cause::Fire(due) => {
                this.cell.node.map_instants(|deadline, at| if deadline == due { NOW } else { at });
                Some(Next::Input(Input::Wake))
            }
            Cause::Lapse(lapsed) => {
                // With a lease goes what would prolong it: that began before.
                let with_lease = |deadline| lapsed == Deadline::Lease && deadline == Deadline::LeaseMeasured;
                let ends = |deadline| deadline == lapsed || with_lease(deadline);
                this.cell.node.map_instants(|deadline, at| if ends(deadline) { Time::ZERO } else { at });
                None
            }
            Cause::Crash(kept) => {
                this.crash(usize::from(kept));
                Some(Next::Started)
            }
            Cause::Wipe => {
                this.wipe();
                Some(Next::Started)
            }
            Cause::Command(place) => Some(Next::Input(cluster.command(place))),
            Cause::OpenSession(request) => Some(Next::Input(Input::OpenSession(request))),
            Cause::Read(request) => Some(Next::Input(Input::Read(request, cluster.model().reads))),
            Cause::Change(change, request) => {
                let change = cluster.model().changes[usize::from(change)].clone();
                Some(Next::Input(Input::Quorum(request, change)))
            }
            Cause::Transfer(to, request) => Some(Next::Input(Input::Transfer(request, id_of(to)))),
            Cause::Forget => Some(Next::Input(Input::ForgetLeader)),
        };
        this
    }

    fn new(cluster: &'a Cluster, number: u8, cell: Cell) -> Self {
        let (outbox, sent) = (Outbox::new(), Vec::new());
        let (came_to_lead, restarted, commits, read_shows) = (false, false, false, Goal::Read);
        let (next, shown) = (None, 0);
        Self { cluster, number, cell, outbox, next, sent, shown, came_to_lead, restarted, commits, read_shows }
    }

    fn crash(&mut self, kept: usize) {
        self.cell.flush(kept);
        self.cell.waiting.clear();
        self.cell.node = start(self.cluster, self.number, SEED, &self.cell.disk, &mut self.outbox);
        self.restarted = true;
    }

    fn wipe(&mut self) {
        self.cell.lose_disk();
        // An empty disk needs a seed of its own, for the new memory is named by it.
        let seed = Seed::new(self.cell.graves.len() as u64);
        self.cell.node = start(self.cluster, self.number, seed, &self.cell.disk, &mut self.outbox);
    }

    /// Runs the machine once more, unless nothing is left that happens at once.
    pub(super) fn beat(&mut self) -> Option<Beat> {
        let is_start = match self.next.take()? {
            Next::Started => true,
            Next::Input(input) => {
                self.cell.node.step(NOW, input, &mut self.outbox);
                false
            }
        };
        let effects = self.outbox.drain().collect();
        Some(Beat { is_start, effects, was_settled: self.cell.waiting.is_empty() })
    }

    /// Returns the node as it stands.
    pub(super) fn standing(&self) -> Standing<'_> {
        Standing::of(&self.cell)
    }

    /// Copies the node as it stands.
    pub(super) fn keep(&self) -> Kept {
        Kept(Some((self.cell.node.clone(), Arc::clone(&self.cell.disk))))
    }

    /// Carries out what a beat asked for.
    pub(super) fn carry_out(&mut self, beat: Beat) {
        let mut captured = None;
        for effect in beat.effects {
            match effect {
                Effect::Send(to, mut message) => {
                    let Some(to) = number_of(to, usize::from(self.cluster.model().size())) else { continue };
                    if self.cluster.model().forget.contains(&Forget::Rounds) {
                        forget_round(&mut message);
                    }
                    self.sent.push(Arc::new(Letter::new(self.cluster.seed, self.number, to, message)));
                }
                Effect::Persist(write, record) => self.cell.waiting.push((write, record)),
                Effect::Reply(_, Ok(_)) => self.show(Goal::Answered),
                Effect::Read(_, Ok(_)) => {
                    self.show(self.read_shows);
                }
                Effect::Transferred(_, Ok(_)) => self.show(Goal::Transferred),
                Effect::Capture(index) => captured = Some(index),
                Effect::Emit(event) => self.note(&event),
                Effect::Reply(..)
                | Effect::Read(..)
                | Effect::Transferred(..)
                | Effect::SendPacket(..)
                | Effect::Deliver(..)
                | Effect::Apply(..)
                | Effect::Restore(_) => {}
            }
        }
        self.next = self.follows(captured).map(Next::Input);
    }

    /// Returns what happens at once after a beat.
    fn follows(&mut self, captured: Option<LogIndex>) -> Option<Input> {
        if let Some(index) = captured {
            // The embedder's state is a function of the log, so its place in the log stands for it.
            return Some(Input::Captured(index, Blob::from(index.get().to_le_bytes().as_slice())));
        }
        let waiting = self.cell.waiting.len();
        let is_instant = self.cluster.model().disk == Disk::Instant;
        if is_instant && waiting > 0 { self.cell.flush(waiting).map(Input::Persisted) } else { None }
    }

    fn note(&mut self, event: &Event) {
        let first = LogIndex::new(1);
        match event {
            Event::BecameLeader { .. } => self.came_to_lead = true,
            Event::Committed { last } => {
                self.commits = true;
                if last.index > first {
                    self.show(Goal::Committed);
                    if self.cell.node.raft().incarnation() != Incarnation::FOUNDING {
                        self.show(Goal::Rejoined);
                    }
                }
            }
            Event::Repeated { .. } => self.show(Goal::Repeated),
            Event::Truncated { .. } => self.show(Goal::Truncated),
            Event::QuorumChanged { position, .. } if position.index > first => self.show(Goal::Reconfigured),
            Event::SnapshotInstalled { .. } => self.show(Goal::Installed),
            Event::SteppedDown { reason: StepDown::QuorumLost, .. } => self.show(Goal::QuorumLost),
            Event::Started { .. } | _ => {}
        }
    }

    const fn show(&mut self, goal: Goal) {
        self.shown |= goal.bit();
    }

    /// Lets the node look whether it contradicts itself.
    pub(super) fn assert_invariants(&self) {
        self.cell.node.assert_invariants();
    }

    /// Ends the step: all that is forgotten gets its one form, and a cell that is as before is the one before.
    pub(super) fn made(mut self, before: Option<&Arc<Cell>>) -> Made {
        self.cell.settle(self.cluster.model(), self.cluster.seed);
        let Self { cell, sent, shown, came_to_lead, restarted, commits, .. } = self;
        let cell = before.filter(|before| before.hash() == cell.hash()).map_or_else(|| Arc::new(cell), Arc::clone);
        Made { cell, sent, shown, came_to_lead, restarted, commits }
    }
}

impl Cluster {
    /// Returns what a client or an operator asks for, if that is what happens.
    pub(super) fn asked(&self, number: u8, cause: &Cause<'_>) -> Option<(RequestId, Asked)> {
        match *cause {
            Cause::Command(place) => Some((command_number(place), self.asked_command(place))),
            Cause::OpenSession(request) => Some((request, Asked::Session(SessionRequest::Open))),
            Cause::Read(request) => Some((request, Asked::Read(self.model().reads, id_of(number)))),
            Cause::Change(change, request) => {
                Some((request, Asked::Quorum(self.model().changes[usize::from(change)].clone())))
            }
            Cause::Letter(_)
            | Cause::Flush
            | Cause::Fire(_)
            | Cause::Lapse(_)
            | Cause::Crash(_)
            | Cause::Wipe
            | Cause::Transfer(..)
            | Cause::Forget => None,
        }
    }

    /// Returns what a node is given for the client's command of this number.
    fn command(&self, place: u8) -> Input {
        let request = command_number(place);
        match self.model().asking {
            Asking::AtLeaders | Asking::Anywhere => Input::Command(request, self.commands[usize::from(place)].clone()),
            Asking::Retrying => Input::SessionCommand(request, Self::operation(), self.commands[0].clone()),
        }
    }

    fn asked_command(&self, place: u8) -> Asked {
        match self.model().asking {
            Asking::AtLeaders | Asking::Anywhere => Asked::Command(self.commands[usize::from(place)].clone()),
            Asking::Retrying => {
                let (operation, command) = (Self::operation(), self.commands[0].encode());
                Asked::Session(SessionRequest::Do { operation, command })
            }
        }
    }
}

fn command_number(place: u8) -> RequestId {
    RequestId::new(u64::from(place) + 1)
}

fn start(cluster: &Cluster, number: u8, seed: Seed, disk: &Recovered, outbox: &mut Outbox) -> Node {
    Node::start(NOW, id_of(number), Arc::clone(&cluster.settings), seed, disk.clone(), outbox)
}
