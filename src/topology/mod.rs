//! `delian topology`: who belongs to the federation, what changes that, and what happens to it.

mod arguments;
mod show;
mod change;
mod drain;
mod watch;

pub(crate) use self::arguments::{EXAMPLES, TopologyArguments};

use delian_shell::config::read_id;
use delian_shell::shapes::TopologyDocument;

use self::arguments::TopologyCommand;
use crate::answer::{Answer, Problem};
use crate::client::Client;
use crate::screen;

pub(crate) fn run(arguments: &TopologyArguments) -> Result<Answer, Problem> {
    match &arguments.command {
        TopologyCommand::Show(arguments) => show::run(arguments),
        TopologyCommand::Register(arguments) => change::register(arguments),
        TopologyCommand::Drain(arguments) => drain::run(arguments),
        TopologyCommand::Remove(arguments) => change::remove(arguments),
        TopologyCommand::Watch(arguments) => watch::run(arguments),
    }
}

/// Who is meant by an identity or a name.
pub(crate) enum Named {
    /// The node of this identity, whether it is registered or not.
    Id(String),
    /// Nobody: it was said so, and this is what it comes to.
    Nobody(Answer),
}

/// Finds a node: an identity is taken as it is, and a name is looked up among the registered nodes.
///
/// # Errors
/// If nobody can be asked.
pub(crate) fn find(client: &Client, node: &str) -> Result<Named, Problem> {
    if read_id(node).is_ok() {
        return Ok(Named::Id(node.to_string()));
    }
    let reply = client.read("/v1/topology")?;
    if !reply.is_done() {
        return client.refused(&reply).map(Named::Nobody);
    }
    let topology: TopologyDocument = reply.document()?;
    if let Some(found) = topology.nodes.iter().find(|known| known.name == node) {
        return Ok(Named::Id(found.id.clone()));
    }
    screen::complain(&format!("no registered node is called {node:?}: `delian topology show` lists them"));
    Ok(Named::Nobody(Answer::No))
}
