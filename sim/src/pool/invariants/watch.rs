//! How the oracle hears a world: steps, events and packets, as they happen.

use std::sync::Arc;

use delian_core::swim::{Carrier, Directory, Event, Members, Packet, Standing, Swim};
use delian_core::{NodeId, Time};

use super::history::{History, Row};
use super::own_life::Own;
use super::{
    Breach, CLOSELY_MAX, Oracle, Told, confirmations, dissemination, identity, judge_told, look_through, one_probe,
    own_life, packets, provenance, remembered, told_of,
};
use crate::pool::member::Member;
use crate::pool::participant::Note;
use crate::pool::truth::End;
use crate::pool::world::Watcher;

impl<M: Members> Watcher<Member<M>> for Oracle {
    fn notice(&mut self, _: Time, _: u32, _: Note) {}

    fn stepped(&mut self, now: Time, place: u32, member: &Member<M>, shared: &Directory) {
        let directory = member.directory(shared);
        if self.breach.is_none() {
            self.breach = judge_step(&mut self.history, now, place, member, directory).err();
        }
    }

    fn sent(&mut self, now: Time, from: u32, to: u32, carrier: Carrier, packet: &Packet) {
        if self.breach.is_none() {
            self.packets += 1;
            let number = self.packets;
            self.breach = judge_packet(&mut self.history, now, (from, to), (number, carrier, packet)).err();
        }
    }

    fn arrives(&mut self, _: Time, _: u32, to: u32, packet: &Packet) {
        confirmations::on_arrival(&mut self.history, to, packet);
    }
}

fn judge_packet(
    history: &mut History,
    now: Time,
    (from, to): (u32, u32),
    (number, carrier, packet): (u64, Carrier, &Packet),
) -> Result<(), Breach> {
    *history.facts.packets.entry(super::facts::kind_of(&packet.body)).or_default() += 1;
    provenance::on_packet(history, now, from, packet)?;
    packets::on_packet(history, now, from, (number, carrier, packet))?;
    match carrier {
        Carrier::Datagram => one_probe::on_datagram(history, now, from, to, packet),
        Carrier::Stream => Ok(()),
    }
}

fn judge_step<M: Members>(
    history: &mut History,
    now: Time,
    place: u32,
    member: &Member<M>,
    directory: &Directory,
) -> Result<(), Breach> {
    let swim = member.swim();
    let life = history.truth.life(place).expect("the truth is told who begins a life before it begins");
    let life_of = life.node;
    assert_eq!(life_of, swim.card().id, "the truth was told of another life at place {place}");
    if life.ended.is_some() {
        return Ok(());
    }
    let begins = history.rows[place as usize].life != history.truth.lives(place);
    if begins {
        note_life(history, place, life_of);
    }
    let subject = note_issued(history, now, swim);
    if begins {
        begin(history, now, place, swim, directory);
    }
    judge_own(history, now, place, member, directory)?;
    if matches!(swim.standing(), Standing::Leaving(_) | Standing::Departed) {
        own_life::on_leave(history, now, place)?;
        // Two lives of one identity may leave at a time.
        let left = &mut history.subjects[subject as usize].left;
        *left = (*left).max(Some(swim.incarnation()));
    }
    let row = &mut history.rows[place as usize];
    let (before, after, events) = (row.reachable, swim.members().reachable(), member.noticed());
    row.members = (before.min(after).saturating_sub(events.len()).max(2), before.max(after).max(2));
    row.reachable = after;
    row.incarnation = swim.incarnation();
    row.health = swim.health();
    row.woke = member.woke();
    for event in events {
        if let Some((node, word, incarnation)) = told_of(event) {
            let subject = history.meet(node);
            judge_told(history, &Told { now, observer: place, subject, word, incarnation, woke: member.woke() })?;
        }
    }
    history.facts.deliveries += member.delivered().len() as u64;
    if history.truth.size() <= CLOSELY_MAX {
        look_through(history, now, place, swim, directory)?;
    }
    events.iter().try_for_each(|event| note_own_event(history, now, place, event))
}

