//! Registered nodes: listed, asked about, registered and removed.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use delian_core::topology::{Command, Condition, Coordinates, Member, Registration};
use delian_core::{Bytes, Node, NodeId, Time};
use hyper::Request;

use super::body;
use super::fault::{Answer, Fault, Kind};
use super::path::NodeName;
use super::query::{Parameters, word, wrong};
use super::ring::Shares;
use super::state::{Api, Seen, Stamped, consistency};
use super::view::{conditions, find, identity, seen};
use super::write::command;
use crate::shapes::{AppliedDocument, Consistency, NodeDocument, NodesDocument, Problem, RegistrationRequest};

/// How many nodes a page has, if nothing is said.
const PAGE: usize = 100;

/// How many it may have.
pub(super) const PAGE_MAX: usize = 1000;

/// Which nodes are asked for. All that is said must hold.
#[derive(Clone, Debug, Default)]
struct Filter {
    condition: Option<Condition>,
    region: Option<String>,
    datacenter: Option<String>,
    rack: Option<String>,
    tags: Vec<(String, String)>,
    name: Option<String>,
}

impl Filter {
    fn of(query: &mut Parameters) -> Answer<Self> {
        let words = conditions();
        let words: Vec<(&str, Condition)> = words.iter().map(|(word, condition)| (word.as_str(), *condition)).collect();
        let condition = query.one("condition")?.map(|text| word("condition", &text, &words)).transpose()?;
        let pair = |text: String| match text.split_once(':') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_string(), value.to_string())),
            Some(_) | None => Err(wrong("tag", &format!("is {text:?}: use key:value"))),
        };
        Ok(Self {
            condition,
            region: query.one("region")?,
            datacenter: query.one("datacenter")?,
            rack: query.one("rack")?,
            tags: query.all("tag").into_iter().map(pair).collect::<Answer<_>>()?,
            name: query.one("name")?,
        })
    }

    fn passes(&self, member: &Member) -> bool {
        let it = &member.registration;
        let same = |asked: &Option<String>, held: &String| asked.as_ref().is_none_or(|asked| asked == held);
        self.condition.is_none_or(|condition| condition == member.condition)
            && same(&self.region, &it.region)
            && same(&self.datacenter, &it.datacenter)
            && same(&self.rack, &it.rack)
            && self.tags.iter().all(|(key, value)| it.tags.get(key) == Some(value))
            && self.name.as_ref().is_none_or(|prefix| it.name.starts_with(prefix))
    }
}

/// Writes where a page ends: opaque to who asks, and checked when it comes back.
pub(super) fn cursor(last: u64) -> String {
    format!("c{last:016x}")
}

