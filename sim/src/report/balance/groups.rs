//! Which settings stand in one table.

use super::{Balance, WAITING_MAX, digits, estimated, share};
use crate::queueing::{Cell, Column, Sickness};

/// Settings that stand in one table.
pub(super) struct Group {
    pub(super) heading: &'static str,
    pub(super) columns: Vec<Column>,
}

/// Returns the settings that were run, in tables that are narrow enough to be read.
pub(super) fn groups(balance: &Balance) -> Vec<Group> {
    let of = |heading, belongs: fn(&Column) -> bool| {
        let columns = balance.findings.study.columns.iter().copied().filter(belongs).collect();
        Group { heading, columns }
    };
    let all = [
        of("Equal servers", Column::is_equal),
        of("Servers of half the speed", |column| column.half_speed > 0),
        of("Sick servers", |column| matches!(column.sickness, Sickness::Failing(_) | Sickness::Dying(_))),
        of("Servers that come back cold", |column| matches!(column.sickness, Sickness::Rejoining(_))),
    ];
    all.into_iter().filter(|group| !group.columns.is_empty()).collect()
}

/// Returns what a table says of a policy in a setting.
pub(super) fn told(cell: &Cell) -> String {
    if cell.runs.iter().all(|run| run.served == 0) {
        return format!("none served, {} to the sick", share(cell.sick_share()));
    }
    let mark = if cell.unanswered_share() > WAITING_MAX { " †" } else { "" };
    let sick = match cell.column.sickness {
        Sickness::None | Sickness::Rejoining(_) => String::new(),
        Sickness::Failing(_) | Sickness::Dying(_) => format!(", {} to the sick", share(cell.sick_share())),
    };
    format!("{} / {}{sick}{mark}", estimated(&cell.mean), digits(cell.p99.mean))
}
