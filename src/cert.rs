//! `delian cert`: a private authority, the certificates of nodes, and the keys that seal datagrams.
//!
//! Everything is written into files that are not there yet; keys are for their owner alone. Nothing is sent anywhere: the
//! authority's key stays where it is made, and no node needs it.

mod arguments;

pub(crate) use self::arguments::{CertArguments, EXAMPLES};

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use delian_shell::daemon::draw_identity;
use delian_shell::security::keyring::{self, Key};
use delian_shell::security::pki::{self, Authority};
use delian_shell::security::{ClusterLabel, SecurityError};

use self::arguments::{AuthorityArguments, CertCommand, KeyArguments, NodeCertArguments};
use crate::answer::{Answer, Problem};
use crate::screen;

impl From<SecurityError> for Problem {
    fn from(error: SecurityError) -> Self {
        Self::new(error.to_string())
    }
}

pub(crate) fn run(arguments: &CertArguments) -> Result<Answer, Problem> {
    match &arguments.command {
        CertCommand::Authority(arguments) => authority(arguments),
        CertCommand::Node(arguments) => node(arguments),
        CertCommand::Key(arguments) => key(arguments),
    }
}

fn authority(arguments: &AuthorityArguments) -> Result<Answer, Problem> {
    let authority = Authority::new(&ClusterLabel::new(arguments.cluster.as_str())?)?;
    authority.write(&arguments.out)?;
    let shown = |file: &str| arguments.out.join(file).display().to_string();
    screen::say(&format!(
        "{}  the certificate: every node holds a copy\n{}  its key: keep it safe; no node needs it\n\nnext: delian cert key \
         --out keyring, and for each node: delian cert node --authority {} --id n1 --name NAME --out DIR\n",
        shown(pki::AUTHORITY_FILE),
        shown(pki::AUTHORITY_KEY_FILE),
        arguments.out.display()
    ))?;
    Ok(Answer::Yes)
}

fn node(arguments: &NodeCertArguments) -> Result<Answer, Problem> {
    let authority = Authority::read(&arguments.authority)?;
    let id = match arguments.id {
        Some(id) => id,
        None => draw_identity().map_err(|error| Problem::new(format!("cannot draw an identity: {error}")))?,
    };
    let name = arguments.name.clone().unwrap_or_else(|| id.to_string());
    let ring = arguments.keyring.as_deref().map(pki::read_text).transpose()?;
    if let Some(ring) = &ring {
        keyring::parse(ring)?;
    }
    authority.issue(id, &name, &arguments.addresses, arguments.valid_for)?.write(&arguments.out)?;
    if let Some(ring) = ring {
        pki::write_new(&arguments.out.join("keyring"), &ring, pki::Mode::Secret)?;
    }
    let shown = |file: &str| arguments.out.join(file).display().to_string();
    screen::say(&format!(
        "{}  the certificate of {name} ({id}) in {}\n{}  its key\n{}  the authority's certificate\n\nnext: delian node --data \
         {} --set node.id={id} --set cluster.label={}\n",
        shown(pki::NODE_FILE),
        authority.cluster(),
        shown(pki::NODE_KEY_FILE),
        shown(pki::AUTHORITY_FILE),
        arguments.out.display(),
        authority.cluster(),
    ))?;
    Ok(Answer::Yes)
}

fn key(arguments: &KeyArguments) -> Result<Answer, Problem> {
    let key = Key::generate()?;
    let shown = arguments.out.display();
    if arguments.add {
        append(&arguments.out, &key)?;
        screen::say(&format!(
            "{shown}  has another key behind the others; once every node has it, put it first everywhere\n"
        ))?;
    } else {
        keyring::write(&arguments.out, &[key])?;
        screen::say(&format!(
            "{shown}  a key that seals datagrams: the same file for all nodes, and for nobody else\n"
        ))?;
    }
    Ok(Answer::Yes)
}

/// Adds a key to a file that holds some.
fn append(path: &Path, key: &Key) -> Result<(), Problem> {
    let text = pki::read_text(path)?;
    let held = keyring::parse(&text)?.len();
    if held >= keyring::KEYS_MAX {
        return Err(SecurityError::Keys { found: held + 1, most: keyring::KEYS_MAX }.into());
    }
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let line = format!("{gap}{}\n", key.to_line());
    let written = OpenOptions::new().append(true).open(path).and_then(|mut file| {
        file.write_all(line.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| Problem::new(format!("cannot write {}: {error}", path.display())))
}
