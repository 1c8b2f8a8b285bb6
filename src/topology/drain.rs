//! `delian topology drain`: a node hands over what it holds and leaves.

use std::time::Duration;

use delian_shell::shapes::{AppliedDocument, DrainRequest, NodeDocument, TopologyDocument};
use serde_json::json;
use ureq::http::Method;

use super::arguments::DrainArguments;
use super::change::done;
use super::{Named, find};
use crate::answer::{Answer, Problem};
use crate::client::{Client, Reply, Told, called, pause, thousandths};
use crate::screen;

/// The pause between two looks at a node that leaves.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How many looks may fail in a row: an election, or a restart of the node that is asked, is over by then.
const FAILURES_MAX: u32 = 30;

pub(super) fn run(arguments: &DrainArguments) -> Result<Answer, Problem> {
    let client = Client::new(&arguments.client)?;
    let id = match find(&client, &arguments.node)? {
        Named::Id(id) => id,
        Named::Nobody(answer) => return Ok(answer),
    };
    let path = format!("/v1/nodes/{id}/drain");
    let (reply, what) = if arguments.cancel {
        (client.command(&Method::DELETE, &path, None)?, format!("{} stays", arguments.node))
    } else {
        let millis = |within: Duration| u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let request = DrainRequest { within_ms: arguments.within.map(millis) };
        (client.command(&Method::POST, &path, Some(&json!(request)))?, format!("{} is leaving", arguments.node))
    };
    let answer = client.tell(&reply, |applied: AppliedDocument| Told::yes(done(&what, &applied)))?;
    if arguments.wait && answer == Answer::Yes { wait(&client, &id) } else { Ok(answer) }
}

/// Waits until the node is gone, and tells how far it has come.
fn wait(client: &Client, id: &str) -> Result<Answer, Problem> {
    let (mut failures, mut told) = (0, None);
    loop {
        // A quorum is asked, or a node that lags could show the node as it was before it was drained.
        match client.read("/v1/topology?consistency=quorum") {
            Ok(reply) if reply.is_done() => {
                failures = 0;
                let Some(node) = found(&reply, id)? else {
                    return say(client, &format!("{id} is gone"), Answer::Yes);
                };
                let Some(drain) = &node.drain else {
                    let name = called(Some(&node.name), id);
                    return say(client, &format!("{name} stays after all: it is {}", node.condition), Answer::No);
                };
                if told != Some(drain.moved_permille) {
                    told = Some(drain.moved_permille);
                    let moved = thousandths(drain.moved_permille);
                    say(client, &format!("{moved} are elsewhere"), Answer::Yes)?;
                }
            }
            Ok(reply) if failures >= FAILURES_MAX => return client.refused(&reply),
            Err(problem) if failures >= FAILURES_MAX => return Err(problem),
            Ok(_) | Err(_) => failures += 1,
        }
        pause(LOOK_INTERVAL);
    }
}

fn found(reply: &Reply, id: &str) -> Result<Option<NodeDocument>, Problem> {
    let topology: TopologyDocument = reply.document()?;
    Ok(topology.nodes.into_iter().find(|node| node.id == id))
}

/// Tells people; a program that reads documents has standard output to itself.
fn say(client: &Client, sentence: &str, answer: Answer) -> Result<Answer, Problem> {
    if client.shows_json() {
        screen::complain(sentence);
    } else {
        screen::say(&format!("{sentence}\n"))?;
    }
    Ok(answer)
}