/// Takes note that a node begins a life: what its earlier ones issued, if none of them goes on.
fn note_life(history: &mut History, place: u32, node: NodeId) {
    let number = history.meet(node);
    let alone = history.truth.lives_of(node).all(|(other, life)| other == place || life.ended.is_some());
    let subject = &mut history.subjects[number as usize];
    if subject.lives > 0 && alone {
        subject.outlived = Some(subject.issued);
    }
    subject.lives += 1;
}

/// Takes note of the incarnation that a member is in.
fn note_issued<M: Members>(history: &mut History, now: Time, swim: &Swim<M>) -> u32 {
    let number = history.meet(swim.card().id);
    let subject = &mut history.subjects[number as usize];
    subject.label = Some(swim.settings().label());
    if swim.incarnation() > subject.issued {
        subject.issued = swim.incarnation();
        subject.raised_at = now;
        dissemination::on_raise(history, now, number, swim.incarnation());
    }
    number
}

/// Begins to observe through a member that begins a life: whom it remembers joined before.
fn begin<M: Members>(history: &mut History, now: Time, place: u32, swim: &Swim<M>, directory: &Directory) {
    history.suspicions.retain(|(observer, _), _| *observer != place);
    history.rows[place as usize] = Row {
        life: history.truth.lives(place),
        settings: Some(Arc::clone(swim.settings())),
        incarnation: swim.incarnation(),
        reachable: swim.members().reachable(),
        ..Row::default()
    };
    if !history.keeps_pairs() {
        return;
    }
    for (node, record) in swim.known(directory) {
        let subject = history.meet(node);
        // Whoever runs the world may let members remember lives that were before it.
        let issued = &mut history.subjects[subject as usize].issued;
        *issued = record.incarnation.max(*issued);
        history.hold(now, place, subject, record);
        history.pair_mut(place, subject).phase = remembered(record.state);
    }
}

fn judge_own<M: Members>(
    history: &History,
    now: Time,
    place: u32,
    member: &Member<M>,
    directory: &Directory,
) -> Result<(), Breach> {
    let swim = member.swim();
    let own = Own {
        incarnation: swim.incarnation(),
        record: swim.seen(directory, swim.card().id),
        leaves: !matches!(swim.standing(), Standing::Newcomer | Standing::Member),
        refuted: member.noticed().iter().any(|event| matches!(event, Event::Refuted(_))),
    };
    own_life::on_step(history, now, place, own)?;
    one_probe::on_step(history, now, place, swim.health())
}

/// Takes note of what a member told of itself.
fn note_own_event(history: &mut History, now: Time, place: u32, event: &Event) -> Result<(), Breach> {
    let facts = &mut history.facts;
    match event {
        Event::Refuted(_) => facts.refutations += 1,
        Event::NameConflict { .. } => facts.name_conflicts += 1,
        Event::Isolated => facts.isolations += 1,
        Event::Reunited => facts.reunions += 1,
        Event::HealthChanged(_) => facts.health_changes += 1,
        Event::Full(_) => facts.refused_for_room += 1,
        Event::BroadcastDropped(..) => facts.drops += 1,
        Event::ForeignPool(..) => facts.foreign_packets += 1,
        Event::Implausible(..) => facts.implausible += 1,
        Event::Yielded { .. } => {
            facts.yields += 1;
            identity::on_yield(history, now, place)?;
            history.truth.end(now, place, End::Yielded);
        }
        // Whoever leaves unheard looks like one that crashed.
        Event::Departed(heard) => {
            facts.departures += 1;
            history.truth.end(now, place, if *heard > 0 { End::Left } else { End::Crashed });
        }
        Event::Joined(..)
        | Event::Updated(..)
        | Event::Suspected { .. }
        | Event::Recovered(..)
        | Event::Left { .. }
        | Event::Died(..)
        | Event::BroadcastTooLarge { .. }
        | _ => {}
    }
    Ok(())
}
