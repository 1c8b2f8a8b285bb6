//! Where the copies of a key lie: distinct nodes, kept apart as a rule asks.
//!
//! The preference list of Dynamo (SOSP 2007, section 4.3) skips points of nodes that are in it already. The rules go on
//! as Cassandra's `NetworkTopologyStrategy` does: what would bring a second copy into a failure domain is skipped, unless
//! there are more copies than domains. Then as many repeats are allowed as there are copies too many, in the order of the
//! circle. Whether there is enough to choose from is known before the walk, so an answer is whole or an error.

use core::fmt;
use core::hint::select_unpredictable;

use super::place::Level;
use super::token::Token;
use super::{Eligible, Ring, Slot};

/// How many repeats are looked past without a walk: among ten nodes there are more of them in one lookup of seventy.
const REPEATS: usize = 2;

/// Among fewer nodes the first points repeat a node so often that to guess they do not costs more than to look past it.
const FEW: usize = 32;

/// The most copies of a key.
pub const REPLICAS_MAX: usize = 64;

/// How the copies of a key are kept apart. No rule puts two of them on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// On different nodes, wherever these stand.
    Nodes,
    /// In different domains of a level; there are no more copies than domains.
    Apart(Level),
    /// In as many different domains of this level and of each wider one as there are; repeats only beyond that.
    ///
    /// Within the nodes of one datacenter, `Spread(Rack)` chooses what `NetworkTopologyStrategy` does for it.
    Spread(Level),
}

impl Rule {
    /// Returns the most copies that this rule finds places for.
    pub fn copies_max(self, ring: &Ring, among: Option<&Eligible>) -> usize {
        match self {
            Self::Nodes | Self::Spread(_) => among.map_or(ring.len(), Eligible::len),
            Self::Apart(level) => domains(ring, among, level),
        }
    }
}

/// Why there are not as many copies as were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// There are fewer eligible nodes.
    Nodes {
        /// How many copies were asked for.
        wanted: usize,
        /// How many nodes are eligible.
        eligible: usize,
    },
    /// There are fewer failure domains with an eligible node.
    Domains {
        /// Of which level.
        level: Level,
        /// How many copies were asked for.
        wanted: usize,
        /// How many domains have an eligible node.
        eligible: usize,
    },
    /// More than [`REPLICAS_MAX`] were asked for.
    TooMany {
        /// How many.
        wanted: usize,
    },
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes { wanted, eligible } => {
                write!(f, "{wanted} replicas need as many nodes, {eligible} are eligible")
            }
            Self::Domains { level, wanted, eligible } => {
                write!(f, "{wanted} replicas need one {level} each, {eligible} have an eligible node")
            }
            Self::TooMany { wanted } => write!(f, "{wanted} replicas are above the limit of {REPLICAS_MAX}"),
        }
    }
}

impl core::error::Error for Shortage {}

impl Ring {
    /// Returns the places of the copies of a key, the owner first.
    ///
    /// # Errors
    ///
    /// Returns what there is too little of.
    #[inline]
    pub fn replicas<const COPIES: usize>(&self, key: &[u8], rule: Rule) -> Result<[Slot; COPIES], Shortage> {
        self.check_enough(rule, None, COPIES)?;
        let first = self.points.first_from(Token::of(key));
        // Mostly the next few points are of different nodes, and of most of the others enough are: nothing to walk then.
        if rule == Rule::Nodes {
            if self.len() >= FEW
                && let Some(replicas) = self.points.owners_from(first).first_chunk()
                && are_different(replicas)
            {
                return Ok(*replicas);
            }
            if let Some(replicas) = self.first_different(first) {
                return Ok(replicas);
            }
        }
        let mut replicas = [Slot::new(0); COPIES];
        self.replicas_from(first, rule, None, &mut replicas);
        Ok(replicas)
    }

    /// Writes the places of the copies of what lies at a token into `replicas`, as many as fit, in the order of the
    /// circle. Only nodes of `among` count, if given.
    ///
    /// # Errors
    ///
    /// Returns what there is too little of; `replicas` is as before.
    ///
    /// # Panics
    ///
    /// Panics if `among` was made for a ring of other members.
    #[inline]
    pub fn replicas_at(
        &self,
        token: Token,
        rule: Rule,
        among: Option<&Eligible>,
        replicas: &mut [Slot],
    ) -> Result<(), Shortage> {
        self.check_enough(rule, among, replicas.len())?;
        if replicas.is_empty() {
            return Ok(());
        }
        self.replicas_from(self.points.first_from(token), rule, among, replicas);
        Ok(())
    }

