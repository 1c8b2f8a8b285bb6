//! The states that were met and wait for their expansion, in that order.
//!
//! A queue of blocks: it grows without moving what is in it and without holding twice what it needs.

use std::collections::VecDeque;

/// How many states lie in one block.
const BLOCK: usize = 256;

/// A first-in-first-out queue.
#[derive(Clone, Debug)]
pub(super) struct Frontier<T> {
    blocks: VecDeque<VecDeque<T>>,
    /// A block that ran empty, for the next that is needed.
    spare: Option<VecDeque<T>>,
    len: u64,
}

impl<T> Frontier<T> {
    pub(super) fn new() -> Self {
        Self { blocks: VecDeque::new(), spare: None, len: 0 }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn push(&mut self, state: T) {
        self.len += 1;
        match self.blocks.back_mut() {
            Some(block) if block.len() < BLOCK => block.push_back(state),
            Some(_) | None => {
                let mut block = self.block();
                block.push_back(state);
                self.blocks.push_back(block);
            }
        }
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let block = self.blocks.front_mut()?;
        let state = block.pop_front();
        if block.is_empty() {
            self.spare = self.blocks.pop_front();
        }
        self.len -= 1;
        state
    }

    /// Puts back, as the next one, what was taken out last.
    pub(super) fn put_back(&mut self, state: T) {
        self.len += 1;
        match self.blocks.front_mut() {
            Some(block) if block.len() < BLOCK => block.push_front(state),
            Some(_) | None => {
                let mut block = self.block();
                block.push_front(state);
                self.blocks.push_front(block);
            }
        }
    }

    fn block(&mut self) -> VecDeque<T> {
        self.spare.take().unwrap_or_else(|| VecDeque::with_capacity(BLOCK))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_queue(pushes in prop::collection::vec(0_usize..700, 1..12), pops in 0_usize..400) {
            let mut frontier = Frontier::new();
            let mut naive = VecDeque::new();
            for (round, count) in pushes.into_iter().enumerate() {
                for number in 0..count {
                    frontier.push((round, number));
                    naive.push_back((round, number));
                }
                for _ in 0..pops {
                    let state = frontier.pop();
                    prop_assert_eq!(state, naive.pop_front());
                    if let Some(state) = state {
                        frontier.put_back(state);
                        prop_assert_eq!(frontier.pop(), Some(state));
                    }
                }
                prop_assert_eq!(frontier.len(), naive.len() as u64);
            }
        }
    }
}
