//! The topology as its clients see it: one node's registration at a time.
//!
//! A part is one node, and its state is the epoch since which it is registered. Epochs belong to the whole topology, so
//! parts are not quite strangers: the model holds that the epochs of one node's changes rise, and leaves the order among
//! nodes to [`by_index`](super::by_index). Refusals say something too: a node that is refused as unknown was absent.
//! Names do not occur, for no two subjects of a simulation share one; neither do `Custom` commands, which nobody reads.

use delian_core::topology::{Command, Drain, Refusal};
use delian_core::{Applied, Epoch, NodeId, Rejected};

use super::search::Model;

/// Registrations of nodes that begin absent.
#[derive(Clone, Copy, Debug)]
pub enum Registrations {}

/// What a client asks about one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Input {
    /// The node.
    pub subject: NodeId,
    /// What about it.
    pub action: Action,
}

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Register it, or start a new life of it.
    Register,
    /// Remove it.
    Deregister,
    /// Remove it if it is registered since this epoch.
    Evict(Epoch),
    /// Record its condition, whichever, if it is registered since this epoch.
    SetCondition(Epoch),
    /// Say since when it is registered.
    Read,
}

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Output {
    /// The change made this epoch.
    Applied(Epoch),
    /// Refused: the node is not registered.
    Unregistered,
    /// Refused: the node is registered since this other epoch.
    Superseded(Epoch),
    /// To a read: the epoch since which the node is registered, if it is.
    Registered(Option<Epoch>),
}

/// What an outcome tells about the node that a command named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An answer: note it in the history.
    Answer(Output),
    /// Nothing: leave the operation without an answer.
    Unknown,
    /// That the command took no effect and never will, for a reason that is not the node's: leave the operation out.
    NoEffect,
}

/// What is known of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    life: Life,
    /// The last change was in this epoch or a later one, so the next is in a later one than this.
    floor: Epoch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Life {
    Absent,
    /// Registered since this epoch.
    Since(Epoch),
    /// Registered by a command whose answer was lost, in an epoch that is at least the floor.
    Unseen,
}

/// Returns what a command asks about a node; nothing if it is the embedder's.
pub fn asked(command: &Command) -> Option<Input> {
    let (subject, action) = match command {
        Command::Register(registration) => (registration.node, Action::Register),
        Command::Deregister(node) => (*node, Action::Deregister),
        // A node that has handed over everything is removed, and one that has not stays.
        Command::Evict { node, epoch } | Command::DrainProgress { node, epoch, moved: Drain::WHOLE } => {
            (*node, Action::Evict(*epoch))
        }
        Command::SetCondition { node, epoch, .. }
        | Command::Drain { node, epoch, .. }
        | Command::DrainProgress { node, epoch, .. } => (*node, Action::SetCondition(*epoch)),
        Command::Custom(_) => return None,
    };
    Some(Input { subject, action })
}

/// Returns what an outcome of such a command tells.
pub fn heard(outcome: &Result<Applied, Rejected>) -> Heard {
    match outcome {
        Ok(applied) => Heard::Answer(Output::Applied(applied.epoch)),
        // An earlier try of the same command may have taken effect.
        Err(Rejected::Unknown | Rejected::TimedOut | Rejected::SessionExpired(_) | Rejected::Forgotten { .. }) => {
            Heard::Unknown
        }
        Err(
            Rejected::NotLeader(_)
            | Rejected::Busy
            | Rejected::Superseded
            | Rejected::Halted
            | Rejected::QuorumRefused(_)
            | Rejected::Transferring(_)
            | Rejected::TransferRefused(_)
            | Rejected::LeaseDisabled
            | Rejected::OutsideWindow { .. }
            | Rejected::TooOften { .. },
        ) => Heard::NoEffect,
        Err(Rejected::Refused(refusal)) => refused(refusal).map_or(Heard::NoEffect, Heard::Answer),
    }
}

/// Returns what a refusal tells, if it is one for how the node is registered.
fn refused(refusal: &Refusal) -> Option<Output> {
    match refusal {
        Refusal::Unknown(_) => Some(Output::Unregistered),
        Refusal::Superseded { node: _, named: _, current } => Some(Output::Superseded(*current)),
        Refusal::NoIdentity
        | Refusal::Leaving(_)
        | Refusal::NotLeaving(_)
        | Refusal::MovedMoreThanAll { .. }
        | Refusal::Blank(_)
        | Refusal::TooLong { .. }
        | Refusal::ControlCharacter { .. }
        | Refusal::NoPort
        | Refusal::OffTheGlobe(_)
        | Refusal::FreeAboveTotal { .. }
        | Refusal::TooManyTags { .. }
        | Refusal::DuplicateName { .. }
        | Refusal::Full { .. }
        | Refusal::CustomTooLarge { .. }
        | Refusal::Malformed { .. }
        | Refusal::Exhausted => None,
    }
}

