//! What must never happen in a world of pools, one property per file.
//!
//! The oracle hears every event, every packet and every step, and looks at all views once per simulated second. It judges
//! them by the [`Truth`], which whoever runs the world tells it, and by what members said before; it never asks a member
//! whether it is right. The first breach is kept, and nothing is judged after it.

mod bounds;
mod facts;
mod history;
mod watch;

mod accuracy;
mod agreement;
mod bounded;
mod completeness;
mod confirmations;
mod dissemination;
mod event_order;
mod identity;
mod leaving;
mod one_pool;
mod one_probe;
mod own_life;
mod packets;
mod provenance;
mod quiescence;
mod refutation;
mod resurrection;
mod rising;

#[cfg(test)]
mod fixture;

use std::net::SocketAddr;
use std::sync::Arc;

use delian_core::swim::{Directory, Event, Incarnation, Members, PoolSettings, Record, State, Swim};
use delian_core::{NodeId, Time};

pub use self::facts::{Detection, Facts};
use self::history::{Glance, History, Phase, Suspicion};
use super::member::Member;
use super::truth::Truth;
use super::world::World;

/// A broken property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The name of the property; [`catalogue`] has its rule.
    pub invariant: &'static str,
    /// When it was noticed.
    pub at: Time,
    /// What contradicts it.
    pub facts: String,
}

/// A property with its name.
trait Property {
    /// Its name, as in reports and descriptions of bugs.
    const NAME: &'static str;
    /// The property in one sentence.
    const RULE: &'static str;

    /// Returns the breach that these facts show.
    fn breach(at: Time, facts: impl Into<String>) -> Breach {
        Breach { invariant: Self::NAME, at, facts: facts.into() }
    }
}

/// The name and the sentence of every property that a world of pools is judged by.
pub fn catalogue() -> Vec<(&'static str, &'static str)> {
    fn row<P: Property>() -> (&'static str, &'static str) {
        (P::NAME, P::RULE)
    }
    vec![
        row::<completeness::Completeness>(),
        row::<accuracy::Accuracy>(),
        row::<rising::Rising>(),
        row::<provenance::Provenance>(),
        row::<refutation::Refutation>(),
        row::<resurrection::Resurrection>(),
        row::<dissemination::Dissemination>(),
        row::<leaving::Leaving>(),
        row::<agreement::Agreement>(),
        row::<identity::Identity>(),
        row::<event_order::EventOrder>(),
        row::<own_life::OwnLife>(),
        row::<one_probe::OneProbe>(),
        row::<confirmations::Confirmations>(),
        row::<bounded::Bounded>(),
        row::<quiescence::Quiescence>(),
        row::<packets::Packets>(),
        row::<one_pool::OnePool>(),
    ]
}

/// Judges a world of pools, as it goes on.
#[derive(Clone, Debug)]
pub struct Oracle {
    history: History,
    breach: Option<Breach>,
    packets: u64,
}

/// One thing that a member told of another.
#[derive(Clone, Copy, Debug)]
struct Told {
    now: Time,
    observer: u32,
    subject: u32,
    word: Word,
    incarnation: Incarnation,
    /// Whether the member told it by itself, and not as an answer to a packet.
    woke: bool,
}

/// What is told of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Joined(SocketAddr),
    Updated(SocketAddr),
    Suspected(NodeId),
    Recovered,
    Died,
    Left { late: bool },
}

/// Worlds of no more places are looked through after every step.
const CLOSELY_MAX: u32 = 32;

/// How often every view is looked through, changed or not, in seconds.
const LOOK_AGAIN_SECONDS: u64 = 30;

impl Oracle {
    /// Returns the oracle of a world with places for so many members. Where pools differ, these are the settings of the
    /// slowest one: all bounds follow from them.
    pub fn new(settings: &Arc<PoolSettings>, members: u32) -> Self {
        Self { history: History::new(settings, members), breach: None, packets: 0 }
    }

    /// Returns what the oracle is told of the world.
    pub fn truth(&mut self) -> &mut Truth {
        &mut self.history.truth
    }

    /// Returns the first breach.
    pub fn breach(&self) -> Option<&Breach> {
        self.breach.as_ref()
    }

    /// Returns what the run met so far.
    pub fn facts(&self) -> &Facts {
        &self.history.facts
    }

