//! `delian why`: what speaks for and against a node.

use clap::Args;
use delian_shell::shapes::WhyDocument;

use crate::answer::{Answer, Problem};
use crate::client::{Client, ClientArguments, Told, age, called, place, span, thousandths};
use crate::screen::{Screen, row};
use crate::topology::{Named, find};

pub(crate) const EXAMPLES: &str = "\
Examples:
  delian why n7
  delian why ada                                     by name
  delian why ada --api 10.0.0.1:8400                 as that node has it
  delian why ada --json | jq .silence_level

Whoever leads hears heartbeats and knows most; another node knows what was agreed on.
";

#[derive(Args)]
pub(crate) struct WhyArguments {
    /// The node, by identity or name
    #[arg(value_name = "NODE")]
    pub(crate) node: String,
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

pub(crate) fn run(arguments: &WhyArguments) -> Result<Answer, Problem> {
    let client = Client::new(&arguments.client)?;
    let id = match find(&client, &arguments.node)? {
        Named::Id(id) => id,
        Named::Nobody(answer) => return Ok(answer),
    };
    let reply = client.read(&format!("/v1/nodes/{id}/why"))?;
    client.tell(&reply, |why: WhyDocument| Told::yes(text(&why, Screen::of_output())))
}

/// How wide the labels are.
const LABELS: usize = 9;

fn text(why: &WhyDocument, screen: Screen) -> String {
    let node = &why.node;
    let line = |label: &str, text: &str| row(label, LABELS, text, screen.width());
    let sentence = format!("{} is {}", called(Some(&node.name), &node.id), node.condition);
    let mut page = if node.condition == "healthy" { screen.good(&sentence) } else { screen.bad(&sentence) } + "\n\n";
    page += &line("agreed", &format!("since epoch {}: {}", node.since_epoch, node.cause));
    if let Some(drain) = &node.drain {
        let within = drain.within_ms.map(|within| format!(", within {}", span(within))).unwrap_or_default();
        page += &line("leaving", &format!("{} are elsewhere{within}", thousandths(drain.moved_permille)));
    }
    if let Some(pool) = &node.pool {
        page += &line("pool", pool);
    }
    if let Some(heard) = why.heartbeat_age_ms {
        let number = why.heartbeat_sequence.map(|number| format!(", number {number}")).unwrap_or_default();
        let silence = why.silence_level.filter(|level| *level > 0);
        let silence = silence.map(|level| format!("; silence of level {level}")).unwrap_or_default();
        page += &line("heartbeat", &format!("{}{number}{silence}", age(heard)));
    } else if !why.watches {
        page +=
            &line("heartbeat", &format!("not heard by {}, which does not lead: ask the leader for more", why.asked));
    }
    if let (Some(reported), Some(effective)) = (why.reported_permille, why.effective_permille) {
        page += &line(
            "score",
            &format!("{} by its own account, which counts for {}", thousandths(reported), thousandths(effective)),
        );
    }
    if let Some(finding) = &why.finding {
        let cause = why.finding_cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        page += &line("found", &format!("{finding}{cause}"));
    }
    if let Some(held) = why.held_for_ms {
        page += &line("held", &format!("it comes and goes, so good news waits for {}", span(held)));
    }
    if why.withheld {
        page += &line("withheld", "too many are silent at once, so bad news waits");
    }
    if let Some(removed) = why.removed_in_ms {
        page += &line("removal", &format!("proposed in {}, if nothing changes", span(removed)));
    }
    page += &line("stands", &format!("{}, {}:{}", place(&node.place), node.address, node.port));
    if !why.lines.is_empty() {
        page.push('\n');
        page.extend(why.lines.iter().map(|line| format!("{line}\n")));
    }
    page
}
