//! The works, and what is told of each.

use std::fmt::Write;
use std::time::Duration;

use delian_core::{Seed, Time};
use delian_sim::pool::{Traffic, World};

use crate::contender::{Contender, Crowd, Watch, at_millis};
use crate::process::{cpu, resident_bytes, resident_bytes_max};

/// How long a world of acquainted members runs before anything is measured or done to it.
const WARM_UP_MILLIS: u64 = 5_000;

/// The loss on all links, but for the members that are blocked.
const LOSS_PPM: u32 = 10_000;

/// How long the path of a blocked member is open between two blocks: long enough for what was held, as in the
/// experiments of Lifeguard (section 5).
const OPEN_MILLIS: u64 = 64;

/// How often a world is asked whether its members agree.
const LOOK_MILLIS: u64 = 100;

/// Does one piece of work.
pub(crate) fn run<C: Contender>(words: &[String]) -> String {
    let work = words.first().map_or("", String::as_str);
    let said = match work {
        "crowd" => crowd::<C>(words),
        "blocks" => blocks::<C>(words),
        "heal" => heal::<C>(words),
        "join" => join::<C>(words),
        _ => panic!("{work:?} is no work: say crowd, blocks, heal or join"),
    };
    let mut line = String::new();
    for (name, number) in said {
        let _ = write!(line, "{}{name}={number}", if line.is_empty() { "" } else { " " });
    }
    line
}

