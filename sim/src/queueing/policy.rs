//! Who is compared: the core's policies, and what they are measured by.

use std::sync::Arc;

use delian_core::balance::{
    Candidate, ConsistentHash, LeastConnections, Overload, PowerOfTwoChoices, Random, ResourceAware,
    ResourceAwareConfig, RoundRobin, Strategy, Weighted, WeightedRandom,
};
use delian_core::ring::{Member, Place, PointsPerUnit, Ring, Weight};
use delian_core::{NodeId, Seed, Stream};

use super::by_reports::{ByReports, Care, Sums, Way};
use super::column::Column;
use super::guarded::Guarded;
use super::picker::Picker;
use super::reference::{BestScore, Sight, TwoChoices};
use super::reference::{InFlight, ShortestQueue};
use super::settings::Settings;

/// One policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// Whether it is one of the core's, or what these are measured by.
    pub origin: Origin,
    kind: Kind,
}

/// Where a policy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is one of the core's.
    Core,
    /// It is the core's to nobody: an idea that is worse, or that nobody can have.
    Reference,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Random,
    RoundRobin,
    WeightedRandom,
    Weighted,
    ConsistentHash,
    LeastConnections,
    PowerOfTwo,
    ResourceAware(Rules),
    BestScore,
    ReportsInTurn,
    ReportsDrawn,
    TwoReported,
    TwoByReports,
    TwoInFlight,
    TwoTrue,
    ShortestQueue,
}

/// By which rules resources are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    Documented,
    WithoutCliff,
    Stable,
}

/// The policy that the core recommends.
pub const RECOMMENDED: &str = "power-of-two-choices";
/// The policy that knows nothing.
pub const RANDOM: &str = "random";

/// All policies, in the order of the table.
pub const POLICIES: [Policy; 18] = [
    core(RANDOM, "draws anyone", Kind::Random),
    core("round-robin", "takes everyone in turn", Kind::RoundRobin),
    core("weighted-random", "draws by weight, and is told the true speeds", Kind::WeightedRandom),
    core("weighted", "takes turns by weight, and is told the true speeds", Kind::Weighted),
    core("consistent-hash", "asks the owner of the key; no two keys are the same", Kind::ConsistentHash),
    core("least-connections", "of all, the fewest requests of its own in flight", Kind::LeastConnections),
    core(RECOMMENDED, "of two, the cheaper by own latency and requests in flight: the default", Kind::PowerOfTwo),
    core("resource-aware", "draws by reported resources; excludes above 90 %", Kind::ResourceAware(Rules::Documented)),
    core("resource-aware-no-cliff", "the same scores, nobody excluded", Kind::ResourceAware(Rules::WithoutCliff)),
    core("resource-aware-stable", "and silence and failures attract nobody", Kind::ResourceAware(Rules::Stable)),
    reference("best-score", "of all, the best by reported resources", Kind::BestScore),
    reference("grpc-weighted", "takes turns by gRPC's weights (gRFC A58) from reports", Kind::ReportsInTurn),
    reference(
        "drawn-by-reports",
        "draws by gRPC's weights, averaged over reports and without a blackout",
        Kind::ReportsDrawn,
    ),
    reference("two-reported", "of two, the shorter reported queue", Kind::TwoReported),
    reference("two-in-flight", "of two, the fewer requests of its own in flight", Kind::TwoInFlight),
    reference(
        "two-by-weight",
        "of two drawn by averaged weights, the fewer of its own in flight by weight",
        Kind::TwoByReports,
    ),
    reference("bound-two-true", "of two, the shorter true queue, which nobody knows", Kind::TwoTrue),
    reference("bound-shortest", "of all, the shortest true queue, which nobody knows", Kind::ShortestQueue),
];

const fn core(name: &'static str, about: &'static str, kind: Kind) -> Policy {
    Policy { name, about, origin: Origin::Core, kind }
}

const fn reference(name: &'static str, about: &'static str, kind: Kind) -> Policy {
    Policy { name, about, origin: Origin::Reference, kind }
}

