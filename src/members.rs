//! `delian members`: who can be reached, as one node sees it.

use clap::Args;
use delian_shell::shapes::{MemberDocument, MembersDocument};
use delian_sim::report::human::plural;

use crate::answer::{Answer, Problem};
use crate::client::{Client, ClientArguments, Told, micros};
use crate::screen::Screen;
use crate::table::{Side, Table};

pub(crate) const EXAMPLES: &str = "\
Examples:
  delian members
  delian members --state suspect --state dead
  delian members --api 10.0.0.7:8400                 as that node sees it
  delian members --json | jq -r '.members[] | select(.state == \"dead\").id'

The pool says who can be reached, and its word removes nobody: who belongs is in the log, see
`delian topology show`. Each node has a view of its own.
";

#[derive(Args)]
pub(crate) struct MembersArguments {
    /// Shows members in this state alone: alive, suspect, dead or left; may be repeated
    #[arg(long = "state", value_name = "STATE", value_parser = ["alive", "suspect", "dead", "left"])]
    pub(crate) states: Vec<String>,
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

pub(crate) fn run(arguments: &MembersArguments) -> Result<Answer, Problem> {
    let client = Client::new(&arguments.client)?;
    let reply = client.read("/v1/members")?;
    client.tell(&reply, |members: MembersDocument| Told::yes(text(&members, &arguments.states)))
}

fn text(document: &MembersDocument, states: &[String]) -> String {
    let MembersDocument { asked, health, members } = document;
    if members.is_empty() {
        return format!("{asked} is in no pool, or alone in it: start others with `delian node --join ADDRESS`\n");
    }
    let shown: Vec<&MemberDocument> =
        members.iter().filter(|member| states.is_empty() || states.contains(&member.state)).collect();
    let slow = match health {
        0 => String::new(),
        more => format!(
            "; it probes {} times slower than a healthy member, for it hears little itself",
            u16::from(*more) + 1
        ),
    };
    let alive = members.iter().filter(|member| member.state == "alive").count();
    let mut page = format!("{asked} sees {}, {alive} of them alive{slow}\n", plural(members.len() as u64, "member"));
    if shown.is_empty() {
        return page + "None of them is " + &states.join(" or ") + "\n";
    }
    page.push('\n');
    page + &table(&shown).fitting(Screen::of_output().width())
}

fn table(members: &[&MemberDocument]) -> Table {
    let has_wide = members.iter().any(|member| member.pool != "local");
    let mut table = Table::new(&[
        ("id", Side::Left),
        ("name", Side::Left),
        ("state", Side::Left),
        ("in the log", Side::Left),
        ("pool", Side::Left),
        ("round trip", Side::Right),
        ("address", Side::Left),
        ("api", Side::Left),
        ("incarnation", Side::Right),
    ]);
    for member in members {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        table.push(vec![
            member.id.clone(),
            text(&member.name),
            member.state.clone(),
            text(&member.role),
            if has_wide { member.pool.clone() } else { String::new() },
            member.round_trip_us.map(micros).unwrap_or_default(),
            text(&member.address),
            text(&member.api),
            member.incarnation.to_string(),
        ]);
    }
    table
}
