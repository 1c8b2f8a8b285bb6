//! What is asked of rings.

use std::hint::black_box;

use cpu_time::ThreadTime;
use delian_core::ring::{Eligible, PointsPerUnit, Ring, Rule, Slot};
use xxhash_rust::xxh32::xxh32;

use crate::race::{Bits, Contender, Peers, picoseconds, race};
use crate::rings::{POINTS, Plain, consistent_hash, delian, hashring, hashring_points, member, number, pingora};

/// How many lookups a slice has.
const LOOKUPS: usize = 1 << 16;

/// How many keys there are: so many that no ring has all lines for them at hand which it would not have for any others.
const KEYS: usize = 1 << 18;

/// How long a key is where there is no reason for another length.
const LENGTH: usize = 16;

/// How many lookups a batch has.
const BATCH: usize = 16;

/// How often each way to let a node join is timed in a slice.
const JOINS: u32 = 5;

/// The bytes of random keys, one behind the other.
fn random_bytes(length: usize) -> Vec<u8> {
    let mut bits = Bits(length as u64);
    (0..KEYS * length / 8).flat_map(|_| bits.next().to_le_bytes()).collect()
}

/// Random keys. Each says how long it is, so that no loop is made for keys of one length.
struct Keys<'a>(Vec<&'a [u8]>);

impl<'a> Keys<'a> {
    fn of(bytes: &'a [u8], length: usize) -> Self {
        Self(bytes.chunks_exact(length).collect())
    }

    /// Returns `count` keys from a place on.
    #[inline]
    fn some(&self, place: usize, count: usize) -> &[&'a [u8]] {
        let begin = place % (KEYS - LOOKUPS);
        &self.0[begin..begin + count]
    }

    /// A contender that looks up keys one by one.
    fn contender<'b>(&'b self, name: &'static str, lookup: impl Fn(&[u8]) -> u32 + 'b) -> Contender<'b> {
        Contender::new(name, LOOKUPS, move |place, count| {
            self.some(place, count).iter().map(|key| u64::from(lookup(key))).sum()
        })
    }

    /// The limit of all lookups: the hash of the key and one read of eight bytes in a table of eight bytes for each point.
    fn limit(&self, nodes: u32) -> Contender<'_> {
        let bits = (nodes * POINTS).next_power_of_two().ilog2();
        let mut words = Bits(1);
        let table: Vec<u64> = (0..1 << bits).map(|_| words.next()).collect();
        Contender::new("limit", LOOKUPS, move |place, count| {
            let read = |key: &&[u8]| table[(xxh32(key, 0) >> (u32::BITS - bits)) as usize];
            self.some(place, count).iter().map(read).fold(0, u64::wrapping_add)
        })
    }
}

/// The owner of a key, one by one and in batches.
pub(crate) fn owner(nodes: u32, length: usize, peers: Peers) -> String {
    let bytes = random_bytes(length);
    let keys = Keys::of(&bytes, length);
    let (ring, plain) = (delian(nodes), Plain::of(nodes));
    assert_same_owners(&ring, &plain, &keys);
    let mut contenders = vec![
        keys.contender("delian", |key| ring.owner(key).map_or(0, Slot::get)),
        Contender::new("batch", LOOKUPS, |place, count| {
            let (mut owners, mut sum) = ([None; BATCH], 0);
            for batch in keys.some(place, count).chunks_exact(BATCH) {
                ring.owners(batch, &mut owners);
                sum += owners.iter().map(|owner| u64::from(owner.map_or(0, Slot::get))).sum::<u64>();
            }
            sum
        }),
    ];
    if peers == Peers::With {
        contenders.push(keys.contender("plain", |key| plain.owner(key)));
        let pingora = pingora(nodes);
        contenders.push(keys.contender("pingora", move |key| pingora.node(key).as_ref().map_or(0, number)));
        let hashring = hashring(nodes);
        contenders.push(keys.contender("hashring", move |key| hashring.get(&key).map_or(0, |point| point.node)));
        let consistent = consistent_hash(nodes);
        contenders.push(keys.contender("consistent-hash", move |key| {
            consistent.calc_candidates(&key).next().map_or(0, |node| node.key)
        }));
    }
    race(keys.limit(nodes), contenders)
}

/// Asserts that both rings place keys alike, but those of the few points that collide: so both do the same work.
fn assert_same_owners(ring: &Ring, plain: &Plain, keys: &Keys<'_>) {
    let differs = |key: &&&[u8]| {
        let owner = ring.owner(key).expect("there are nodes");
        **ring.name(owner) != format!("node-{}", plain.owner(key))
    };
    let different = keys.some(0, 10_000).iter().filter(differs).count();
    assert!(different <= 20, "{different} of 10000 keys have another owner in the plain ring");
}

