//! Any mix of faults, drawn from a seed, with a long calm after it.

use delian_core::Seed;
use delian_core::swim::{Fallback, Input, Roster};
use delian_sim::pool::{Breach, Facts, Links, Ordering, Path};

use crate::worlds::{Pool, acquainted, begin, crash, ease, go_on, joining, node, settings, trouble};

/// How many faults are drawn.
const FAULTS: u32 = 12;

/// For how long all is well in the end: until every bound is over, and some minutes more.
const CALM_SECONDS: u64 = 900;

struct Draws(Seed);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.derive("mixed", 0);
        self.0.get() % bound
    }
}

struct Story {
    world: Pool,
    draws: Draws,
    seed: u64,
    fallback: Fallback,
    /// Who is paused or has a bad path at present.
    in_trouble: Vec<(u32, Trouble)>,
}

#[derive(Clone, Copy)]
enum Trouble {
    Path,
    Pause,
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut draws = Draws(Seed::new(seed));
        let members = 3 + draws.below(7) as u32;
        let loss_ppm = [0, 10_000, 20_000][draws.below(3) as usize];
        let links = Links { duplicate_ppm: 3_000, replay_ppm: loss_ppm / 20, ..Links::local(loss_ppm) };
        let fallback = if draws.below(3) == 0 { Fallback::None } else { Fallback::Stream };
        let world = if draws.below(2) == 0 {
            acquainted(members, links, seed, seed, fallback)
        } else {
            joining(members, links, seed, seed, Ordering::Wheel)
        };
        Self { world, draws, seed, fallback, in_trouble: Vec::new() }
    }

    /// Lets one thing happen: somebody goes or comes, or a fault begins or ends.
    fn happen(&mut self) {
        let place = self.draws.below(u64::from(self.world.size())) as u32;
        let up = self.world.watcher.truth().is_up(place);
        let well = self.in_trouble.iter().all(|(other, _)| *other != place);
        match self.draws.below(10) {
            0 | 1 if up && place > 0 => crash(&mut self.world, place),
            2 | 3 if !up && well => {
                crash(&mut self.world, place);
                let (settings, node) = (settings(self.fallback), node(self.seed, place));
                begin(&mut self.world, &settings, place, node, Roster::new(), &[0, 1, 2]);
            }
            4 if up && place > 0 => {
                let now = self.world.now();
                self.world.watcher.truth().asked_to_leave(now, place);
                self.world.ask(place, |it, now, directory, sink| it.feed(now, Input::Leave, directory, sink));
            }
            kind @ 5..8 if well => {
                let half = self.draws.below(2) == 0;
                self.in_trouble.push((place, Trouble::Path));
                trouble(&mut self.world, place, |path| *path = bad_path(kind, half));
            }
            8 if up && well => {
                self.in_trouble.push((place, Trouble::Pause));
                let now = self.world.now();
                self.world.watcher.truth().troubled(now, place);
                self.world.pause(place);
            }
            _ if !self.in_trouble.is_empty() => {
                let ended = self.draws.below(self.in_trouble.len() as u64) as usize;
                let (place, trouble) = self.in_trouble.swap_remove(ended);
                self.end(place, trouble);
            }
            _ => {}
        }
    }

    fn end(&mut self, place: u32, trouble: Trouble) {
        match trouble {
            Trouble::Path => ease(&mut self.world, place),
            Trouble::Pause => {
                self.world.resume(place);
                let now = self.world.now();
                self.world.watcher.truth().eased(now, place);
            }
        }
    }

    fn run(mut self) -> Result<Facts, Breach> {
        for _ in 0..FAULTS {
            let pause = self.draws.below(30);
            go_on(&mut self.world, pause)?;
            self.happen();
        }
        for (place, trouble) in std::mem::take(&mut self.in_trouble) {
            self.end(place, trouble);
        }
        go_on(&mut self.world, CALM_SECONDS)?;
        self.world.finish()
    }
}

fn bad_path(kind: u64, half: bool) -> Path {
    match (kind, half) {
        (5, true) => Path { blocked: true, ..Path::default() },
        (5, false) => Path { loss_ppm: 800_000, ..Path::default() },
        (6, _) => Path { side: 1, ..Path::default() },
        (_, true) => Path { mute: true, ..Path::default() },
        (_, false) => Path { deaf: true, ..Path::default() },
    }
}

#[test]
fn after_any_mix_of_faults_all_agree_and_are_quiet() {
    let (mut deaths, mut leaves, mut quiet) = (0, 0, 0);
    for seed in 0..60 {
        match Story::new(seed).run() {
            Ok(facts) => {
                assert!(!facts.settled.is_empty(), "seed {seed}: nobody ever agreed");
                deaths += facts.deaths;
                leaves += facts.leaves;
                quiet += facts.judged.get("calm-is-quiet").copied().unwrap_or(0);
            }
            Err(breach) => panic!("seed {seed} at {:?}: {}: {}", breach.at, breach.invariant, breach.facts),
        }
    }
    assert!(deaths > 100 && leaves > 20 && quiet > 300, "{deaths} deaths, {leaves} leaves, {quiet} quiet windows");
}
