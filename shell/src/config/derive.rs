//! What follows from other keys where nobody set it.

use std::path::PathBuf;

use super::layers::Layered;
use super::options::{Endpoint, Options};
use super::problem::Origin;

impl Layered {
    /// Fills in what nobody set and others tell.
    pub(super) fn derive(&mut self) {
        self.in_data("security.certificate", "node.pem", |options| &mut options.security.certificate);
        self.in_data("security.key", "node.key", |options| &mut options.security.key);
        self.in_data("security.authority", "authority.pem", |options| &mut options.security.authority);
        self.in_data("security.key_ring", "keyring", |options| &mut options.security.key_ring);
        self.addresses();
        let label = self.options.cluster.label.clone();
        if self.options.pool.name.is_empty() {
            self.options.pool.name.clone_from(&label);
            self.follows("pool.name", "cluster.label");
        }
        if self.options.wide_pool.name.is_empty() {
            self.options.wide_pool.name = format!("{label}/wide");
            self.follows("wide_pool.name", "cluster.label");
        }
        let packet = self.options.packet_bytes_max;
        self.options.pool.packet_bytes_max = packet;
        self.options.wide_pool.packet_bytes_max = packet;
    }

    fn addresses(&mut self) {
        let network = &mut self.options.network;
        let mut followed = Vec::new();
        if network.advertise.is_none() && !network.listen.ip().is_unspecified() {
            network.advertise = Some(network.listen);
            followed.push(("network.advertise", "network.listen"));
        }
        if network.wide_advertise.is_none()
            && let Some(listen) = network.wide_listen.filter(|listen| !listen.ip().is_unspecified())
        {
            network.wide_advertise = Some(listen);
            followed.push(("network.wide_advertise", "network.wide_listen"));
        }
        let (advertised, http) = (network.advertise, &mut self.options.http);
        if http.advertise.is_none() && http.listen.port() > 0 {
            if !http.listen.ip().is_unspecified() {
                http.advertise = Some(Endpoint::from(http.listen));
                followed.push(("http.advertise", "http.listen"));
            } else if let Some(advertised) = advertised {
                http.advertise = Some(Endpoint { host: advertised.ip().to_string(), port: http.listen.port() });
                followed.push(("http.advertise", "network.advertise"));
            }
        }
        for (key, from) in followed {
            self.follows(key, from);
        }
    }

    fn in_data(&mut self, key: &'static str, file: &str, part: impl FnOnce(&mut Options) -> &mut PathBuf) {
        let path = self.options.node.data.join(file);
        let slot = part(&mut self.options);
        if slot.as_os_str().is_empty() {
            *slot = path;
            self.follows(key, "node.data");
        }
    }

    fn follows(&mut self, key: &'static str, from: &'static str) {
        self.origins.insert(key, Origin::Derived(from));
    }
}
