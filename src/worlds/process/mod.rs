//! The world of real processes: `delian node --dev` on loopback, each behind relays of ours.
//!
//! They are killed, stopped and started by signals, and seen through their API alone, as those that ship. Clocks and disks
//! they bend themselves, as they are told on their standard input, which only those of a test build heed ([`faults`]). A
//! disk that is full so refuses every write, as a file system does that never writes in place; others take some for longer.
//!
//! [`faults`]: crate::faults

mod relay;
mod stream;
mod scale;
mod node;
mod bent;
mod watch;
mod ask;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use delian_sim::outcome::Counts;
use delian_sim::plan::Plan;
use delian_sim::scenario::Fault;
use delian_sim::worlds::{Happened, Heard, LinkMatrix, Moment, Request, Stand, Trouble, What, World, WorldKind};
use nix::sys::signal::Signal;

use self::bent::Bent;
use self::node::{End, Node, Site};
use self::relay::{Place, Relays};
use self::scale::{Clock, Scale};
use self::watch::Watcher;

/// How long the processes may take to find each other at the beginning: registering and voting takes a few rounds of each.
const FORMING_MAX: Duration = Duration::from_secs(90);

/// The pause between two looks while they do, if nothing is heard of them.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How much longer than a node a client waits for an answer.
const PATIENCE_MORE: Duration = Duration::from_secs(2);

/// A cluster of real processes. They end with this, however that comes about.
#[derive(Debug)]
pub(crate) struct Processes {
    site: Site,
    scale: Scale,
    clock: Clock,
    size: u16,
    voters: u16,
    command_timeout: Duration,
    absent: BTreeSet<u16>,
    relays: Relays,
    nodes: BTreeMap<u16, Node>,
    bent: BTreeMap<u16, Bent>,
    frozen: BTreeSet<u16>,
    watchers: BTreeMap<u16, Watcher>,
    founded: BTreeSet<u16>,
    sender: Sender<Heard>,
    heard: Receiver<Heard>,
}

impl Processes {
    /// Prepares the cluster of a plan: its folder, and its doors. `cluster` tells apart those that run at a time.
    pub(crate) fn prepare(plan: &Plan, folder: &Path, cluster: u8) -> Result<Self, Trouble> {
        let scenario = &plan.scenario;
        let scale = Scale::of(&scenario.worlds);
        let place = Place::of(cluster);
        let size = scenario.cluster.processes();
        let links = LinkMatrix::new(size, scenario.network);
        let relays = Relays::open(place, links, size, scale, plan.seed)
            .map_err(|error| Trouble::new(format!("no relays at {}: {error}", place.door(1))))?;
        let (sender, heard) = mpsc::channel();
        Ok(Self {
            site: Site::prepare(folder, place, scenario, scale)?,
            clock: Clock::start(scale),
            size,
            voters: scenario.cluster.voters,
            command_timeout: scale.real(scenario.cluster.config.command_timeout),
            absent: scenario.cluster.absent.iter().copied().collect(),
            scale,
            relays,
            nodes: BTreeMap::new(),
            bent: BTreeMap::new(),
            frozen: BTreeSet::new(),
            watchers: BTreeMap::new(),
            founded: BTreeSet::new(),
            sender,
            heard,
        })
    }

    /// Starts a process; a voter founds the federation at its first start, and all else finds the others.
    fn launch(&mut self, process: u16) -> Result<(), Trouble> {
        let founds = process <= self.voters && self.founded.insert(process);
        let faults = self.bent.get(&process).map(Bent::sum).unwrap_or_default();
        let node = Node::start(&self.site, process, founds, &faults)?;
        self.nodes.insert(process, node);
        Ok(())
    }

    /// Follows what a process says from the beginning of its run, and its end.
    fn watch(&mut self, process: u16) {
        let (clock, sender) = (self.clock, self.sender.clone());
        if let Some(node) = self.nodes.get(&process) {
            node.on_end(move |end| {
                let happened = match end {
                    End::Halted => Happened::Halted("its log says why".to_string()),
                    End::Died(status) => Happened::Died(status.to_string()),
                };
                // At the end nobody listens any more.
                let _ = sender.send(Heard { at: clock.now(), what: What::Happened(process, happened) });
            });
        }
        let watcher = Watcher::start(self.site.place, process, self.clock, self.sender.clone());
        self.watchers.insert(process, watcher);
    }

