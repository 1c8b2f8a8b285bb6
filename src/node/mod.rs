//! `delian node`: a node of a federation, from its configuration.
//!
//! This reads all layers, shows or checks them, and makes sure that what the configuration names is there. What runs the
//! node is in [`daemon`].

mod arguments;
#[cfg(feature = "faults")]
mod bent;
mod daemon;

pub(crate) use self::arguments::{EXAMPLES, NodeArguments};

use std::path::Path;

use delian_shell::config::{Effective, Flag, Mode, Plaintext, Secrets, Sources, TokenSecret};
use delian_shell::daemon::Begin;

use self::daemon::{Says, Start, Until};
use crate::answer::{Answer, Problem};
use crate::screen;

pub(crate) fn run(arguments: &NodeArguments) -> Result<Answer, Problem> {
    let effective = match Effective::load(&sources(arguments)?) {
        Ok(effective) => effective,
        Err(refused) if arguments.check_config => {
            screen::complain(&refused.to_string());
            return Ok(Answer::No);
        }
        // Places in files come first on their lines, where editors look for them.
        Err(refused) => return Err(Problem::Placed(refused.to_string())),
    };
    if arguments.print_config {
        screen::say(&if arguments.json {
            format!("{:#}\n", effective.to_json(Secrets::Redacted))
        } else {
            effective.to_toml(Secrets::Redacted)
        })?;
        return Ok(Answer::Yes);
    }
    if arguments.check_config {
        screen::say("the configuration makes sense\n")?;
        return Ok(Answer::Yes);
    }
    require_files(&effective)?;
    let begin = match (arguments.found, arguments.rejoin) {
        (true, _) => Begin::Found,
        (false, true) => Begin::Rejoin,
        (false, false) => Begin::Continue,
    };
    let says = if arguments.json { Says::Document } else { Says::Sentence };
    let until = if arguments.until_eof { Until::Eof } else { Until::Told };
    let start = Start { effective, begin, says, until };
    #[cfg(feature = "faults")]
    if let Some(faults) = arguments.faults {
        return daemon::run_bent(start, faults);
    }
    daemon::run(start)
}

fn sources(arguments: &NodeArguments) -> Result<Sources, Problem> {
    let mut sources = Sources::default();
    if let Some(path) = &arguments.config {
        sources.read_file(path).map_err(Problem::new)?;
    }
    sources.read_environment();
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let joined = (!arguments.join.is_empty()).then(|| arguments.join.join(","));
    let own = [
        ("--name", "node.name", arguments.name.clone()),
        ("--data", "node.data", arguments.data.as_deref().map(text)),
        ("--listen", "network.listen", arguments.listen.clone()),
        ("--http", "http.listen", arguments.http.clone()),
        ("--join", "cluster.join", joined),
        ("--dev", "security.mode", arguments.dev.then(|| "dev".to_string())),
    ];
    let flag = |name: &str, key: &str, value: String| Flag { name: name.to_string(), key: key.to_string(), value };
    // What has a flag of its own is said more plainly than by --set, and wins.
    let set = arguments.set.iter().map(|(key, value)| flag("--set", key, value.clone()));
    let own = own.into_iter().filter_map(|(name, key, value)| value.map(|value| flag(name, key, value)));
    sources.flags = set.chain(own).collect();
    sources.plaintext = if arguments.dev { Plaintext::Permitted } else { Plaintext::Refused };
    Ok(sources)
}

/// Requires the files that the configuration names, all at once.
fn require_files(effective: &Effective) -> Result<(), Problem> {
    let options = effective.options();
    let security = &options.security;
    let mut missing = Vec::new();
    let mut require = |key: &str, path: &Path, mend: &str| {
        if !path.is_file() {
            missing.push(format!("{key}: there is no file {}: {mend}", path.display()));
        }
    };
    if security.mode == Mode::Tls {
        let node = "`delian cert node` makes it; for a first try on this machine, start with --dev";
        require("security.certificate", &security.certificate, node);
        require("security.key", &security.key, node);
        require("security.authority", &security.authority, "`delian cert authority` makes it, once for the federation");
        require("security.key_ring", &security.key_ring, "`delian cert key` makes it, once for the federation");
    }
    for token in &options.http.tokens {
        if let TokenSecret::File(path) = &token.secret {
            require("http.tokens", path, &format!("it is to hold the token of {}", token.name));
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(Problem::new(missing.join("\nerror: "))) }
}
