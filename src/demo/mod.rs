//! `delian demo`: a small federation of real processes on loopback, and a story to watch: it forms, agrees on a guest,
//! loses its leader, goes on, and heals.
//!
//! The processes are those that an operator would start, with their stores in a folder of their own that goes away with
//! them. They end with this one, however it ends: each ends when its standard input does.

mod lifelines;
mod nodes;

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use delian_shell::shapes::{PlaceDocument, RegistrationRequest, StatusDocument};

use crate::answer::{Answer, Problem};
use crate::screen::{Screen, say};
use crate::stopwatch::Stopwatch;
use lifelines::Lifelines;
use nodes::Nodes;

pub(crate) const EXAMPLES: &str = "\
Examples:
  delian demo                            three nodes, and a dashboard to watch them
  delian demo --nodes 5
  delian demo --once                     ends with its story

Exit codes:
  0  it was told to the end, or ended by Ctrl-C
  2  a node does not start, or the story does not go on";

/// What `delian demo` accepts.
#[derive(Args)]
pub(crate) struct DemoArguments {
    /// How many nodes; three of them vote
    #[arg(long, default_value_t = 3, value_name = "COUNT", value_parser = RangedU64ValueParser::<u64>::new().range(1..=NODES_MAX))]
    nodes: u64,
    /// Ends when the story is told
    #[arg(long)]
    once: bool,
}

/// More processes than these would show how small the machine is.
const NODES_MAX: u64 = 25;

/// How long any turn of the story may take before something is wrong.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where the first node's API is if nobody else is there: where every other command looks for it.
const USUAL_PORT: u16 = 8400;

/// The identity of the guest, which no node draws.
const GUEST: &str = "n42";

pub(crate) fn run(arguments: &DemoArguments) -> Result<Answer, Problem> {
    let teller = Teller { watch: Stopwatch::start(), screen: Screen::of_output() };
    let lifelines = Lifelines::until_interrupted()?;
    let told = story(arguments, &teller, &lifelines);
    // Whoever ends it in the middle makes the nodes fail, which is no problem then.
    if told.is_err() && !lifelines.was_interrupted() {
        return told.map(|()| Answer::Yes);
    }
    teller.tell("the nodes are stopped, and their stores are gone")?;
    Ok(Answer::Yes)
}

/// Tells the story; the nodes are gone when it returns.
fn story(arguments: &DemoArguments, teller: &Teller, lifelines: &Lifelines) -> Result<(), Problem> {
    let mut nodes = Nodes::new(arguments.nodes, lifelines.clone())?;
    form(&mut nodes, teller)?;
    aside(&format!("the dashboard of node-1: {}", teller.screen.strong(&format!("{}/", nodes.api(1)))))?;
    aside("each node has one; this one shows a story that follows, and lives on")?;
    guest(&nodes, teller)?;
    if arguments.nodes >= 3 {
        fail_and_heal(&mut nodes, teller)?;
    } else {
        teller.tell("with fewer than three nodes none can be spared, so none is killed")?;
    }
    if arguments.once {
        return Ok(());
    }
    teller.tell("all is well again; the federation goes on until you press Ctrl-C")?;
    aside(&format!("try: delian status --api {}", nodes.api(1)))?;
    aside(&format!("     delian topology show --api {}", nodes.api(1)))?;
    aside(&format!("     delian topology watch --api {}", nodes.api(1)))?;
    lifelines.wait();
    Ok(())
}

/// Says what happens, with the time since the beginning.
struct Teller {
    watch: Stopwatch,
    screen: Screen,
}

impl Teller {
    fn tell(&self, what: &str) -> Result<(), Problem> {
        say(&format!("{:7.2} s  {what}\n", self.watch.elapsed().as_secs_f64()))
    }
}

/// Says something beside the story.
fn aside(what: &str) -> Result<(), Problem> {
    say(&format!("           {what}\n"))
}

fn form(nodes: &mut Nodes, teller: &Teller) -> Result<(), Problem> {
    let is_free = TcpListener::bind((Ipv4Addr::LOCALHOST, USUAL_PORT)).is_ok();
    let found = |nodes: &mut Nodes, port| nodes.start(1, port, &["--found"]);
    // Whoever takes the usual port in this moment has it.
    if !is_free || found(nodes, USUAL_PORT).is_err() {
        found(nodes, 0)?;
    }
    teller.tell("node-1 founds a federation: it is its only voter, and leads")?;
    for number in 2..=nodes.count() {
        nodes.join(number)?;
    }
    let count = nodes.count();
    let voters = count.min(3) as usize;
    let formed = |status: &StatusDocument| {
        status.members == count as usize
            && status.log_settled
            && status.log_members.iter().filter(|member| member.votes).count() == voters
    };
    let status = nodes.wait(1, "all nodes are registered", PATIENCE, formed)?;
    if count > 1 {
        teller.tell(&format!(
            "{} more joined by gossip, were let into the log, and {} of all vote",
            count - 1,
            if voters == 1 { "one".to_owned() } else { voters.to_string() }
        ))?;
    }
    let ring = status.ring.map_or(0, |ring| ring.members);
    aside(&format!("epoch {} of the topology: {} registered, {ring} on the ring", status.epoch, status.members))
}

/// Registers somebody through a node that does not lead.
fn guest(nodes: &Nodes, teller: &Teller) -> Result<(), Problem> {
    let leader = nodes.leader(PATIENCE)?;
    let via = nodes.numbers().find(|number| *number != leader).unwrap_or(leader);
    let place = PlaceDocument {
        region: "eu".to_owned(),
        datacenter: "zrh1".to_owned(),
        rack: "r9".to_owned(),
        latitude_microdegrees: 47_376_900,
        longitude_microdegrees: 8_541_700,
    };
    let request = RegistrationRequest {
        name: "guest".to_owned(),
        address: "192.0.2.42".to_owned(),
        port: 7000,
        place,
        total_bytes: 1 << 40,
        free_bytes: 1 << 39,
        tags: [("disk".to_owned(), "nvme".to_owned())].into(),
    };
    let applied = nodes.register(via, GUEST, &request)?;
    teller.tell(&format!(
        "a guest is registered through node-{via}, and node-{leader}, which leads, has it agreed on: epoch {}",
        applied.epoch
    ))
}

fn fail_and_heal(nodes: &mut Nodes, teller: &Teller) -> Result<(), Problem> {
    let victim = nodes.leader(PATIENCE)?;
    let last = nodes.status(victim)?.term;
    nodes.kill(victim)?;
    let watch = Stopwatch::start();
    teller.tell(&format!("node-{victim}, which leads, is killed as by a power cut"))?;
    let survivor = nodes.numbers().find(|number| *number != victim).unwrap_or(1);
    let id = nodes.id(victim).to_owned();
    let status = nodes.wait(survivor, "another node leads", PATIENCE, |status| {
        status.term > last && status.leader.as_ref().is_some_and(|leader| leader.id != id)
    })?;
    let leader = nodes.leader(PATIENCE)?;
    teller.tell(&format!(
        "node-{leader} leads term {}, {:.2} s later; what was agreed on is all there",
        status.term,
        watch.elapsed().as_secs_f64()
    ))?;
    nodes.deregister(survivor, GUEST)?;
    let epoch = nodes.status(survivor)?.epoch;
    teller.tell(&format!("the guest is sent home meanwhile, through node-{survivor}: epoch {epoch}"))?;
    nodes.join(victim)?;
    nodes.wait(victim, "it has caught up", PATIENCE, |status| status.epoch >= epoch && status.leader.is_some())?;
    teller.tell(&format!("node-{victim} is started again on its own disk, and has caught up"))
}
