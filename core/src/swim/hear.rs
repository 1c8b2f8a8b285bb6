//! The rules by which news changes a view.
//!
//! For one member and one incarnation: suspect goes before alive, dead before both, left before all. A later incarnation
//! goes before an earlier one, whatever it says; only the member itself makes one (SWIM, section 4.2). Nobody is buried
//! on hearsay: a death that others tell is a suspicion, so that its subject can refute it, of the shortest span if gossip
//! tells it, and of any if an exchange of views does, which is older than gossip. Whoever has suspected the member for
//! that long already buries it at once.

use alloc::sync::Arc;

use super::card::{Card, CardSum};
use super::directory::Slot;
use super::ids::Incarnation;
use super::io::Event;
use super::members::{Members, Record, State};
use super::packet::{Body, News};
use super::state::Standing;
use super::suspicion::{Confirmed, Span};
use super::{Swim, Turn};
use crate::ids::{Blob, NodeId};

/// Where news comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    /// Who sent it.
    pub(super) from: NodeId,
    /// Whether it is part of an exchange of views.
    pub(super) merged: bool,
}

/// Whether a card that changed bears the name that it bore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Kept,
    Other,
}

impl<M: Members> Swim<M> {
    /// Takes in one piece of news.
    pub(super) fn hear(&mut self, turn: &mut Turn<'_>, news: News, source: Source) {
        match news {
            News::Alive { incarnation, card } if card.id == self.me.id => {
                self.hear_of_my_life(turn, incarnation, &card, source);
            }
            News::Alive { incarnation, card } => self.hear_alive(turn, incarnation, card, source),
            News::Suspect { member, incarnation, .. } | News::Dead { member, incarnation } if member == self.me.id => {
                self.hear_accusation(turn, incarnation);
            }
            News::Left { member, incarnation } if member == self.me.id => self.hear_accusation(turn, incarnation),
            News::Suspect { member, incarnation, accuser } => self.hear_suspect(turn, member, incarnation, accuser),
            News::Dead { member, incarnation } => self.hear_dead(turn, member, incarnation, source),
            News::Left { member, incarnation } => self.hear_left(turn, member, incarnation),
            News::Broadcast(broadcast) => self.hear_broadcast(turn, broadcast),
        }
    }

    fn hear_alive(&mut self, turn: &mut Turn<'_>, incarnation: Incarnation, card: Arc<Card>, source: Source) {
        if card.check(&self.settings).is_err() {
            return;
        }
        let Some((slot, record)) = self.find(turn, card.id) else {
            return self.take_in(turn, incarnation, card, source);
        };
        let same = turn.directory.card(slot) == Some(&card);
        let kept = turn.directory.card(slot).is_some_and(|known| known.name == card.name);
        let name = if kept { Name::Kept } else { Name::Other };
        if incarnation > record.incarnation {
            // The member itself may claim any incarnation; hearsay is held to what is plausible.
            if source.from != card.id && !record.incarnation.may_rise_to(incarnation) {
                return turn.out.emit(Event::Implausible(card.id, incarnation));
            }
            turn.directory.set_card(slot, Arc::clone(&card));
            self.suspicions.end(slot);
            self.graves.clear(slot);
            self.see(turn, slot, Record { incarnation, state: State::Alive });
            match record.state {
                State::Alive if same => {}
                State::Alive => self.update(turn, slot, &card, incarnation, name),
                State::Suspect => {
                    turn.out.emit(Event::Recovered(card.id, incarnation));
                    if !same {
                        self.update(turn, slot, &card, incarnation, name);
                    }
                }
                State::Dead | State::Left => {
                    self.welcome(turn, slot, &card, incarnation);
                    if source.from == card.id && !source.merged {
                        // It was out of reach and is back, and others with it: this node may be the first to hear.
                        self.exchange.hurry(turn.now, &self.settings);
                        self.offer_if_due(turn, card.id);
                    }
                }
            }
            self.spread(slot, News::Alive { incarnation, card });
        } else if incarnation == record.incarnation && record.state.is_reachable() && !same {
            // Two lives claim one incarnation, for with a card it would have changed. Who speaks for itself hears of the
            // other, and takes a later one or yields; of what others say the greater card goes before, everywhere alike.
            if source.from == card.id && !incarnation.is_last() {
                let known = self.news_of(turn, slot);
                return self.send_datagram(turn, card.address, Body::Gossip, known);
            }
            if turn.directory.card(slot).is_some_and(|known| **known > *card) {
                return;
            }
            turn.directory.set_card(slot, Arc::clone(&card));
            self.see(turn, slot, record);
            self.update(turn, slot, &card, incarnation, name);
            self.spread(slot, News::Alive { incarnation, card });
        }
    }

