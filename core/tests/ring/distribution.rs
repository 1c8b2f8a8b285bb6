//! How evenly members share the circle.
//!
//! With `m` points of which each member has `v`, ideal shares deviate from their mean by √((m−v)/(v(m+1))), 7.7 % among
//! ten members and 8.2 % among many. Names are of three styles, for a hash may favour one.

use delian_core::ring::{Member, Place, PointsPerUnit, Ring, Weight};

fn ring(names: impl Iterator<Item = String>) -> Ring {
    let place = Place::new("eu", "zrh1", "r1");
    Ring::build(PointsPerUnit::default(), names.map(|name| Member::new(&name, place.clone()))).expect("different names")
}

fn styles(count: u64) -> [Ring; 3] {
    [
        ring((0..count).map(|node| format!("node-{node}"))),
        ring((0..count).map(|node| format!("10.{}.{}.{}:7000", node >> 16, node >> 8 & 255, node & 255))),
        ring((0..count).map(|node| {
            let low = node.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let high = low.rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0x0fff);
            format!("{a:08x}-{b:04x}-4{c:03x}-{:04x}-{:012x}", low >> 48 & 0x3fff | 0x8000, low & 0xffff_ffff_ffff)
        })),
    ]
}

/// The coefficient of variation of shares, and the greatest share, both in thousandths of the mean.
fn unevenness(shares: &[u64]) -> (u64, u64) {
    let mean = shares.iter().sum::<u64>() / shares.len() as u64;
    // Squares in units of the mean divided by a thousand fit in 64 bits.
    let squares: u64 = shares.iter().map(|share| (share.abs_diff(mean) * 1000 / mean).pow(2)).sum();
    let most = shares.iter().max().expect("members") * 1000 / mean;
    ((squares / shares.len() as u64).isqrt(), most)
}

#[test]
fn equal_members_have_about_equal_shares_whatever_they_are_called() {
    // At ten members one ring may well have half of the expected deviation, or twice as much.
    let bounds = [(10, 30..=150, 1400), (100, 65..=100, 1400), (1000, 75..=90, 1450), (10_000, 79..=85, 1500)];
    for (count, deviations, most_max) in bounds {
        for ring in styles(count) {
            let (deviation, most) = unevenness(&ring.shares());
            assert!(deviations.contains(&deviation), "{count} members deviate by {deviation} per mille");
            assert!(most <= most_max, "one of {count} members has {most} per mille of the mean");
        }
    }
}

#[test]
fn keys_hit_members_as_their_shares_foretell() {
    const KEYS: u64 = 200_000;
    for ring in styles(50) {
        let mut hits = vec![0u64; ring.len()];
        for key in 0..KEYS {
            hits[ring.owner(format!("key {key}").as_bytes()).unwrap().index()] += 1;
        }
        // Pearson's statistic in hundredths; with 49 degrees of freedom it passes 85.4 once in a thousand times.
        let statistic: u64 = hits
            .iter()
            .zip(ring.shares())
            .map(|(hits, share)| {
                let expected = (share * KEYS) >> 32;
                hits.abs_diff(expected).pow(2) * 100 / expected
            })
            .sum();
        assert!(statistic < 8540, "chi-squared of {statistic} hundredths");
    }
}

#[test]
fn shares_are_in_proportion_to_weights() {
    let place = Place::new("eu", "zrh1", "r1");
    let members = (0..200).map(|node| Member {
        weight: Weight::of_thousandths([500, 1000, 2000, 4000][node % 4]).unwrap(),
        ..Member::new(&format!("node-{node}"), place.clone())
    });
    let ring = Ring::build(PointsPerUnit::default(), members).unwrap();
    let mut sums = [0u64; 4];
    for (slot, share) in ring.slots().zip(ring.shares()) {
        let node: usize = ring.name(slot)["node-".len()..].parse().unwrap();
        sums[node % 4] += share;
    }
    for (sum, of_fifteen) in sums.into_iter().zip([1, 2, 4, 8]) {
        let ideal = (1u64 << 32) * of_fifteen / 15;
        assert!(sum.abs_diff(ideal) * 100 < ideal * 6, "{sum} tokens where {ideal} are fair");
    }
}