    /// Checks that a walk would find enough.
    #[inline]
    fn check_enough(&self, rule: Rule, among: Option<&Eligible>, wanted: usize) -> Result<(), Shortage> {
        if wanted > REPLICAS_MAX {
            return Err(Shortage::TooMany { wanted });
        }
        let nodes = among.map_or(self.len(), |among| {
            among.assert_of(self);
            among.len()
        });
        if wanted > nodes {
            return Err(Shortage::Nodes { wanted, eligible: nodes });
        }
        if let Rule::Apart(level) = rule
            && wanted > domains(self, among, level)
        {
            return Err(Shortage::Domains { level, wanted, eligible: domains(self, among, level) });
        }
        Ok(())
    }

    /// Returns the first different nodes from a point on, unless there are more repeats than are looked past.
    ///
    /// Apart, with the owners read again, so that whoever meets no repeat pays nothing for this.
    #[inline(never)]
    fn first_different<const COUNT: usize>(&self, first: usize) -> Option<[Slot; COUNT]> {
        let slots = self.points.owners_from(first);
        let seen = slots.get(..COUNT + REPEATS)?;
        let mut different = [slots[0]; COUNT];
        let mut last = 1u32;
        for count in 1..COUNT {
            let (found, rest) = different.split_at_mut(count);
            last = 0;
            // Which point repeats a node cannot be foretold, so all are compared and none decides a branch; back from the
            // last one, so that the first that differs is what stays.
            for slot in seen[count..].iter().rev() {
                let same: u32 = found.iter().map(|other| u32::from(slot == other)).sum();
                rest[0] = select_unpredictable(same == 0, *slot, rest[0]);
                last += u32::from(same == 0);
            }
        }
        // Where one was not found, none is found after it.
        (last > 0).then_some(different)
    }

    /// Fills `replicas` from the point at an index on; there is enough for that.
    ///
    /// A walk never ends early. At the widest level that limits repeats, either a domain without a copy remains, and
    /// nothing there repeats anything, or all have one, and then as many repeats remain as copies are wanted.
    pub(super) fn replicas_from(&self, first: usize, rule: Rule, among: Option<&Eligible>, replicas: &mut [Slot]) {
        if replicas.is_empty() {
            return;
        }
        if rule == Rule::Nodes && among.is_none() {
            return self.walk(first, replicas, |_, _| true);
        }
        let (levels, spare) = match rule {
            Rule::Nodes => ([].as_slice(), false),
            Rule::Apart(Level::Region) => ([Level::Region].as_slice(), false),
            Rule::Apart(Level::Datacenter) => ([Level::Datacenter].as_slice(), false),
            Rule::Apart(Level::Rack) => ([Level::Rack].as_slice(), false),
            Rule::Spread(level) => (level.and_wider(), true),
        };
        let wanted = replicas.len();
        let mut repeats = [0; Level::ALL.len()];
        for level in levels.iter().filter(|_| spare) {
            repeats[*level as usize] = wanted.saturating_sub(domains(self, among, *level));
        }
        self.walk(first, replicas, |chosen, slot| {
            if among.is_some_and(|among| !among.contains(slot)) {
                return false;
            }
            let mut left = repeats;
            for level in levels {
                let domain = self.domains.of(*level, slot);
                if chosen.iter().any(|other| self.domains.of(*level, *other) == domain) {
                    let Some(fewer) = left[*level as usize].checked_sub(1) else { return false };
                    left[*level as usize] = fewer;
                }
            }
            repeats = left;
            true
        });
    }

    /// Fills `replicas` with different nodes that `accepts` says yes to, given those before, from a point on.
    #[inline]
    fn walk(&self, first: usize, replicas: &mut [Slot], mut accepts: impl FnMut(&[Slot], Slot) -> bool) {
        let (mut index, mut found) = (first, 0);
        for _ in 0..self.points.len() {
            let slot = self.points.owner(index);
            let (chosen, free) = replicas.split_at_mut(found);
            if !chosen.contains(&slot) && accepts(chosen, slot) {
                free[0] = slot;
                found += 1;
                if free.len() == 1 {
                    return;
                }
            }
            index = self.points.after(index);
        }
        panic!("a walk round the whole {self:?} found {found} of {} replicas", replicas.len());
    }
}

/// Says whether no two of these are the same.
#[inline]
fn are_different<const COUNT: usize>(slots: &[Slot; COUNT]) -> bool {
    // All pairs, without a branch for each of them: that costs less than a wrong guess.
    let pairs = (0..COUNT).flat_map(|at| slots[..at].iter().map(move |other| u32::from(*other == slots[at])));
    pairs.sum::<u32>() == 0
}

/// Returns how many domains of a level have an eligible node.
fn domains(ring: &Ring, among: Option<&Eligible>, level: Level) -> usize {
    among.map_or_else(|| ring.domains.count(level), |among| among.domains(level))
}