    /// Looks at all members that run, once per simulated second.
    ///
    /// # Errors
    ///
    /// Returns the first breach so far.
    ///
    /// # Panics
    ///
    /// Panics if a member's own invariants do not hold, or if the truth was not told who runs.
    pub fn sample<'a, M: Members + 'a>(
        &mut self,
        now: Time,
        members: &mut dyn Iterator<Item = (u32, &'a Member<M>)>,
        directory: &Directory,
    ) -> Result<(), Breach> {
        if self.breach.is_none()
            && let Err(breach) = self.judge_second(now, members, directory)
        {
            self.breach = Some(breach);
        }
        self.breach.clone().map_or(Ok(()), Err)
    }

    /// Looks at all members for the last time and returns what the run met.
    ///
    /// # Errors
    ///
    /// Returns the first breach of the run.
    pub fn finish<'a, M: Members + 'a>(
        &mut self,
        now: Time,
        members: &mut dyn Iterator<Item = (u32, &'a Member<M>)>,
        directory: &Directory,
    ) -> Result<Facts, Breach> {
        self.sample(now, members, directory)?;
        Ok(self.history.facts.clone())
    }

    fn judge_second<'a, M: Members + 'a>(
        &mut self,
        now: Time,
        members: &mut dyn Iterator<Item = (u32, &'a Member<M>)>,
        directory: &Directory,
    ) -> Result<(), Breach> {
        let history = &mut self.history;
        let mut glances = Vec::new();
        for (place, member) in members {
            let life = history.truth.life(place).expect("the truth was told who runs");
            if life.ended.is_some() {
                continue;
            }
            let directory = member.directory(directory);
            member.swim().assert_invariants(directory);
            let glance = glance_at(history, place, member.swim(), directory);
            bounded::on_sample(history, now, &glance)?;
            if is_due(history, now, &glance, member.swim().members().digest().total()) {
                look_through(history, now, place, member.swim(), directory)?;
            }
            glances.push(glance);
        }
        accuracy::on_sample(history, now);
        refutation::on_sample(history, now)?;
        identity::on_sample(history, now)?;
        if history.keeps_pairs() {
            resurrection::on_sample(history, now);
            completeness::on_sample(history, now)?;
            dissemination::on_sample(history, now)?;
        }
        agreement::on_sample(history, now, &glances)?;
        quiescence::on_sample(history, now, &glances)
    }
}

impl<M: Members> World<Member<M>, Oracle> {
    /// Lets the oracle look at all members.
    ///
    /// # Errors
    ///
    /// Returns the first breach so far.
    pub fn sample(&mut self) -> Result<(), Breach> {
        self.look(|now, oracle, members, directory| oracle.sample(now, members, directory))
    }

    /// Lets the oracle look at all members for the last time, and returns what the run met.
    ///
    /// # Errors
    ///
    /// Returns the first breach of the run.
    pub fn finish(&mut self) -> Result<Facts, Breach> {
        self.look(|now, oracle, members, directory| oracle.finish(now, members, directory))
    }
}

/// Returns whether a view is to be looked through: it changed, or was not for a while.
fn is_due(history: &History, now: Time, glance: &Glance, total: u32) -> bool {
    history.keeps_pairs()
        && history.rows[glance.place as usize].looked.is_none_or(|(before, known, at)| {
            before != total || known != glance.known || now.since(at).as_secs() >= LOOK_AGAIN_SECONDS
        })
}

fn glance_at<M: Members>(history: &mut History, place: u32, swim: &Swim<M>, directory: &Directory) -> Glance {
    let node = swim.card().id;
    Glance {
        place,
        subject: history.meet(node),
        label: swim.settings().label(),
        incarnation: swim.incarnation(),
        sums: *swim.members().digest().sums(),
        reachable: swim.members().reachable(),
        known: swim.members().known(),
        waiting_news: swim.waiting_news().count(),
        card_is_known: directory.find(node).and_then(|slot| directory.card(slot)) == Some(swim.card()),
    }
}

/// Judges all that a member holds.
fn look_through<M: Members>(
    history: &mut History,
    now: Time,
    place: u32,
    swim: &Swim<M>,
    directory: &Directory,
) -> Result<(), Breach> {
    let mut held = vec![false; history.rows[place as usize].pairs.len()];
    for (node, record) in swim.known(directory) {
        let subject = history.meet(node);
        if let Some(held) = held.get_mut(subject as usize) {
            *held = true;
        }
        bounded::on_record(history, now, place, subject, record)?;
        event_order::on_record(history, now, place, subject, record)?;
        hold(history, now, place, subject, record)?;
    }
    let view = swim.members();
    bounded::on_forgotten(history, now, place, &held, view.known())?;
    history.rows[place as usize].looked = Some((view.digest().total(), view.known(), now));
    Ok(())
}

/// Judges the next record that an observer holds of a node, and takes note of it.
fn hold(history: &mut History, now: Time, observer: u32, subject: u32, record: Record) -> Result<(), Breach> {
    provenance::on_record(history, now, observer, subject, record.incarnation)?;
    resurrection::on_record(history, now, observer, subject, record)?;
    rising::on_record(history, now, observer, subject, record)?;
    history.hold(now, observer, subject, record);
    Ok(())
}

/// Judges one thing that a member told of another.
fn judge_told(history: &mut History, told: &Told) -> Result<(), Breach> {
    count(history, told);
    match told.word {
        Word::Died => {
            accuracy::on_death(history, told)?;
            if history.keeps_pairs() {
                leaving::on_death(history, told)?;
            }
        }
        Word::Joined(_) | Word::Updated(_) | Word::Suspected(_) | Word::Recovered | Word::Left { .. } => {}
    }
    one_pool::on_told(history, told)?;
    identity::on_told(history, told)?;
    if !history.keeps_pairs() {
        return Ok(());
    }
    let phase = event_order::on_told(history, told)?;
    refutation::on_told(history, told)?;
    confirmations::on_told(history, told)?;
    resurrection::on_told(history, told)?;
    let before = history.pair(told.observer, told.subject);
    hold(history, told.now, told.observer, told.subject, record_of(told, before))?;
    history.pair_mut(told.observer, told.subject).phase = phase;
    let key = (told.observer, told.subject);
    match told.word {
        Word::Suspected(accuser) => {
            let members = history.rows[told.observer as usize].members;
            let incarnation = told.incarnation;
            history
                .suspicions
                .insert(key, Suspicion { since: told.now, incarnation, accusers: vec![accuser], members });
        }
        Word::Updated(_) => {}
        Word::Joined(_) | Word::Recovered | Word::Died | Word::Left { .. } => drop(history.suspicions.remove(&key)),
    }
    Ok(())
}

/// Returns what a member holds that tells this.
fn record_of(told: &Told, before: history::Pair) -> Record {
    let state = match told.word {
        Word::Joined(_) | Word::Recovered => State::Alive,
        Word::Updated(_) if told.incarnation > before.incarnation => State::Alive,
        Word::Updated(_) => before.state.unwrap_or(State::Alive),
        Word::Suspected(_) => State::Suspect,
        Word::Died => State::Dead,
        Word::Left { .. } => State::Left,
    };
    Record { incarnation: told.incarnation, state }
}

fn count(history: &mut History, told: &Told) {
    let own = history.truth.life(told.observer).map(|life| life.node);
    let facts = &mut history.facts;
    match told.word {
        Word::Joined(_) => facts.joins += 1,
        Word::Updated(_) => facts.updates += 1,
        Word::Suspected(accuser) => {
            facts.suspicions += 1;
            facts.first_accusations += u64::from(own == Some(accuser));
        }
        Word::Recovered => {
            facts.recoveries += 1;
            facts.judge(refutation::Refutation::NAME);
        }
        // Deaths are counted where they are judged.
        Word::Died if told.woke => facts.judge(confirmations::Confirmations::NAME),
        Word::Died => {}
        Word::Left { late } => {
            facts.leaves += 1;
            facts.late_leaves += u64::from(late);
        }
    }
}

/// Returns whom an event is about, what it says and of which incarnation; nothing if it is about no other member.
fn told_of(event: &Event) -> Option<(NodeId, Word, Incarnation)> {
    match event {
        Event::Joined(card, incarnation) => Some((card.id, Word::Joined(card.address), *incarnation)),
        Event::Updated(card, incarnation) => Some((card.id, Word::Updated(card.address), *incarnation)),
        Event::Suspected { member, incarnation, accuser } => Some((*member, Word::Suspected(*accuser), *incarnation)),
        Event::Recovered(member, incarnation) => Some((*member, Word::Recovered, *incarnation)),
        Event::Died(member, incarnation) => Some((*member, Word::Died, *incarnation)),
        Event::Left { member, incarnation, late } => Some((*member, Word::Left { late: *late }, *incarnation)),
        Event::Refuted(_)
        | Event::Yielded { .. }
        | Event::NameConflict { .. }
        | Event::Isolated
        | Event::Reunited
        | Event::HealthChanged(_)
        | Event::Departed(_)
        | Event::ForeignPool(..)
        | Event::Implausible(..)
        | Event::Full(_)
        | Event::BroadcastDropped(..)
        | Event::BroadcastTooLarge { .. }
        | _ => None,
    }
}

/// Returns where the story of a member begins that an observer remembers from an earlier life.
const fn remembered(state: State) -> Phase {
    match state {
        State::Alive => Phase::Up,
        State::Suspect => Phase::Suspected,
        State::Dead => Phase::Died,
        State::Left => Phase::Left,
    }
}
