//! Taking an action: one input to one node, all that it asks for carried out, and every property judged on the way.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use delian_core::projection::Deadline;
use delian_core::raft::{Body, Recovered};
use delian_core::{Consistency, Effect, Message, RequestId};

use super::Cluster;
use super::abstract_raft::{Around, abs_next, abs_restart};
use super::action::Action;
use super::cell::Cell;
use super::ghost::{Ghost, Judge, Sight};
use super::model::{Goal, Network, UNBOUNDED, id_of, number_of};
use super::network::{Item, Letter};
use super::react::{Beat, Cause, Made, Reacting, Reaction, Standing};
use super::recall::Recall;
use super::scene::Scene;
use super::state::State;
use crate::explore::hash::Hash128;
use crate::invariants::{Breach, Ledger, Observation};

/// The numbers of reads begin here, so that they are never those of commands.
const READS: u64 = 1_000;

/// The numbers of an operator's requests begin here.
const OPERATIONS: u64 = 2_000;

impl Cluster {
    /// Takes an action without asking whether it is enabled.
    pub(super) fn take(&self, recall: &mut Recall, state: &mut State, action: Action) -> Result<(), Breach> {
        self.pay(state, action);
        let (number, cause) = match action {
            Action::Deliver(place) => {
                let item = state.flight.arrive(self.model().network, usize::from(place));
                return self.arrive(recall, state, &item);
            }
            Action::Lose(place) => {
                state.flight.take(usize::from(place));
                return Ok(());
            }
            Action::Duplicate(place) => {
                let item = state.flight.double(self.model().network, usize::from(place));
                return self.arrive(recall, state, &item);
            }
            Action::Delay => {
                state.flight.delay_head();
                return Ok(());
            }
            Action::Flush(number) => (number, Cause::Flush),
            Action::Fire(number, deadline) => (number, Cause::Fire(deadline)),
            Action::Lapse(number, deadline) => (number, Cause::Lapse(deadline)),
            Action::Client(number) => (number, Cause::Command(self.model().budgets.commands - state.left.commands - 1)),
            Action::Read(number) => (number, Cause::Read(RequestId::new(READS + u64::from(state.left.reads)))),
            Action::Crash(number, kept) => (number, Cause::Crash(kept)),
            Action::Wipe(number) => (number, Cause::Wipe),
            Action::Change(number, change) => {
                state.asked |= 1 << change;
                (number, Cause::Change(change, RequestId::new(OPERATIONS + u64::from(change))))
            }
            Action::Transfer(number, to) => {
                let request = RequestId::new(OPERATIONS + 100 + u64::from(state.left.transfers));
                (number, Cause::Transfer(to, request))
            }
            Action::Forget(number) => (number, Cause::Forget),
        };
        self.happen(recall, state, number, &cause)
    }

    /// Takes what an action costs from what may still happen.
    fn pay(&self, state: &mut State, action: Action) {
        let in_flight = !state.flight.is_empty();
        let queued = matches!(self.model().network, Network::Delay { .. });
        let breaks_promise = matches!(
            action,
            Action::Fire(number, Deadline::Election) | Action::Lapse(number, Deadline::Presumption)
                if state.is_bound(number)
        );
        let left = &mut state.left;
        left.drifts = left.drifts.saturating_sub(u8::from(breaks_promise));
        let spend = |budget: &mut u8| {
            if *budget != UNBOUNDED {
                *budget = budget.saturating_sub(1);
            }
        };
        match action {
            Action::Deliver(_) | Action::Flush(_) => return,
            Action::Duplicate(_) => spend(&mut left.duplicates),
            Action::Fire(_, Deadline::Election) => spend(&mut left.elections),
            Action::Fire(_, Deadline::Heartbeat) => spend(&mut left.heartbeats),
            Action::Fire(_, Deadline::QuorumCheck) => spend(&mut left.checks),
            Action::Fire(..) | Action::Lapse(..) | Action::Lose(_) | Action::Delay => {}
            Action::Client(_) => spend(&mut left.commands),
            Action::Read(_) => spend(&mut left.reads),
            Action::Crash(..) => spend(&mut left.crashes),
            Action::Wipe(_) => spend(&mut left.wipes),
            Action::Change(..) => spend(&mut left.changes),
            Action::Transfer(..) => spend(&mut left.transfers),
            Action::Forget(_) => spend(&mut left.forgets),
        }
        if queued && in_flight {
            left.deviations = left.deviations.saturating_sub(1);
        }
    }

