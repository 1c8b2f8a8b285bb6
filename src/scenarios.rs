//! `delian scenarios`: what there is to run.

use delian_sim::pool::scenario::{PoolScenario, Population};
use delian_sim::report::human::span;
use delian_sim::scenario::Scenario;
use delian_sim::story::Story;
use serde_json::{Value, json};

use crate::answer::{Answer, Problem};
use crate::cli::ScenariosArguments;
use crate::load;
use crate::screen::{self, Screen};

pub(crate) fn run(arguments: &ScenariosArguments) -> Result<Answer, Problem> {
    let scenarios = load::scenarios(&arguments.paths)?;
    if arguments.json {
        let list: Vec<Value> = scenarios.iter().map(entry).collect();
        screen::say(&format!("{:#}\n", json!({ "scenarios": list })))?;
        return Ok(Answer::Yes);
    }
    let rows: Vec<[String; 4]> = scenarios.iter().map(cells).collect();
    let widths: Vec<usize> =
        (0..3).map(|place| rows.iter().map(|row| row[place].chars().count()).max().unwrap_or(0)).collect();
    let columns = Screen::of_output().columns.unwrap_or(usize::MAX);
    let line = |[path, cluster, chaos, about]: &[String; 4]| {
        let line = format!("{path:0$}  {cluster:>1$}  {chaos:>2$}  {about}", widths[0], widths[1], widths[2]);
        cut(&line, columns) + "\n"
    };
    screen::say(&rows.iter().map(line).collect::<String>())?;
    Ok(Answer::Yes)
}

fn cells(story: &Story) -> [String; 4] {
    let (who, chaos) = match story {
        Story::Cluster(scenario) => (processes(scenario), scenario.chaos),
        Story::Pool(scenario) => (members(&scenario.population), scenario.chaos),
    };
    [story.path().to_string(), who, span(chaos).replace(' ', ""), story.about().to_string()]
}

fn processes(scenario: &Scenario) -> String {
    let cluster = &scenario.cluster;
    let spares = if cluster.spares > 0 { format!("+{}", cluster.spares) } else { String::new() };
    format!("{}+{}{spares}", cluster.voters, cluster.learners)
}

fn members(population: &Population) -> String {
    let strangers = if population.strangers > 0 { format!("+{}m", population.strangers) } else { String::new() };
    format!("{}m{strangers}", population.members)
}

fn entry(story: &Story) -> Value {
    let scenario = match story {
        Story::Cluster(scenario) => scenario,
        Story::Pool(scenario) => return entry_of_pool(scenario),
    };
    json!({
        "name": scenario.name,
        "path": scenario.path,
        "about": scenario.about,
        "voters": scenario.cluster.voters,
        "learners": scenario.cluster.learners,
        "spares": scenario.cluster.spares,
        "chaos_seconds": scenario.chaos.as_secs_f64(),
        "seed": scenario.seed,
    })
}

fn entry_of_pool(scenario: &PoolScenario) -> Value {
    json!({
        "name": scenario.name,
        "path": scenario.path,
        "about": scenario.about,
        "members": scenario.population.members,
        "strangers": scenario.population.strangers,
        "chaos_seconds": scenario.chaos.as_secs_f64(),
        "seed": scenario.seed,
        "seeds_max": scenario.seeds_max,
    })
}

/// Keeps a line on one line of the terminal.
fn cut(line: &str, columns: usize) -> String {
    if line.chars().count() <= columns {
        return line.to_string();
    }
    line.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_line_that_is_cut_says_so() {
        assert_eq!(cut("a node is seen", 14), "a node is seen");
        assert_eq!(cut("a node is seen", 13), "a node is se…");
    }
}
