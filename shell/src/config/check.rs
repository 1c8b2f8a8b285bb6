//! What makes no sense together, told at the key that is at fault.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use delian_core::topology::{Field, Refusal};
use delian_core::{ConfigError, NodeId};

use super::effective::{core_config, registration};
use super::keys::Key;
use super::layers::{Layered, Plaintext};
use super::options::Mode;
use super::problem::Origin;

/// Stands for the identity that a node draws at its first start: what is checked is the same for each.
const ANYBODY: NodeId = NodeId::new(1);

/// The most letters in a label of a federation: it is a label of a domain name (RFC 1035, section 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

impl Layered {
    /// Judges the whole; what is wrong is added to the problems.
    pub(super) fn check(&mut self, plaintext: Plaintext) {
        self.check_label();
        if !self.problems.is_empty() {
            // The names of pools follow from it.
            return;
        }
        self.check_numbers();
        self.check_security(plaintext);
        self.check_network();
        self.check_founders();
        self.check_collector();
        if self.problems.is_empty() {
            self.check_registration();
        }
    }

    /// Returns where a key comes from.
    pub(super) fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    /// Refuses a key for a reason that follows its name.
    fn blame(&mut self, key: &'static str, problem: &str) {
        let origin = self.origin(key);
        let by_default =
            if origin == Origin::Default && !problem.starts_with("is missing") { " (the default)" } else { "" };
        self.refuse(origin, format!("{key}{by_default} {problem}"));
    }

    fn blame_field(&mut self, part: &str, error: &ConfigError) {
        let key = match (part, error.field) {
            (_, "packet_bytes_max") => "network.packet_bytes_max",
            ("core", "voters" | "learners") => "cluster.founders",
            ("core", "pools") => "node.name",
            ("core", "ring") => "ring.copies",
            (part, field) => Key::of_path(&[part, field]).map_or("raft", |key| key.name),
        };
        self.blame(key, &error.problem);
    }

    /// Has the core judge its numbers, machine by machine, so that one mistake does not hide the next.
    fn check_numbers(&mut self) {
        let options = self.options.clone();
        let errors = [
            ("health", options.health.clone().check().err()),
            ("pool", options.pool.clone().check().err()),
            ("wide_pool", options.wide_pool.clone().check().err()),
        ];
        let parts_are_sound = errors.iter().all(|(_, error)| error.is_none());
        for (part, error) in errors {
            if let Some(error) = error {
                self.blame_field(part, &error);
            }
        }
        let mut config = core_config(&options, ANYBODY);
        if !parts_are_sound {
            // What is wrong with them is told already.
            (config.pools, config.health) = (None, None);
        }
        if let Err(error) = config.check() {
            self.blame_field("core", &error);
        }
        if options.wide_pool.name == options.pool.name {
            self.blame("wide_pool.name", "is that of pool.name, too: packets of the two could not be told apart");
        }
        let (request, command) = (options.http.request_timeout, options.core.command_timeout);
        if request <= command {
            let problem = format!(
                "is {request:?}, but must be above raft.command_timeout, {command:?}, or outcomes were cut off that are known"
            );
            self.blame("http.request_timeout", &problem);
        }
        let limits = [
            ("http.body_bytes_max", options.http.body_bytes_max),
            ("http.requests_max", options.http.requests_max as u64),
            ("http.requests_burst", options.http.requests_burst.into()),
            ("http.connections_max", options.http.connections_max as u64),
            ("http.requests_per_second", options.http.requests_per_second.into()),
            ("http.watchers_max", options.http.watchers_max as u64),
            ("journal.events_kept", options.journal.events_kept as u64),
        ];
        for (key, limit) in limits {
            if limit == 0 {
                self.blame(key, "is 0, but must be positive");
            }
        }
    }

    fn check_label(&mut self) {
        let label = &self.options.cluster.label;
        let bytes = label.as_bytes();
        let is_spelled = bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-');
        let is_framed = bytes.first().is_some_and(|byte| *byte != b'-') && bytes.last() != Some(&b'-');
        if !is_spelled || !is_framed || bytes.len() > LABEL_BYTES_MAX {
            let problem = format!(
                "is {label:?}, but must be at most {LABEL_BYTES_MAX} lower-case letters, digits and hyphens within: it is \
                 part of a domain name in certificates"
            );
            self.blame("cluster.label", &problem);
        }
    }

