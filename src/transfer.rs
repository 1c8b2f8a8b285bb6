//! `delian transfer`: another voter is to lead.

use clap::Args;
use delian_shell::shapes::{TransferDocument, TransferRequest};
use serde_json::json;
use ureq::http::Method;

use crate::answer::{Answer, Problem};
use crate::client::{Client, ClientArguments, Told};

pub(crate) const EXAMPLES: &str = "\
Examples:
  delian transfer ada        before the machine of the present leader is restarted
  delian transfer n7

The leader brings the other one up to date, holds new commands back for a moment and has it stand
for election. Nothing is lost if that fails: the old leader goes on.
";

#[derive(Args)]
pub(crate) struct TransferArguments {
    /// The voter that is to lead, by identity or name
    #[arg(value_name = "TO")]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

pub(crate) fn run(arguments: &TransferArguments) -> Result<Answer, Problem> {
    let client = Client::new(&arguments.client)?;
    let request = json!(TransferRequest { to: arguments.to.clone() });
    let reply = client.command(&Method::POST, "/v1/transfer", Some(&request))?;
    client.tell(&reply, |done: TransferDocument| Told::yes(format!("{} leads in term {}\n", done.leader, done.term)))
}
