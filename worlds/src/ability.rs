//! What this world cannot do, so that a scenario which needs it is refused with the reason and never half told.

use std::sync::Arc;

use delian_sim::scenario::{Action, Family, Scenario};
use delian_sim::worlds::WorldKind;

/// How many whole shells one world holds: each has a store, certificates and connections to all others.
const PROCESSES_MAX: u16 = 16;

/// Returns why a scenario cannot be told here, a reason each; none if it can.
pub fn obstacles(scenario: &Scenario) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut add = |is_so: bool, reason: &str| {
        if is_so {
            reasons.push(reason.to_owned());
        }
    };
    let (cluster, network, swarm) = (&scenario.cluster, &scenario.network, scenario.swarm.as_ref());
    add(cluster.processes() > PROCESSES_MAX, "more processes than a world of whole shells holds");
    add(cluster.registers_again, "a shell that was removed by somebody's will does not register again");
    // Whoever is taken out by a client's will stays out; whoever the cluster gave up comes back by itself.
    let is_given_up = |subject: &u16| {
        let is_dismissed = scenario.operations.iter().any(|it| it.action == Action::Deregister(*subject));
        cluster.config.health.is_some() && *subject <= cluster.participants() && !is_dismissed
    };
    add(scenario.expect.nowhere.iter().any(is_given_up), "a shell that was evicted registers again when it is back");
    let (doubles, overtakes, replays) = (network.duplicate > 0, network.reorder > 0, network.replay > 0);
    for (strikes, fact) in [(doubles, "duplicated"), (overtakes, "reordered"), (replays, "replayed")] {
        // Elsewhere it is one trouble of several, and is left out; here it is what the scenario is about.
        let is_about_it = scenario.expect.at_least.contains_key(fact) || scenario.name.contains(fact);
        add(strikes && is_about_it, "its network doubles, overtakes and replays no message");
    }
    add(network.rate.is_some(), "its links carry whatever is sent");
    add(!scenario.forks.is_empty(), "its luck is that of the discrete-event world");
    let forgets = swarm.is_some_and(|swarm| swarm.families.contains(&Family::Forget));
    add(forgets, "nobody here sees every memory, as whoever takes one away must");
    let here = WorldKind::Madsim;
    scenario.steps.iter().filter_map(|step| here.refuses_fault(&step.fault)).for_each(|reason| add(true, reason));
    let asked = scenario.operations.iter();
    asked.filter_map(|it| here.refuses_action(&it.action, it.manner)).for_each(|reason| add(true, reason));
    reasons.sort();
    reasons.dedup();
    reasons
}

/// Returns whether a family of random faults cannot strike here.
fn is_out(family: Family, scenario: &Scenario) -> bool {
    match family {
        Family::Degrade => true,
        // Whose memory those that decide can do without is told by what is committed, and while they change also by what
        // is not yet: nobody here sees that.
        Family::LoseDisk => scenario.changes_quorum(),
        Family::Partition
        | Family::Clog
        | Family::Crash
        | Family::Pause
        | Family::Deafen
        | Family::SlowDisk
        | Family::FullDisk
        | Family::Forget
        | Family::Clock
        | Family::Health => false,
    }
}

/// Returns the scenario without the troubles at random that this world lacks, and their names.
///
/// Each family of faults draws from a stream of its own, so the others strike as they would with them. A swarm that
/// nothing is left of is an obstacle: `None`.
pub fn adapted(scenario: &Scenario) -> Option<(Arc<Scenario>, Vec<&'static str>)> {
    let mut adapted = scenario.clone();
    let mut without = Vec::new();
    if let Some(swarm) = &mut adapted.swarm {
        let (out, kept) = swarm.families.iter().copied().partition::<Vec<_>, _>(|it| is_out(*it, scenario));
        without = out.into_iter().map(Family::name).collect();
        if kept.is_empty() {
            return None;
        }
        swarm.families = kept;
    }
    let network = &mut adapted.network;
    for (permille, name) in
        [(&mut network.duplicate, "duplicate"), (&mut network.reorder, "reorder"), (&mut network.replay, "replay")]
    {
        if std::mem::take(permille) > 0 {
            without.push(name);
        }
    }
    Some((Arc::new(adapted), without))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use delian_sim::story::Story;

    use super::*;

    /// Every scenario of a cluster that the project has.
    fn scenarios() -> Vec<Scenario> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
        let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
        let toml = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
        let stories = toml.map(|path| Story::load(&path).unwrap());
        stories
            .filter_map(|story| if let Story::Cluster(scenario) = story { Some((*scenario).clone()) } else { None })
            .collect()
    }

    #[test]
    fn a_scenario_that_says_that_it_runs_here_can_be_told_whole() {
        for scenario in scenarios().iter().filter(|it| it.worlds.run_in.contains(&WorldKind::Madsim)) {
            assert_eq!(obstacles(scenario), Vec::<String>::new(), "{}", scenario.name);
            let without = adapted(scenario).map(|(_, without)| without);
            assert_eq!(without.as_deref(), Some([].as_slice()), "{}", scenario.name);
        }
    }

    #[test]
    fn twenty_scenarios_and_more_can_be_told_here() {
        let told = scenarios().into_iter().filter(|it| obstacles(it).is_empty() && adapted(it).is_some()).count();
        assert!(told >= 20, "only {told} scenarios can be told here");
    }

    #[test]
    fn what_this_world_lacks_is_named_and_left_out_without_moving_the_rest() {
        let all = scenarios().into_iter().find(|it| it.name == "three-voters-survive-any-mix-of-faults").unwrap();
        let (adapted, without) = adapted(&all).unwrap();
        assert_eq!(without, ["degrade"]);
        let kept = adapted.swarm.as_ref().unwrap().families.len();
        assert_eq!(kept + 1, all.swarm.as_ref().unwrap().families.len());
    }
}
