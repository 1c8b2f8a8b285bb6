//! The Rafts that are measured, and how the programs that drive them are built.
//!
//! All of them live in `bench/raft/`, in a workspace of its own, and one that cannot be built is left out aloud.

use std::path::{Path, PathBuf};

use crate::bench::peers;
use crate::bench::peers::program;
use crate::{Problem, process};

/// A Raft that can be given work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    Delian,
    RaftRs,
    Sailing,
    RaftIo,
    Openraft,
}

/// Where the programs of one Raft lie.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// Measures speeds.
    pub(crate) speed: PathBuf,
    /// Counts memory, with an allocator that would slow the other one down.
    pub(crate) memory: PathBuf,
}

impl Contender {
    pub(crate) const ALL: [Contender; 5] =
        [Contender::Delian, Contender::RaftRs, Contender::Sailing, Contender::RaftIo, Contender::Openraft];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Contender::Delian => "Delian",
            Contender::RaftRs => "raft-rs",
            Contender::Sailing => "sailing-proto",
            Contender::RaftIo => "raft-io",
            Contender::Openraft => "openraft",
        }
    }

    const fn package(self) -> &'static str {
        match self {
            Contender::Delian => "raft-of-delian",
            Contender::RaftRs => "raft-of-raft-rs",
            Contender::Sailing => "raft-of-sailing",
            Contender::RaftIo => "raft-of-raft-io",
            Contender::Openraft => "raft-of-openraft",
        }
    }

    /// Returns whether followers too have heard of a commit, or are about to, when it counts as done.
    pub(crate) const fn is_strict(self) -> bool {
        match self {
            Contender::Delian | Contender::RaftRs | Contender::Sailing => true,
            Contender::RaftIo | Contender::Openraft => false,
        }
    }

    /// Returns what it is called when one call takes many commands, if that is a second form beside one call each.
    pub(crate) const fn joined_form(self) -> Option<&'static str> {
        match self {
            Contender::RaftRs => Some("one call"),
            Contender::Delian | Contender::Sailing | Contender::RaftIo | Contender::Openraft => None,
        }
    }

    /// Returns whether a follower's answer to a heartbeat can be handed to the leader by itself.
    pub(crate) const fn answers_heartbeats(self) -> bool {
        match self {
            Contender::Delian | Contender::RaftRs | Contender::Sailing | Contender::RaftIo => true,
            // Its nodes are tasks of a runtime, which cannot be stepped.
            Contender::Openraft => false,
        }
    }

    /// Builds the programs. Returns where they lie, or nothing if they cannot be built here.
    ///
    /// # Errors
    /// When cargo cannot be started.
    pub(crate) fn build(self, root: &Path) -> Result<Option<Programs>, Problem> {
        let mut compiler = None;
        if self == Contender::Sailing {
            // Its build script calls `protoc`, which a machine need not have.
            compiler = Some("protoc-stand-in");
            if !build(root, "protoc-stand-in", None)? {
                return Ok(None);
            }
        }
        let package = self.package();
        if !build(root, package, compiler.map(|name| program(root, name)))? {
            return Ok(None);
        }
        let memory = program(root, &format!("memory-of-{package}"));
        Ok(Some(Programs { speed: program(root, package), memory }))
    }
}

/// Builds one package of `bench/` with this `protoc` and says whether it could.
fn build(root: &Path, package: &str, protoc: Option<PathBuf>) -> Result<bool, Problem> {
    let mut cargo = peers::cargo(root, package);
    // raft-rs brings its own compiler, but would take one from the environment.
    cargo.env_remove("PROTOC").envs(protoc.map(|program| ("PROTOC", program)));
    process::succeeds(&mut cargo)
}
