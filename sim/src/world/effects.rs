//! Carrying out what a node asks for.

use std::sync::Arc;

use delian_core::raft::{Body, Record};
use delian_core::{
    Applied, Blob, Effect, Event, LogIndex, Message, NodeId, ReadAt, Rejected, RequestId, Time, WriteId,
};

use super::World;
use super::queue::Happening;
use crate::invariants::Observation;
use crate::network::{Fate, Load, Packet};
use crate::trace::Line;

/// One message in so many is encoded and decoded on its way.
pub(super) const WIRE_SAMPLE: u64 = 8;

/// How long an embedder takes to hand over its state, in nanoseconds: 3 ms, so that other things happen in between.
const CAPTURE_TAKES: u64 = 3_000_000;

/// How long a full disk takes to refuse a write, in nanoseconds: 1 ms.
const REFUSAL_TAKES: u64 = 1_000_000;

impl World {
    /// Carries out every effect of a process's last step, in order.
    pub(super) fn carry_out(&mut self, number: u16) {
        let mut outbox = std::mem::take(&mut self.outbox);
        for effect in outbox.drain() {
            match effect {
                Effect::Send(to, message) => self.send(number, to, message),
                Effect::Persist(write, record) => {
                    self.observe(number, Observation::Wrote(&record));
                    self.persist(number, write, record);
                }
                Effect::Reply(request, outcome) => self.reply(number, request, &outcome),
                Effect::Read(request, outcome) => self.read(number, request, &outcome),
                Effect::Transferred(request, outcome) => {
                    let id = self.processes[usize::from(number)].id;
                    self.tracer.write(Line::transferred(self.now, id, request, &outcome));
                    self.census.transfers += u64::from(outcome.is_ok());
                }
                Effect::Apply(applied, bytes) => self.apply(number, applied, &bytes),
                Effect::Capture(index) => self.capture(number, index),
                Effect::Restore(state) => self.processes[usize::from(number)].embedder.restore(&state),
                Effect::SendPacket(tier, parcel) => self.send_packet(number, tier, *parcel),
                Effect::Deliver(..) => unreachable!("nobody in this world says anything to all members of a pool"),
                Effect::Emit(event) => self.emit(number, &event),
            }
        }
        self.outbox = outbox;
    }

    fn send(&mut self, from: u16, to: NodeId, message: Message) {
        self.census.messages += 1;
        self.census.chunks_sent += u64::from(is_chunk(&message));
        let message = self.over_the_wire(message);
        self.observe(from, Observation::Sent(to, &message));
        // An identity whose disk was destroyed has no address any more.
        let Some(receiver) = self.process_of(to) else {
            self.census.undelivered += 1;
            return;
        };
        let process = &self.processes[usize::from(from)];
        let is_muted = process.gag.is_mute && matches!(message, Message::Heartbeat(_));
        let packet = Packet { from, to: receiver, sender: process.id, receiver: to, load: Load::Message(message) };
        if is_muted {
            return self.mute(&packet);
        }
        let fate = self.network.fate(from, receiver);
        self.post(packet, fate);
    }

    /// Loses what a fault keeps from somebody.
    pub(super) fn mute(&mut self, packet: &Packet) {
        self.census.muted += 1;
        self.trace_packet("muted", packet);
    }

    /// Puts something on its way, to arrive as the network decided.
    pub(super) fn post(&mut self, packet: Packet, mut fate: Fate) {
        self.census.queued += u64::from(self.network.queue(self.now, &packet, &mut fate));
        // A replay is a fault, and faults stop: what would come later could keep a dead leader alive while all must heal.
        let chaos_ends = Time::ZERO + self.plan.scenario.chaos;
        fate.replayed =
            fate.replayed.filter(|delay| self.now.as_nanos().saturating_add(*delay) <= chaos_ends.as_nanos());
        self.fingerprint.mix(fate.arrives.unwrap_or(u64::MAX));
        self.census.cut += u64::from(fate.cut);
        self.census.lost += u64::from(fate.arrives.is_none() && !fate.cut);
        self.census.reordered += u64::from(fate.overtaken);
        self.census.duplicated += u64::from(fate.again.is_some());
        self.census.replayed += u64::from(fate.replayed.is_some());
        self.trace_fate(fate, &packet);
        for delay in [fate.again, fate.replayed].into_iter().flatten() {
            self.deliver_after(delay, packet.clone());
        }
        if let Some(delay) = fate.arrives {
            self.deliver_after(delay, packet);
        }
    }