    /// Delivers what is first, whatever the network.
    pub(super) fn deliver_first(&self, recall: &mut Recall, state: &mut State) -> Result<(), Breach> {
        let item = state.flight.take(0);
        self.arrive(recall, state, &item)
    }

    fn arrive(&self, recall: &mut Recall, state: &mut State, item: &Item) -> Result<(), Breach> {
        match item {
            Item::Flush(number) => self.happen(recall, state, *number, &Cause::Flush),
            Item::Letter(letter) => {
                self.happen(recall, state, letter.to, &Cause::Letter(letter))?;
                self.note_promise(state, letter);
                Ok(())
            }
        }
    }

    /// Under leases, whoever takes in a leader's heartbeat promises something.
    fn note_promise(&self, state: &mut State, letter: &Letter) {
        if self.model().reads != Consistency::Lease {
            return;
        }
        let Message::Raft(message) = &letter.message else { return };
        let raft = state.scene.cell(letter.to).node.raft();
        let follows = raft.leader() == Some(id_of(letter.from)) && raft.term() == message.term;
        if matches!(message.body, Body::Heartbeat { .. }) && follows {
            state.promise(letter.to, letter.from);
        }
    }

    /// Opens the session in which clients try again.
    pub(super) fn open_session(&self, state: &mut State, number: u8) -> Result<(), Breach> {
        let request = RequestId::new(OPERATIONS + 200);
        self.happen(&mut Recall::nothing(), state, number, &Cause::OpenSession(request))
    }

    /// Starts a node for the first time.
    pub(super) fn found(&self, state: &mut State, number: u8, founding: &Arc<Recovered>) -> Result<(), Breach> {
        let mut reacting = Reacting::founding(self, number, founding);
        let mut judging = Judging::new(state, number);
        while let Some(beat) = reacting.beat() {
            judging.beat(reacting.standing(), &beat)?;
            reacting.carry_out(beat);
        }
        reacting.assert_invariants();
        judging.observe(reacting.standing(), Observation::Sampled)?;
        let ghost = judging.judge.close(self.seed, state.scene.ghost());
        let made = reacting.made(None);
        let cells = [state.scene.cells(), &[Arc::clone(&made.cell)]].concat();
        self.apply(state, number, &made, Arc::new(Scene::new(self.seed, cells, ghost)));
        Ok(())
    }

    /// Lets something happen to a node.
    fn happen(&self, recall: &mut Recall, state: &mut State, number: u8, cause: &Cause<'_>) -> Result<(), Breach> {
        if matches!(cause, Cause::Crash(_) | Cause::Wipe) {
            state.flight.forget_flush(number);
        }
        let keys = recall.keeps().then(|| self.keys(state, number, cause));
        if let Some((made, scene)) = keys.and_then(|(_, key)| recall.steps.get(key)) {
            self.apply(state, number, made, Arc::clone(scene));
        } else {
            let mut judging = Judging::new(state, number);
            let made = match keys {
                None => Arc::new(self.react(&mut judging, cause, |_, _| {})?),
                Some((key, _)) => self.recall_or_react(recall, key, &mut judging, cause)?,
            };
            let ghost = judging.judge.close(self.seed, state.scene.ghost());
            let scene = self.scene(recall, &state.scene, number, &made, ghost);
            if let Some((_, key)) = keys {
                recall.steps.keep(key, (Arc::clone(&made), Arc::clone(&scene)));
            }
            self.apply(state, number, &made, scene);
        }
        if matches!(cause, Cause::Lapse(Deadline::Lease)) {
            state.release(number);
        }
        Ok(())
    }

