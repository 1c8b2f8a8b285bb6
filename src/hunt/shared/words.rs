//! What leader and workers say to each other: JSON, so that `nats sub` shows it, within a limit and read with mistrust.
//!
//! Whoever reaches the server can publish anything, so a message that is too large, is no message or says what cannot be
//! is worth nothing, and no text of a stranger reaches a terminal or a file unless it is made of harmless letters.

use std::collections::BTreeMap;
use std::fmt;

use delian_sim::guide::Guide;
use delian_sim::invariants::catalogue;
use delian_sim::plan::Fork;
use delian_sim::pool::pool_catalogue;
use delian_sim::story::Story;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::super::ground::{Failed, Ground};
use super::ledger::{LeaseId, Range, WorkerId};

/// How what is said may change; whoever speaks another one is told so, and turned away.
const PROTOCOL: u32 = 1;

/// The largest message: a quarter of what a server of NATS passes on unless told otherwise. A result of a range in which
/// everything fails, and the names of a thousand scenarios, fit several times.
pub(super) const MESSAGE_MAX: usize = 256 * 1024;

/// How long a text of a stranger may be that is shown to people: the longest refusal fits.
const SHOWN_MAX: usize = 1_000;

/// How many scenarios a refusal names.
const NAMED_MAX: usize = 3;

/// Tells hunts apart that have the same name, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session(pub(super) u64);

/// What a program runs, by which two are compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    pub(super) protocol: u32,
    #[serde(default)]
    version: String,
    /// Of each scenario the digest of its text.
    #[serde(default)]
    scenarios: BTreeMap<String, u64>,
    /// What a run came to: two builds of different code have different fingerprints long before their versions differ.
    #[serde(default)]
    trial: u64,
}

/// A worker that wants to help.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) terms: Terms,
    /// What its process drew: however often it greets, it is one worker.
    #[serde(default)]
    pub(super) nonce: u64,
    /// Where it is, for people.
    #[serde(default)]
    pub(super) place: String,
    /// How many runs go on there at once.
    #[serde(default)]
    pub(super) hands: u64,
}

/// What it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Greeting {
    /// It takes part.
    Welcome { session: Session, worker: WorkerId, first_seed: u64, guide: String },
    /// It does not.
    Refused { why: String },
}

/// A range for whoever is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offer {
    pub(super) lease: LeaseId,
    pub(super) from: u64,
    pub(super) count: u64,
}

/// The answer to an offer, and the word that a hand is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mine {
    pub(super) worker: WorkerId,
}

/// A sign of life, with what is worked on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beat {
    pub(super) worker: WorkerId,
    pub(super) leases: Vec<LeaseId>,
}

/// What a range came to, or as much of it as there was time for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) worker: WorkerId,
    pub(super) lease: LeaseId,
    pub(super) from: u64,
    pub(super) count: u64,
    /// How many places of the range were run, from its first on.
    pub(super) done: u64,
    pub(super) runs: u64,
    pub(super) virtual_nanos: u64,
    pub(super) failures: Vec<Claim>,
    /// How many more runs failed, of which this message has no room to tell.
    #[serde(default)]
    pub(super) left_out: u64,
}

/// A run that failed somewhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    place: u64,
    forks: Vec<String>,
    invariant: String,
    /// How many runs of the range broke this invariant in this scenario; this is the first of them.
    pub(super) times: u64,
}

/// The answer to a sign of life and to a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Heard {
    /// It goes on.
    GoOn {
        /// What somebody else does or did.
        leave: Vec<LeaseId>,
        /// Whether the hunt ends: runs that have begun are told, and no other is begun.
        ends: bool,
    },
    /// Nobody of that number takes part.
    Stranger,
}

/// Why some bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Garbled {
    /// They are more than the limit.
    Long(usize),
    /// They cannot be read.
    Unreadable(String),
    /// They say what cannot be.
    Absurd(&'static str),
}

impl fmt::Display for Garbled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long(bytes) => write!(f, "a message of {bytes} bytes, above {MESSAGE_MAX}"),
            Self::Unreadable(why) => write!(f, "a message that cannot be read: {why}"),
            Self::Absurd(why) => write!(f, "a message that says what cannot be: {why}"),
        }
    }
}

