//! Where keys live. Everything that takes time proportional to the ring is done away from the driver's task, on the ring that
//! the node holds, which is shared and never changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use delian_core::ring::{Level, REPLICAS_MAX, Ring, Rule, Shortage, Slot, Token, diff_replicas};
use delian_core::{Node, Time};
use tokio::task::spawn_blocking;

use super::fault::{Answer, Fault, Kind};
use super::query::{Parameters, wrong};
use super::state::{Api, Seen, Stamped, consistency};
use super::view::find;
use crate::shapes::{
    Consistency, LocateDocument, MoveDocument, MovesDocument, OwnerDocument, Problem, RingShareDocument, SharesDocument,
};

/// The rules by their words.
const RULES: [(&str, Rule); 7] = [
    ("nodes", Rule::Nodes),
    ("apart:region", Rule::Apart(Level::Region)),
    ("apart:datacenter", Rule::Apart(Level::Datacenter)),
    ("apart:rack", Rule::Apart(Level::Rack)),
    ("spread:region", Rule::Spread(Level::Region)),
    ("spread:datacenter", Rule::Spread(Level::Datacenter)),
    ("spread:rack", Rule::Spread(Level::Rack)),
];

/// How many tokens there are.
const TOKENS: u64 = 1 << 32;

/// What every member of a ring has of it.
#[derive(Debug)]
pub(super) struct Shares {
    tokens: BTreeMap<Arc<str>, u64>,
    document: SharesDocument,
}

impl Shares {
    fn of(ring: &Ring) -> Self {
        let mut points = vec![0u32; ring.len()];
        ring.points().for_each(|(_, slot)| points[slot.index()] += 1);
        let tokens = ring.shares();
        let share = |slot: Slot| RingShareDocument {
            name: ring.name(slot).to_string(),
            millionths: parts(tokens[slot.index()], 1_000_000),
            points: points[slot.index()],
        };
        let document = SharesDocument {
            epoch: ring.epoch().get(),
            points: ring.point_count(),
            shares: ring.slots().map(share).collect(),
        };
        Self { tokens: ring.slots().map(|slot| (ring.name(slot).clone(), tokens[slot.index()])).collect(), document }
    }

    /// Returns the share of a member in thousandths of all keys.
    pub(super) fn permille(&self, name: &str) -> Option<u32> {
        self.tokens.get(name).map(|tokens| parts(*tokens, 1000))
    }
}

/// Returns so many tokens as parts of all, rounded to the nearest.
fn parts(tokens: u64, whole: u64) -> u32 {
    let parts = (u128::from(tokens) * u128::from(whole) + u128::from(TOKENS / 2)) / u128::from(TOKENS);
    u32::try_from(parts).unwrap_or(u32::MAX)
}

/// Does what takes time away from tasks that others wait for.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    spawn_blocking(work).await.map_err(|_| Fault::new(Kind::Stopped, "the node is stopping: ask another"))
}

impl Api {
    pub(super) async fn ring_shares(&self, ring: Arc<Ring>) -> Answer<Arc<Shares>> {
        let epoch = ring.epoch();
        if let Some(shares) = self.shares.get(&epoch) {
            return Ok(shares);
        }
        let shares = aside(move || Shares::of(&ring)).await?;
        Ok(self.shares.put(epoch, shares))
    }

    async fn ring(&self, consistency: Consistency) -> Answer<(Seen, Arc<Ring>)> {
        let (seen, ring) = self.view(consistency, |node: &Node, _: Time| node.ring().cloned()).await?;
        Ok((seen, ring.ok_or_else(no_ring)?))
    }
}

fn no_ring() -> Fault {
    Fault::new(Kind::NoRing, "this node holds no ring: configure `ring` on every node")
}

impl From<Shortage> for Fault {
    fn from(shortage: Shortage) -> Self {
        Self::new(Kind::Shortage, shortage.to_string())
    }
}

