//! Where the points of a node lie, and who is first where several lie at one token.
//!
//! Point `i` of a node is the `XXH32` hash, under seed 0, of the UTF-8 text `{node}:{i}`. With 150,000 points some collide,
//! and since `XXH32` has 32 bits of state, two names may even collide in all points: `f9413bb5-1ee1-4214-a257-7c7316240c5a`
//! and `fe72dbaf-e64f-4599-a2f3-7ce487addcb1` do. Points at one token are therefore ordered by the `XXH64` hash of the
//! same text, which prefers nobody: of those 150 tokens each of the two gets about half. The least name first would give
//! one of them nothing, and another place for the loser would make places depend on each other.

use alloc::vec::Vec;

use xxhash_rust::xxh64::xxh64;

use super::token::Token;
pub use crate::ids::NAME_BYTES_MAX;

/// A colon and the digits of a number of 32 bits.
const NUMBER_BYTES_MAX: usize = 11;

/// The text that places a point, written anew for each number.
pub(super) struct PointText {
    bytes: [u8; NAME_BYTES_MAX + NUMBER_BYTES_MAX],
    name_bytes: usize,
    end: usize,
}

impl PointText {
    /// Begins with the name of the node and the number of its first point.
    pub(super) fn new(name: &str) -> Self {
        let mut bytes = [0; NAME_BYTES_MAX + NUMBER_BYTES_MAX];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        bytes[name.len()..name.len() + 2].copy_from_slice(b":0");
        Self { bytes, name_bytes: name.len(), end: name.len() + 2 }
    }

    /// Goes on to the next number.
    fn advance(&mut self) {
        let mut digit = self.end;
        while digit > self.name_bytes + 1 {
            digit -= 1;
            if self.bytes[digit] < b'9' {
                self.bytes[digit] += 1;
                return;
            }
            self.bytes[digit] = b'0';
        }
        // All digits were nines: a one in front of as many zeros.
        self.bytes[self.name_bytes + 1] = b'1';
        self.bytes[self.end] = b'0';
        self.end += 1;
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.end]
    }
}

/// Calls `each` with the tokens of the first `count` points of a node, in the order of their numbers.
pub(super) fn for_each_token(name: &str, count: u32, mut each: impl FnMut(Token)) {
    let mut text = PointText::new(name);
    for _ in 0..count {
        each(Token::of(text.text()));
        text.advance();
    }
}

/// Returns the tokens of the points from one number to another, in clockwise order.
pub(super) fn sorted_tokens(name: &str, from: u32, to: u32) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(to.saturating_sub(from) as usize);
    let mut number = 0;
    for_each_token(name, to, |token| {
        if number >= from {
            tokens.push(token);
        }
        number += 1;
    });
    tokens.sort_unstable();
    tokens
}

/// The rank of a point among those at its token: the least is first.
pub(super) type Tie = u64;

/// Calls `each` with the token and the tie of every point that a node of `count` points has at one of these tokens, which
/// are in clockwise order.
pub(super) fn for_each_tie(name: &str, count: u32, tokens: &[Token], mut each: impl FnMut(Token, Tie)) {
    let mut text = PointText::new(name);
    for _ in 0..count {
        let token = Token::of(text.text());
        if tokens.binary_search(&token).is_ok() {
            each(token, xxh64(text.text(), 0));
        }
        text.advance();
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn the_numbers_of_points_are_written_in_decimal() {
        let mut text = PointText::new("node-7");
        for number in 0..12_345 {
            assert_eq!(text.text(), format!("node-7:{number}").as_bytes());
            text.advance();
        }
    }

    #[test]
    fn the_longest_name_leaves_room_for_the_last_point() {
        let name = "n".repeat(NAME_BYTES_MAX);
        let mut text = PointText::new(&name);
        text.bytes[NAME_BYTES_MAX..].copy_from_slice(b":4294967294");
        text.end = NAME_BYTES_MAX + NUMBER_BYTES_MAX;
        text.advance();
        assert!(text.text().ends_with(b":4294967295"));
    }

    #[test]
    fn tokens_from_a_number_on_are_those_of_the_tail() {
        let all = sorted_tokens("ada", 0, 20);
        let mut parts = [sorted_tokens("ada", 0, 7), sorted_tokens("ada", 7, 20)].concat();
        parts.sort_unstable();
        assert_eq!(all, parts);
        assert_eq!(all.len(), 20);
    }
}
