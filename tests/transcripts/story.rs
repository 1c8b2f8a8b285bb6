//! What each command of a story does.
//!
//! ```text
//! cluster voters=3 [learners=] [spares=1: blank nodes that nobody knows] [n2=t3:1x3,2] [held] [told]
//!   [inflight= log-bytes= chunk-bytes= trailing= …] level=2 [n3-level=1]   they speak level 1 unless a story says more
//!   [drift=1000: leases] [ranks=0,1,1: election priorities]
//! campaign n1 · elect n1 · fire n1 heartbeat · wake n1 · advance 3s        time moves only here
//! deliver · drop · duplicate · hold · release · damage · in-flight [from=] [to=] [type=] [count=] [skip=] [last]
//! settle                                     everything is delivered and written until nothing moves; no clock does
//! isolate n3 · cut n1 n2 · heal              new messages get lost on the way
//! propose n1 register m4 [count=] [bytes=] · propose n1 custom hello
//! read n1 [local|lease|quorum] · transfer n1 n2 · forget-leader n1
//! session n1 · propose n1 session=s5 seq=3 [awaited=2] custom hello · close n1 session=s5 · sessions n1
//! hold-disk n2 · release-disk n2 · persist n2 [one] · fail-disk n2 · acknowledge n2 w9 · writes n2
//! crash n2 [keep=1] · restart n2 [level=1] · wipe n2 · tamper n2 [term=t3] [lose=1]
//! join n4 n1                                  a blank node asks to be let in
//! run 12s                                     everything is delivered and whoever is due is woken, for so long
//! change n1 add|promote|demote|remove|readmit n4 · change n1 replace n3,n4,n5 · configuration n1
//! slow-embedder n1 · capture n1              the embedder answers late
//! log · status · progress n1 · configuration n3 · state [n1..n3]
//! forge append from=n2 to=n1 term=3 …        what no correct peer would say
//! ```

use std::time::Duration;

use delian_core::raft::{HardState, Payload, Record, Recovered, Role};
use delian_core::{Config, Consistency, FeatureLevel, Input, NodeId, Operation, Sequence, Term, WakeReason, WriteId};

use crate::forge;
use crate::quorum;
use crate::words::{self, Line};
use crate::world::{Machine, Packet, World};

/// The commands of which nobody expects an outcome; of any other, that nothing followed is news.
const SCENE: [&str; 11] =
    ["cluster", "advance", "isolate", "cut", "heal", "hold-disk", "crash", "wipe", "tamper", "slow-embedder", "elect"];

/// A story in the telling: nothing yet, or a world.
#[derive(Default)]
pub(crate) struct Story {
    world: Option<World>,
}

impl Story {
    /// Runs one command and returns what followed.
    ///
    /// Every command takes the word `quiet`, for what only prepares the scene.
    pub(crate) fn run(&mut self, text: &str) -> Result<String, String> {
        let mut line = Line::parse(text);
        if line.word(0)? == "cluster" {
            self.world = Some(cluster(&mut line)?);
        }
        let world = self.world.as_mut().ok_or("a story begins with a cluster")?;
        match line.word(0)? {
            "cluster" => begin(world, line)?,
            "deliver" | "drop" | "duplicate" | "hold" | "release" | "damage" | "in-flight" => network(world, line)?,
            "hold-disk" | "release-disk" | "persist" | "fail-disk" | "acknowledge" | "crash" | "restart" | "wipe"
            | "tamper" | "writes" => disk(world, line)?,
            "log" | "status" | "progress" | "state" | "sessions" => show(world, line)?,
            "forge" => forge::forge(world, line)?,
            _ => act(world, line)?,
        }
        let said = world.take_said();
        let mut words = text.split_whitespace();
        let sets_the_scene = words.next().is_some_and(|verb| SCENE.contains(&verb));
        if words.any(|word| word == "quiet") {
            return Ok(String::new());
        }
        Ok(if said.is_empty() && !sets_the_scene { "nothing\n".to_string() } else { said })
    }
}

