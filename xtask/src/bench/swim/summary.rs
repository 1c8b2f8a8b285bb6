//! The table that says of each goal whether it is reached.

use std::fmt::Write;

use crate::bench::measured::Measured;
use crate::bench::spread::Spread;
use crate::bench::swim::rows::{BLOCK_MILLIS, BLOCKED, Contender, HUGE, MANY, Row, SECONDS, Work};
use crate::bench::swim::table::Report;

/// How many times less CPU time than foca's ours must take.
const SPEED_TARGET: f64 = 5.0;

/// What part of the memory of own views that of shared ones may be.
const SHARED_TARGET: f64 = 0.1;

/// How many members may be taken for dead wrongly on the whole grid, and how many of these at healthy observers.
const WRONG_TARGET: f64 = 750.0;
const WRONG_AT_HEALTHY_TARGET: f64 = 600.0;

/// Within how many seconds all must agree after a partition of 512, and after 512 began at once.
const HEAL_TARGET: f64 = 30.0;
const JOIN_TARGET: f64 = 15.0;

/// One number of both, with what ours must be.
struct Goal {
    what: &'static str,
    ours: Option<Spread>,
    foca: Option<Spread>,
    digits: usize,
    target: String,
    is_met: bool,
}

impl Report {
    pub(crate) fn write_summary(&self, out: &mut String) {
        out.push_str("## Goals\n\n| what | Delian | foca | ratio | target | |\n|---|---:|---:|---:|---|---|\n");
        for goal in self.goals() {
            let ratio = goal.ours.zip(goal.foca).filter(|(ours, _)| ours.median > 0.0);
            let ratio = ratio.map_or_else(String::new, |(ours, foca)| format!("{:.1}", foca.median / ours.median));
            let [ours, foca] = [goal.ours, goal.foca].map(|spread| told(spread, goal.digits));
            let met = match (goal.ours, goal.is_met) {
                (None, _) => "not measured",
                (Some(_), true) => "met",
                (Some(_), false) => "**missed**",
            };
            let _ = writeln!(out, "| {} | {ours} | {foca} | {ratio} | {} | {met} |", goal.what, goal.target);
        }
        out.push('\n');
    }

    fn goals(&self) -> Vec<Goal> {
        let mut goals = self.goals_of_cost();
        goals.extend([128, 1_000, MANY].map(|members| self.goal_of_detection(members)));
        goals.push(self.goal_of_wrong_deaths());
        let (wrong, at_healthy) = ("wrong", "wrong_at_healthy");
        goals.push(self.goal_of_grid("grid of blocked members: wrong deaths per seed", wrong, WRONG_TARGET));
        goals.push(self.goal_of_grid("… of these, at healthy observers", at_healthy, WRONG_AT_HEALTHY_TARGET));
        goals.extend(self.goals_of_agreement());
        goals
    }

    fn goals_of_cost(&self) -> Vec<Goal> {
        let quiet = Work::Quiet { members: MANY };
        let [ours, foca, shared] =
            [Contender::Delian, Contender::Foca, Contender::Shared].map(|contender| self.row(contender, quiet));
        let of = |row: Option<&Row>, number: &dyn Fn(&Measured) -> f64| row.and_then(|row| row.spread(number));
        let (speed, kilobytes, bytes) = (
            |turn: &Measured| cpu_per_second(turn),
            |turn: &Measured| kilobytes_each(turn, MANY),
            |turn: &Measured| bytes_each(turn, MANY),
        );
        let own = goal("10,000 members, memory each with own views, KB", of(ours, &kilobytes), of(foca, &kilobytes), 1);
        let tenth = own.ours.map_or(0.0, |own| own.median * SHARED_TARGET);
        let shared = Goal { foca: None, ..goal("… with shared views, KB", of(shared, &kilobytes), None, 1) };
        vec![
            goal("10,000 members, quiet: CPU s per simulated s", of(ours, &speed), of(foca, &speed), 3)
                .at_most_part(1.0 / SPEED_TARGET, "a fifth of foca's"),
            own.at_most_part(1.0, "no more"),
            shared.at_most(tenth, "a tenth of own views"),
            goal("quiet traffic, payload bytes each a second", of(ours, &bytes), of(foca, &bytes), 1)
                .at_most_part(1.0, "no more"),
            self.goal_of_huge(),
        ]
    }

    fn goal_of_huge(&self) -> Goal {
        let row = self.row(Contender::Shared, Work::Quiet { members: HUGE });
        let gigabytes = row.and_then(|row| row.spread(|turn| turn.number("resident_bytes_max") as f64 / 1e9));
        goal("100,000 members for a minute: GB at most", gigabytes, None, 2).at_most(24.0, "done once, in 24 GB")
    }