    /// Takes in a member that was not known.
    fn take_in(&mut self, turn: &mut Turn<'_>, incarnation: Incarnation, card: Arc<Card>, source: Source) {
        if self.members.known() >= self.settings.members_max
            && let Some(slot) = self.graves.take_first()
        {
            // The dead make room for the living.
            self.forget(turn, slot);
        }
        let Some(slot) = self.make_room(turn, card.id) else { return };
        turn.directory.set_card(slot, Arc::clone(&card));
        self.see(turn, slot, Record { incarnation, state: State::Alive });
        self.welcome(turn, slot, &card, incarnation);
        // A newcomer hears of everyone at once, from those who know already.
        if !(source.merged && self.standing == Standing::Newcomer) {
            self.spread(slot, News::Alive { incarnation, card });
        }
    }

    fn welcome(&mut self, turn: &mut Turn<'_>, slot: Slot, card: &Arc<Card>, incarnation: Incarnation) {
        turn.out.emit(Event::Joined(Arc::clone(card), incarnation));
        self.report_namesake(turn, slot, card);
    }

    /// Reports another name as a conflict, if somebody bears it.
    fn report_namesake(&self, turn: &mut Turn<'_>, slot: Slot, card: &Arc<Card>) {
        let members = &self.members;
        let named = turn.directory.namesakes(slot);
        let namesake = named
            .filter(|other| members.get(*other).is_some_and(|record| record.state.is_reachable()))
            .min_by_key(|other| turn.directory.node(*other));
        if let Some(namesake) = namesake {
            let (one, other) = (turn.directory.node(namesake), card.id);
            turn.out.emit(Event::NameConflict { holder: one.min(other), other: one.max(other) });
        }
    }

    /// Tells that the card of a member changed.
    fn update(&self, turn: &mut Turn<'_>, slot: Slot, card: &Arc<Card>, incarnation: Incarnation, name: Name) {
        turn.out.emit(Event::Updated(Arc::clone(card), incarnation));
        if name == Name::Other {
            self.report_namesake(turn, slot, card);
        }
    }

    /// Takes in that a member did not answer another, or this node.
    pub(super) fn hear_suspect(
        &mut self,
        turn: &mut Turn<'_>,
        member: NodeId,
        incarnation: Incarnation,
        accuser: NodeId,
    ) {
        if accuser == member {
            return;
        }
        // A suspicion of a stranger is dropped: whoever introduces it knows how it is, or learns it by an exchange.
        let Some((slot, record)) = self.find(turn, member) else { return };
        if incarnation > record.incarnation {
            if !record.incarnation.may_rise_to(incarnation) {
                return turn.out.emit(Event::Implausible(member, incarnation));
            }
            if turn.directory.card(slot).is_some() {
                self.suspect(turn, slot, incarnation, accuser);
            }
            return;
        }
        if incarnation < record.incarnation {
            return;
        }
        match record.state {
            State::Alive => self.suspect(turn, slot, incarnation, accuser),
            // It was remembered as suspected when this life began, and nothing ends that.
            State::Suspect if self.suspicions.accuser(slot).is_none() => {
                self.suspect(turn, slot, incarnation, accuser);
            }
            State::Suspect => {
                let reaches = |(_, record): (Slot, Record)| record.state.is_reachable();
                let live = accuser == self.me.id || self.find(turn, accuser).is_some_and(reaches);
                if live && self.suspicions.confirm(slot, incarnation, accuser) == Confirmed::Yes {
                    self.spread(slot, News::Suspect { member, incarnation, accuser });
                }
            }
            State::Dead | State::Left => {}
        }
    }

    /// Begins a suspicion, or one of a later incarnation.
    pub(super) fn suspect(&mut self, turn: &mut Turn<'_>, slot: Slot, incarnation: Incarnation, accuser: NodeId) {
        let member = turn.directory.node(slot);
        let was = self.members.get(slot).expect("who is suspected is known").state;
        let (count, settings) = (self.members.reachable(), &self.settings);
        // Nobody can confirm but those who are neither the accuser nor the accused.
        let confirmations = usize::from(settings.confirmations).min(count.saturating_sub(2));
        let span =
            Span { shortest: settings.suspicion_min(count), longest: settings.suspicion_max(count), confirmations };
        self.suspicions.begin(turn.now, slot, incarnation, accuser, span);
        self.graves.clear(slot);
        self.see(turn, slot, Record { incarnation, state: State::Suspect });
        if !was.is_reachable() {
            let card = Arc::clone(turn.directory.card(slot).expect("a member without a card is not suspected"));
            self.welcome(turn, slot, &card, incarnation);
        }
        turn.out.emit(Event::Suspected { member, incarnation, accuser });
        self.spread(slot, News::Suspect { member, incarnation, accuser });
    }

