//! What may be said to `delian store`, and the help that teaches it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

pub(crate) const EXAMPLES: &str = "\
Examples:
  delian store inspect /var/lib/delian       whose it is, its vote, its snapshot, its log
  delian store verify /var/lib/delian        reads every record and checks every page
  delian store export /var/lib/delian | jq -c 'select(.record == \"entry\")'
  delian store verify /var/lib/delian/delian.redb.aside-1
                                             one that was set aside

PATH is the directory of a node, or a database file. Nothing is ever changed: a store that was not
closed, as after a crash, is repaired in memory for as long as it is looked at. While its node runs
a store changes, so it is refused: stop the node, or ask it with `delian status`.

Exit codes:
  0  the store is whole, as far as it was looked at
  1  it is damaged; what does not fit is named
  2  there is none, a node holds it, another version wrote it, or it cannot be read";

const INSPECT_EXAMPLES: &str = "\
Examples:
  delian store inspect /var/lib/delian
  delian store inspect /var/lib/delian --json | jq .log.last

Every record is read to tell this; `verify` checks the database around them as well.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  delian store verify /var/lib/delian && systemctl start delian
  delian store verify /var/lib/delian --json | jq -r .why

A damaged store is not for mending: start its node with --rejoin, which sets the store aside and
comes back as a learner with what the others have.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  delian store export /var/lib/delian --to records.jsonl
  delian store export /var/lib/delian | jq -c 'select(.kind == \"command\") | [.index, .command]'

One document on each line: first the owner, then the hard state, the snapshot if there is one, and
the entries. `record` says which it is. Commands are decoded where they can be read, else `command`
is null; `bytes` and `state` are what was kept, in hexadecimal digits.";

#[derive(Args)]
pub(crate) struct StoreArguments {
    #[command(subcommand)]
    pub(super) command: StoreCommand,
}

#[derive(Subcommand)]
pub(super) enum StoreCommand {
    /// Tells whose a store is and what it holds
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(LookArguments),
    /// Reads all of a store, checks the database as well, and says what was checked
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(LookArguments),
    /// Writes all records of a store as JSON, one on each line
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArguments),
}

#[derive(Args)]
pub(super) struct LookArguments {
    /// The directory of a node, or a database file
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(super) path: PathBuf,
    /// Prints one JSON document and nothing else
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct ExportArguments {
    /// The directory of a node, or a database file
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(super) path: PathBuf,
    /// Where to write [default: standard output]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) to: Option<PathBuf>,
    /// Overwrites FILE if it exists
    #[arg(long, requires = "to")]
    pub(super) force: bool,
    /// Tells how much was written to FILE as one JSON document
    #[arg(long, requires = "to")]
    pub(super) json: bool,
}
