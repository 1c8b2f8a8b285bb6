//! What can go wrong in a pool, and the facts that a run counts.

use std::time::Duration;

use crate::pool::world::Service;

/// Something that goes wrong, or that members are asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Processes end without a word; they come back when it ends, if it does.
    Crash(Comeback),
    /// Processes end, and when it ends other nodes start at their addresses.
    Replace,
    /// Whole processes freeze: neither packets nor timers.
    Pause,
    /// Packets are held, in and out, while timers run; every so long they all go through, if it says so.
    Block(Option<Gap>),
    /// Those it hits and the others do not reach each other.
    Partition,
    /// Packets get through one way only.
    OneWay(Way),
    /// By turns packets get through one way only and both ways, each for so long.
    FlipFlop(Way, Duration),
    /// So many of a thousand datagrams are lost, in and out.
    Loss(u16),
    /// Every packet takes so much longer, in and out.
    Slow(Duration),
    /// Processes take long over each packet, and more than so many do not wait.
    SlowService(Service),
    /// Members that were absent start, and join.
    Join,
    /// Members leave; they come back when it ends, if it does.
    Leave(Comeback),
    /// One after another crashes, every so often, and is away for so long.
    Churn(Duration, Duration),
    /// Another process starts under the same identity, elsewhere.
    Clone,
    /// Members restart under the name of another one, by its number.
    Rename(u32),
    /// Members set other metadata.
    Metadata,
    /// Members say something to all.
    Broadcast,
    /// Members of the other pool take this pool's addresses for their own seeds.
    Stray,
    /// So many of a thousand datagrams, of anyone to anyone, arrive once more within a minute.
    Replay(u16),
}

/// A block that lets packets through now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// How long packets are held.
    pub closed: Duration,
    /// How long they go through.
    pub open: Duration,
}

/// Which way packets do not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Nothing gets out.
    Mute,
    /// Nothing gets in.
    Deaf,
}

/// How a node begins its next life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comeback {
    /// What it knows of its earlier ones.
    pub incarnations: Incarnations,
    /// Where it comes back.
    pub place: Where,
}

/// What a node knows of its earlier lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Incarnations {
    /// How many there were, so that it begins above their incarnations.
    Kept,
    /// Nothing: it begins with the incarnation of its first life.
    Lost,
}

/// Where a node begins its next life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Where {
    /// At the address of its last one.
    Same,
    /// At an address that nobody had.
    New,
}

impl Comeback {
    /// What most processes do: they kept a number on disk, and come back where they were.
    pub const USUAL: Self = Self { incarnations: Incarnations::Kept, place: Where::Same };
}

impl Fault {
    /// Every kind, as scenario files name it.
    pub const KINDS: [&'static str; 19] = [
        "crash",
        "replace",
        "pause",
        "block",
        "partition",
        "one-way",
        "flip-flop",
        "loss",
        "slow",
        "slow-service",
        "join",
        "leave",
        "churn",
        "clone",
        "rename",
        "metadata",
        "broadcast",
        "stray",
        "replay",
    ];

    /// Returns the kind, as scenario files name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Crash(_) => "crash",
            Self::Replace => "replace",
            Self::Pause => "pause",
            Self::Block(_) => "block",
            Self::Partition => "partition",
            Self::OneWay(_) => "one-way",
            Self::FlipFlop(..) => "flip-flop",
            Self::Loss(_) => "loss",
            Self::Slow(_) => "slow",
            Self::SlowService(_) => "slow-service",
            Self::Join => "join",
            Self::Leave(_) => "leave",
            Self::Churn(..) => "churn",
            Self::Clone => "clone",
            Self::Rename(_) => "rename",
            Self::Metadata => "metadata",
            Self::Broadcast => "broadcast",
            Self::Stray => "stray",
            Self::Replay(_) => "replay",
        }
    }

    /// Returns whether it happens at once and does not end.
    pub const fn is_momentary(&self) -> bool {
        matches!(self, Self::Join | Self::Rename(_) | Self::Metadata | Self::Broadcast)
    }

    /// Returns whether it hits whole pools and no one in particular.
    pub const fn is_everywhere(&self) -> bool {
        matches!(self, Self::Replay(_))
    }
}

