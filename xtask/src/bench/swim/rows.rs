//! What is measured: works, contenders, seeds.

use crate::bench::measured::Measured;
use crate::bench::spread::Spread;

/// Whose members are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    Delian,
    /// Ours in a world in which views share what they have in common.
    Shared,
    Foca,
}

impl Contender {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Contender::Delian => "Delian",
            Contender::Shared => "Delian, shared views",
            Contender::Foca => "foca",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Contender::Delian => "delian",
            Contender::Shared => "delian-shared",
            Contender::Foca => "foca",
        }
    }
}

/// What members go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// Nothing for a minute; then one dies.
    Quiet { members: u32 },
    /// One dies.
    Death { members: u32 },
    /// The packets of so many are held for so long, again and again.
    Blocks { count: u32, millis: u32 },
    /// Two halves cannot reach each other for a minute.
    Heal,
    /// All begin at once and know one.
    Join,
}

/// How many members are enough to measure what each of many costs.
pub(crate) const MANY: u32 = 10_000;

/// How many members none but a world with shared views can hold.
pub(crate) const HUGE: u32 = 100_000;

/// For how many seconds nothing happens, and how long a death is watched: a member announces itself to another every 30 s
/// if it is foca's, so a minute holds two of these.
pub(crate) const SECONDS: u32 = 60;

/// The grid of anomalies of Lifeguard, at 128 members, two minutes each.
pub(crate) const BLOCKED: [u32; 4] = [1, 4, 16, 32];
pub(crate) const BLOCK_MILLIS: [u32; 4] = [2_000, 8_200, 16_400, 32_800];

/// How many members are parted and healed, or join.
pub(crate) const CROWD: u32 = 512;

/// How long agreement is waited for, in seconds.
pub(crate) const AGREED_WITHIN: u32 = 500;
pub(crate) const JOINED_WITHIN: u32 = 300;

impl Work {
    /// Returns whether CPU time and memory are of interest.
    pub(crate) const fn is_of_speed(self) -> bool {
        matches!(self, Work::Quiet { .. })
    }
}

/// One piece of work for one contender, with all its seeds.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) contender: Contender,
    pub(crate) work: Work,
    pub(crate) seeds: u64,
    /// One measurement for each seed.
    pub(crate) turns: Vec<Measured>,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) full: bool,
    pub(crate) huge: bool,
}

impl Row {
    pub(crate) const fn new(contender: Contender, work: Work, seeds: u64) -> Row {
        Row { contender, work, seeds, turns: Vec::new() }
    }

    /// Returns what the measuring program is told.
    pub(crate) fn words(&self, seed: u64) -> String {
        let who = self.contender.word();
        match self.work {
            Work::Quiet { members } => {
                // Deaths are of interest where all views are a member's own, and of the huge world it is asked whether it runs.
                let death = if self.contender == Contender::Shared { 0 } else { SECONDS };
                format!("{who} crowd members={members} seed={seed} quiet={SECONDS} death={death}")
            }
            Work::Death { members } => format!("{who} crowd members={members} seed={seed} quiet=0 death={SECONDS}"),
            Work::Blocks { count, millis } => {
                format!("{who} blocks members=128 seed={seed} count={count} millis={millis} seconds=120")
            }
            Work::Heal => format!("{who} heal members={CROWD} seed={seed} cut={SECONDS} limit={AGREED_WITHIN}"),
            Work::Join => format!("{who} join members={CROWD} seed={seed} limit={JOINED_WITHIN}"),
        }
    }

    /// Returns the spread over all seeds.
    pub(crate) fn spread(&self, of: impl Fn(&Measured) -> f64) -> Option<Spread> {
        Spread::of(self.turns.iter().map(of))
    }

    pub(crate) fn sum(&self, name: &str) -> u64 {
        self.turns.iter().map(|turn| turn.number(name)).sum()
    }
}

/// Returns all that is measured.
pub(crate) fn all(effort: Effort) -> Vec<Row> {
    let both = [Contender::Foca, Contender::Delian];
    let mut rows = Vec::new();
    for contender in both {
        let seeds = if contender == Contender::Delian || effort.full { 3 } else { 1 };
        rows.push(Row::new(contender, Work::Quiet { members: MANY }, seeds));
    }
    rows.push(Row::new(Contender::Shared, Work::Quiet { members: MANY }, 3));
    if effort.huge {
        rows.push(Row::new(Contender::Shared, Work::Quiet { members: HUGE }, 1));
    }
    // What takes longest comes first, so that no core waits for it at the end.
    for work in [Work::Heal, Work::Join] {
        rows.extend(both.map(|contender| Row::new(contender, work, 3)));
    }
    for contender in both {
        let cells = BLOCKED.into_iter().flat_map(|count| BLOCK_MILLIS.map(|millis| Work::Blocks { count, millis }));
        rows.extend(cells.map(|work| Row::new(contender, work, 3)));
    }
    for (members, seeds) in [(1_000, 10), (128, 100)] {
        rows.extend(both.map(|contender| Row::new(contender, Work::Death { members }, seeds)));
    }
    rows
}