    /// Waits until all processes are registered and follow a leader. Only voters are in the log: the autopilot takes no more
    /// into it than it needs.
    fn form(&mut self) -> Result<(), Trouble> {
        let up: BTreeSet<u16> = self.nodes.keys().copied().collect();
        let place = self.site.place;
        let is_formed = |process: &u16| {
            let is_together = ask::members(place, *process) == Some(up.len());
            is_together && ask::stand(place, *process).is_some_and(|stand| stand.leader.is_some())
        };
        let forming = Clock::start(Scale::of(&delian_sim::scenario::Worlds::default()));
        while !up.iter().all(is_formed) {
            if forming.now() > FORMING_MAX {
                let stands = self.stands(&up);
                return Err(Trouble::new(format!("the processes did not find each other: {stands:?}")));
            }
            crate::client::pause(LOOK_AGAIN);
        }
        Ok(())
    }

    fn node(&self, process: u16) -> Result<&Node, Trouble> {
        self.nodes.get(&process).ok_or_else(|| Trouble::new(format!("n{process} does not run")))
    }
}

impl World for Processes {
    fn kind(&self) -> WorldKind {
        WorldKind::Process
    }

    fn start(&mut self) -> Result<(), Trouble> {
        for process in (1..=self.size).filter(|process| !self.absent.contains(process)).collect::<Vec<_>>() {
            self.launch(process)?;
        }
        self.form()?;
        self.clock = Clock::start(self.scale);
        for process in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.watch(process);
        }
        Ok(())
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn wait(&mut self, until: Duration) -> Result<Vec<Heard>, Trouble> {
        match self.heard.recv_timeout(self.clock.until(until)) {
            Ok(first) => Ok([first].into_iter().chain(self.heard.try_iter()).collect()),
            Err(RecvTimeoutError::Timeout) => Ok(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => Err(Trouble::new("nobody says anything any more")),
        }
    }

    fn set_links(&mut self, links: &LinkMatrix) {
        self.relays.set_links(links);
    }

    fn crash(&mut self, process: u16) -> Result<(), Trouble> {
        self.node(process)?;
        self.frozen.remove(&process);
        self.watchers.remove(&process);
        self.nodes.remove(&process).map_or(Ok(()), Node::end)
    }

    fn restart(&mut self, process: u16) -> Result<(), Trouble> {
        // Of a run that ended by itself there may be something left.
        self.watchers.remove(&process);
        self.nodes.remove(&process);
        self.frozen.remove(&process);
        self.launch(process)?;
        self.watch(process);
        Ok(())
    }

    fn freeze(&mut self, process: u16) -> Result<(), Trouble> {
        self.frozen.insert(process);
        self.node(process)?.signal(Signal::SIGSTOP)
    }

    fn thaw(&mut self, process: u16) -> Result<(), Trouble> {
        self.frozen.remove(&process);
        self.node(process)?.signal(Signal::SIGCONT)
    }

    fn other_fault(&mut self, fault: &Fault, processes: &[u16], moment: Moment) -> Result<(), Trouble> {
        for process in processes {
            let bent = self.bent.entry(*process).or_insert_with(|| Bent::new(self.scale));
            bent.note(fault, moment);
            let faults = bent.sum();
            if let Some(node) = self.nodes.get_mut(process) {
                let told = node.tell(&faults, !self.frozen.contains(process));
                told.map_err(|trouble| Trouble::new(format!("n{process} {trouble}")))?;
            }
        }
        Ok(())
    }

    fn submit(&mut self, request: Request) {
        let (place, clock, sender) = (self.site.place, self.clock, self.sender.clone());
        let patience = self.command_timeout + PATIENCE_MORE;
        thread::spawn(move || {
            let reply = ask::ask(place, &request, patience);
            // At the end nobody listens any more.
            let _ = sender.send(Heard { at: clock.now(), what: What::Answered(request.number, reply) });
        });
    }

    fn stands(&mut self, processes: &BTreeSet<u16>) -> Vec<Stand> {
        let place = self.site.place;
        thread::scope(|scope| {
            let asked: Vec<_> =
                processes.iter().map(|process| scope.spawn(move || ask::stand(place, *process))).collect();
            asked.into_iter().filter_map(|stand| stand.join().ok().flatten()).collect()
        })
    }

    fn counts(&self) -> Counts {
        self.relays.counts()
    }

    fn stop(&mut self) {
        self.watchers.clear();
        self.nodes.clear();
        self.site.clear();
    }
}
