//! Places on the circle and stretches between them.

use core::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh32::xxh32;

/// The seed of every hash that the documented placement takes.
const SEED: u32 = 0;

/// A place on the circle of 2^32 positions: where a key lies, or a point of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(u32);

impl Token {
    /// Wraps a position.
    pub const fn new(position: u32) -> Self {
        Self(position)
    }

    /// Returns the plain position.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns where a key lies: the `XXH32` hash of its bytes under seed 0.
    ///
    /// The hash spreads keys and resists nobody who chooses them.
    #[inline]
    pub fn of(key: &[u8]) -> Self {
        Self(xxh32(key, SEED))
    }
}

/// Writes the position as eight hexadecimal digits.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The tokens after one and up to another, clockwise, the end included: what a point owns behind its predecessor.
///
/// It may pass from the last token to the first. A range that ends where it began is the whole circle, never nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenRange {
    /// The token before the first of the range.
    pub after: Token,
    /// The last token of the range.
    pub through: Token,
}

impl TokenRange {
    /// The whole circle.
    pub const WHOLE: Self = Self { after: Token(u32::MAX), through: Token(u32::MAX) };

    /// Says whether a token lies in the range.
    pub const fn contains(&self, token: Token) -> bool {
        // Both are distances clockwise from the first token of the range, so passing zero needs no case of its own.
        let first = self.after.0.wrapping_add(1);
        token.0.wrapping_sub(first) <= self.through.0.wrapping_sub(first)
    }

    /// Returns how many tokens the range has, from 1 to 2^32.
    pub const fn tokens(&self) -> u64 {
        let first = self.after.0.wrapping_add(1);
        self.through.0.wrapping_sub(first) as u64 + 1
    }
}

/// Writes `(after, through]`.
impl fmt::Display for TokenRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {}]", self.after, self.through)
    }
}

impl fmt::Debug for TokenRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn range(after: u32, through: u32) -> TokenRange {
        TokenRange { after: Token::new(after), through: Token::new(through) }
    }

    #[test]
    fn a_range_has_its_end_and_not_its_beginning() {
        for (tokens, inside, outside) in [
            (range(4, 7), &[5, 6, 7][..], &[4, 8, 0, u32::MAX][..]),
            (range(u32::MAX - 1, 1), &[u32::MAX, 0, 1], &[u32::MAX - 1, 2]),
            (range(u32::MAX, 0), &[0], &[u32::MAX, 1]),
        ] {
            assert_eq!(tokens.tokens(), inside.len() as u64, "{tokens}");
            assert!(inside.iter().all(|token| tokens.contains(Token::new(*token))), "{tokens}");
            assert!(outside.iter().all(|token| !tokens.contains(Token::new(*token))), "{tokens}");
        }
    }

    #[test]
    fn a_range_that_ends_where_it_began_is_the_whole_circle() {
        for end in [0, 1, 77, u32::MAX] {
            assert_eq!(range(end, end).tokens(), 1 << 32);
            assert!([0, 1, 77, u32::MAX].iter().all(|token| range(end, end).contains(Token::new(*token))));
        }
    }
}
