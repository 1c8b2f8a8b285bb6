//! `[network]`, `[security]` and `[http]`.

use super::super::forms::{Address, Count, Host, ListOf, Optional, Path, Size, Span, Tokens, Word};
use super::{Key, table};

pub(super) const NETWORK: &[Key] = table! {
    Address, "network.listen", network.listen,
        "Where the node takes letters (TCP) and packets (UDP). The default reaches this machine alone: nothing is open before somebody says so.";
    Optional<Address>, "network.advertise", network.advertise,
        "Where others reach it. None: as `network.listen`, if that is an address and not all of them.";
    Optional<Address>, "network.wide_listen", network.wide_listen,
        "Where a gateway takes packets of the pool of all gateways. None: the node is no gateway.";
    Optional<Address>, "network.wide_advertise", network.wide_advertise,
        "Where other gateways reach it. None: as `network.wide_listen`.";
    ListOf<Host>, "network.wide_join", network.wide_join, "Where other gateways are.";
    Size, "network.packet_bytes_max", packet_bytes_max,
        "The most bytes in a datagram before it is sealed: what a path with an Ethernet in it takes unbroken.";
};

pub(super) const SECURITY: &[Key] = table! {
    Word, "security.mode", security.mode,
        "tls: nodes prove who they are and what they say is sealed. dev: plain text, with --dev and on loopback alone.";
    Path, "security.certificate", security.certificate,
        "The node's certificate (PEM), as `delian cert node` makes it. Empty: node.pem in `node.data`.";
    Path, "security.key", security.key, "Its private key (PEM). Empty: node.key in `node.data`.";
    Path, "security.authority", security.authority,
        "The certificate of the authority that all nodes trust (PEM). Empty: authority.pem in `node.data`.";
    Path, "security.key_ring", security.key_ring,
        "The keys that seal datagrams, one per line, the same at all nodes; the first one seals. Empty: keyring in `node.data`.";
};

pub(super) const HTTP: &[Key] = table! {
    Address, "http.listen", http.listen,
        "Where the API and the dashboard answer. The default reaches this machine alone. Beyond it there must be `http.tokens`.";
    Optional<Host>, "http.advertise", http.advertise,
        "Where others reach the API, which nodes tell to each other. None: as `http.listen`, if that is an address and not all of them.";
    Tokens, "http.tokens", http.tokens,
        "Who may use the API: [{ name = \"ops\", role = \"operate\", file = \"token\" }], or sha256 with 64 hexadecimal digits in place of file. The roles are read and operate. Empty: everyone who reaches it.";
    Size, "http.body_bytes_max", http.body_bytes_max,
        "The most bytes in the body of a request: several times the largest registration.";
    Span, "http.request_timeout", http.request_timeout,
        "The longest a request may take: longer than `raft.command_timeout`, so that an outcome that nobody knows is told and not cut off.";
    Count, "http.requests_max", http.requests_max,
        "The most requests that are answered at a time: a quarter of what may wait for the node.";
    Count, "http.connections_max", http.connections_max,
        "The most connections at a time: within the usual limit of open files.";
    Count, "http.requests_per_second", http.requests_per_second,
        "The most requests in a second of one token, or of one address without tokens, on average; beyond them 429 is answered.";
    Count, "http.requests_burst", http.requests_burst,
        "The most of them at once: a dashboard asks in bursts.";
    Count, "http.watchers_max", http.watchers_max,
        "The most watchers at a time: each has a queue of its own, so they are fewer than connections.";
};
