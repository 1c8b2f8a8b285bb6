//! `[[step]]` and `[[operation]]`: the parts that a file has any number of.

use std::time::Duration;

use super::Draft;
use super::sections::{read_latency, read_manner, read_quality, read_time};
use super::table::{Reader, Table};
use crate::scenario::check::{CLIENTS, DRIFT, RUN_MAX, SCORES, SUBJECTS, TIMES};
use crate::scenario::words::{
    CONDITIONS, DIRECTIONS, Word, choice, nearest, read_hex, read_signed_millis, read_span, read_target, write_span,
};
use crate::scenario::{Action, Change, Direction, Fault, Operation, Scenario, Step, Target};

/// What `do` may say.
#[derive(Clone, Copy)]
enum Verb {
    Register,
    Deregister,
    Evict,
    Condition,
    Drain,
    Moved,
    Custom,
    AddLearner,
    Promote,
    Demote,
    Remove,
    Replace,
    Read,
    ReadQuorum,
    ReadLease,
    Transfer,
    ForgetLeader,
}

const VERBS: [Word<Verb>; 17] = [
    ("register", Verb::Register),
    ("deregister", Verb::Deregister),
    ("evict", Verb::Evict),
    ("condition", Verb::Condition),
    ("drain", Verb::Drain),
    ("moved", Verb::Moved),
    ("custom", Verb::Custom),
    ("add-learner", Verb::AddLearner),
    ("promote", Verb::Promote),
    ("demote", Verb::Demote),
    ("remove", Verb::Remove),
    ("replace", Verb::Replace),
    ("read", Verb::Read),
    ("read-quorum", Verb::ReadQuorum),
    ("read-lease", Verb::ReadLease),
    ("transfer", Verb::Transfer),
    ("forget-leader", Verb::ForgetLeader),
];

impl Draft {
    pub(super) fn read_step<'t>(&mut self, reader: &mut Reader<'t>, mut table: Table<'t>, position: usize) {
        let times = self.read_times(reader, &mut table);
        let lasts = read_time(reader, &mut table, "for");
        let Some(kind) = table.require(reader, "fault", "what goes wrong, such as fault = \"crash\"") else {
            // Which other keys make sense depends on the kind.
            return;
        };
        if kind.str().is_none_or(|word| !Fault::KINDS.contains(&word)) {
            let right = match kind.str().and_then(|word| nearest(word, Fault::KINDS)) {
                Some(near) => format!("there is no such fault: did you mean `{near}`?"),
                None => format!("a fault is {}", choice(Fault::KINDS)),
            };
            kind.refuse(reader, &right);
            return;
        }
        let fault = read_fault(reader, &mut table, kind.str().unwrap_or(""), &self.scenario);
        table.finish(reader);
        if let (Some(times), Some(fault)) = (times, fault) {
            self.steps.extend(times.into_iter().map(|at| (Step { at, lasts, fault: fault.clone() }, position)));
        }
    }

    pub(super) fn read_operation<'t>(&mut self, reader: &mut Reader<'t>, mut table: Table<'t>, position: usize) {
        let times = self.read_times(reader, &mut table);
        let client = match table.take(reader, "client") {
            Some(entry) => entry.number(reader, &CLIENTS).map(|client| client as u16),
            None => Some(1),
        };
        let via = table.require(reader, "via", "the process that is asked, such as via = \"leader\"");
        let via = via.and_then(|entry| entry.parse(reader, read_target));
        let Some(verb) = table.require(reader, "do", "what the client asks for, such as do = \"register\"") else {
            return;
        };
        let Some(verb) = verb.word(reader, &VERBS) else { return };
        let action = read_action(reader, &mut table, verb);
        let manner = read_manner(reader, &mut table, "session");
        table.finish(reader);
        if let (Some(times), Some(client), Some(via), Some(action)) = (times, client, via, action) {
            let operation = |at| Operation { at, client, via, action: action.clone(), manner };
            self.operations.extend(times.into_iter().map(|at| (operation(at), position)));
        }
    }

    /// Reads `at`, `every` and `times`: the instants that a table stands for.
    fn read_times<'t>(&self, reader: &mut Reader<'t>, table: &mut Table<'t>) -> Option<Vec<Duration>> {
        let at = table.require(reader, "at", "when, such as at = \"10s\"");
        let first = at.and_then(|at| at.parse(reader, read_span));
        let later = read_repeats(reader, table, first.unwrap_or_default(), self.scenario.chaos);
        let (first, later) = (first?, later?);
        Some(later.into_iter().map(|later| first.saturating_add(later)).collect())
    }
}