    fn hear_dead(&mut self, turn: &mut Turn<'_>, member: NodeId, incarnation: Incarnation, source: Source) {
        let Some((slot, record)) = self.find(turn, member) else {
            return self.remember_gone(turn, member, Record { incarnation, state: State::Dead });
        };
        if incarnation < record.incarnation {
            return;
        }
        if !record.incarnation.may_rise_to(incarnation) {
            return turn.out.emit(Event::Implausible(member, incarnation));
        }
        match record.state {
            State::Alive | State::Suspect => {
                self.hear_suspect(turn, member, incarnation, source.from);
                if !source.merged && source.from != member {
                    self.suspicions.hasten(slot);
                }
            }
            State::Dead | State::Left if incarnation > record.incarnation => {
                self.see(turn, slot, Record { incarnation, state: State::Dead });
                self.spread(slot, News::Dead { member, incarnation });
            }
            State::Dead | State::Left => {}
        }
    }

    /// Takes a member for dead.
    pub(super) fn bury(&mut self, turn: &mut Turn<'_>, slot: Slot, incarnation: Incarnation) {
        let member = turn.directory.node(slot);
        self.lose(turn, slot, Record { incarnation, state: State::Dead });
        turn.out.emit(Event::Died(member, incarnation));
        self.spread(slot, News::Dead { member, incarnation });
    }

    pub(super) fn hear_left(&mut self, turn: &mut Turn<'_>, member: NodeId, incarnation: Incarnation) {
        let Some((slot, record)) = self.find(turn, member) else {
            return self.remember_gone(turn, member, Record { incarnation, state: State::Left });
        };
        if incarnation < record.incarnation || (incarnation == record.incarnation && record.state == State::Left) {
            return;
        }
        if !record.incarnation.may_rise_to(incarnation) {
            return turn.out.emit(Event::Implausible(member, incarnation));
        }
        self.lose(turn, slot, Record { incarnation, state: State::Left });
        if record.state != State::Left {
            turn.out.emit(Event::Left { member, incarnation, late: record.state == State::Dead });
        }
        self.spread(slot, News::Left { member, incarnation });
    }

    /// Remembers a stranger that died or left, so that older news of its life is not believed.
    fn remember_gone(&mut self, turn: &mut Turn<'_>, member: NodeId, record: Record) {
        if let Some(slot) = self.make_room(turn, member) {
            self.lose(turn, slot, record);
            let incarnation = record.incarnation;
            self.spread(
                slot,
                match record.state {
                    State::Left => News::Left { member, incarnation },
                    State::Alive | State::Suspect | State::Dead => News::Dead { member, incarnation },
                },
            );
        }
    }

    /// Hears of a life of this node: its own, an earlier one, or another process's.
    fn hear_of_my_life(&mut self, turn: &mut Turn<'_>, incarnation: Incarnation, card: &Arc<Card>, source: Source) {
        if source.from != self.me.id && !self.incarnation.may_rise_to(incarnation) {
            return turn.out.emit(Event::Implausible(self.me.id, incarnation));
        }
        if matches!(self.standing, Standing::Leaving(_)) {
            return;
        }
        if card.address == self.me.address {
            // An earlier life at this address: it is over, for this one has the address.
            if incarnation > self.incarnation || (incarnation == self.incarnation && *card != self.me) {
                self.claim(turn, incarnation);
            }
            return;
        }
        if (incarnation, card) <= (self.incarnation, &self.me) {
            if incarnation == self.incarnation && *card != self.me {
                // It goes after this one, which nobody can tell from the incarnation.
                self.claim(turn, incarnation);
            }
            return;
        }
        if self.standing == Standing::Newcomer {
            // Whoever comes later has the identity: an earlier life elsewhere is over, or yields.
            self.standing = Standing::Member;
            return self.claim(turn, incarnation);
        }
        if source.from != self.me.id {
            // What others say of it may be long over. If it is there, it answers.
            return self.introduce(turn, card.address);
        }
        turn.out.emit(Event::Yielded { to: card.address, incarnation });
        self.standing = Standing::Yielded;
    }