/// Reads a message.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Garbled> {
    if bytes.len() > MESSAGE_MAX {
        return Err(Garbled::Long(bytes.len()));
    }
    serde_json::from_slice(bytes).map_err(|error| Garbled::Unreadable(shown(&error.to_string())))
}

/// Writes a message.
pub(super) fn write<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).expect("messages are made of numbers, texts and lists")
}

/// Returns a text of a stranger as it may be shown: short, and without what steers a terminal.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_ascii_graphic() || letter == ' ' { letter } else { '?' })
        .take(SHOWN_MAX)
        .collect()
}

impl Terms {
    /// What this program runs, on trial.
    pub(super) fn of(ground: &Ground) -> Self {
        let stories = ground.stories();
        let digest = |story: &Story| (story.name().to_string(), xxh3_64(story.to_toml().as_bytes()));
        // One run of each kind of world: they share no code but the core.
        let clusters = stories.iter().find(|story| matches!(story, Story::Cluster(_)));
        let pools = stories.iter().find(|story| matches!(story, Story::Pool(_)));
        let trials = clusters.into_iter().chain(pools).map(|story| story.script(0).run().fingerprint);
        Self {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_string(),
            scenarios: stories.iter().map(digest).collect(),
            trial: trials.fold(0, |all: u64, one| all.rotate_left(1) ^ one),
        }
    }

    /// Returns why two programs cannot share a hunt, in the words of the one that leads.
    pub(super) fn refusal(&self, other: &Self) -> Option<String> {
        if other.protocol != self.protocol {
            let (theirs, ours) = (other.protocol, self.protocol);
            return Some(format!(
                "it speaks version {theirs} of the protocol, and whoever leads version {ours}: build both from the same code"
            ));
        }
        if other.version != self.version {
            let (theirs, ours) = (shown(&other.version), &self.version);
            return Some(format!(
                "it is version {theirs}, and whoever leads version {ours}: build both from the same code"
            ));
        }
        if other.scenarios != self.scenarios {
            return Some(format!("{}: give both the same files", self.difference(other)));
        }
        (other.trial != self.trial).then(|| {
            "the same seeds of the same scenarios come to other runs there: build both from the same code".to_string()
        })
    }

    /// Says which scenarios differ.
    fn difference(&self, other: &Self) -> String {
        let list = |names: Vec<&String>| {
            let more = names.len().saturating_sub(NAMED_MAX);
            let named: Vec<String> = names.iter().take(NAMED_MAX).map(|name| shown(name)).collect();
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!("{}{more}", named.join(", "))
        };
        let lacks: Vec<_> = self.scenarios.keys().filter(|name| !other.scenarios.contains_key(*name)).collect();
        let has: Vec<_> = other.scenarios.keys().filter(|name| !self.scenarios.contains_key(*name)).collect();
        let differs =
            self.scenarios.iter().filter(|(name, digest)| other.scenarios.get(*name).is_some_and(|it| it != *digest));
        let differs: Vec<_> = differs.map(|(name, _)| name).collect();
        let parts = [("it lacks", lacks), ("whoever leads lacks", has), ("the texts differ of", differs)];
        let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
        parts.map(|(what, names)| format!("{what} {}", list(names))).collect::<Vec<_>>().join("; ")
    }
}

impl Told {
    pub(super) const fn range(&self) -> Range {
        Range { from: self.from, count: self.count }
    }

    /// Leaves out failures that are too many for a message, and counts them.
    pub(super) fn fit(&mut self, most: usize) {
        while write(self).len() > most
            && let Some(claim) = self.failures.pop()
        {
            self.left_out = self.left_out.saturating_add(claim.times);
        }
    }

    /// Whether there may be such a range.
    pub(super) const fn require_possible(&self) -> Result<(), Garbled> {
        if self.done > self.count || self.from.checked_add(self.count).is_none() {
            return Err(Garbled::Absurd("it tells more places than there are in the range"));
        }
        Ok(())
    }

