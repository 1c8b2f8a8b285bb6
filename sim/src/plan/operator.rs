//! What an operator asks for who changes the quorum and the leader at random.

use std::time::Duration;

use super::dice::Dice;
use super::weights::{Leaning, OPERATOR_ACTIONS, Weights};
use crate::scenario::{Action, Change, Manner, Operation, Operator, Scenario, Target};

/// The client that stands for the operator: behind all random clients of a scenario of usual size.
const CLIENT: u16 = 1_000;

/// Draws the operations of the operator.
pub(super) fn operations(
    scenario: &Scenario,
    operator: Operator,
    leaning: Leaning<'_>,
    mut dice: Dice,
) -> Vec<Operation> {
    let processes: Vec<Target> = (1..=scenario.cluster.participants()).map(Target::Process).collect();
    let mut operations = Vec::new();
    let mut at = leaning.from;
    loop {
        at += dice.span(Duration::ZERO, operator.interval * 2).max(Duration::from_micros(1));
        if at >= scenario.chaos {
            return operations;
        }
        let asks = Asking { processes: &processes, weights: leaning.weights };
        let action = if asks.hands_over(&mut dice) {
            Action::Transfer(asks.about(&mut dice))
        } else {
            Action::Quorum(asks.change(&mut dice))
        };
        operations.push(Operation { at, client: CLIENT, via: Target::Leader, action, manner: Manner::default() });
    }
}

/// How likely the operator asks for each change, where all weights are equal: more come than go, or the cluster would
/// shrink to one voter and stay there.
const CHANGES: [u64; OPERATOR_ACTIONS - 1] = [4, 5, 2, 2, 3];

/// Of how many operations one hands over.
const HANDS_OVER: u64 = 8;

/// What an operator chooses from.
struct Asking<'a> {
    processes: &'a [Target],
    weights: Option<&'a Weights>,
}

impl Asking<'_> {
    fn hands_over(&self, dice: &mut Dice) -> bool {
        let rare = self.weights.map_or(100, |weights| weights.operator_actions[OPERATOR_ACTIONS - 1]);
        dice.chance(rare, 100 * HANDS_OVER)
    }

    fn about(&self, dice: &mut Dice) -> Target {
        match self.weights {
            Some(weights) => weights.via(self.processes, dice),
            None => dice.pick(self.processes),
        }
    }

    fn change(&self, dice: &mut Dice) -> Change {
        let about = if dice.chance(1, 8) { Target::Leader } else { self.about(dice) };
        let mut changes = CHANGES;
        if let Some(weights) = self.weights {
            changes.iter_mut().zip(weights.operator_actions).for_each(|(share, weight)| *share *= weight);
        }
        match dice.weighted(&changes) {
            0 => Change::AddLearner(about),
            1 => Change::Promote(about),
            2 => Change::Demote(about),
            3 => Change::Remove(about),
            _ => {
                let mut voters = self.processes.to_vec();
                dice.shuffle(&mut voters);
                voters.truncate(dice.number(1, 5) as usize);
                voters.sort();
                Change::Replace(voters)
            }
        }
    }
}