/// How keys are spread.
#[utoipa::path(get, path = "/v1/ring", tag = "ring", params(
    ("consistency" = inline(Option<Consistency>), Query, description = "How recent; local if absent"),
), responses(
    (status = 200, description = "Every node's share", body = SharesDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn shares(
    State(api): State<Arc<Api>>,
    mut query: Parameters,
) -> Answer<Stamped<Json<SharesDocument>>> {
    let consistency = consistency(&mut query)?;
    query.end(&["consistency"])?;
    let (seen, ring) = api.ring(consistency).await?;
    let shares = api.ring_shares(ring).await?;
    Ok(Stamped(seen, Json(shares.document.clone())))
}

fn copies(query: &mut Parameters) -> Answer<(usize, Rule)> {
    let copies = query.number("copies", 1..=REPLICAS_MAX)?.unwrap_or(1);
    Ok((copies, query.word("rule", &RULES)?.unwrap_or(Rule::Nodes)))
}

/// Who holds a key.
#[utoipa::path(get, path = "/v1/ring/locate", tag = "ring", params(
    ("key" = String, Query, description = "The key"),
    ("copies" = Option<usize>, Query, description = "How many copies; 1 if absent", minimum = 1, maximum = 64),
    ("rule" = Option<String>, Query, description = "nodes, or apart or spread, a colon, and region, datacenter or rack"),
    ("consistency" = inline(Option<Consistency>), Query, description = "How recent; local if absent"),
), responses(
    (status = 200, description = "Its owners", body = LocateDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn locate(
    State(api): State<Arc<Api>>,
    mut query: Parameters,
) -> Answer<Stamped<Json<LocateDocument>>> {
    let consistency = consistency(&mut query)?;
    let (copies, rule) = copies(&mut query)?;
    let key = query.one("key")?.ok_or_else(|| wrong("key", "is not there: name the key"))?;
    query.end(&["consistency", "key", "copies", "rule"])?;
    let look = move |node: &Node, _: Time| {
        let ring = node.ring().ok_or_else(no_ring)?;
        let (token, mut slots) = (Token::of(key.as_bytes()), vec![Slot::new(0); copies]);
        ring.replicas_at(token, rule, None, &mut slots)?;
        let owner = |slot: Slot| {
            let (name, place) = (ring.name(slot), ring.place(slot));
            OwnerDocument {
                name: name.to_string(),
                id: node.topology().by_name(name).map(|member| member.node().to_string()),
                region: place.region.to_string(),
                datacenter: place.datacenter.to_string(),
                rack: place.rack.to_string(),
            }
        };
        let owners = slots.into_iter().map(owner).collect();
        Ok::<_, Fault>(LocateDocument { key, token: token.get(), epoch: ring.epoch().get(), owners })
    };
    let (seen, located) = api.view(consistency, look).await?;
    Ok(Stamped(seen, Json(located?)))
}

/// What moves if a node is left out.
#[utoipa::path(get, path = "/v1/ring/diff", tag = "ring", params(
    ("without" = String, Query, description = "The node, by its identity or name"),
    ("copies" = Option<usize>, Query, description = "How many copies; 1 if absent", minimum = 1, maximum = 64),
    ("rule" = Option<String>, Query, description = "nodes, or apart or spread, a colon, and region, datacenter or rack"),
    ("consistency" = inline(Option<Consistency>), Query, description = "How recent; local if absent"),
), responses(
    (status = 200, description = "What moves", body = MovesDocument),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn diff(State(api): State<Arc<Api>>, mut query: Parameters) -> Answer<Stamped<Json<MovesDocument>>> {
    let consistency = consistency(&mut query)?;
    let (copies, rule) = copies(&mut query)?;
    let without = query.one("without")?.ok_or_else(|| wrong("without", "is not there: name the node to leave out"))?;
    query.end(&["consistency", "without", "copies", "rule"])?;
    let look = move |node: &Node, _: Time| {
        let member = find(node, &without)?;
        Ok::<_, Fault>((member.registration.name.clone(), node.ring().cloned().ok_or_else(no_ring)?))
    };
    let (seen, found) = api.view(consistency, look).await?;
    let (name, ring) = found?;
    let document = aside(move || moves(&ring, &name, copies, rule)).await??;
    Ok(Stamped(seen, Json(document)))
}

fn moves(ring: &Ring, name: &str, copies: usize, rule: Rule) -> Answer<MovesDocument> {
    let mut rest = ring.clone();
    if let Err(why) = rest.leave(name) {
        return Err(Fault::new(Kind::NotRegistered, format!("{name:?} is not on the ring: {why}")));
    }
    let moves = diff_replicas(ring, &rest, copies, rule)?;
    let tokens: u64 = moves.iter().map(|it| it.range.tokens()).sum();
    let document = |it: &delian_core::ring::Move| MoveDocument {
        after: it.range.after.get(),
        through: it.range.through.get(),
        copy: it.replica,
        from: it.from.map(|slot| ring.name(slot).to_string()),
        to: it.to.map(|slot| rest.name(slot).to_string()),
    };
    Ok(MovesDocument {
        epoch: ring.epoch().get(),
        moved_millionths: parts(tokens / copies.max(1) as u64, 1_000_000),
        moves: moves.iter().map(document).collect(),
    })
}