    fn check_security(&mut self, plaintext: Plaintext) {
        if self.options.security.mode == Mode::Tls {
            if plaintext == Plaintext::Permitted {
                let mend = "but --dev is given: leave out one of the two";
                self.blame("security.mode", &format!("is \"tls\", {mend}"));
            }
        } else {
            if plaintext == Plaintext::Refused {
                let problem = "is \"dev\", which needs the flag --dev, so that nobody speaks in plain text by mistake";
                self.blame("security.mode", problem);
            }
            let network = &self.options.network;
            let open: Vec<(&'static str, SocketAddr)> = [
                ("network.listen", Some(network.listen)),
                ("network.advertise", network.advertise),
                ("network.wide_listen", network.wide_listen),
                ("network.wide_advertise", network.wide_advertise),
                ("http.listen", Some(self.options.http.listen)),
            ]
            .into_iter()
            .filter_map(|(key, address)| address.filter(|it| !it.ip().is_loopback()).map(|address| (key, address)))
            .collect();
            for (key, address) in open {
                let problem = format!(
                    "is {address}, but --dev speaks in plain text, on loopback alone: use 127.0.0.1, or make certificates \
                     with `delian cert`"
                );
                self.blame(key, &problem);
            }
        }
        let (listen, tokens) = (self.options.http.listen, &self.options.http.tokens);
        if self.options.security.mode == Mode::Tls && tokens.is_empty() && !listen.ip().is_loopback() {
            let problem =
                format!("is {listen}, where others reach it, but there are no http.tokens: add one, or use 127.0.0.1");
            self.blame("http.listen", &problem);
        }
    }

    fn check_collector(&mut self) {
        if let Some(collector) = self.options.log.collector.clone().filter(|_| !cfg!(feature = "opentelemetry")) {
            let problem = format!(
                "is {collector}, but this program was built without the feature opentelemetry: leave it out, or build with \
                 --features opentelemetry"
            );
            self.blame("log.collector", &problem);
        }
    }

    fn check_network(&mut self) {
        let network = self.options.network.clone();
        let needed = [
            ("network.advertise", network.advertise, Some(network.listen)),
            ("network.wide_advertise", network.wide_advertise, network.wide_listen),
        ];
        for (key, advertise, listen) in needed {
            let Some(listen) = listen else { continue };
            match advertise {
                None => self
                    .blame(key, &format!("is missing: others cannot reach {listen}, so say which address they reach")),
                Some(address) if address.ip().is_unspecified() => {
                    self.blame(key, &format!("is {address}, which nobody can reach: say which address others reach"));
                }
                Some(_) => {}
            }
        }
        if network.wide_listen.is_none() && !network.wide_join.is_empty() {
            self.blame("network.wide_join", "is given, but without network.wide_listen the node is no gateway");
        }
        if let Some(wide) = network.wide_listen.filter(|wide| *wide == network.listen && wide.port() > 0) {
            self.blame("network.wide_listen", &format!("is {wide}, but network.listen is, too: use another port"));
        }
        let http = self.options.http.listen;
        if http == network.listen && http.port() > 0 {
            self.blame("http.listen", &format!("is {http}, but network.listen is, too: use another port"));
        }
    }

    fn check_founders(&mut self) {
        let founders = self.options.cluster.founders.clone();
        if founders.is_empty() {
            return;
        }
        let ids: BTreeSet<NodeId> = founders.iter().map(|founder| founder.id).collect();
        if ids.len() < founders.len() {
            self.blame("cluster.founders", "names an identity twice: each founder has one of its own");
        }
        match self.options.node.id {
            None => {
                self.blame("node.id", "is missing: where several found together, each must know which of them it is");
            }
            Some(own) if !ids.contains(&own) => {
                self.blame(
                    "cluster.founders",
                    &format!("does not name the node itself, {own}: add it, or empty the list"),
                );
            }
            Some(_) => {}
        }
    }

    fn check_registration(&mut self) {
        let id = self.options.node.id.unwrap_or(ANYBODY);
        let Ok(settings) = core_config(&self.options, id).check() else { return };
        let Err(refusal) = registration(&self.options, id).validate(settings.topology()) else { return };
        let key = match &refusal {
            Refusal::Blank(field) | Refusal::TooLong { field, .. } | Refusal::ControlCharacter { field, .. } => {
                match field {
                    Field::Name => "node.name",
                    Field::Address => "network.advertise",
                    Field::Rack => "node.rack",
                    Field::Datacenter => "node.datacenter",
                    Field::Region => "node.region",
                    Field::TagKey | Field::TagValue => "node.tags",
                }
            }
            Refusal::OffTheGlobe(_) => "node.latitude",
            Refusal::TooManyTags { .. } => "node.tags",
            // A port of 0 is drawn when the node listens.
            Refusal::NoPort => return,
            Refusal::NoIdentity
            | Refusal::FreeAboveTotal { .. }
            | Refusal::DuplicateName { .. }
            | Refusal::Full { .. }
            | Refusal::Unknown(_)
            | Refusal::Superseded { .. }
            | Refusal::CustomTooLarge { .. }
            | Refusal::Malformed { .. }
            | Refusal::Exhausted
            | Refusal::Leaving(_)
            | Refusal::NotLeaving(_)
            | Refusal::MovedMoreThanAll { .. } => "node.name",
        };
        let origin = self.origin(key);
        self.refuse(origin, format!("{key}: {refusal}"));
    }
}