    /// Takes a sample of the messages through their bytes, so that a form that loses something is found here too.
    fn over_the_wire(&self, message: Message) -> Message {
        if !self.census.messages.is_multiple_of(WIRE_SAMPLE) {
            return message;
        }
        let read = Message::decode(&message.encode());
        read.unwrap_or_else(|error| panic!("{message:?} does not survive the wire: {error}"))
    }

    fn trace_fate(&mut self, fate: Fate, packet: &Packet) {
        let kinds = [
            ("cut", fate.cut),
            ("lost", fate.arrives.is_none() && !fate.cut),
            ("doubled", fate.again.is_some()),
            ("replayed", fate.replayed.is_some()),
        ];
        for (kind, _) in kinds.into_iter().filter(|(_, happens)| *happens) {
            self.trace_packet(kind, packet);
        }
    }

    /// Traces what became of something that was sent.
    pub(super) fn trace_packet(&mut self, kind: &'static str, packet: &Packet) {
        if self.tracer.is_on() {
            self.tracer.write(Line::packet(self.now, kind, packet));
        }
    }

    pub(super) fn deliver_after(&mut self, delay: u64, packet: Packet) {
        let slot = self.network.in_flight.put(packet);
        self.queue.schedule(Time::from_nanos(self.now.as_nanos() + delay), Happening::Arrival(slot));
    }

    fn persist(&mut self, number: u16, write: WriteId, record: Record) {
        self.census.writes += 1;
        if self.tracer.is_on() {
            let id = self.processes[usize::from(number)].id;
            self.tracer.write(Line::write(self.now, id, write, &record));
        }
        let now = self.now.as_nanos();
        let process = &mut self.processes[usize::from(number)];
        let run = process.run;
        if process.disk.fails(write) {
            let at = Time::from_nanos(now + REFUSAL_TAKES);
            self.queue.schedule(at, Happening::WriteFailed { process: number, run, write });
        } else if let Some(after) = process.disk.write(write, record) {
            self.queue.schedule(Time::from_nanos(now + after), Happening::Flushed { process: number, run });
        }
    }

    fn reply(&mut self, number: u16, request: RequestId, outcome: &Result<Applied, Rejected>) {
        if self.tracer.is_on() {
            let id = self.processes[usize::from(number)].id;
            self.tracer.write(Line::reply(self.now, id, request, outcome));
        }
        self.observe(number, Observation::Replied(request, outcome));
        self.note_reply(request, outcome);
    }

    fn read(&mut self, number: u16, request: RequestId, outcome: &Result<ReadAt, Rejected>) {
        if self.tracer.is_on() {
            let id = self.processes[usize::from(number)].id;
            self.tracer.write(Line::read(self.now, id, request, outcome));
        }
        self.observe(number, Observation::ReadReplied(request, outcome));
        self.note_read(number, request, outcome);
    }

    fn apply(&mut self, number: u16, applied: Applied, command: &[u8]) {
        self.observe(number, Observation::HandedOver(&applied));
        self.processes[usize::from(number)].embedder.apply(applied, command);
    }

    fn capture(&mut self, number: u16, index: LogIndex) {
        let process = &mut self.processes[usize::from(number)];
        process.captured = Some((index, Blob::from(process.embedder.capture())));
        let at = Time::from_nanos(self.now.as_nanos() + CAPTURE_TAKES);
        self.queue.schedule(at, Happening::Captured { process: number, run: process.run });
    }

    fn emit(&mut self, number: u16, event: &Event) {
        if self.tracer.is_on() {
            let id = self.processes[usize::from(number)].id;
            self.tracer.write(Line::event(self.now, id, event));
        }
        let node = self.processes[usize::from(number)].id;
        self.census.on_event(self.now, node, event);
        self.note_change(event);
        self.note_event(number, event);
        if let Event::SteppedDown { .. } = event
            && !self.someone_leads()
        {
            self.census.leader_lost(self.now);
        }
        self.observe(number, Observation::Emitted(event));
    }

    pub(super) fn someone_leads(&self) -> bool {
        self.processes.iter().any(|process| process.node.as_ref().is_some_and(|node| node.raft().is_leader()))
    }

    /// Takes a process that stopped itself down: its supervisor sees it exit.
    pub(super) fn note_halt(&mut self, number: u16) {
        let halted = |process: &super::Process| process.node.as_ref().is_some_and(|n| n.raft().halted().is_some());
        if halted(&self.processes[usize::from(number)]) {
            self.take_down(number, "exit");
        }
    }

    pub(super) fn embedder(&self) -> Box<dyn crate::embedder::Embedder> {
        let factory = Arc::clone(&self.embedders);
        factory()
    }
}

fn is_chunk(message: &Message) -> bool {
    matches!(message, Message::Raft(raft) if matches!(raft.body, Body::Chunk { .. }))
}