    fn goal_of_detection(&self, members: u32) -> Goal {
        let what = match members {
            128 => "1 of 128 dies: first notice, s",
            1_000 => "1 of 1,000 dies: first notice, s",
            _ => "1 of 10,000 dies: first notice, s",
        };
        let first =
            |contender| self.death(contender, members).and_then(|row| row.spread(|turn| seconds(turn, "first_ns")));
        goal(what, first(Contender::Delian), first(Contender::Foca), 2).at_most_part(1.0, "earlier")
    }

    fn goal_of_wrong_deaths(&self) -> Goal {
        let wrong = |contender| {
            let rows = [128, 1_000, MANY].map(|members| self.death(contender, members));
            Spread::of(
                rows.iter()
                    .any(Option::is_some)
                    .then(|| rows.iter().flatten().map(|row| row.sum("wrong") as f64).sum()),
            )
        };
        goal("… wrong deaths in all these runs", wrong(Contender::Delian), wrong(Contender::Foca), 0)
            .at_most_part(1.0, "no more")
    }

    fn goal_of_grid(&self, what: &'static str, name: &str, most: f64) -> Goal {
        let of = |contender| Spread::of(self.grid_totals(contender, name));
        goal(what, of(Contender::Delian), of(Contender::Foca), 0).at_most(most, "")
    }

    /// Returns the sum over all cells of the grid, seed by seed.
    fn grid_totals(&self, contender: Contender, name: &str) -> Vec<f64> {
        let cells = BLOCKED.into_iter().flat_map(|count| BLOCK_MILLIS.map(|millis| Work::Blocks { count, millis }));
        let cells: Vec<&Row> = cells.filter_map(|work| self.row(contender, work)).collect();
        let seeds = cells.iter().map(|row| row.turns.len()).min().unwrap_or(0);
        (0..seeds).map(|seed| cells.iter().map(|row| row.turns[seed].number(name) as f64).sum()).collect()
    }

    fn goals_of_agreement(&self) -> Vec<Goal> {
        let of = |contender, work, number: &dyn Fn(&Measured) -> f64| self.row(contender, work)?.spread(number);
        let both = |what, work, digits, number: &dyn Fn(&Measured) -> f64| {
            goal(what, of(Contender::Delian, work, number), of(Contender::Foca, work, number), digits)
        };
        let agreed = |turn: &Measured| seconds(turn, "agreed_ns");
        vec![
            both("half of 512 parted for a minute: all agree after, s", Work::Heal, 1, &agreed)
                .at_most(HEAL_TARGET, ""),
            both("… forced into a new identity", Work::Heal, 0, &|turn| turn.number("renewed") as f64).at_most(0.0, ""),
            both("512 begin at once, knowing one: all agree after, s", Work::Join, 1, &agreed).at_most(JOIN_TARGET, ""),
            both("… not within 300 s", Work::Join, 0, &|turn| f64::from(turn.number("agreed") == 0)).at_most(0.0, ""),
        ]
    }

    /// Returns the row in which one of so many dies.
    pub(crate) fn death(&self, contender: Contender, members: u32) -> Option<&Row> {
        let works = [Work::Death { members }, Work::Quiet { members }];
        works.into_iter().find_map(|work| self.row(contender, work))
    }
}

fn goal(what: &'static str, ours: Option<Spread>, foca: Option<Spread>, digits: usize) -> Goal {
    Goal { what, ours, foca, digits, target: String::new(), is_met: false }
}

impl Goal {
    /// Requires a median of at most this part of foca's.
    fn at_most_part(self, part: f64, said: &str) -> Goal {
        let most = self.foca.map_or(f64::INFINITY, |foca| foca.median * part);
        self.at_most(most, said)
    }

    /// Requires a median of at most this.
    fn at_most(self, most: f64, said: &str) -> Goal {
        let target = if said.is_empty() { format!("at most {most:.0}") } else { said.to_owned() };
        let is_met = self.ours.is_some_and(|ours| ours.median <= most);
        Goal { target, is_met, ..self }
    }
}

/// Tells a spread, or the one number if there is no more to it.
pub(crate) fn told(spread: Option<Spread>, digits: usize) -> String {
    let Some(Spread { median, least, greatest }) = spread else { return String::new() };
    let [median, least, greatest] = [median, least, greatest].map(|number| format!("{number:.digits$}"));
    if least == greatest { median } else { format!("{median} ({least}–{greatest})") }
}

pub(crate) fn cpu_per_second(turn: &Measured) -> f64 {
    turn.number("quiet_cpu_ns") as f64 / 1e9 / f64::from(SECONDS)
}

pub(crate) fn kilobytes_each(turn: &Measured, members: u32) -> f64 {
    turn.number("resident_bytes") as f64 / 1e3 / f64::from(members)
}

pub(crate) fn bytes_each(turn: &Measured, members: u32) -> f64 {
    turn.number("quiet_bytes") as f64 / f64::from(SECONDS) / f64::from(members)
}

pub(crate) fn seconds(turn: &Measured, name: &str) -> f64 {
    turn.number(name) as f64 / 1e9
}