impl Policy {
    /// Returns the policy of this name.
    pub fn named(name: &str) -> Option<Self> {
        POLICIES.into_iter().find(|policy| policy.name == name)
    }

    /// Makes one balancer of it, with randomness of its own.
    pub(super) fn balancer(&self, column: &Column, settings: &Settings, seed: Seed) -> Box<dyn Picker> {
        let mut stream = Stream::new(seed, "balance");
        let stream = &mut stream;
        let servers = column.servers;
        // What a server of full speed answers in a second.
        let average = Care::Average(1.0 / settings.service.as_secs_f64());
        let strategy: Box<dyn Strategy> = match self.kind {
            Kind::Random => Box::new(Random::new(stream)),
            Kind::RoundRobin => Box::new(RoundRobin::new(stream)),
            Kind::WeightedRandom => Box::new(WeightedRandom::new(stream)),
            Kind::Weighted => Box::new(Weighted::new()),
            Kind::ConsistentHash => Box::new(on_a_ring(servers)),
            Kind::LeastConnections => Box::new(LeastConnections::new(stream)),
            Kind::PowerOfTwo => {
                Box::new(PowerOfTwoChoices::new(&settings.choices, stream).expect("the settings were checked"))
            }
            Kind::ResourceAware(rules) => {
                Box::new(ResourceAware::new(rules.config(), stream).expect("the rules make sense"))
            }
            Kind::BestScore => return Box::new(BestScore::new(servers, stream)),
            Kind::ReportsInTurn => {
                return Box::new(ByReports::new(Way::Turns(Vec::new()), Care::Blackout, servers, stream));
            }
            Kind::ReportsDrawn => {
                return Box::new(ByReports::new(Way::Drawn(Sums::default()), average, servers, stream));
            }
            Kind::TwoByReports => {
                let way = Way::TwoDrawn(Sums::default(), vec![0; servers]);
                return Box::new(ByReports::new(way, average, servers, stream));
            }
            Kind::TwoReported => return Box::new(TwoChoices::new(Sight::Reported(vec![0; servers]), servers, stream)),
            Kind::TwoInFlight => {
                return Box::new(TwoChoices::new(Sight::InFlight(InFlight::of(servers)), servers, stream));
            }
            Kind::TwoTrue => return Box::new(TwoChoices::new(Sight::True, servers, stream)),
            Kind::ShortestQueue => return Box::new(ShortestQueue::new(stream)),
        };
        let is_told = matches!(self.kind, Kind::WeightedRandom | Kind::Weighted);
        let thousandths = |server| if is_told && column.is_half_speed(server) { 500 } else { 1_000 };
        Box::new(Guarded::new(strategy, column.guards, candidates(servers, thousandths), stream))
    }
}

impl Rules {
    fn config(self) -> ResourceAwareConfig {
        match self {
            Self::Documented => ResourceAwareConfig::default(),
            Self::WithoutCliff => ResourceAwareConfig { overload: Overload::Scored, ..ResourceAwareConfig::default() },
            Self::Stable => ResourceAwareConfig::stable(),
        }
    }
}

/// Returns so many candidates, with weights in thousandths.
pub(super) fn candidates(servers: usize, thousandths: impl Fn(usize) -> u32) -> Vec<Candidate> {
    let candidate = |server| {
        let weight = Weight::of_thousandths(thousandths(server)).expect("speeds are weights");
        Candidate { weight, ..Candidate::new(node(server)) }
    };
    (0..servers).map(candidate).collect()
}

fn on_a_ring(servers: usize) -> ConsistentHash {
    let place = Place::new("region", "datacenter", "rack");
    // Names of equal length sort as their numbers do, so places on the ring are numbers of servers.
    let members = (0..servers).map(|server| Member::new(&format!("server-{server:05}"), place.clone()));
    let ring = Ring::build(PointsPerUnit::default(), members).expect("the names differ");
    let mut policy = ConsistentHash::new();
    policy.set_ring(Arc::new(ring), &(0..servers).map(node).collect::<Vec<_>>());
    policy
}

fn node(server: usize) -> NodeId {
    NodeId::new(server as u64)
}
