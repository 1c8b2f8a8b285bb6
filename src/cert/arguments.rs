//! What may be said to `delian cert`, and the help that teaches it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};
use delian_core::NodeId;
use delian_shell::config::{read_id, read_span};

pub(crate) const EXAMPLES: &str = "\
Examples, in this order for a new federation:
  delian cert authority --cluster prod --out authority
  delian cert key --out keyring
  delian cert node --authority authority --id n1 --name ada --address 10.0.0.1 --keyring keyring --out ada
                                       then copy the folder `ada` to the data folder of that node
Later:
  delian cert key --add --out keyring  a new key behind the old ones; see `delian cert key --help`

Files are for their owner alone and are never written over.

Exit codes:
  0  the files are written
  2  they could not be: wrong arguments, a file that is there already, no right to write";

const KEY_HELP: &str = "\
To change the key without a break: add one with --add, copy the file to all nodes and have each read
it again; put the new key first everywhere, and have each read it again; take the old one out.";

#[derive(Args)]
pub(crate) struct CertArguments {
    #[command(subcommand)]
    pub(crate) command: CertCommand,
}

#[derive(Subcommand)]
pub(crate) enum CertCommand {
    /// Makes the private authority of a federation
    Authority(AuthorityArguments),
    /// Makes the certificate of a node, with its key
    Node(NodeCertArguments),
    /// Makes a key that seals datagrams
    #[command(after_help = KEY_HELP)]
    Key(KeyArguments),
}

#[derive(Args)]
pub(crate) struct AuthorityArguments {
    /// The label of the federation, as cluster.label has it
    #[arg(long, value_name = "LABEL", default_value = "delian")]
    pub(crate) cluster: String,
    /// Where to write authority.pem and authority.key
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
}

#[derive(Args)]
pub(crate) struct NodeCertArguments {
    /// The folder with authority.pem and authority.key
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) authority: PathBuf,
    /// The identity of the node, as node.id has it [default: drawn, and told]
    #[arg(long, value_name = "ID", value_parser = read_id)]
    pub(crate) id: Option<NodeId>,
    /// What people call the node [default: its identity]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// An IP address or host name of the node; may be repeated
    #[arg(long = "address", value_name = "HOST")]
    pub(crate) addresses: Vec<String>,
    /// How long the certificate is valid
    #[arg(long, value_name = "SPAN", default_value = "8760h", value_parser = read_span)]
    pub(crate) valid_for: Duration,
    /// The keys that seal datagrams, to be copied beside the certificate
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) keyring: Option<PathBuf>,
    /// Where to write node.pem, node.key and authority.pem
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
}

#[derive(Args)]
pub(crate) struct KeyArguments {
    /// The file with the keys
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
    /// Adds a key behind those that are in the file
    #[arg(long)]
    pub(crate) add: bool,
}