fn cluster(line: &mut Line) -> Result<World, String> {
    let voters = line.number("voters", 3)?;
    let learners = line.number("learners", 0)?;
    let default = Config::default();
    let size = |line: &mut Line, key: &str, otherwise: usize| line.number(key, otherwise as u64).map(|n| n as usize);
    let mut config = Config {
        voters: (1..=voters).map(NodeId::new).collect(),
        learners: (voters + 1..=voters + learners).map(NodeId::new).collect(),
        append_bytes_max: line.number("append-bytes", default.append_bytes_max)?,
        inflight_messages_max: size(line, "inflight", default.inflight_messages_max)?,
        inflight_bytes_max: line.number("inflight-bytes", default.inflight_bytes_max)?,
        uncommitted_bytes_max: line.number("uncommitted-bytes", default.uncommitted_bytes_max)?,
        log_bytes_max: line.number("log-bytes", default.log_bytes_max)?,
        trailing_entries: line.number("trailing", default.trailing_entries)?,
        autopilot_voters: line
            .option("autopilot")
            .map(|text| words::number(&text))
            .transpose()?
            .map(|voters| voters as u32),
        snapshot_chunk_bytes: line.number("chunk-bytes", default.snapshot_chunk_bytes)?,
        snapshot_chunks_max: size(line, "chunks", default.snapshot_chunks_max)?,
        snapshot_bytes_max: line.number("snapshot-bytes", default.snapshot_bytes_max)?,
        feature_level_max: FeatureLevel::new(line.number("level", FeatureLevel::FIRST.get())?),
        withheld_max: size(line, "withheld", default.withheld_max)?,
        pending_commands_max: size(line, "pending", default.pending_commands_max)?,
        sessions_max: size(line, "sessions", default.sessions_max)?,
        session_window: line.number("window", default.session_window)?,
        session_entries_max: line.number("silence", default.session_entries_max)?,
        pending_reads_max: size(line, "reads", default.pending_reads_max)?,
        clock_drift_max_ppm: match line.number("drift", u64::MAX)? {
            u64::MAX => None,
            ppm => Some(u32::try_from(ppm).map_err(|error| error.to_string())?),
        },
        ..default
    };
    let times: [(&str, &mut Duration); 2] =
        [("resend", &mut config.snapshot_resend_interval), ("timeout", &mut config.command_timeout)];
    for (key, time) in times {
        if let Some(text) = line.option(key) {
            *time = words::span(&text)?;
        }
    }
    let spares = line.number("spares", 0)?;
    let ranks = line.option("ranks");
    let mut world = World::new(config.clone(), spares)?;
    for (place, rank) in ranks.iter().flat_map(|ranks| ranks.split(',')).enumerate() {
        let election_priority = rank.parse().map_err(|_| format!("{rank} is no rank"))?;
        let settings = Config { election_priority, ..config.clone() }.check().map_err(|error| error.to_string())?;
        world.machine(NodeId::new(place as u64 + 1))?.settings = settings.into();
    }
    Ok(world)
}

/// Starts the nodes with what the story says their disks hold, such as `n2=t3:1x3,2`.
fn begin(world: &mut World, mut line: Line) -> Result<(), String> {
    let held = line.says("held");
    let ids: Vec<_> = world.machines.keys().copied().collect();
    for id in ids {
        if let Some(text) = line.option(&id.to_string()) {
            world.machine(id)?.disk.kept = disk_content(&text)?;
        }
        world.machine(id)?.disk.held = held;
        if let Some(level) = line.option(&format!("{id}-level")) {
            world.set_level(id, words::number(&level)?)?;
        }
        world.start(id)?;
    }
    if !line.says("told") {
        world.take_said();
    }
    line.finish()
}