    /// Returns what a reaction is kept under, and what the judged step is.
    fn keys(&self, state: &State, number: u8, cause: &Cause<'_>) -> (u128, u128) {
        let mut hasher = Hash128::new(self.seed);
        hasher.write_u8(number);
        cause.hash(&mut hasher);
        let mut all = hasher;
        hasher.write_u128(state.scene.cell(number).hash());
        all.write_u128(state.scene.record());
        (hasher.finish_128(), all.finish_128())
    }

    /// Judges what was kept of a reaction, or what comes of it.
    fn recall_or_react(
        &self,
        recall: &mut Recall,
        key: u128,
        judging: &mut Judging<'_>,
        cause: &Cause<'_>,
    ) -> Result<Arc<Made>, Breach> {
        if let Some(reaction) = recall.reactions.get(key) {
            judging.reaction(self, reaction, cause)?;
            return Ok(Arc::clone(&reaction.made));
        }
        let mut beats = Vec::new();
        let made = self.react(judging, cause, |reacting, beat| beats.push((reacting.keep(), beat.clone())))?;
        let made = Arc::new(made);
        recall.reactions.keep(key, Reaction::new(beats, Arc::clone(&made)));
        Ok(made)
    }

    /// Lets a node react, and judges each beat before the next.
    fn react(
        &self,
        judging: &mut Judging<'_>,
        cause: &Cause<'_>,
        mut each: impl FnMut(&Reacting<'_>, &Beat),
    ) -> Result<Made, Breach> {
        let before = judging.before();
        judging.open(self, cause)?;
        let mut reacting = Reacting::begin(self, judging.number, before, cause);
        let mut is_sampled = false;
        while let Some(beat) = reacting.beat() {
            each(&reacting, &beat);
            judging.beat(reacting.standing(), &beat)?;
            reacting.carry_out(beat);
            is_sampled = true;
        }
        if is_sampled {
            reacting.assert_invariants();
            judging.observe(reacting.standing(), Observation::Sampled)?;
        }
        judging.refines(reacting.standing(), cause)?;
        Ok(reacting.made(Some(before)))
    }

    /// Returns the scene after a step: one that is there already, if an equal one is.
    fn scene(
        &self,
        recall: &mut Recall,
        before: &Arc<Scene>,
        number: u8,
        made: &Made,
        ghost: Arc<Ghost>,
    ) -> Arc<Scene> {
        let is_same_node = made.cell.hash() == before.cell(number).hash();
        if is_same_node && Arc::ptr_eq(&ghost, before.ghost()) {
            return Arc::clone(before);
        }
        let ghost = recall.ghosts.share(ghost.record(), ghost);
        let mut cells = before.cells().to_vec();
        if !is_same_node {
            cells[usize::from(number)] = Arc::clone(&made.cell);
        }
        let scene = Arc::new(Scene::new(self.seed, cells, ghost));
        recall.scenes.share(scene.record(), scene)
    }

    /// Keeps what a step brought about.
    fn apply(&self, state: &mut State, number: u8, made: &Made, scene: Arc<Scene>) {
        let network = self.model().network;
        state.scene = scene;
        state.shown |= made.shown;
        if made.came_to_lead {
            let led_before = state.shown & Goal::Leader.bit() != 0;
            state.shown |= if led_before { Goal::SecondLeader } else { Goal::Leader }.bit();
        }
        state.restarted |= u8::from(made.restarted) << number;
        if made.commits && state.restarted & 1 << number != 0 {
            state.shown |= Goal::Recovered.bit();
        }
        if state.promised != 0 && !made.cell.node.raft().is_leader() {
            state.release(number);
        }
        for letter in &made.sent {
            state.flight.send(network, Item::Letter(Arc::clone(letter)));
        }
        let queued = matches!(network, Network::Delay { .. });
        if queued && !made.cell.waiting.is_empty() && !state.flight.has_flush(number) {
            state.flight.send(network, Item::Flush(number));
        }
    }
}

/// A step being judged.
struct Judging<'a> {
    cells: &'a [Arc<Cell>],
    number: u8,
    /// What was committed before.
    committed: &'a Ledger,
    judge: Judge,
}