    /// Returns what failed, once it is sure that all of it can be.
    pub(super) fn failures<'a>(&self, ground: &'a Ground) -> Result<Vec<(&'a Story, u64, Failed, u64)>, Garbled> {
        self.failures.iter().map(|claim| claim.read(self, ground)).collect()
    }
}

impl Claim {
    /// Tells of a failure.
    pub(super) fn of(place: u64, failed: &Failed) -> Self {
        Self {
            place,
            forks: failed.forks.iter().map(ToString::to_string).collect(),
            invariant: failed.invariant.to_string(),
            times: 1,
        }
    }

    /// Whether it is of the same invariant.
    pub(super) fn breaks(&self, invariant: &str) -> bool {
        self.invariant == invariant
    }

    fn read<'a>(&self, told: &Told, ground: &'a Ground) -> Result<(&'a Story, u64, Failed, u64), Garbled> {
        if self.place < told.from || self.place - told.from >= told.done {
            return Err(Garbled::Absurd("it tells a failure of a place that it did not run"));
        }
        if self.times == 0 || self.times > told.runs {
            return Err(Garbled::Absurd("it tells more failures than runs, or none"));
        }
        let (story, seed) = ground.at(self.place).ok_or(Garbled::Absurd("there is no such place"))?;
        let known = catalogue().into_iter().chain(pool_catalogue()).find(|(name, _)| *name == self.invariant);
        let (invariant, sentence) = known.ok_or(Garbled::Absurd("there is no such invariant"))?;
        let forks: Result<Vec<Fork>, String> = self.forks.iter().map(|fork| fork.parse()).collect();
        let forks = forks.map_err(|_| Garbled::Absurd("a fork of it makes no sense"))?;
        Ok((story, seed, Failed { forks, invariant, sentence }, self.times))
    }
}

/// Returns a guide by its name.
pub(super) fn guide(name: &str) -> Result<Guide, Garbled> {
    let known = Guide::NAMES.into_iter().find(|(known, _)| *known == name);
    known.map(|(_, guide)| guide).ok_or(Garbled::Absurd("there is no such guide"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use delian_sim::plan::{FORKS_MAX, Redraw};

    use super::super::super::RANGE_MAX;
    use super::*;

    #[test]
    fn a_result_of_a_range_in_which_everything_fails_fits_into_a_message() {
        let names = catalogue().into_iter().chain(pool_catalogue());
        let (invariant, sentence) = names.max_by_key(|(name, _)| name.len()).expect("there are invariants");
        let fork = Fork { at: Duration::from_millis(86_399_999), redraw: Redraw::Swarm, number: u64::MAX };
        let failed = Failed { forks: vec![fork; FORKS_MAX], invariant, sentence };
        let failures = (0..RANGE_MAX).map(|_| Claim::of(u64::MAX, &failed)).collect();
        let told = told(failures);
        let bytes = write(&told);
        assert_eq!(read(&bytes), Ok(told), "{} bytes", bytes.len());
    }

    /// A result whose numbers are as long as can be.
    fn told(failures: Vec<Claim>) -> Told {
        let most = u64::MAX;
        let (worker, lease, from, count, done) = (most, most, most, most, most);
        Told { worker, lease, from, count, done, runs: most, virtual_nanos: most, failures, left_out: 0 }
    }

    #[test]
    fn what_does_not_fit_into_a_message_is_left_out_and_counted() {
        let (invariant, sentence) = catalogue()[0];
        let failed = Failed { forks: Vec::new(), invariant, sentence };
        let mut told = told((0..8).map(|place| Claim { times: 2, ..Claim::of(place, &failed) }).collect());
        let all = write(&told).len();
        told.fit(all);
        assert_eq!((told.failures.len(), told.left_out), (8, 0));
        told.fit(all - 1);
        assert_eq!((told.failures.len(), told.left_out), (7, 2));
        told.fit(0);
        assert_eq!((told.failures.len(), told.left_out), (0, 16));
    }

    #[test]
    fn every_guide_is_found_by_its_name() {
        for (name, known) in Guide::NAMES {
            assert_eq!(guide(name), Ok(known));
        }
        assert!(guide("Both").is_err());
    }
}
