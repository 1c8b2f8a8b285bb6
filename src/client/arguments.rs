//! What every command takes that asks a node.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

/// How commands end that ask a node, for their help.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done, or yes
  1  the node refused it, or the answer is no
  2  it could not be asked: wrong arguments, no node that answers, no permission, or an outcome
     that nobody knows";

const API_HELP: &str =
    "Where the API of a node answers; several are tried in turn [default: DELIAN_API, else http://127.0.0.1:8400]";

const TOKEN_HELP: &str = "The token, where the API asks for one [default: DELIAN_TOKEN]; in a file it is seen by fewer";

/// Where to ask, and how the answer is shown.
#[derive(Args)]
#[command(next_help_heading = "Asking")]
pub(crate) struct ClientArguments {
    #[arg(long, value_name = "URL", value_delimiter = ',', value_hint = ValueHint::Url, help = API_HELP)]
    pub(crate) api: Vec<String>,
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file", help = TOKEN_HELP)]
    pub(crate) token: Option<String>,
    /// A file that holds the token
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,
    /// How long to wait for an answer: longer than a node waits for an outcome
    #[arg(long, value_name = "SPAN", default_value = "20s", value_parser = delian_shell::config::read_span)]
    pub(crate) timeout: Duration,
    /// Prints the JSON document as it came
    #[arg(long)]
    pub(crate) json: bool,
}

/// The same for what is agreed on, and may be read as recently as one likes. What one node sees has no such choice.
#[derive(Args)]
pub(crate) struct ReadArguments {
    #[command(flatten)]
    pub(crate) client: ClientArguments,
    /// How recent the answer must be
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = Recency::Local, help_heading = "Asking")]
    pub(crate) consistency: Recency,
}

/// How recent an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Recency {
    /// Whatever the asked node holds
    Local,
    /// All that was committed before, if no clock drifts more than is configured
    Lease,
    /// All that was committed before: a quorum is asked
    Quorum,
}

impl ReadArguments {
    /// Returns a path with what is asked of the answer.
    pub(crate) fn path(&self, path: &str) -> String {
        let level = match self.consistency {
            Recency::Local => return path.to_string(),
            Recency::Lease => "lease",
            Recency::Quorum => "quorum",
        };
        format!("{path}{}consistency={level}", if path.contains('?') { '&' } else { '?' })
    }
}