/// Takes from a query how long a page may be and where it begins.
pub(super) fn page(query: &mut Parameters) -> Answer<(usize, Option<u64>)> {
    let limit = query.number("limit", 1..=PAGE_MAX)?.unwrap_or(PAGE);
    let Some(text) = query.one("cursor")? else { return Ok((limit, None)) };
    let digits = text.strip_prefix('c').filter(|digits| digits.len() == 16);
    let digits = digits.filter(|digits| digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
    let after = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let after = after.ok_or_else(|| wrong("cursor", &format!("is {text:?}: use what a page gave as next")))?;
    Ok((limit, Some(after)))
}

/// The registered nodes, by identity.
#[utoipa::path(get, path = "/v1/nodes", tag = "nodes", params(
    ("consistency" = inline(Option<Consistency>), Query, description = "How recent; local if absent"),
    ("limit" = Option<usize>, Query, description = "Nodes per page; 100 if absent", minimum = 1, maximum = 1000),
    ("cursor" = Option<String>, Query, description = "What a page gave as next"),
    ("condition" = Option<String>, Query, description = "healthy, degraded, silent, leaving or unreachable"),
    ("region" = Option<String>, Query, description = "The region"),
    ("datacenter" = Option<String>, Query, description = "The datacenter"),
    ("rack" = Option<String>, Query, description = "The rack"),
    ("tag" = Option<Vec<String>>, Query, description = "key:value; all that are said must be there"),
    ("name" = Option<String>, Query, description = "How names begin"),
), responses(
    (status = 200, description = "A page of nodes", body = NodesDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(api): State<Arc<Api>>, mut query: Parameters) -> Answer<Stamped<Json<NodesDocument>>> {
    let consistency = consistency(&mut query)?;
    let (limit, after) = page(&mut query)?;
    let filter = Filter::of(&mut query)?;
    let known = ["consistency", "limit", "cursor", "condition", "region", "datacenter", "rack", "tag", "name"];
    query.end(&known)?;
    let look = move |node: &Node, _: Time| {
        let passing = || node.topology().members().filter(|member| filter.passes(member));
        let behind = |member: &&Member| after.is_none_or(|after| member.node().get() > after);
        let mut members: Vec<&Member> = passing().filter(behind).take(limit + 1).collect();
        let goes_on = members.len() > limit;
        members.truncate(limit);
        let next = members.last().filter(|_| goes_on).map(|last| cursor(last.node().get()));
        let nodes = members.iter().map(|member| seen(node, member)).collect();
        (
            NodesDocument { epoch: node.topology().epoch().get(), total: passing().count(), nodes, next },
            node.ring().cloned(),
        )
    };
    let (seen, (mut document, ring)) = api.view(consistency, look).await?;
    if let Some(ring) = ring {
        let shares = api.ring_shares(ring).await?;
        document.nodes.iter_mut().for_each(|node| weigh(node, &shares));
    }
    Ok(Stamped(seen, Json(document)))
}

fn weigh(node: &mut NodeDocument, shares: &Shares) {
    node.ring_permille = shares.permille(&node.name);
}

/// One node.
#[utoipa::path(get, path = "/v1/nodes/{node}", tag = "nodes", params(
    ("node" = String, Path, description = "Its identity, n7 or 7, or its name"),
    ("consistency" = inline(Option<Consistency>), Query, description = "How recent; local if absent"),
), responses(
    (status = 200, description = "The node", body = NodeDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    NodeName(name): NodeName,
    mut query: Parameters,
) -> Answer<Stamped<Json<NodeDocument>>> {
    let consistency = consistency(&mut query)?;
    query.end(&["consistency"])?;
    let look = move |node: &Node, _: Time| find(node, &name).map(|member| (seen(node, member), node.ring().cloned()));
    let (seen, found) = api.view(consistency, look).await?;
    let (mut document, ring) = found?;
    if let Some(ring) = ring {
        weigh(&mut document, &*api.ring_shares(ring).await?);
    }
    Ok(Stamped(seen, Json(document)))
}

/// Registers a node, or begins its next life.
#[utoipa::path(put, path = "/v1/nodes/{node}", tag = "nodes", params(
    ("node" = String, Path, description = "Its identity, n7 or 7; for a registered node its name will do"),
), request_body = RegistrationRequest, responses(
    (status = 200, description = "It is registered", body = AppliedDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn register(
    State(api): State<Arc<Api>>,
    NodeName(name): NodeName,
    query: Parameters,
    request: Request<Body>,
) -> Answer<Json<AppliedDocument>> {
    query.end(&[])?;
    let asked: RegistrationRequest = body::document(request, api.config.limits.body_bytes_max).await?;
    let node = api.meant(&name).await?;
    let registration = Registration {
        node,
        name: asked.name,
        address: asked.address,
        port: asked.port,
        rack: asked.place.rack,
        datacenter: asked.place.datacenter,
        region: asked.place.region,
        coordinates: Coordinates::new(asked.place.latitude_microdegrees, asked.place.longitude_microdegrees),
        total: Bytes::new(asked.total_bytes),
        free: Bytes::new(asked.free_bytes),
        tags: asked.tags,
        registered_at: api.clock.wall(),
    };
    command(&api, Command::Register(Box::new(registration))).await
}

/// Removes a node.
#[utoipa::path(delete, path = "/v1/nodes/{node}", tag = "nodes", params(
    ("node" = String, Path, description = "Its identity, n7 or 7, or its name"),
), responses(
    (status = 200, description = "It is removed", body = AppliedDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn deregister(
    State(api): State<Arc<Api>>,
    NodeName(name): NodeName,
    query: Parameters,
    request: Request<Body>,
) -> Answer<Json<AppliedDocument>> {
    query.end(&[])?;
    body::nothing(request, api.config.limits.body_bytes_max).await?;
    let node = api.meant(&name).await?;
    command(&api, Command::Deregister(node)).await
}

/// A life of a registered node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) node: NodeId,
    pub(super) epoch: delian_core::Epoch,
    pub(super) condition: Condition,
}

impl Api {
    /// Returns whom a text means: an identity, whether or not it is registered, or who holds a name.
    async fn meant(&self, name: &str) -> Answer<NodeId> {
        match identity(name) {
            Some(id) => Ok(id),
            None => Ok(self.target(name).await?.node),
        }
    }

    /// Finds the node that a command is about. A command names one life of it, so what was agreed on is asked for, and what
    /// this node holds is the answer only where that is out of reach: then the leader judges whether it is the right one.
    pub(super) async fn target(&self, name: &str) -> Answer<Target> {
        let look = |name: String| {
            move |node: &Node, _: Time| {
                find(node, &name).map(|member| Target {
                    node: member.node(),
                    epoch: member.registered,
                    condition: member.condition,
                })
            }
        };
        let agreed: Answer<(Seen, Answer<Target>)> = self.view(Consistency::Quorum, look(name.to_string())).await;
        match agreed {
            Ok((_, found)) => found,
            Err(fault) if fault.kind == Kind::Stopped => Err(fault),
            Err(_) => self.view(Consistency::Local, look(name.to_string())).await?.1,
        }
    }
}

/// Requires that a node is leaving.
pub(super) fn require_leaving(target: Target) -> Answer<()> {
    if target.condition == Condition::Leaving {
        return Ok(());
    }
    let (node, condition) = (target.node, target.condition);
    Err(Fault::new(Kind::Conflict, format!("{node} is {condition}, not leaving: drain it first")))
}