/// Every fact that a run of a pool counts, with what it counts.
pub const FACTS: &[(&str, &str)] = &[
    ("joined", "members that a member met for the first time or again"),
    ("updated", "cards that a member saw change"),
    ("suspected", "suspicions that a member began"),
    ("recovered", "suspicions that a member saw refuted"),
    ("died", "members that a member took for dead"),
    ("false_deaths", "those of them that lived"),
    (
        "healthy_false_deaths",
        "those of them that lived, while nothing was wrong with either of the two for as long as a suspicion may last",
    ),
    ("left", "leaves that a member heard of"),
    ("late_leaves", "those of them that it had taken for deaths"),
    ("refuted", "accusations that a member refuted"),
    ("yielded", "members that yielded to another process with their identity"),
    ("name_conflicts", "names that a member saw borne by two"),
    ("isolated", "members that heard nobody for long"),
    ("reunited", "those of them that heard someone again"),
    ("health_changes", "changes of a member's local health"),
    ("departed", "members that had left"),
    ("foreign_packets", "packets of another pool that were refused"),
    ("implausible", "hearsay of incarnations that was not believed"),
    ("full", "members that were not taken in because there were too many"),
    ("broadcasts", "broadcasts that were made"),
    ("delivered", "broadcasts that a member handed to its embedder"),
    ("dropped", "broadcasts that a member handed on no further because there were too many"),
    ("regions_lost", "regions of which a gateway held all gateways dead or gone"),
    ("regions_found", "those of them of which it reached a gateway again"),
    ("agreed", "times of calm in which all came to agree"),
    ("judged.who-crashed-is-buried", "looks at a member that reached a node which ran nowhere"),
    ("judged.who-is-well-is-not-buried", "seconds of calm in which no member that was well might be buried"),
    ("judged.a-refutation-counts", "recoveries, each by a later incarnation"),
    ("judged.the-dead-stay-dead", "nodes that ran nowhere and that all held gone"),
    ("judged.news-reaches-everyone", "looks at a new incarnation that someone did not know in a time of calm"),
    (
        "judged.a-leave-is-no-failure",
        "deaths that were told of nodes that left, where nothing was in the way of the leave",
    ),
    ("judged.views-agree-with-the-truth", "seconds of calm in which all agreed"),
    ("judged.one-process-keeps-an-identity", "seconds of calm in which two processes bore one identity"),
    ("judged.accusers-count-once", "members buried by a deadline"),
    ("judged.views-are-bounded", "members that were forgotten"),
    ("judged.calm-is-quiet", "spans of thirty probe intervals in which nothing happened"),
    ("crashes", "processes that ended without a word"),
    ("restarts", "nodes that began another life"),
    ("messages", "packets that were sent"),
    ("lost", "packets that got lost, by chance, by a cut or for want of room"),
    ("overflowed", "those of them that found no room in the queue of a member with slow service"),
    ("fault.crash", "crashes"),
    ("fault.replace", "addresses that another node took over"),
    ("fault.pause", "processes frozen"),
    ("fault.block", "message paths blocked while timers ran"),
    ("fault.partition", "partitions"),
    ("fault.one-way", "members that were not heard, or did not hear"),
    ("fault.loss", "members whose packets got lost"),
    ("fault.slow", "members to which and from which packets took longer"),
    ("fault.slow-service", "members that took long over each packet"),
    ("fault.join", "absent members started"),
    ("fault.leave", "members asked to leave"),
    ("fault.clone", "processes started under another's identity"),
    ("fault.rename", "members restarted under another's name"),
    ("fault.metadata", "members asked to change their metadata"),
    ("fault.broadcast", "members asked to broadcast"),
    ("fault.stray", "members of another pool that came this way"),
    ("fault.replay", "times in which old packets came again"),
];

/// Returns the name of every fact.
pub fn fact_names() -> impl Iterator<Item = &'static str> + Clone {
    FACTS.iter().map(|(name, _)| *name)
}

impl Fault {
    /// Returns the fact that counts it; nothing for what a plan takes apart.
    pub(crate) fn fact(&self) -> Option<&'static str> {
        fact_names().find(|name| name.strip_prefix("fault.") == Some(self.kind()))
    }
}
