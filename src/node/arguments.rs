//! What may be said to `delian node`, and the help that teaches it.

use std::path::PathBuf;

use clap::{Args, ValueHint};

#[cfg(feature = "faults")]
use crate::faults::Faults;

pub(crate) const EXAMPLES: &str = "\
Examples:
  delian node --dev --found                      a federation of one, to try things out
  delian node --dev --name bob --data bob --listen 127.0.0.1:7401 --http 127.0.0.1:8401 \\
      --join 127.0.0.1:7400                      a second node beside it
  delian node --config /etc/delian/node.toml     as a service, once it was founded or has joined
  delian node --config node.toml --found         the first node of a real federation, once
  delian node --config node.toml --print-config  what it would run under, and where each value is from
  DELIAN_RAFT_HEARTBEAT_INTERVAL=100ms delian node --set log.filter=debug --check-config

Settings come in layers, of which the stronger wins: defaults, the file, the environment, flags. A
key such as http.listen is `listen` under [http] in the file, DELIAN_HTTP_LISTEN in the environment
and `--set http.listen=…` as a flag. --print-config lists all keys.

Nodes prove who they are with certificates; `delian cert` makes them. With --dev they speak in plain
text instead, on this machine alone.

Founding. A disk that was lost looks like a disk that was never written, and only whoever founds
knows the difference. So --found is said once, by a person, at the first start of a federation, and
belongs in no service file: a node that founded again after it lost its disk would be a second
federation under the same name. It is refused where the node has a store already. Several found
together if each of them is started with --found, a node.id and the same cluster.founders.

Coming back. A node that is started again goes on where it was. If its store is damaged it does not
start: with an empty vote it could vote twice. --rejoin sets that store aside, and the node comes
back as a learner that counts for nothing until the others have brought it up to date.

Exit codes:
  0  it ended because it was told to; or what was asked was shown
  1  it stopped for good; or with --check-config, the configuration makes no sense
  2  it could not start: wrong arguments or configuration, a port or store in use; or it panicked,
     which is a fault of the program";

/// How a node is started.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct NodeArguments {
    /// The configuration file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Speaks in plain text, on loopback alone
    #[arg(long)]
    pub(crate) dev: bool,
    /// Founds a new federation: said once, see below
    #[arg(long, conflicts_with_all = ["join", "rejoin"])]
    pub(crate) found: bool,
    /// Where a member takes letters and packets; may be repeated [key: cluster.join]
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub(crate) join: Vec<String>,
    /// Sets a damaged store aside and comes back as a learner
    #[arg(long)]
    pub(crate) rejoin: bool,
    /// What people call the node [key: node.name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Where it keeps what it must not forget [key: node.data]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    /// Where it takes letters and packets of other nodes [key: network.listen]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Where its API and dashboard answer [key: http.listen]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) http: Option<String>,
    /// Sets any key; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, String)>,
    /// Shows every value with its origin, and starts nothing
    #[arg(long, conflicts_with = "check_config")]
    pub(crate) print_config: bool,
    /// Says whether the configuration makes sense, and starts nothing
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Says where it listens, or with --print-config what it would run under, in one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Ends when its standard input does, so that it never outlives who started it
    #[arg(long)]
    pub(crate) until_eof: bool,
    /// Has its clocks and its disk do as this says, and then as each line of its standard input does
    #[cfg(feature = "faults")]
    #[arg(long, value_name = "JSON", hide = true, requires = "until_eof", value_parser = faults)]
    pub(crate) faults: Option<Faults>,
}

#[cfg(feature = "faults")]
fn faults(text: &str) -> Result<Faults, String> {
    serde_json::from_str(text).map_err(|error| format!("{error}: a test says what is in force, such as {{}}"))
}

fn setting(text: &str) -> Result<(String, String), String> {
    let right = || "must be a key and a value, such as raft.heartbeat_interval=100ms".to_string();
    text.split_once('=').map(|(key, value)| (key.trim().to_string(), value.to_string())).ok_or_else(right)
}
