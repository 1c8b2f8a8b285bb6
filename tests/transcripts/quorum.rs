//! What stories do to the quorum: changes of who decides, and what a node takes for the configuration.

use delian_core::Input;
use delian_core::raft::QuorumChange;

use crate::words::{self, Line};
use crate::world::World;

/// Asks a node for a change, such as `change n1 promote n4` or `change n1 replace n3,n4,n5`.
pub(crate) fn change(world: &mut World, line: &Line) -> Result<(), String> {
    let asked = words::node(line.word(1)?)?;
    let subject = line.word(3)?;
    let node = || words::node(subject);
    let incarnation = |world: &World| world.node(node()?).map(|node| node.raft().incarnation());
    let change = match line.word(2)? {
        "add" => QuorumChange::AddLearner { node: node()?, incarnation: incarnation(world)? },
        "promote" => QuorumChange::Promote(node()?),
        "demote" => QuorumChange::Demote(node()?),
        "remove" => QuorumChange::Remove(node()?),
        "readmit" => QuorumChange::Readmit { node: node()?, incarnation: incarnation(world)? },
        "replace" => QuorumChange::Replace { voters: words::nodes(subject)?.into_iter().collect() },
        other => return Err(format!("{other} is no change of the quorum")),
    };
    world.request(asked, |request| Input::Quorum(request, change))
}

/// Tells which configuration is in force at some nodes.
pub(crate) fn show(world: &mut World, line: &Line) -> Result<(), String> {
    for id in words::nodes(line.word(1)?)? {
        let raft = world.node(id)?.raft();
        let (configuration, index) = (words::configuration(raft.configuration()), raft.configuration_index());
        world.say(format!("{id} since {index}: {configuration}"));
    }
    Ok(())
}
