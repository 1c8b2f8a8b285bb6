//! What a search keeps of steps it has taken, so that equal ones are not taken again.
//!
//! A message meets a node in the same state in very many states of the cluster. What the node makes of it is a function
//! of the node and the message; how that is judged, of the other nodes and the history, too; whether a quiet state heals,
//! of all nodes, all messages and the history. Each is kept under a 128-bit hash over everything that it is a function
//! of, which is trusted as far as the fingerprints of states are. Nothing is kept of what breaks a property.
//!
//! Each table has a fixed number of slots, and a key has one slot: what comes later takes the place of what was there. That
//! is tens of megabytes for small clusters; [`Recall::bytes`] says how many.

use std::sync::Arc;

use super::ghost::Ghost;
use super::react::{Made, Reaction};
use super::scene::Scene;
use crate::explore::table::Table;

/// Reactions of nodes. Each holds a node for each of its beats, and thousands cover most of what a level of a search needs.
const REACTIONS_BITS: u32 = 15;

/// Judged steps, each no more than two shared references.
const STEPS_BITS: u32 = 17;

/// Histories and scenes that came up lately.
const SCENES_BITS: u32 = 14;

/// Rounds of calm schedules, a byte each.
const HEALS_BITS: u32 = 14;

/// What a value of each table owns on the heap: the most that the tables of any of six models weighed, rounded up. What
/// several tables share was counted for the first.
const REACTION_BYTES: u64 = 2_304;
const STEP_BYTES: u64 = 384;
const SCENE_BYTES: u64 = 1_536;
const GHOST_BYTES: u64 = 2_304;

/// What was kept.
#[derive(Debug)]
pub struct Recall {
    /// What nodes make of inputs.
    pub(super) reactions: Table<Reaction>,
    /// The same with the scene after it, where it was judged to be sound.
    pub(super) steps: Table<(Arc<Made>, Arc<Scene>)>,
    /// Histories and scenes, so that equal ones are shared.
    pub(super) ghosts: Table<Arc<Ghost>>,
    pub(super) scenes: Table<Arc<Scene>>,
    /// After how many rounds of the calm schedule a cluster has healed.
    pub(super) heals: Table<u8>,
}

impl Default for Recall {
    fn default() -> Self {
        Self {
            reactions: Table::with_bits(REACTIONS_BITS),
            steps: Table::with_bits(STEPS_BITS),
            ghosts: Table::with_bits(SCENES_BITS),
            scenes: Table::with_bits(SCENES_BITS),
            heals: Table::with_bits(HEALS_BITS),
        }
    }
}

impl Recall {
    /// Returns one that keeps nothing.
    pub(super) const fn nothing() -> Self {
        Self {
            reactions: Table::none(),
            steps: Table::none(),
            ghosts: Table::none(),
            scenes: Table::none(),
            heals: Table::none(),
        }
    }

    /// Returns how many bytes it takes: all slots, and what was kept in them by its weight.
    pub(super) const fn bytes(&self) -> u64 {
        self.reactions.bytes(REACTION_BYTES)
            + self.steps.bytes(STEP_BYTES)
            + self.ghosts.bytes(GHOST_BYTES)
            + self.scenes.bytes(SCENE_BYTES)
            + self.heals.bytes(0)
    }

    /// Returns whether it ever keeps anything.
    pub(super) const fn keeps(&self) -> bool {
        self.steps.keeps()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_nothing_keeps_nothing() {
        let mut recall = Recall::nothing();
        recall.heals.keep(7, 1);
        assert_eq!((recall.keeps(), recall.heals.get(7)), (false, None));
        assert!(Recall::default().keeps());
    }

    #[test]
    fn a_table_weighs_its_slots_and_what_is_in_them() {
        let mut recall = Recall::default();
        let empty = recall.bytes();
        let slots = size_of::<Option<(u128, u8)>>() as u64 * (1 << HEALS_BITS);
        assert_eq!((Recall::nothing().bytes(), recall.heals.bytes(0)), (0, slots));
        recall.heals.keep(7, 1);
        recall.heals.keep(7 + (1 << HEALS_BITS), 2);
        assert_eq!((recall.heals.bytes(100), recall.bytes()), (slots + 100, empty));
    }
}
