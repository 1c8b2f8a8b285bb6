//! Faults in force: laid over a world in which nothing is wrong, so that healing is leaving one out and two faults that
//! overlap never undo each other.

use std::collections::{BTreeMap, BTreeSet};

use delian_sim::scenario::Latency;

/// A fault with its targets named; processes are numbered from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Laid {
    /// These directed links carry nothing.
    Cut(Vec<(u16, u16)>),
    /// All links are like this.
    Quality(Latency, u16),
    /// A process does nothing at all.
    Frozen(u16),
    /// Its flushes take so long.
    SlowDisk(u16, Latency),
    /// Its flushes hang.
    StalledDisk(u16),
    /// Its disk refuses writes.
    FullDisk(u16),
    /// It is down.
    Down(u16),
    /// Its monotonic clock runs fast or slow, in parts per million.
    Drift(u16, i32),
    /// Its heartbeats get lost.
    Mute(u16),
    /// Its packets of the pool get lost.
    MutePool(u16),
    /// Packets of the pool to it get lost.
    DeafPool(u16),
    /// It says that it fares so well, in thousandths.
    Score(u16, u16),
}

/// All faults in force, each by the number of the step that laid it.
#[derive(Clone, Debug, Default)]
pub struct FaultsInForce(Vec<(usize, Laid)>);

/// What all faults in force come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Directed links that carry nothing.
    pub cut: BTreeSet<(u16, u16)>,
    /// What all links are like, if not as usual: latency, and loss per mille.
    pub quality: Option<(Latency, u16)>,
    /// Processes that do nothing.
    pub frozen: BTreeSet<u16>,
    /// Disks that are slow.
    pub slow: BTreeMap<u16, Latency>,
    /// Disks that hang.
    pub stalled: BTreeSet<u16>,
    /// Disks that are full.
    pub full: BTreeSet<u16>,
    /// Processes that a fault keeps down.
    pub down: BTreeSet<u16>,
    /// Clocks that drift.
    pub drift: BTreeMap<u16, i32>,
    /// Processes whose heartbeats get lost.
    pub mute: BTreeSet<u16>,
    /// Processes whose packets get lost.
    pub mute_pool: BTreeSet<u16>,
    /// Processes that no packets reach.
    pub deaf_pool: BTreeSet<u16>,
    /// Scores that are dictated.
    pub scores: BTreeMap<u16, u16>,
}

impl FaultsInForce {
    /// Lays a fault.
    pub fn lay(&mut self, step: usize, laid: Laid) {
        self.0.push((step, laid));
    }

    /// Lifts what a step laid, and returns it.
    pub fn lift(&mut self, step: usize) -> Vec<Laid> {
        self.lift_if(|number, _| number == step)
    }

    /// Lifts every fault of which this holds, and returns them.
    pub fn lift_if(&mut self, lifts: impl Fn(usize, &Laid) -> bool) -> Vec<Laid> {
        let all = std::mem::take(&mut self.0);
        let (lifted, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|(number, laid)| lifts(*number, laid));
        self.0 = kept;
        lifted.into_iter().map(|(_, laid)| laid).collect()
    }

    /// Adds all of them up; of two that say the same thing differently the later one counts.
    pub fn sum(&self) -> Sum {
        let mut sum = Sum::default();
        for (_, laid) in &self.0 {
            match laid {
                Laid::Cut(links) => sum.cut.extend(links),
                Laid::Quality(latency, loss) => sum.quality = Some((*latency, *loss)),
                Laid::Frozen(process) => drop(sum.frozen.insert(*process)),
                Laid::SlowDisk(process, flush) => drop(sum.slow.insert(*process, *flush)),
                Laid::StalledDisk(process) => drop(sum.stalled.insert(*process)),
                Laid::FullDisk(process) => drop(sum.full.insert(*process)),
                Laid::Down(process) => drop(sum.down.insert(*process)),
                Laid::Drift(process, ppm) => drop(sum.drift.insert(*process, *ppm)),
                Laid::Mute(process) => drop(sum.mute.insert(*process)),
                Laid::MutePool(process) => drop(sum.mute_pool.insert(*process)),
                Laid::DeafPool(process) => drop(sum.deaf_pool.insert(*process)),
                Laid::Score(process, score) => drop(sum.scores.insert(*process, *score)),
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifting_one_fault_leaves_what_another_one_says_of_the_same_thing() {
        let mut faults = FaultsInForce::default();
        faults.lay(1, Laid::Cut(vec![(0, 1), (1, 0)]));
        faults.lay(2, Laid::Cut(vec![(0, 1)]));
        faults.lay(2, Laid::Frozen(2));
        assert_eq!(faults.lift(1), [Laid::Cut(vec![(0, 1), (1, 0)])]);
        let sum = faults.sum();
        assert_eq!(sum.cut, BTreeSet::from([(0, 1)]));
        assert_eq!(sum.frozen, BTreeSet::from([2]));
        assert_eq!(faults.lift(2).len(), 2);
        assert_eq!(faults.sum(), Sum::default());
    }
}