impl State {
    /// Learns that the node is registered since an epoch; nothing if it cannot be.
    fn since(self, epoch: Epoch) -> Option<Self> {
        match self.life {
            Life::Absent => None,
            Life::Since(known) => (known == epoch).then_some(self),
            Life::Unseen => (epoch >= self.floor).then_some(Self { life: Life::Since(epoch), floor: epoch }),
        }
    }

    fn registered(self) -> Option<Self> {
        (self.life != Life::Absent).then_some(self)
    }

    fn absent(self) -> Option<Self> {
        (self.life == Life::Absent).then_some(self)
    }

    /// Makes a change in an epoch after all others, or in one that nobody was told.
    fn changed(self, life: Life, told: Option<Epoch>) -> Option<Self> {
        let floor = told.unwrap_or(self.floor.next());
        (floor > self.floor).then_some(Self { life, floor })
    }
}

impl Model for Registrations {
    type Key = NodeId;
    type State = State;
    type Input = Input;
    type Output = Output;

    fn key(input: &Input) -> NodeId {
        input.subject
    }

    fn initial(_subject: &NodeId) -> State {
        State { life: Life::Absent, floor: Epoch::ZERO }
    }

    fn step(state: &State, input: &Input, output: Option<&Output>) -> Option<State> {
        let told = match output {
            None => None,
            Some(Output::Applied(epoch)) => Some(*epoch),
            Some(said @ (Output::Unregistered | Output::Superseded(_) | Output::Registered(_))) => {
                return observe(*state, input.action, *said);
            }
        };
        match input.action {
            Action::Register => state.changed(told.map_or(Life::Unseen, Life::Since), told),
            Action::Deregister => state.registered()?.changed(Life::Absent, told),
            Action::Evict(named) => state.since(named)?.changed(Life::Absent, told),
            Action::SetCondition(named) => state.since(named)?.changed(Life::Since(named), told),
            Action::Read => told.is_none().then_some(*state),
        }
    }

    /// An unanswered `SetCondition` leaves no trace in what this model knows, so it may as well never have been.
    fn only_observes(input: &Input, output: Option<&Output>) -> bool {
        match output {
            None => matches!(input.action, Action::Read | Action::SetCondition(_)),
            Some(Output::Applied(_)) => false,
            Some(Output::Unregistered | Output::Superseded(_) | Output::Registered(_)) => true,
        }
    }

    fn describe(input: &Input, output: Option<&Output>) -> String {
        let subject = input.subject;
        let asked = match input.action {
            Action::Register => format!("register {subject}"),
            Action::Deregister => format!("deregister {subject}"),
            Action::Evict(named) => format!("evict {subject} of {named}"),
            Action::SetCondition(named) => format!("set the condition of {subject} of {named}"),
            Action::Read => format!("read {subject}"),
        };
        let told = match output {
            None => "not answered".to_string(),
            Some(Output::Applied(epoch)) => format!("applied in {epoch}"),
            Some(Output::Unregistered) => "refused, it is not registered".to_string(),
            Some(Output::Superseded(current)) => format!("refused, it is registered since {current}"),
            Some(Output::Registered(Some(since))) => format!("registered since {since}"),
            Some(Output::Registered(None)) => "not registered".to_string(),
        };
        format!("{asked}: {told}")
    }
}