type Said = Vec<(&'static str, u64)>;

/// `members seed quiet death`: all know each other. Nothing happens for `quiet` seconds; then one of them dies, and is
/// watched for `death` seconds, if there are any.
fn crowd<C: Contender>(words: &[String]) -> Said {
    let empty = resident_bytes();
    let mut world = acquainted::<C>(words, LOSS_PPM);
    let mut said = vec![("resident_bytes", resident_bytes().saturating_sub(empty))];
    let (quiet, death) = (number(words, "quiet"), number(words, "death"));
    let from = Mark::of(&world);
    world.run_until(at_millis(WARM_UP_MILLIS + quiet * 1_000));
    said.extend(from.until(&world, ["quiet_cpu_ns", "quiet_bytes", "quiet_packets", "quiet_steps"]));
    if death > 0 {
        let killed_at = world.now();
        let victim = u32::try_from(number(words, "seed") * 7).expect("seeds are small") % world.size();
        world.stop(victim);
        let from = Mark::of(&world);
        world.run_until(killed_at + Duration::from_secs(death));
        said.extend(from.until(&world, ["death_cpu_ns", "death_bytes", "death_packets", "death_steps"]));
        let told: Vec<Time> = deaths(&world, |subject| subject == victim).map(|(at, _)| at).collect();
        let after = |at: Option<&Time>| at.map_or(0, |at| nanos(at.since(killed_at)));
        said.extend([("first_ns", after(told.first())), ("last_ns", after(told.last()))]);
        said.extend([("observers", told.len() as u64), ("wrong", count(deaths(&world, |subject| subject != victim)))]);
    } else {
        said.push(("wrong", count(deaths(&world, |_| true))));
    }
    said.extend([("resident_bytes_max", resident_bytes_max()), ("cpu_ns", nanos(cpu()))]);
    said
}

/// `members seed count millis seconds`: the packets of `count` members are held for `millis` at a time.
fn blocks<C: Contender>(words: &[String]) -> Said {
    let mut world = acquainted::<C>(words, 0);
    let (members, millis) = (world.size(), number(words, "millis"));
    let first = u32::try_from(number(words, "seed")).expect("seeds are small");
    let count_blocked = u32::try_from(number(words, "count")).expect("fewer than there are members");
    // Apart from each other, because nothing here depends on who is next to whom.
    let blocked: Vec<u32> = (0..count_blocked).map(|number| (number * 37 + first) % members).collect();
    let (mut now, end) = (WARM_UP_MILLIS, WARM_UP_MILLIS + number(words, "seconds") * 1_000);
    let from = Mark::of(&world);
    while now < end {
        for (is_blocked, lasts) in [(true, millis), (false, OPEN_MILLIS)] {
            blocked.iter().for_each(|place| world.set_path(*place, |path| path.blocked = is_blocked));
            now += lasts;
            world.run_until(at_millis(now));
        }
    }
    let wrong = || deaths(&world, |subject| !blocked.contains(&subject));
    let at_healthy = wrong().filter(|(_, observer)| !blocked.contains(observer));
    let mut said = vec![("wrong", count(wrong())), ("wrong_at_healthy", count(at_healthy))];
    said.push(("renewed", count(world.watcher.renewed.iter().filter(|place| !blocked.contains(place)))));
    said.extend(from.until(&world, ["cpu_ns", "bytes", "packets", "steps"]));
    said
}

/// `members seed cut limit`: half of the members cannot reach the other half for `cut` seconds.
fn heal<C: Contender>(words: &[String]) -> Said {
    let mut world = acquainted::<C>(words, LOSS_PPM);
    let half = world.size() / 2;
    let from = Mark::of(&world);
    (0..half).for_each(|place| world.set_path(place, |path| path.side = 1));
    let healed_at = world.now() + Duration::from_secs(number(words, "cut"));
    world.run_until(healed_at);
    (0..half).for_each(|place| world.set_path(place, |path| path.side = 0));
    let mut said = until_agreed(&mut world, number(words, "limit"));
    said.push(("renewed", world.watcher.renewed.len() as u64));
    said.extend(from.until(&world, ["cpu_ns", "bytes", "packets", "steps"]));
    said
}

/// `members seed limit`: all begin at once and ask the first one to let them in.
fn join<C: Contender>(words: &[String]) -> Said {
    let all = crowd_of(words, LOSS_PPM);
    let mut world = C::nowhere(all);
    let from = Mark::of(&world);
    C::introduce(all, &mut world);
    let mut said = until_agreed(&mut world, number(words, "limit"));
    said.push(("wrong", count(deaths(&world, |_| true))));
    said.extend(from.until(&world, ["cpu_ns", "bytes", "packets", "steps"]));
    said
}

/// Lets the world run until its members agree, for so many seconds at most.
fn until_agreed<C: Contender>(world: &mut World<C, Watch>, limit: u64) -> Said {
    let from = world.now();
    let mut agreed = false;
    while !agreed && world.now() < from + Duration::from_secs(limit) {
        world.run_until(world.now() + Duration::from_millis(LOOK_MILLIS));
        agreed = C::agree(world);
    }
    vec![("agreed", u64::from(agreed)), ("agreed_ns", nanos(world.now().since(from)))]
}

fn acquainted<C: Contender>(words: &[String], loss_ppm: u32) -> World<C, Watch> {
    let crowd = crowd_of(words, loss_ppm);
    let mut world = C::nowhere(crowd);
    C::acquaint(crowd, &mut world);
    world.run_until(at_millis(WARM_UP_MILLIS));
    world
}

fn crowd_of(words: &[String], loss_ppm: u32) -> Crowd {
    let members = u32::try_from(number(words, "members")).expect("a world has fewer places");
    Crowd { members, seed: Seed::new(number(words, "seed")), loss_ppm }
}

/// Returns when who took one of those for dead.
fn deaths<C: Contender>(world: &World<C, Watch>, of: impl Fn(u32) -> bool) -> impl Iterator<Item = (Time, u32)> {
    let deaths = world.watcher.deaths.iter().filter(move |(.., subject)| of(*subject));
    deaths.map(|(at, observer, _)| (*at, *observer))
}

/// Where a measurement begins.
struct Mark {
    cpu: Duration,
    traffic: Traffic,
}

impl Mark {
    fn of<C: Contender>(world: &World<C, Watch>) -> Self {
        Self { cpu: cpu(), traffic: world.traffic() }
    }

    /// Returns what it took since then: CPU time, bytes, packets and steps, by these names.
    fn until<C: Contender>(&self, world: &World<C, Watch>, names: [&'static str; 4]) -> Said {
        let (now, was) = (world.traffic(), self.traffic);
        let cpu = nanos(cpu().saturating_sub(self.cpu));
        let numbers = [cpu, now.bytes - was.bytes, now.packets - was.packets, now.steps - was.steps];
        names.into_iter().zip(numbers).collect()
    }
}

fn count(of: impl Iterator) -> u64 {
    of.count() as u64
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).expect("a run is shorter than 584 years")
}

/// Reads the number of `name=number`.
fn number(words: &[String], name: &str) -> u64 {
    let value = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    value.unwrap_or_else(|| panic!("{name}=NUMBER is missing"))
}
