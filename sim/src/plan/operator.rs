//! What an operator asks for who changes the quorum and the leader at random.

use std::time::Duration;

use super::dice::Dice;
use crate::scenario::{Action, Change, Manner, Operation, Operator, Scenario, Target};

/// The client that stands for the operator: behind all random clients of a scenario of usual size.
const CLIENT: u16 = 1_000;

/// Draws the operations of the operator.
pub(super) fn operations(scenario: &Scenario, operator: Operator, mut dice: Dice) -> Vec<Operation> {
    let processes: Vec<Target> = (1..=scenario.cluster.processes()).map(Target::Process).collect();
    let mut operations = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        at += dice.span(Duration::ZERO, operator.interval * 2).max(Duration::from_micros(1));
        if at >= scenario.chaos {
            return operations;
        }
        let hands_over = dice.chance(1, 8);
        let action = if hands_over {
            Action::Transfer(dice.pick(&processes))
        } else {
            Action::Quorum(change(&processes, &mut dice))
        };
        operations.push(Operation { at, client: CLIENT, via: Target::Leader, action, manner: Manner::default() });
    }
}

/// More come than go, or the cluster would shrink to one voter and stay there.
fn change(processes: &[Target], dice: &mut Dice) -> Change {
    let about = if dice.chance(1, 8) { Target::Leader } else { dice.pick(processes) };
    match dice.weighted(&[4, 5, 2, 2, 3]) {
        0 => Change::AddLearner(about),
        1 => Change::Promote(about),
        2 => Change::Demote(about),
        3 => Change::Remove(about),
        _ => {
            let mut voters = processes.to_vec();
            dice.shuffle(&mut voters);
            voters.truncate(dice.number(1, 5) as usize);
            voters.sort();
            Change::Replace(voters)
        }
    }
}