fn disk_content(text: &str) -> Result<Recovered, String> {
    let (term, log) = text.split_once(':').ok_or("a disk's content is a term and a log, such as t3:1x3,2")?;
    let term = Term::new(words::prefixed(term, 't')?);
    let entries = words::terms(log)?.into_iter();
    Ok(Recovered {
        hard_state: HardState { term, ..Recovered::founding().hard_state },
        entries: entries.map(|term| delian_core::raft::Entry { term, payload: Payload::Noop }).collect(),
        ..Recovered::founding()
    })
}

fn act(world: &mut World, mut line: Line) -> Result<(), String> {
    match line.word(0)? {
        "campaign" => world.fire(words::node(line.word(1)?)?, WakeReason::Election)?,
        "elect" => elect(world, words::node(line.word(1)?)?)?,
        "fire" => {
            let why = match line.word(2)? {
                "election" => WakeReason::Election,
                "heartbeat" => WakeReason::Heartbeat,
                "command-timeout" => WakeReason::CommandTimeout,
                "read-timeout" => WakeReason::ReadTimeout,
                "transfer-timeout" => WakeReason::TransferTimeout,
                other => return Err(format!("nobody wakes for {other}")),
            };
            world.fire(words::node(line.word(1)?)?, why)?;
        }
        "wake" => world.step(words::node(line.word(1)?)?, Input::Wake)?,
        "advance" => world.advance(words::span(line.word(1)?)?),
        "settle" => world.settle()?,
        "propose" => propose(world, &mut line)?,
        "change" => quorum::change(world, &line)?,
        "join" => quorum::join(world, &line)?,
        "run" => world.run(words::span(line.word(1)?)?)?,
        "configuration" => quorum::show(world, &line)?,
        "read" => {
            let id = words::node(line.word(1)?)?;
            let consistency = match line.words.get(2).map_or("quorum", String::as_str) {
                "local" => Consistency::Local,
                "lease" => Consistency::Lease,
                "quorum" | "quiet" => Consistency::Quorum,
                other => return Err(format!("nobody reads {other}")),
            };
            world.request(id, |request| Input::Read(request, consistency))?;
        }
        "transfer" => {
            let (id, target) = (words::node(line.word(1)?)?, words::node(line.word(2)?)?);
            world.request(id, |request| Input::Transfer(request, target))?;
        }
        "forget-leader" => world.step(words::node(line.word(1)?)?, Input::ForgetLeader)?,
        "session" => {
            let request = world.next_request();
            world.step(words::node(line.word(1)?)?, Input::OpenSession(request))?;
        }
        "close" => {
            let session = words::session(&line.option("session").ok_or("session= is missing")?)?;
            let request = world.next_request();
            world.step(words::node(line.word(1)?)?, Input::CloseSession(request, session))?;
        }
        "isolate" => {
            let id = words::node(line.word(1)?)?;
            let others: Vec<_> = world.machines.keys().copied().collect();
            world.cut.extend(others.iter().flat_map(|other| [(id, *other), (*other, id)]));
        }
        "cut" => {
            let pair = (words::node(line.word(1)?)?, words::node(line.word(2)?)?);
            world.cut.insert(pair);
        }
        "heal" => world.cut.clear(),
        "slow-embedder" => world.slow_embedder(words::node(line.word(1)?)?)?,
        "capture" => world.hand_over_capture(words::node(line.word(1)?)?)?,
        other => return Err(format!("there is no command {other}")),
    }
    line.finish()
}

/// Lets a node win an election before the others miss anyone, and the cluster come to rest.
fn elect(world: &mut World, id: NodeId) -> Result<(), String> {
    world.advance(Duration::from_secs(2));
    world.fire(id, WakeReason::Election)?;
    world.settle()?;
    if world.node(id)?.raft().is_leader() { Ok(()) } else { Err(format!("{id} was not elected")) }
}

