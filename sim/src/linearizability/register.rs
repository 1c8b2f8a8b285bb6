//! The model of the textbook: registers that are read, written, and swapped if they hold what is expected.

use std::fmt;

use super::search::Model;

/// Registers that know nothing of each other and hold zero at first.
#[derive(Clone, Copy, Debug)]
pub enum Registers {}

/// What a client asks a register for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Input {
    /// Which register.
    pub register: u16,
    /// What to do with it.
    pub action: Action,
}

/// What to do with a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Say what it holds.
    Read,
    /// Let it hold this.
    Write(u64),
    /// Let it hold `to` if it holds `from`.
    Swap {
        /// What it must hold.
        from: u64,
        /// What it shall hold.
        to: u64,
    },
}

/// What a register answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Output {
    /// To a read: what it holds.
    Holds(u64),
    /// To a write, and to a swap of what it did hold.
    Done,
    /// To a swap: it holds something else.
    Differs,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.action {
            Action::Read => write!(f, "read {}", self.register),
            Action::Write(value) => write!(f, "write {value} to {}", self.register),
            Action::Swap { from, to } => write!(f, "swap {from} for {to} in {}", self.register),
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holds(value) => write!(f, "{value}"),
            Self::Done => f.write_str("done"),
            Self::Differs => f.write_str("it differs"),
        }
    }
}

impl Model for Registers {
    type Key = u16;
    type State = u64;
    type Input = Input;
    type Output = Output;

    fn key(input: &Input) -> u16 {
        input.register
    }

    fn initial(_register: &u16) -> u64 {
        0
    }

    fn step(held: &u64, input: &Input, output: Option<&Output>) -> Option<u64> {
        match (input.action, output) {
            (Action::Read, None) => Some(*held),
            (Action::Read, Some(Output::Holds(value))) => (value == held).then_some(*held),
            (Action::Write(value), None | Some(Output::Done)) => Some(value),
            (Action::Swap { from, to }, None | Some(Output::Done)) => (from == *held).then_some(to),
            (Action::Swap { from, to: _ }, Some(Output::Differs)) => (from != *held).then_some(*held),
            (Action::Read, Some(Output::Done | Output::Differs))
            | (Action::Write(_), Some(Output::Holds(_) | Output::Differs))
            | (Action::Swap { .. }, Some(Output::Holds(_))) => None,
        }
    }

    fn only_observes(input: &Input, output: Option<&Output>) -> bool {
        input.action == Action::Read || output == Some(&Output::Differs)
    }

    fn describe(input: &Input, output: Option<&Output>) -> String {
        output.map_or_else(|| format!("{input}, not answered"), |output| format!("{input}: {output}"))
    }
}
