//! From every quiet state the voters come to what is true: whoever falls silent for good is removed, and whoever beats and
//! is reached is healthy.
//!
//! A quiet state has nothing waiting, every voter holds what is committed, and one leads. Each state leads to quiet ones,
//! for commits and their way to the voters are bounded by nothing, so nothing is missed. From there two calm schedules run,
//! in which every clock goes on in turn and all that is proposed is at once committed and applied by all.

use delian_core::NodeId;
use delian_core::health::Reach;
use delian_core::topology::{Condition, Member};

use super::Orchestrator;
use super::action::Mood;
use super::model::id_of;
use super::state::State;
use super::step::beat;
use super::voter::Pace;
use crate::invariants::{Breach, Invariant};

/// See [`Invariant::SENTENCE`].
struct QuietVotersComeToTheTruth;

impl Invariant for QuietVotersComeToTheTruth {
    const NAME: &'static str = "quiet-voters-come-to-the-truth";
    const SENTENCE: &'static str = "From every quiet state, within a bound, nodes that fall silent for good are removed if nobody reaches them, and nodes that beat and are reached are healthy.";
}

/// Ticks until it must be so: three for a failure at the second level, one for an eviction, and as many again.
const ROUNDS: u8 = 8;

/// What is committed in a row, far beyond what any tick brings about.
const COMMITS_MAX: u8 = 50;

impl Orchestrator {
    /// Judges a quiet state.
    pub(super) fn heals(&self, quiet: &State) -> Result<(), Breach> {
        let mut state = quiet.clone();
        self.tell_all(&mut state, Reach::Unknown)?;
        for _ in 0..ROUNDS {
            self.round(&mut state)?;
        }
        if !state.committed().is_empty() {
            return Err(Self::unhealed(&state, "everybody was silent"));
        }
        let mut state = quiet.clone();
        let stays = |state: &State| -> Vec<NodeId> {
            let members = state.committed().members();
            members.filter(|it| it.condition != Condition::Leaving).map(Member::node).collect()
        };
        let before = stays(&state);
        self.tell_all(&mut state, Reach::Reachable)?;
        for _ in 0..ROUNDS {
            for node in 0..self.model.nodes {
                self.beat_to_all(&mut state, node)?;
            }
            self.round(&mut state)?;
        }
        let is_well = state.committed().members().all(|member| member.condition == Condition::Healthy);
        if is_well && stays(&state) == before {
            return Ok(());
        }
        Err(Self::unhealed(&state, "everybody beat and was reached"))
    }

    fn unhealed(state: &State, what: &str) -> Breach {
        let members = state.committed().members();
        let facts = members.map(|member| format!("{} is {} by {}", member.node(), member.condition, member.cause));
        QuietVotersComeToTheTruth::breach(facts.chain([format!("after {ROUNDS} ticks in which {what}")]).collect())
    }

    fn tell_all(&self, state: &mut State, reach: Reach) -> Result<(), Breach> {
        for number in 0..self.model.voters {
            for node in 0..self.model.nodes {
                if state.voter(number).words[usize::from(node)] != reach {
                    self.happen(state, number, Pace::Steady, |voter| {
                        voter.tell(node, reach);
                        Ok(())
                    })?;
                }
            }
        }
        self.settle(state)
    }

    fn beat_to_all(&self, state: &mut State, node: u8) -> Result<(), Breach> {
        if state.committed().get(id_of(node)).is_none() {
            return Ok(());
        }
        beat(state, node, Mood::Good);
        let heartbeat = *state.sent.last().expect("it beat");
        for number in 0..self.model.voters {
            self.happen(state, number, Pace::Steady, |voter| voter.hear(&heartbeat))?;
        }
        self.settle(state)
    }

    fn round(&self, state: &mut State) -> Result<(), Breach> {
        for number in 0..self.model.voters {
            self.tick(state, number)?;
        }
        self.settle(state)
    }

    /// Commits all that waits, and lets all apply it.
    fn settle(&self, state: &mut State) -> Result<(), Breach> {
        for _ in 0..COMMITS_MAX {
            if state.is_quiet() {
                return Ok(());
            }
            if !state.tail.is_empty() {
                self.commit(state)?;
            }
            for number in 0..self.model.voters {
                if state.behind(number) > 0 {
                    self.apply(state, number, state.behind(number))?;
                }
            }
        }
        Err(QuietVotersComeToTheTruth::breach(vec![format!("after {COMMITS_MAX} commits it is not quiet")]))
    }
}
