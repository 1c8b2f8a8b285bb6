//! `[node]`, `[cluster]`, `[log]` and `[journal]`.

use super::super::forms::{
    Count, Degrees, Host, Id, IdAtHost, Labels, ListOf, Optional, Path, Size, Span, Text, Truth, Word,
};
use super::{Key, table};

pub(super) const NODE: &[Key] = table! {
    Text, "node.name", node.name,
        "What people and the ring call the node, unique among registered nodes. Empty: its identity, which is unique by itself.";
    Optional<Id>, "node.id", node.id,
        "Its identity. None: drawn at the first start and kept with its data, so that nobody has to hand identities out. Must be given where several found together.";
    Path, "node.data", node.data,
        "The folder in which it keeps its log and votes. The default lies in the working folder, so that a first try needs no rights.";
    Text, "node.region", node.region,
        "The region it stands in. One default for all places: a federation that says nothing of places stands in one.";
    Text, "node.datacenter", node.datacenter, "The datacenter, identified within its region.";
    Text, "node.rack", node.rack, "The rack, identified within its datacenter.";
    Degrees, "node.latitude", node.coordinates.latitude, "Degrees north of the equator, for the map. South is negative.";
    Degrees, "node.longitude", node.coordinates.longitude, "Degrees east of Greenwich, for the map. West is negative.";
    Labels, "node.tags", node.tags, "What an operator adds, such as { disk = \"nvme\" }.";
    Optional<Size>, "node.total_bytes", node.total_bytes,
        "The storage that it registers. None: the size of the disk under its data.";
};

pub(super) const CLUSTER: &[Key] = table! {
    Text, "cluster.label", cluster.label,
        "The label of the federation: packets, certificates and stores of another one are refused.";
    ListOf<IdAtHost>, "cluster.founders", cluster.founders,
        "Who founds the federation together, the node itself among them; the same at all of them. Empty: the node founds alone, and the autopilot brings voters in as nodes join.";
    ListOf<Host>, "cluster.join", cluster.join,
        "Where members are that know the others. One that answers is enough; several survive the loss of one.";
    Truth, "cluster.voter", cluster.voter,
        "Whether the node asks to be let into the log, where the autopilot may make it a voter. False for observers, which follow the topology and burden no quorum.";
    Optional<Count>, "cluster.autopilot_voters", core.autopilot_voters,
        "How many voters the autopilot keeps: 3, 5 or 7. None: an operator alone decides who votes. Three survive the loss of one.";
    Span, "cluster.autopilot_settle", core.autopilot_settle,
        "How long a learner must be fit without a break before it is promoted: five of the longest election timeouts, so that a node which comes and goes is not counted on.";
    Span, "cluster.autopilot_dead_after", core.autopilot_dead_after,
        "How long a voter must be unfit without a break before it is replaced: most machines are back from a restart by then.";
    Count, "cluster.autopilot_lag_max", core.autopilot_lag_max,
        "The most entries that a fit member may be behind: what a healthy follower makes up within a few round trips.";
};

pub(super) const LOG: &[Key] = table! {
    Word, "log.format", log.format, "How log lines are written: human for people, json for programs.";
    Text, "log.filter", log.filter,
        "Which lines are written, such as \"info\" or \"warn,delian=debug\". Info is worth a line each.";
    Optional<Host>, "log.collector", log.collector,
        "Where a collector of OpenTelemetry takes the same lines, by OTLP over HTTP, such as \"10.0.0.9:4318\". For programs built with the feature opentelemetry. None: nobody is sent any.";
    Count, "journal.events_kept", journal.events_kept,
        "How many events are remembered for who watches: minutes of a busy federation, so that a watcher which reconnects misses none.";
};