/// Takes in an answer that changed nothing.
fn observe(state: State, action: Action, said: Output) -> Option<State> {
    match (action, said) {
        (Action::Read, Output::Registered(Some(epoch))) => state.since(epoch),
        (Action::Read, Output::Registered(None))
        | (Action::Deregister | Action::Evict(_) | Action::SetCondition(_), Output::Unregistered) => state.absent(),
        (Action::Evict(named) | Action::SetCondition(named), Output::Superseded(current)) => {
            state.since(current).filter(|_| named != current)
        }
        (Action::Read, Output::Unregistered)
        | (Action::Register | Action::Deregister | Action::Read, Output::Superseded(_))
        | (Action::Register, Output::Unregistered | Output::Registered(_))
        | (Action::Deregister | Action::Evict(_) | Action::SetCondition(_), Output::Registered(_))
        | (_, Output::Applied(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use delian_core::topology::{Cause, Condition, Coordinates, Registration};
    use delian_core::{Blob, Bytes, Config, Position, Seed, Stream, Time, Topology, WallTime};
    use proptest::prelude::*;

    use super::super::history::{History, Operation};
    use super::super::sample::{Load, Object};
    use super::super::search::reference::agrees;
    use super::super::search::{Verdict, search};
    use super::*;

    const STEPS_MAX: u64 = 1_000_000;

    /// The very topology of the core, asked by clients that know some of it.
    struct Federation {
        topology: Topology,
        subjects: u64,
    }

    impl Federation {
        fn new(subjects: u64) -> Self {
            Self { topology: Topology::new(Config::default().check().unwrap().topology()), subjects }
        }

        fn since(&self, subject: NodeId) -> Option<Epoch> {
            self.topology.get(subject).map(|member| member.registered)
        }
    }

    impl Object for Federation {
        type Input = Input;
        type Output = Output;

        fn ask(&self, random: &mut Stream) -> Input {
            let subject = NodeId::new(1 + random.below(self.subjects));
            let known = self.since(subject).filter(|_| random.below(4) > 0);
            let named = known.unwrap_or_else(|| Epoch::new(random.below(self.topology.epoch().get() + 2)));
            let action = match random.below(8) {
                0 | 1 => Action::Register,
                2 => Action::Deregister,
                3 => Action::Evict(named),
                4 => Action::SetCondition(named),
                _ => Action::Read,
            };
            Input { subject, action }
        }

        fn perform(&mut self, input: &Input) -> Output {
            let Some(command) = command(*input) else { return Output::Registered(self.since(input.subject)) };
            assert_eq!(asked(&command), Some(*input));
            let applied = self.topology.apply(&command);
            let outcome = applied.map(|change| Applied { position: Position::ZERO, epoch: change.epoch });
            let Heard::Answer(output) = heard(&outcome.map_err(Rejected::Refused)) else {
                panic!("{input:?} tells nothing")
            };
            output
        }
    }

    fn command(Input { subject: node, action }: Input) -> Option<Command> {
        Some(match action {
            Action::Register => Command::Register(Box::new(registration(node))),
            Action::Deregister => Command::Deregister(node),
            Action::Evict(epoch) => Command::Evict { node, epoch },
            Action::SetCondition(epoch) => {
                Command::SetCondition { node, epoch, condition: Condition::Silent, cause: Cause::Asked }
            }
            Action::Read => return None,
        })
    }

    fn registration(node: NodeId) -> Registration {
        let text = || "a".to_string();
        Registration {
            node,
            name: node.to_string(),
            address: text(),
            port: 1,
            rack: text(),
            datacenter: text(),
            region: text(),
            coordinates: Coordinates::new(0, 0),
            total: Bytes::new(1),
            free: Bytes::new(1),
            tags: [].into(),
            registered_at: WallTime::from_unix_millis(0),
        }
    }

    fn history(clients: u16, operations: usize, permille: u16, seed: u64, subjects: u64) -> History<Input, Output> {
        let load = Load { clients, operations, unanswered_permille: permille };
        load.history(Seed::new(seed), &mut Federation::new(subjects))
    }

    proptest! {
        #[test]
        fn what_the_topology_of_the_core_answers_is_linearizable(seed: u64, clients in 1..9_u16, permille in 0..100_u16) {
            let history = history(clients, 300, permille, seed, 3);
            prop_assert_eq!(search::<Registrations>(&history, STEPS_MAX), Verdict::Linearizable);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn a_read_from_the_past_is_judged_as_by_the_dumb_search(
            seed: u64,
            clients in 1..6_u16,
            permille in 0..400_u16,
            place: prop::sample::Index,
            older in prop::option::of(0..5_u64),
        ) {
            let history = history(clients, 8, permille, seed, 1);
            prop_assert!(agrees::<Registrations>(&history)?);
            let is_read = |it: &Operation<Input, Output>| it.input.action == Action::Read && it.answer.is_some();
            let reads: Vec<_> = history.operations().filter(|(_, it)| is_read(it)).map(|(id, _)| id).collect();
            prop_assume!(!reads.is_empty());
            let chosen = reads[place.index(reads.len())];
            let replaced = history.operations().map(|(id, it)| {
                let older = Output::Registered(older.map(Epoch::new));
                let answer = it.answer.map(|(at, output)| (at, if id == chosen { older } else { output }));
                Operation { answer, ..it.clone() }
            });
            agrees::<Registrations>(&replaced.collect())?;
        }
    }

    /// Answers one after another; an operation without an output is not answered.
    fn judge(rows: &[(Action, Option<Output>)]) -> bool {
        let mut history = History::default();
        for (at, (action, output)) in rows.iter().enumerate() {
            let now = Time::from_millis(at as u64);
            let id = history.call(1, now, Input { subject: NodeId::new(1), action: *action });
            if let Some(output) = output {
                history.answer(id, now, *output);
            }
        }
        match search::<Registrations>(&history, STEPS_MAX) {
            Verdict::Linearizable => true,
            Verdict::Violation(_) => false,
            Verdict::Undecided { steps } => panic!("gave up after {steps} steps"),
        }
    }

    const REGISTER: Action = Action::Register;
    const LOST: (Action, Option<Output>) = (REGISTER, None);

    fn applied(action: Action, epoch: u64) -> (Action, Option<Output>) {
        (action, Some(Output::Applied(Epoch::new(epoch))))
    }

    fn read(since: u64) -> (Action, Option<Output>) {
        (Action::Read, Some(Output::Registered((since > 0).then_some(Epoch::new(since)))))
    }

    fn refused(action: Action, current: u64) -> (Action, Option<Output>) {
        (action, Some(if current > 0 { Output::Superseded(Epoch::new(current)) } else { Output::Unregistered }))
    }

    #[test]
    fn a_second_registration_is_a_new_life_and_a_condition_is_not() {
        let judged = Action::SetCondition(Epoch::new(3));
        assert!(judge(&[applied(REGISTER, 3), applied(judged, 5), read(3), applied(REGISTER, 6), read(6)]));
        assert!(!judge(&[applied(REGISTER, 3), applied(judged, 5), read(5)]));
        assert!(!judge(&[applied(REGISTER, 3), applied(REGISTER, 6), read(3)]));
        assert!(!judge(&[applied(REGISTER, 3), applied(REGISTER, 2)]), "epochs rise");
    }

    #[test]
    fn an_eviction_takes_effect_on_the_life_it_names_alone() {
        let evict = Action::Evict(Epoch::new(3));
        assert!(judge(&[applied(REGISTER, 3), applied(evict, 4), read(0)]));
        assert!(judge(&[applied(REGISTER, 3), applied(REGISTER, 4), refused(evict, 4)]));
        assert!(!judge(&[applied(REGISTER, 3), applied(REGISTER, 4), applied(evict, 5)]));
        assert!(!judge(&[applied(REGISTER, 3), refused(evict, 3)]), "it names the life that it finds");
    }

    #[test]
    fn a_refusal_says_how_the_node_is_registered() {
        let deregister = Action::Deregister;
        assert!(judge(&[refused(deregister, 0), applied(REGISTER, 1), applied(deregister, 2), refused(deregister, 0)]));
        assert!(!judge(&[applied(REGISTER, 1), refused(deregister, 0)]), "it is registered");
        assert!(!judge(&[applied(REGISTER, 1), applied(deregister, 2), applied(deregister, 3)]), "it is gone");
    }

    #[test]
    fn a_lost_registration_has_one_epoch_whoever_sees_it_first() {
        let evict = Action::Evict(Epoch::new(7));
        assert!(judge(&[LOST, read(0), read(7), read(7), applied(evict, 9), read(0)]));
        assert!(judge(&[LOST, applied(evict, 9), read(0)]), "the eviction knew the epoch from elsewhere");
        assert!(!judge(&[LOST, read(7), read(8)]));
        assert!(!judge(&[LOST, applied(evict, 6)]), "it is registered after it is evicted");
        assert!(!judge(&[applied(REGISTER, 5), LOST, read(4)]), "a later life has a later epoch");
        assert!(judge(&[LOST, LOST, read(7), read(8), read(8)]));
    }

    #[test]
    fn what_says_nothing_about_the_node_is_kept_out() {
        let no_effect = [Rejected::NotLeader(None), Rejected::Busy, Rejected::Superseded, Rejected::Halted];
        assert!(no_effect.into_iter().all(|rejected| heard(&Err(rejected)) == Heard::NoEffect));
        assert_eq!(heard(&Err(Rejected::Refused(Refusal::NoPort))), Heard::NoEffect);
        assert_eq!(heard(&Err(Rejected::Unknown)), Heard::Unknown);
        assert_eq!(asked(&Command::Custom(Blob::default())), None);
    }
}
