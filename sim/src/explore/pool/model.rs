//! What a model of a pool is: who takes part, a network, bounds, and what is looked for.

use delian_core::NodeId;
use delian_core::swim::projection::Deadline;
use delian_core::swim::{Fallback, Incarnation, PoolConfig, PoolSettings};

use crate::explore::flight::Network;
use crate::explore::shipped::{Counts, Heal, Listing, Tier};

/// One model: everything that its state space is a function of.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name, as on the command line.
    pub name: &'static str,
    /// What it explores, in one sentence.
    pub sentence: &'static str,
    /// How many members there are in the beginning, who all know each other. Each has a seat, which is an address.
    pub members: u8,
    /// The incarnation that they begin in.
    pub first: Incarnation,
    /// What differs from the default configuration of models.
    pub config: fn(&mut PoolConfig),
    /// How packets travel; streams as datagrams.
    pub network: Network,
    /// Which deadlines may fire.
    pub deadlines: &'static [Kind],
    /// The lives that may begin later, each once.
    pub lives: &'static [Life],
    /// How often each thing may happen.
    pub budgets: Budgets,
    /// Whether quiet states must heal.
    pub heal: Heal,
    /// What some state must show.
    pub goals: &'static [Goal],
    /// When it is explored.
    pub tier: Tier,
    /// What a complete exploration counts.
    pub pinned: Option<Counts>,
}

/// A life that may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Whose it is, by the seat of the first life.
    pub of: u8,
    /// Where it takes packets.
    pub seat: u8,
    /// Whose seat it asks to join.
    pub asks: u8,
    /// What it knows of earlier lives.
    pub memory: Memory,
    /// When it may begin.
    pub begins: Begins,
}

/// What a life knows of earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// It begins above the incarnations of earlier ones.
    Kept,
    /// It begins at the first incarnation of all.
    Lost,
}

/// When a life may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// When no process with its identity runs.
    After,
    /// Beside an earlier one, whose identity was copied.
    Beside,
}

/// A deadline of whatever member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A probe is judged and the next one begins, for any other member.
    Probe,
    /// Others are asked to probe.
    Indirect,
    /// A suspicion ends.
    Suspicion,
    /// News goes out, first to any other member.
    Gossip,
    /// One who is gone is forgotten.
    Grave,
    /// A seed is asked.
    Seed,
    /// One of the dead is asked.
    Reconnect,
    /// An asker hears that there is no answer so far.
    Nack,
    /// Others are told again that a member leaves.
    LeaveAgain,
    /// A member leaves, whoever knows.
    LeaveEnd,
}

impl Kind {
    /// Returns the kind of a deadline, if it is one that wakes a member and decides anything.
    pub(super) const fn of(deadline: Deadline) -> Option<Self> {
        Some(match deadline {
            Deadline::Probe => Self::Probe,
            Deadline::Indirect => Self::Indirect,
            Deadline::Suspicion(_) => Self::Suspicion,
            Deadline::Gossip => Self::Gossip,
            Deadline::Grave(_) => Self::Grave,
            Deadline::Seed => Self::Seed,
            Deadline::Reconnect => Self::Reconnect,
            Deadline::Nack => Self::Nack,
            Deadline::LeaveAgain => Self::LeaveAgain,
            Deadline::LeaveEnd => Self::LeaveEnd,
            // A probe for another that is kept too long answers what nobody asks any more.
            Deadline::RelayEnd | Deadline::Exchange | Deadline::Past => return None,
        })
    }
}

/// How often each thing may happen; the rest of it is part of a state. What is not here is bounded by what is: news goes
/// out as often as the configuration says, and a suspicion ends once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budgets {
    /// Probes that begin or are judged.
    pub probes: u8,
    /// Exchanges of views that a ping brings about; while there are any, each ping does whose sender holds another view.
    pub exchanges: u8,
    /// Seeds that are asked.
    pub seeds: u8,
    /// Dead members that are asked.
    pub reconnects: u8,
    /// Members that are forgotten.
    pub graves: u8,
    /// Processes that crash.
    pub crashes: u8,
    /// Members that leave.
    pub leaves: u8,
    /// Changes of what a member says of itself.
    pub changes: u8,
    /// Packets doubled by the network; a set doubles for nothing.
    pub duplicates: u8,
    /// Deviations left; what a model says here is replaced by what its network allows.
    pub deviations: u8,
}

impl Budgets {
    /// Nothing at all.
    pub const NONE: Self = Self {
        probes: 0,
        exchanges: 0,
        seeds: 0,
        reconnects: 0,
        graves: 0,
        crashes: 0,
        leaves: 0,
        changes: 0,
        duplicates: 0,
        deviations: 0,
    };
}

/// Something that a model must bring about, or it is vacuous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Goal {
    /// A member suspects another.
    Suspected,
    /// A member refutes.
    Refuted,
    /// A suspected member recovers in the eyes of another.
    Recovered,
    /// A member is taken for dead.
    Died,
    /// A member who was dead is there again.
    CameBack,
    /// A member hears that another left.
    Left,
    /// A member has left.
    Departed,
    /// A member who was dead is said to have left.
    LeftLate,
    /// A life that knows nothing of earlier ones is told of them and goes beyond.
    Outgrew,
    /// A process yields to a later one with its identity.
    Yielded,
    /// A member who was gone is forgotten.
    Forgotten,
    /// A card changed.
    Updated,
}

impl Goal {
    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Suspected => "a member is suspected",
            Self::Refuted => "a member refutes",
            Self::Recovered => "a suspected member recovers",
            Self::Died => "a member dies",
            Self::CameBack => "a dead member comes back",
            Self::Left => "a member is heard to leave",
            Self::Departed => "a member departs",
            Self::LeftLate => "a dead member turns out to have left",
            Self::Outgrew => "a life outgrows an earlier one",
            Self::Yielded => "a process yields",
            Self::Forgotten => "a member is forgotten",
            Self::Updated => "a card changes",
        }
    }

    /// Returns its bit.
    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }
}

impl Model {
    /// Returns what the model says of itself.
    pub const fn listing(&self) -> Listing {
        let (name, sentence, tier, pinned) = (self.name, self.sentence, self.tier, self.pinned);
        Listing { name, sentence, tier, pinned, is_reduced: false }
    }

    /// Returns how many seats there are.
    pub(super) fn seats(&self) -> u8 {
        self.lives.iter().map(|life| life.seat + 1).fold(self.members, u8::max)
    }

    /// Returns what all members run under.
    pub(super) fn settings(&self) -> PoolSettings {
        let mut config = PoolConfig {
            // Among three there is one helper at most, so chance decides about no helper; and a round of gossip reaches
            // both others, so all that chance decides is who comes first.
            indirect_probes: 1,
            gossip_fanout: 2,
            retransmit_factor: 1,
            fallback: Fallback::None,
            leave_acknowledgements: 2,
            members_max: 16,
            // Round trips have no length here.
            coordinate_every: 1 << 20,
            ..PoolConfig::local("model")
        };
        (self.config)(&mut config);
        config.check().expect("a model's configuration makes sense")
    }
}

/// Returns the identity of the members at a seat in the beginning.
pub(super) fn id_of(number: u8) -> NodeId {
    NodeId::new(u64::from(number) + 1)
}
