//! What random clients ask for.

use std::time::Duration;

use super::dice::Dice;
use super::weights::{CLIENT_ACTIONS, Leaning};
use crate::scenario::{Action, CONDITIONS, Operation, Scenario, Target, Workload};

/// How many bytes a random embedder's command has.
const CUSTOM_BYTES: (u64, u64) = (4, 64);

/// Draws the operations of one client.
pub(super) fn operations(
    scenario: &Scenario,
    workload: &Workload,
    client: u16,
    leaning: Leaning<'_>,
    mut dice: Dice,
) -> Vec<Operation> {
    let processes: Vec<Target> = (1..=scenario.cluster.participants()).map(Target::Process).collect();
    let mut mix: [u64; CLIENT_ACTIONS] = workload.mix.weights();
    if let Some(weights) = leaning.weights {
        mix.iter_mut().zip(weights.client_actions).for_each(|(share, weight)| *share *= weight);
    }
    let mut operations = Vec::new();
    let mut at = leaning.from;
    loop {
        // Gaps from nothing to twice the mean: clients meet now and then, and none keeps step with another.
        at += dice.span(Duration::ZERO, workload.interval * 2).max(Duration::from_micros(1));
        if at >= scenario.chaos {
            return operations;
        }
        let via = match leaning.weights {
            Some(weights) => weights.via(&processes, &mut dice),
            None if dice.chance(1, 2) => Target::Leader,
            None => dice.pick(&processes),
        };
        let subject = dice.number(1, workload.subjects.into()) as u16;
        let action = action(&mix, subject, &mut dice);
        operations.push(Operation { at, client, via, action, manner: workload.manner });
    }
}

fn action(mix: &[u64], subject: u16, dice: &mut Dice) -> Action {
    match dice.weighted(mix) {
        0 => Action::Register(subject),
        1 => Action::Deregister(subject),
        2 => Action::Evict(subject),
        3 => Action::SetCondition(subject, dice.pick(&CONDITIONS).1),
        4 => {
            let length = dice.number(CUSTOM_BYTES.0, CUSTOM_BYTES.1);
            Action::Custom((0..length).map(|_| dice.number(0, 255) as u8).collect())
        }
        5 => Action::Read,
        6 => Action::ReadQuorum(subject),
        _ => Action::ReadLease(subject),
    }
}