    /// Hears that the node is suspected, dead or gone.
    fn hear_accusation(&mut self, turn: &mut Turn<'_>, incarnation: Incarnation) {
        if incarnation < self.incarnation || matches!(self.standing, Standing::Leaving(_)) {
            return;
        }
        if !self.incarnation.may_rise_to(incarnation) {
            return turn.out.emit(Event::Implausible(self.me.id, incarnation));
        }
        self.claim(turn, incarnation);
        self.probing.worsen(1, &self.settings, turn.out);
        turn.out.emit(Event::Refuted(self.incarnation));
    }

    /// Raises the node's incarnation above another and says so.
    pub(super) fn claim(&mut self, turn: &mut Turn<'_>, above: Incarnation) {
        if above > self.incarnation {
            self.broadcasts.go_on_after(above);
        }
        self.incarnation = above.max(self.incarnation).next();
        self.see(turn, self.my_slot, Record { incarnation: self.incarnation, state: State::Alive });
        self.spread(self.my_slot, self.my_news());
    }

    pub(super) fn set_metadata(&mut self, turn: &mut Turn<'_>, metadata: Blob) {
        let (bytes, max) = (metadata.len(), self.settings.metadata_bytes_max);
        if bytes > max {
            return turn.out.emit(Event::MetadataTooLarge { bytes, max });
        }
        if matches!(self.standing, Standing::Leaving(_)) {
            return;
        }
        let card = Card { metadata, version: self.me.version.saturating_add(1), ..Card::clone(&self.me) };
        (self.sum, self.me) = (CardSum::of(&card), Arc::new(card));
        turn.directory.set_card(self.my_slot, Arc::clone(&self.me));
        self.claim(turn, self.incarnation);
    }

    /// Returns the slot and the record of a member of this view.
    pub(super) fn find(&self, turn: &Turn<'_>, member: NodeId) -> Option<(Slot, Record)> {
        let slot = turn.directory.find(member)?;
        Some((slot, self.members.get(slot)?))
    }

    /// Returns what this node says of itself.
    pub(super) fn my_news(&self) -> News {
        News::Alive { incarnation: self.incarnation, card: Arc::clone(&self.me) }
    }

    /// Returns what this view holds of a member, as news; nothing if it lives and its card is not known.
    pub(super) fn news_of(&self, turn: &Turn<'_>, slot: Slot) -> Option<News> {
        let Record { incarnation, state } = self.members.get(slot)?;
        let member = turn.directory.node(slot);
        Some(match state {
            State::Alive => News::Alive { incarnation, card: Arc::clone(turn.directory.card(slot)?) },
            State::Suspect => News::Suspect { member, incarnation, accuser: self.suspicions.accuser(slot)? },
            State::Dead => News::Dead { member, incarnation },
            State::Left => News::Left { member, incarnation },
        })
    }

    /// Holds one node more in the directory, if there may be more members.
    fn make_room(&mut self, turn: &mut Turn<'_>, member: NodeId) -> Option<Slot> {
        if self.members.known() >= self.settings.members_max {
            turn.out.emit(Event::Full(member));
            return None;
        }
        Some(turn.directory.hold(member))
    }

    /// Changes the record of a member.
    pub(super) fn see(&mut self, turn: &Turn<'_>, slot: Slot, record: Record) {
        self.members.set(slot, turn.directory.node(slot), record);
        self.exchange.changed(turn.now);
    }

    /// Changes the record of a member to one who is gone, and remembers it for as long as a tombstone lasts.
    fn lose(&mut self, turn: &Turn<'_>, slot: Slot, record: Record) {
        self.suspicions.end(slot);
        self.near.forget(slot);
        self.see(turn, slot, record);
        self.graves.set(slot, turn.now + self.settings.tombstone_horizon);
    }

    /// Forgets those whose tombstones have stood long enough, and all that was said of them.
    pub(super) fn forget_graves(&mut self, turn: &mut Turn<'_>) {
        while let Some(slot) = self.graves.take_due(turn.now) {
            self.forget(turn, slot);
        }
    }

    pub(super) fn forget(&mut self, turn: &mut Turn<'_>, slot: Slot) {
        let member = turn.directory.node(slot);
        self.members.forget(slot, member);
        self.rumours.forget(slot);
        self.broadcasts.forget(member);
        turn.directory.release(slot);
    }

    /// Queues news of a member.
    pub(super) fn spread(&mut self, slot: Slot, news: News) {
        self.rumours.add(slot, news);
    }
}