/// Three different nodes for a key.
pub(crate) fn replicas(nodes: u32, peers: Peers) -> String {
    let bytes = random_bytes(LENGTH);
    let keys = Keys::of(&bytes, LENGTH);
    let ring = delian(nodes);
    let mut contenders = vec![keys.contender("delian", |key| {
        let replicas: [Slot; 3] = ring.replicas(key, Rule::Nodes).expect("there are three nodes");
        replicas.iter().map(|slot| slot.get()).sum()
    })];
    if peers == Peers::With {
        let plain = Plain::of(nodes);
        contenders.push(keys.contender("plain", move |key| three_different(plain.walk(key))));
        let pingora = pingora(nodes);
        contenders.push(keys.contender("pingora", move |key| three_different(pingora.node_iter(key).map(number))));
        let consistent = consistent_hash(nodes);
        contenders.push(keys.contender("consistent-hash", move |key| {
            consistent.calc_candidates(&key).take(3).map(|node| node.key).sum()
        }));
    }
    race(keys.limit(nodes), contenders)
}

/// Returns the sum of the first three nodes of a walk that differ.
#[inline]
fn three_different(walk: impl Iterator<Item = u32>) -> u32 {
    let (mut found, mut count) = ([u32::MAX; 3], 0);
    for node in walk {
        if !found[..count].contains(&node) {
            found[count] = node;
            count += 1;
            if count == 3 {
                break;
            }
        }
    }
    found.iter().sum()
}

/// The first eligible node for a key, while so many of a thousand are not.
pub(crate) fn walk(nodes: u32, out: u32, peers: Peers) -> String {
    let bytes = random_bytes(LENGTH);
    let keys = Keys::of(&bytes, LENGTH);
    let ring = delian(nodes);
    let is_out = |node: u32| Bits(u64::from(node)).next() % 1000 < u64::from(out);
    let among = Eligible::of(&ring, |slot| {
        let name = ring.name(slot).strip_prefix("node-").and_then(|node| node.parse().ok());
        !is_out(name.expect("that is how nodes are called"))
    });
    let mut contenders = vec![keys.contender("delian", |key| ring.owner_among(key, &among).map_or(0, Slot::get))];
    if peers == Peers::With {
        let healthy: Vec<bool> = (0..nodes).map(|node| !is_out(node)).collect();
        let plain = Plain::of(nodes);
        let table = healthy.clone();
        contenders
            .push(keys.contender("plain", move |key| plain.walk(key).find(|node| table[*node as usize]).unwrap_or(0)));
        let (pingora, table) = (pingora(nodes), healthy.clone());
        contenders.push(keys.contender("pingora", move |key| {
            pingora.node_iter(key).map(number).find(|node| table[*node as usize]).unwrap_or(0)
        }));
        let (consistent, table) = (consistent_hash(nodes), healthy);
        contenders.push(keys.contender("consistent-hash", move |key| {
            let mut nodes = consistent.calc_candidates(&key).map(|node| node.key);
            nodes.find(|node| table[*node as usize]).unwrap_or(0)
        }));
    }
    race(keys.limit(nodes), contenders)
}

/// One node more, in the cheapest way that each ring has, and from scratch.
pub(crate) fn join(nodes: u32, peers: Peers) -> String {
    let bytes = random_bytes(LENGTH);
    let keys = Keys::of(&bytes, LENGTH);
    let (ring, members) = (delian(nodes), (0..=nodes).map(member).collect::<Vec<_>>());
    let mut changed = ring.clone();
    // The first change makes room for a while; a ring that lives has it.
    changed.join(&member(u32::MAX)).expect("the name is new");
    changed.leave("node-4294967295").expect("it joined");
    let mut contenders = vec![
        timed("delian", move |joiner| {
            let member = member(joiner);
            let time = time(|| changed.join(&member).expect("the name is new"));
            changed.leave(&member.name).expect("it joined");
            time
        }),
        timed("copy", |joiner| {
            let member = member(joiner);
            time(|| {
                let mut copy = ring.clone();
                copy.join(&member).expect("the name is new");
                copy
            })
        }),
        timed("scratch", move |_| {
            let members = members.clone();
            time(|| Ring::build(PointsPerUnit::default(), members).expect("the names differ"))
        }),
    ];
    if peers == Peers::With {
        let mut plain = Plain::of(nodes);
        contenders.push(timed("plain", move |joiner| {
            let time = time(|| plain.join(joiner));
            plain.leave(joiner);
            time
        }));
        contenders.push(timed("pingora", move |_| time(|| pingora(nodes + 1))));
        let mut ring = hashring(nodes);
        contenders.push(timed("hashring", move |joiner| {
            let time = time(|| ring.batch_add(hashring_points(joiner)));
            for point in hashring_points(joiner) {
                ring.remove(&point).expect("it was added");
            }
            time
        }));
        contenders.push(timed("consistent-hash", move |_| time(|| consistent_hash(nodes + 1))));
    }
    race(keys.limit(nodes), contenders)
}

/// A contender that is given the number of a new node and tells how long it took to let that one join.
fn timed<'a>(name: &'static str, mut join: impl FnMut(u32) -> f64 + 'a) -> Contender<'a> {
    let mut joiner = 1 << 24;
    Contender::timed(name, move |_| {
        let mut times: Vec<f64> = (0..JOINS)
            .map(|_| {
                joiner += 1;
                join(joiner)
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    })
}

fn time<T>(work: impl FnOnce() -> T) -> f64 {
    let start = ThreadTime::now();
    let made = black_box(work());
    let time = picoseconds(start.elapsed());
    drop(made);
    time
}