/// Reads `every` and `times`: how long after the first one each of the repetitions comes, the first one included.
pub(crate) fn read_repeats<'t>(
    reader: &mut Reader<'t>,
    table: &mut Table<'t>,
    first: Duration,
    chaos: Duration,
) -> Option<Vec<Duration>> {
    let every = table.take(reader, "every");
    let times = table.take(reader, "times");
    let (every, times) = match (every, times) {
        (None, None) => return Some(vec![Duration::ZERO]),
        (Some(every), Some(times)) => (every, times),
        (every, times) => {
            let (there, missing) = if every.is_some() { ("every", "times") } else { ("times", "every") };
            let span = every.or(times).map_or_else(|| table.header(), |entry| entry.span());
            reader.find(span, format!("`{there}` needs `{missing}`, such as every = \"30s\" with times = 3"));
            return None;
        }
    };
    let (pause, count) = (every.parse(reader, read_span), times.number(reader, &TIMES));
    let (pause, count) = (pause?, count? as u32);
    if pause.is_zero() || pause > RUN_MAX {
        every.refuse(reader, "must be positive and at most 24h");
        return None;
    }
    let last = first.saturating_add(pause * (count - 1));
    if first <= chaos && last > chaos {
        let (last, chaos) = (write_span(last), write_span(chaos));
        times.refuse(reader, &format!("the last one would come at {last}, after the end of the chaos, {chaos}"));
        return None;
    }
    Some((0..count).map(|turn| pause * turn).collect())
}

fn read_fault<'t>(reader: &mut Reader<'t>, table: &mut Table<'t>, kind: &str, scenario: &Scenario) -> Option<Fault> {
    let one = |reader: &mut Reader<'t>, table: &mut Table<'t>| {
        let entry = table.require(reader, "target", "whom it hits, such as target = \"leader\"")?;
        entry.parse(reader, read_target)
    };
    let fault = match kind {
        "partition" => Fault::Partition(read_sides(reader, table)?),
        "isolate" => {
            let direction = table.take(reader, "direction");
            let target = one(reader, table);
            let direction = direction.map_or(Some(Direction::Both), |entry| entry.word(reader, &DIRECTIONS));
            Fault::Isolate(target?, direction?)
        }
        "bridge" => Fault::Bridge(one(reader, table)?),
        "degrade" => {
            let (from, to) = read_link(reader, table);
            let quality = read_quality(reader, table, scenario.network);
            Fault::Degrade(from?, to?, quality)
        }
        "clog" => {
            let (from, to) = read_link(reader, table);
            Fault::Clog(from?, to?)
        }
        "heal-network" => Fault::HealNetwork,
        "crash" => Fault::Crash(one(reader, table)?),
        "start" => Fault::Start(one(reader, table)?),
        "wipe" => Fault::Wipe(one(reader, table)?),
        "forget" => Fault::Forget(one(reader, table)?),
        "pause" => Fault::Pause(one(reader, table)?),
        "deafen" => Fault::Deafen(one(reader, table)?),
        "slow-disk" => {
            let target = one(reader, table);
            let flush = read_latency(reader, table, "flush", scenario.flush);
            Fault::SlowDisk(target?, flush)
        }
        "stall-disk" => Fault::StallDisk(one(reader, table)?),
        "upgrade" => Fault::Upgrade(one(reader, table)?),
        "full-disk" => Fault::FullDisk(one(reader, table)?),
        "corrupt-disk" => Fault::CorruptDisk(one(reader, table)?),
        "mute" => Fault::Mute(one(reader, table)?),
        "mute-pool" => Fault::MutePool(one(reader, table)?),
        "deafen-pool" => Fault::DeafenPool(one(reader, table)?),
        "score" => {
            let target = one(reader, table);
            let score =
                table.require(reader, "score", "how well it says it fares, in thousandths, such as score = 400");
            Fault::Score(target?, score?.number(reader, &SCORES)?)
        }
        "drift" => {
            let target = one(reader, table);
            let ppm = table.require(reader, "ppm", "how fast, such as ppm = 20_000, or slow, ppm = -20_000");
            let ppm = ppm.and_then(|entry| entry.number(reader, &DRIFT));
            Fault::Drift(target?, ppm? as i32)
        }
        "wall-jump" => {
            let target = one(reader, table);
            let by = table.require(reader, "by", "how far, such as by = \"-1h\"");
            Fault::WallJump(target?, by?.parse(reader, read_signed_millis)?)
        }
        "monotonic-jump" => {
            let target = one(reader, table);
            let by = table.require(reader, "by", "how far forward, such as by = \"30s\"");
            Fault::MonotonicJump(target?, by?.parse(reader, read_span)?)
        }
        unknown => unreachable!("the kind {unknown} is in Fault::KINDS and has no reader"),
    };
    Some(fault)
}