fn propose(world: &mut World, line: &mut Line) -> Result<(), String> {
    let id = words::node(line.word(1)?)?;
    let count = line.number("count", 1)?;
    let padding = line.number("bytes", 0)? as usize;
    let session = line.option("session").map(|text| words::session(&text)).transpose()?;
    let first = line.number("seq", 0)?;
    let awaited_from = Sequence::new(line.number("awaited", 1)?);
    let wish: Vec<_> = line.words.iter().skip(2).filter(|word| *word != "quiet").cloned().collect();
    for turn in 1..=count {
        let mut spoken = wish.clone();
        if count > 1
            && let Some(last) = spoken.last_mut()
        {
            *last = format!("{last}{turn}");
        }
        if let Some(last) = spoken.last_mut() {
            *last = format!("{last:.<padding$}");
        }
        let command = words::command(&spoken)?;
        match session {
            Some(session) => {
                let sequence = Sequence::new(first + turn - 1);
                let request = world.next_request();
                world
                    .step(id, Input::SessionCommand(request, Operation { session, sequence, awaited_from }, command))?;
            }
            None => world.command(id, command)?,
        }
    }
    Ok(())
}

/// Does something to the messages in flight that fit `from=`, `to=` and `type=`; `count=` takes only the first of them,
/// `skip=` leaves some out, and `last` takes the youngest first.
fn network(world: &mut World, mut line: Line) -> Result<(), String> {
    let from = line.option("from").map(|text| words::nodes(&text)).transpose()?;
    let to = line.option("to").map(|text| words::nodes(&text)).transpose()?;
    let kind = line.option("type");
    let count = line.number("count", u64::MAX)? as usize;
    let skip = line.number("skip", 0)? as usize;
    let verb = line.word(0)?.to_string();
    let fits = |packet: &Packet| {
        from.as_ref().is_none_or(|ids| ids.contains(&packet.from))
            && to.as_ref().is_none_or(|ids| ids.contains(&packet.to))
            && kind.as_ref().is_none_or(|kind| kind.split(',').any(|kind| kind == words::kind(&packet.message)))
            && (verb == "in-flight" || packet.held == (verb == "release"))
    };
    let mut places: Vec<_> = (0..world.network.len()).filter(|place| fits(&world.network[*place])).collect();
    if line.says("last") {
        places.reverse();
    }
    let places: Vec<_> = places.into_iter().skip(skip).take(count).collect();
    line.finish()?;
    for place in &places {
        let packet = &mut world.network[*place];
        match verb.as_str() {
            "hold" => packet.held = true,
            "release" => packet.held = false,
            "damage" => forge::damage(&mut packet.message),
            _ => {}
        }
        let held = if packet.held { " (held)" } else { "" };
        let shown = format!("{} -> {} {}{held}", packet.from, packet.to, words::message(&packet.message));
        if verb != "deliver" {
            world.say(shown);
        }
    }
    let picked: Vec<_> = places.iter().map(|place| world.network[*place].clone()).collect();
    match verb.as_str() {
        "duplicate" => world.network.extend(picked),
        "drop" | "deliver" => {
            let mut place = 0..;
            world.network.retain(|_| !places.contains(&place.next().unwrap_or_default()));
            for packet in picked.into_iter().filter(|_| verb == "deliver") {
                world.say(format!("{} -> {} {}", packet.from, packet.to, words::message(&packet.message)));
                world.deliver(packet)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn disk(world: &mut World, mut line: Line) -> Result<(), String> {
    let ids = words::nodes(line.word(1)?)?;
    for id in ids {
        match line.word(0)? {
            "hold-disk" => world.machine(id)?.disk.held = true,
            "release-disk" => {
                world.machine(id)?.disk.held = false;
                world.persist(id, usize::MAX)?;
            }
            "persist" => {
                let count = if line.says("one") { 1 } else { usize::MAX };
                world.persist(id, count)?;
            }
            "fail-disk" => {
                let (write, _) = world.machine(id)?.disk.waiting.front().ok_or("no write waits")?;
                let write = *write;
                world.step(id, Input::PersistFailed(write))?;
            }
            "acknowledge" => {
                let write = WriteId::new(words::prefixed(line.word(2)?, 'w')?);
                world.step(id, Input::Persisted(write))?;
            }
            "crash" => {
                let keep = line.number("keep", 0)? as usize;
                world.crash(id, keep)?;
            }
            "restart" => {
                if let Some(level) = line.option("level") {
                    world.set_level(id, words::number(&level)?)?;
                }
                world.start(id)?;
            }
            "wipe" => {
                world.crash(id, 0)?;
                world.machine(id)?.disk.kept = Recovered::default();
                world.machine(id)?.lives += 1;
            }
            "tamper" => tamper(&mut world.machine(id)?.disk.kept, &mut line)?,
            "writes" => {
                let shown: Vec<_> =
                    world.machine(id)?.disk.waiting.iter().map(|(w, r)| format!("{id} {w} {}", record(r))).collect();
                for shown in shown {
                    world.say(shown);
                }
            }
            other => return Err(format!("there is no command {other}")),
        }
    }
    line.finish()
}

fn record(record: &Record) -> String {
    match record {
        Record::HardState(state) => {
            let vote = state.voted_for.map_or("nobody".to_string(), |node| node.to_string());
            format!("{} vote {vote} {}", state.term, state.boot)
        }
        Record::Append { after, entries } => format!("after {after} [{}]", words::entries_in_short(entries.iter())),
        Record::Compact { snapshot, dropped } => format!("snapshot of {}, dropped up to {dropped}", snapshot.last),
        Record::Install(snapshot) => format!("install snapshot of {}", snapshot.last),
    }
}

/// Makes a disk give back what it never took.
fn tamper(kept: &mut Recovered, line: &mut Line) -> Result<(), String> {
    if let Some(term) = line.option("term") {
        kept.hard_state.term = Term::new(words::prefixed(&term, 't')?);
    }
    let lost = line.number("lose", 0)? as usize;
    kept.entries.truncate(kept.entries.len().saturating_sub(lost));
    if line.says("without-snapshot") {
        kept.snapshot = None;
    }
    Ok(())
}

fn show(world: &mut World, line: Line) -> Result<(), String> {
    let named: Vec<_> = line.words.iter().skip(1).filter(|word| *word != "quiet").collect();
    let mut ids: Vec<_> = world.machines.keys().copied().collect();
    if let Some(text) = named.first() {
        ids = words::nodes(text)?;
    }
    for id in ids {
        let Ok(node) = world.node(id) else {
            world.say(format!("{id} is down"));
            continue;
        };
        let lines = match line.word(0)? {
            "log" => {
                let log = node.raft().log();
                let entries: Vec<_> = (log.dropped().index.get() + 1..=log.last().index.get())
                    .filter_map(|index| log.entry(delian_core::LogIndex::new(index)))
                    .collect();
                vec![format!("{id} after {} [{}]", log.dropped(), words::entries_in_short(entries.into_iter()))]
            }
            "progress" => match node.raft().role() {
                Role::Leader(lead) => {
                    lead.progress().iter().map(|(peer, found)| words::progress(peer, found)).collect()
                }
                Role::Follower | Role::PreCandidate(_) | Role::Candidate(_) => vec![format!("{id} does not lead")],
            },
            "state" => {
                let members: Vec<_> = node.topology().members().map(|m| m.registration.name.clone()).collect();
                let texts = world.machines.get(&id).map(Machine::embedder_texts).unwrap_or_default();
                vec![format!("{id} {} members [{}] embedder [{texts}]", node.topology().epoch(), members.join(" "))]
            }
            "sessions" => {
                let open = node.sessions().iter().map(|(session, outcomes)| format!("{session} remembers {outcomes}"));
                vec![format!("{id} [{}]", open.collect::<Vec<_>>().join(", "))]
            }
            _ => vec![words::status(&node.status())],
        };
        for line in lines {
            world.say(line);
        }
    }
    line.finish()
}
