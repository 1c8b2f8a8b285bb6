//! Histories that are linearizable by construction: for tests, and to measure a checker with.
//!
//! Clients ask one object, each for one thing at a time. Every operation takes effect at one instant between its call
//! and its answer; some are not answered, and of those some never take effect.

use delian_core::{Seed, Stream, Time};

use super::history::{History, OperationId};

/// Something that does one operation at a time.
pub trait Object {
    /// What clients ask for.
    type Input;
    /// What they are told.
    type Output;

    /// Draws what a client asks for; it may have heard how the object is.
    fn ask(&self, random: &mut Stream) -> Self::Input;
    /// Does it.
    fn perform(&mut self, input: &Self::Input) -> Self::Output;
}

/// How much clients ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// How many clients there are, and so the most operations with an answer that overlap.
    pub clients: u16,
    /// How many operations they give together.
    pub operations: usize,
    /// How many operations in a thousand are not answered.
    pub unanswered_permille: u16,
}

/// Three moments in the life of an operation, in nanoseconds: its effect comes between the others, or any time later.
#[derive(Clone, Copy)]
struct Lifetime {
    client: u16,
    called: u64,
    effective: Option<u64>,
    answered: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Called,
    Effective,
}

impl Load {
    /// Lets the clients ask the object; equal seeds give equal histories.
    pub fn history<B: Object>(&self, seed: Seed, object: &mut B) -> History<B::Input, B::Output> {
        let lifetimes = self.lifetimes(&mut Stream::new(seed, "lifetimes"));
        let mut random = Stream::new(seed, "asked for");
        let mut moments = Vec::with_capacity(2 * lifetimes.len());
        for (number, lifetime) in lifetimes.iter().enumerate() {
            moments.push((lifetime.called, Moment::Called, number));
            moments.extend(lifetime.effective.map(|at| (at, Moment::Effective, number)));
        }
        moments.sort_unstable();
        let mut history = History::default();
        let mut ids: Vec<Option<OperationId>> = vec![None; lifetimes.len()];
        for (at, moment, number) in moments {
            let lifetime = lifetimes[number];
            match (moment, ids[number]) {
                (Moment::Called, _) => {
                    let input = object.ask(&mut random);
                    ids[number] = Some(history.call(lifetime.client, Time::from_nanos(at), input));
                }
                (Moment::Effective, Some(id)) => {
                    let output = object.perform(&history.operation(id).input);
                    if let Some(answered) = lifetime.answered {
                        history.answer(id, Time::from_nanos(answered), output);
                    }
                }
                (Moment::Effective, None) => unreachable!("an operation takes effect after its call"),
            }
        }
        history
    }

    fn lifetimes(&self, random: &mut Stream) -> Vec<Lifetime> {
        // Long enough to overlap with several operations of every other client, coarse enough that instants coincide.
        let mut span = |most| random.below(most);
        let mut free_at = vec![0; usize::from(self.clients)];
        let lifetime = |number: usize| {
            let client = number % free_at.len();
            let called = free_at[client] + span(50);
            let effective = called + span(100);
            let answered = effective + span(100);
            free_at[client] = answered;
            let client = client as u16;
            if span(1_000) >= self.unanswered_permille.into() {
                return Lifetime { client, called, effective: Some(effective), answered: Some(answered) };
            }
            let effective = (span(2) == 0).then(|| effective + span(1_000));
            Lifetime { client, called, effective, answered: None }
        };
        (0..self.operations).map(lifetime).collect()
    }
}