fn read_sides<'t>(reader: &mut Reader<'t>, table: &mut Table<'t>) -> Option<Vec<Vec<Target>>> {
    let example = r#"[["n1", "n2"], ["n3"]]"#;
    let entry = table.require(reader, "sides", &format!("who still reaches whom, such as sides = {example}"))?;
    let mut sides = Vec::new();
    for side in entry.array(reader, example)? {
        let members = side.array(reader, example)?;
        sides.push(members.iter().map(|member| member.parse(reader, read_target)).collect::<Option<Vec<_>>>()?);
    }
    Some(sides)
}

/// Reads `from` and `to`; whichever is missing means everyone.
fn read_link<'t>(reader: &mut Reader<'t>, table: &mut Table<'t>) -> (Option<Target>, Option<Target>) {
    let mut end = |key| match table.take(reader, key) {
        Some(entry) => entry.parse(reader, read_target),
        None => Some(Target::Everyone),
    };
    (end("from"), end("to"))
}

fn read_action<'t>(reader: &mut Reader<'t>, table: &mut Table<'t>, verb: Verb) -> Option<Action> {
    let subject = |reader: &mut Reader<'t>, table: &mut Table<'t>| {
        let entry = table.require(reader, "subject", "the number of the member, such as subject = 4")?;
        entry.number(reader, &SUBJECTS).map(|subject| subject as u16)
    };
    let process = |reader: &mut Reader<'t>, table: &mut Table<'t>| {
        let entry = table.require(reader, "process", "whom it is about, such as process = \"n4\"")?;
        entry.parse(reader, read_target)
    };
    Some(match verb {
        Verb::Register => Action::Register(subject(reader, table)?),
        Verb::Deregister => Action::Deregister(subject(reader, table)?),
        Verb::Evict => Action::Evict(subject(reader, table)?),
        Verb::Condition => {
            let subject = subject(reader, table);
            let condition = table.require(reader, "condition", "such as condition = \"degraded\"");
            Action::SetCondition(subject?, condition?.word(reader, &CONDITIONS)?)
        }
        Verb::Drain => {
            let subject = subject(reader, table);
            let within = table.take(reader, "within").map(|entry| entry.parse(reader, read_span));
            Action::Drain(subject?, within.map_or(Some(None), |within| within.map(Some))?)
        }
        Verb::Moved => {
            let subject = subject(reader, table);
            let entry = table.require(reader, "permille", "how much is elsewhere, such as permille = 500");
            Action::Moved(subject?, entry?.number(reader, &(0..=1000_u64))? as u16)
        }
        Verb::Custom => {
            let (text, hex) = (table.take(reader, "text"), table.take(reader, "hex"));
            match (text, hex) {
                (Some(text), None) => Action::Custom(text.parse(reader, |text| Ok(text.as_bytes().to_vec()))?),
                (None, Some(hex)) => Action::Custom(hex.parse(reader, read_hex)?),
                (text, _) => {
                    let span = text.map_or_else(|| table.header(), |entry| entry.span());
                    reader.find(span, "a custom operation needs either `text` or `hex`".to_string());
                    return None;
                }
            }
        }
        Verb::AddLearner => Action::Quorum(Change::AddLearner(process(reader, table)?)),
        Verb::Promote => Action::Quorum(Change::Promote(process(reader, table)?)),
        Verb::Demote => Action::Quorum(Change::Demote(process(reader, table)?)),
        Verb::Remove => Action::Quorum(Change::Remove(process(reader, table)?)),
        Verb::Replace => {
            let example = r#"["n3", "n4", "n5"]"#;
            let entry = table.require(reader, "voters", &format!("who is to decide, such as voters = {example}"))?;
            let voters = entry.array(reader, example)?;
            let voters = voters.iter().map(|voter| voter.parse(reader, read_target)).collect::<Option<Vec<_>>>()?;
            Action::Quorum(Change::Replace(voters))
        }
        Verb::Read => Action::Read,
        Verb::ReadQuorum => Action::ReadQuorum(subject(reader, table)?),
        Verb::ReadLease => Action::ReadLease(subject(reader, table)?),
        Verb::Transfer => {
            let entry = table.require(reader, "to", "who is to take over, such as to = \"n3\"")?;
            Action::Transfer(entry.parse(reader, read_target)?)
        }
        Verb::ForgetLeader => Action::ForgetLeader,
    })
}
