//! The placement as its documentation says it, without any thought of speed.

use std::collections::BTreeSet;

use delian_core::ring::{Level, Member, Place, Ring, Rule, Token};
use xxhash_rust::xxh32::xxh32;
use xxhash_rust::xxh64::xxh64;

/// All points in the order of the circle, those at one token in the order of their ties and names.
pub(crate) struct Model {
    pub(crate) members: Vec<Member>,
    pub(crate) points: Vec<(u32, u64, String)>,
}

impl Model {
    pub(crate) fn of(ring: &Ring) -> Self {
        Self::new(u64::from(ring.points_per_unit().get()), ring.members().collect())
    }

    pub(crate) fn new(points_per_unit: u64, members: Vec<Member>) -> Self {
        let mut points = Vec::new();
        for member in &members {
            let count = (points_per_unit * u64::from(member.weight.thousandths()) + 500) / 1000;
            for point in 0..count.max(1) {
                let text = format!("{}:{point}", member.name);
                points.push((xxh32(text.as_bytes(), 0), xxh64(text.as_bytes(), 0), member.name.to_string()));
            }
        }
        points.sort();
        Self { members, points }
    }

    /// The names of the points that a key meets, from its token round the whole circle.
    pub(crate) fn walk(&self, token: Token) -> Vec<&str> {
        let behind = self.points.iter().filter(|point| point.0 >= token.get());
        let before = self.points.iter().filter(|point| point.0 < token.get());
        behind.chain(before).map(|(_, _, name)| name.as_str()).collect()
    }

    pub(crate) fn owner(&self, token: Token) -> Option<&str> {
        self.walk(token).first().copied()
    }

    /// The replicas of a token among some members; none if there is no room for so many.
    pub(crate) fn replicas(
        &self,
        token: Token,
        copies: usize,
        rule: Rule,
        among: &BTreeSet<&str>,
    ) -> Option<Vec<&str>> {
        let mut chosen = Vec::new();
        for name in self.walk(token) {
            let mut more: Vec<&str> = chosen.clone();
            more.push(name);
            if chosen.len() < copies
                && among.contains(name)
                && !chosen.contains(&name)
                && self.fits(&more, copies, rule, among)
            {
                chosen = more;
            }
        }
        (chosen.len() == copies).then_some(chosen)
    }

    /// Says whether these nodes may hold some of so many copies.
    fn fits(&self, nodes: &[&str], copies: usize, rule: Rule, among: &BTreeSet<&str>) -> bool {
        let all: Vec<&str> = among.iter().copied().collect();
        let repeats = |level| nodes.len() - self.domains(nodes, level).len();
        let spread = |level| repeats(level) <= copies.saturating_sub(self.domains(&all, level).len());
        match rule {
            Rule::Nodes => true,
            Rule::Apart(level) => repeats(level) == 0,
            Rule::Spread(Level::Region) => spread(Level::Region),
            Rule::Spread(Level::Datacenter) => spread(Level::Region) && spread(Level::Datacenter),
            Rule::Spread(Level::Rack) => spread(Level::Region) && spread(Level::Datacenter) && spread(Level::Rack),
        }
    }

    /// The failure domains of a level that these nodes stand in.
    pub(crate) fn domains(&self, nodes: &[&str], level: Level) -> BTreeSet<String> {
        let places = nodes.iter().map(|name| &self.member(name).place);
        places
            .map(|Place { region, datacenter, rack }| match level {
                Level::Region => format!("{region}"),
                Level::Datacenter => format!("{region}/{datacenter}"),
                Level::Rack => format!("{region}/{datacenter}/{rack}"),
            })
            .collect()
    }

    fn member(&self, name: &str) -> &Member {
        self.members.iter().find(|member| &*member.name == name).expect("a name of a member")
    }
}

pub(crate) const RULES: [Rule; 7] = [
    Rule::Nodes,
    Rule::Apart(Level::Region),
    Rule::Apart(Level::Datacenter),
    Rule::Apart(Level::Rack),
    Rule::Spread(Level::Region),
    Rule::Spread(Level::Datacenter),
    Rule::Spread(Level::Rack),
];
