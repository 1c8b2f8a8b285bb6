//! What is measured: works, sizes, contenders.

use crate::bench::measured::Measured;
use crate::bench::spread::Spread;

/// A contender that is a package of its own.
pub(crate) struct Peer {
    /// What the measuring program calls it.
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
}

/// The rings of others.
pub(crate) const RINGS: [Peer; 3] = [
    Peer { name: "pingora", package: "pingora-ketama" },
    Peer { name: "hashring", package: "hashring" },
    Peer { name: "consistent-hash", package: "consistent_hash" },
];

/// All packages of others.
pub(crate) const PEERS: [Peer; 4] = {
    let [pingora, hashring, consistent_hash] = RINGS;
    [pingora, hashring, consistent_hash, Peer { name: "rand-alias", package: "rand_distr" }]
};

/// The numbers of nodes of rings, and of balancers.
pub(crate) const RING_NODES: [u32; 4] = [10, 100, 1_000, 10_000];
pub(crate) const PICK_NODES: [u32; 3] = [10, 100, 1_000];

/// How many nodes a ring has before one more joins.
pub(crate) const JOIN_NODES: u32 = 1_000;

/// How long keys are, in bytes.
pub(crate) const KEY_BYTES: [u32; 2] = [16, 64];

/// How many of a thousand nodes are not eligible while a walk passes them.
pub(crate) const OUT_PERMILLE: [u32; 2] = [100, 500];

/// What is asked of rings and balancers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The owner of a key, one by one and in batches.
    Owner { key: u32 },
    /// Three different nodes for a key.
    Replicas,
    /// The first eligible node for a key.
    Walk { out: u32 },
    /// One node more.
    Join,
    /// The bytes that points take.
    Memory,
    /// A pick in proportion to weights.
    Weighted,
    /// A pick of the cheaper one of two.
    Ewma,
    /// The table of weighted picks.
    Table,
}

/// One work at one size, for all contenders.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) work: Work,
    pub(crate) nodes: u32,
    pub(crate) turns: Vec<Measured>,
}

impl Cell {
    pub(crate) const fn new(work: Work, nodes: u32) -> Cell {
        Cell { work, nodes, turns: Vec::new() }
    }

    /// Returns what the measuring program is told.
    pub(crate) fn words(&self, with_peers: bool) -> String {
        let (nodes, peers) = (self.nodes, u8::from(with_peers));
        match self.work {
            Work::Owner { key } => format!("owner nodes={nodes} key={key} peers={peers}"),
            Work::Replicas => format!("replicas nodes={nodes} peers={peers}"),
            Work::Walk { out } => format!("walk nodes={nodes} out={out} peers={peers}"),
            Work::Join => format!("join nodes={nodes} peers={peers}"),
            Work::Memory => format!("nodes={nodes} peers={peers}"),
            Work::Weighted => format!("weighted nodes={nodes} peers={peers}"),
            Work::Ewma => format!("ewma nodes={nodes} peers={peers}"),
            Work::Table => format!("table nodes={nodes} peers={peers}"),
        }
    }

    /// Returns what a contender took for one operation, in thousandths of a nanosecond, or of a byte; nothing of whoever
    /// did not take part.
    pub(crate) fn cost(&self, contender: &str) -> Option<Spread> {
        Spread::of(
            self.turns.iter().map(|turn| turn.number(contender)).filter(|cost| *cost > 0).map(|cost| cost as f64),
        )
    }

    /// Returns the same in nanoseconds, in the best slice of each turn: a processor that is shared only adds to it.
    pub(crate) fn best_nanos(&self, contender: &str) -> Option<Spread> {
        self.nanos(&format!("best-{contender}"))
    }

    /// Returns the same in nanoseconds.
    pub(crate) fn nanos(&self, contender: &str) -> Option<Spread> {
        self.cost(contender).map(|cost| cost.times(1e-3))
    }

    /// Returns the same as a multiple of the limit.
    pub(crate) fn ratio(&self, contender: &str) -> Option<Spread> {
        self.cost(&format!("of-{contender}")).map(|ratio| ratio.times(1e-3))
    }
}

/// Returns all that is measured.
pub(crate) fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for nodes in RING_NODES {
        let owners = KEY_BYTES.map(|key| Work::Owner { key });
        let walks = OUT_PERMILLE.map(|out| Work::Walk { out });
        let works = owners.into_iter().chain([Work::Replicas]).chain(walks).chain([Work::Memory]);
        cells.extend(works.map(|work| Cell::new(work, nodes)));
    }
    cells.push(Cell::new(Work::Join, JOIN_NODES));
    for work in [Work::Weighted, Work::Ewma, Work::Table] {
        cells.extend(PICK_NODES.map(|nodes| Cell::new(work, nodes)));
    }
    cells
}

#[cfg(test)]
impl Cell {
    /// A cell of which each turn said one of these lines.
    pub(crate) fn sample(work: Work, nodes: u32, said: &[&str]) -> Cell {
        let turns = said.iter().map(|line| Measured::sample(&format!("cpu_ns=1 {line}"))).collect();
        Cell { turns, ..Cell::new(work, nodes) }
    }
}