impl<'a> Judging<'a> {
    fn new(state: &'a State, number: u8) -> Self {
        let (cells, ghost) = (state.scene.cells(), state.scene.ghost());
        Self { cells, number, committed: ghost.consensus().ledger(), judge: Judge::new(ghost) }
    }

    /// Returns the node as it was.
    fn before(&self) -> &'a Arc<Cell> {
        &self.cells[usize::from(self.number)]
    }

    fn observe(&mut self, stepping: Standing<'_>, observation: Observation<'_>) -> Result<(), Breach> {
        let sight = Sight { cells: self.cells, number: self.number, stepping };
        self.judge.observe(id_of(self.number), observation, &sight)
    }

    /// Notes what comes before anything that the node does.
    fn open(&mut self, cluster: &Cluster, cause: &Cause<'_>) -> Result<(), Breach> {
        let before = Standing::of(self.before());
        if matches!(cause, Cause::Crash(_) | Cause::Wipe) {
            return self.observe(before, Observation::Crashed);
        }
        match cluster.asked(self.number, cause) {
            Some((request, asked)) => self.observe(before, Observation::Asked(request, &asked)),
            None => Ok(()),
        }
    }

    /// Judges a beat. In the standing, the disk is as it was before the beat's own writes.
    fn beat(&mut self, mut standing: Standing<'_>, beat: &Beat) -> Result<(), Breach> {
        standing.is_settled = beat.was_settled;
        if beat.is_start {
            self.observe(standing, Observation::Started)?;
        }
        for effect in &beat.effects {
            let observation = match effect {
                Effect::Send(to, message) => Observation::Sent(*to, message),
                Effect::Persist(_, record) => Observation::Wrote(record),
                Effect::Reply(request, outcome) => Observation::Replied(*request, outcome),
                Effect::Read(request, outcome) => Observation::ReadReplied(*request, outcome),
                Effect::Apply(applied, _) => Observation::HandedOver(applied),
                Effect::Emit(event) => Observation::Emitted(event),
                Effect::Transferred(..)
                | Effect::Capture(_)
                | Effect::Restore(_)
                | Effect::SendPacket(..)
                | Effect::Deliver(..) => continue,
            };
            self.observe(standing, observation)?;
            standing.is_settled &= !matches!(effect, Effect::Persist(..));
        }
        self.observe(standing, Observation::Stepped)
    }

    /// Judges a reaction as it would be judged while it happens.
    fn reaction(&mut self, cluster: &Cluster, reaction: &Reaction, cause: &Cause<'_>) -> Result<(), Breach> {
        self.open(cluster, cause)?;
        for (standing, beat) in reaction.beats() {
            self.beat(standing, beat)?;
        }
        let made = Standing::of(&reaction.made.cell);
        let Some((last, _)) = reaction.beats().next_back() else { return self.refines(made, cause) };
        let last = Standing { is_settled: made.is_settled, ..last };
        self.observe(last, Observation::Sampled)?;
        self.refines(last, cause)
    }

    /// Judges the step as a whole.
    fn refines(&self, after: Standing<'_>, cause: &Cause<'_>) -> Result<(), Breach> {
        let disk = after.disk;
        let (before, after) = (self.before().node.raft(), after.node.raft());
        if matches!(cause, Cause::Crash(_)) {
            return abs_restart(before, after, disk);
        }
        // A new memory refines nothing of the one that was lost.
        if matches!(cause, Cause::Wipe) {
            return Ok(());
        }
        let other = |id| {
            let number = number_of(id, self.cells.len())?;
            Some(self.cells[usize::from(number)].node.raft())
        };
        let graves = |id| {
            let number = number_of(id, self.cells.len());
            number.map_or(&[][..], |number| self.cells[usize::from(number)].graves.as_slice())
        };
        abs_next(&Around { other: &other, graves: &graves, committed: self.committed }, before, after).map(|_| ())
    }
}
