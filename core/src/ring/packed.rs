//! The points of a ring in four bytes each, with a directory that leads to the right few of them.
//!
//! Footprint decides the speed of a lookup: 150,000 points of 1,000 nodes fit in a cache of a mebibyte only when packed.
//! The first `bits` bits of a token choose a bucket of the directory. So the word of a point need not hold them, and has
//! room for the slot of the owner in as many bits:
//!
//! ```text
//! token   │ bucket: bits │ rest: 32 − bits │
//! word                   │ rest: 32 − bits │ owner: bits │
//! ```
//!
//! Words of one bucket are in clockwise order. The first word that is not below `token << bits` is that of the first
//! point at the token or after it, for the owner's bits of the latter are zero; no mask and no second array is needed.
//! Behind the last word copies of the first ones stand for the way past zero. The number of bits depends on the numbers
//! of nodes and points alone, so equal rings have equal words.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::Slot;
use super::token::Token;

/// The least number of bits: small rings need no less.
const BITS_MIN: u32 = 4;
/// How many words of a bucket are compared at once, whether it has as many or not: in a small ring, and in a large one.
///
/// A loop whose end cannot be foretold costs more than the words that it saves. What lies beyond is needed for one lookup
/// in a dozen at most.
const WINDOW: usize = 4;
pub(super) const WINDOW_COARSE: usize = 8;
/// The share of the words that may be spare, so that one join after another does not copy them each time.
const SPARE_SHARE: usize = 64;
/// From so many points on the directory is coarse: its own footprint slows lookups more than a longer bucket does.
const COARSE_FROM: usize = 1 << 17;
/// How many points a bucket has there: as a power of two, the average is between it and its double.
const COARSE_SHIFT: u32 = 2;

/// Returns how many bits choose a bucket: one point or fewer for each of a small ring, four to eight of a large one.
pub(super) const fn bits(nodes: usize, points: usize) -> u32 {
    let owner_bits = usize::BITS - nodes.saturating_sub(1).leading_zeros();
    let bucket_bits = if points < COARSE_FROM {
        usize::BITS - points.saturating_sub(1).leading_zeros()
    } else {
        usize::BITS - 1 - points.leading_zeros() - COARSE_SHIFT
    };
    let bits = if owner_bits > bucket_bits { owner_bits } else { bucket_bits };
    if bits > BITS_MIN { bits } else { BITS_MIN }
}

/// All points of a ring in clockwise order, each with the slot of its owner.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Points {
    bits: u32,
    /// One word for each point, and copies of the first ones up to the wider window.
    words: Vec<u32>,
    /// Where each bucket begins among the words, and where the last one ends.
    directory: Vec<u32>,
}

impl Points {
    /// Packs points in clockwise order, those at one token in the order of their ties.
    pub(super) fn pack(bits: u32, sorted: impl ExactSizeIterator<Item = (Token, Slot)>) -> Self {
        let mut words = Vec::with_capacity(sorted.len() + WINDOW_COARSE);
        let mut directory = vec![0; (1 << bits) + 1];
        for (token, slot) in sorted {
            words.push(word(bits, token, slot));
            directory[bucket(bits, token) + 1] += 1;
        }
        let mut begun = 0;
        for begins in &mut directory {
            begun += *begins;
            *begins = begun;
        }
        let mut packed = Self { bits, words, directory };
        packed.close(begun as usize);
        packed
    }

    /// Returns how many points there are.
    pub(super) fn len(&self) -> usize {
        self.words.len() - WINDOW_COARSE
    }

    /// Returns how many bytes the points take, directory and spare room included.
    pub(super) fn bytes(&self) -> usize {
        (self.words.capacity() + self.directory.capacity()) * size_of::<u32>()
    }

    /// Returns the index of the first point at a token or after it; the number of points, if it lies beyond zero.
    #[inline]
    pub(super) fn first_from(&self, token: Token) -> usize {
        let (begin, end) = self.bucket_of(token);
        self.first_within(begin, end, token)
    }

    /// Returns where the bucket of a token begins and ends.
    #[inline]
    pub(super) fn bucket_of(&self, token: Token) -> (usize, usize) {
        let bucket = (self.moved(token) >> u32::BITS) as usize;
        // The end first: where it lies, the beginning does, and is not checked again.
        let end = self.directory[bucket + 1] as usize;
        (self.directory[bucket] as usize, end)
    }

    /// Returns the index of the first point at a token or after it, given the bounds of its bucket.
    #[expect(clippy::inline_always, reason = "a call takes a tenth of a lookup, and compilers choose it")]
    #[inline(always)]
    fn first_within(&self, begin: usize, end: usize, token: Token) -> usize {
        // Of one ring, all lookups take the same way here.
        if self.len() < COARSE_FROM {
            self.search(self.window::<WINDOW>(begin), begin, end, token)
        } else {
            self.first_within_coarse(begin, end, token)
        }
    }

    /// The same in a large ring: apart, so that the way through a small one is short enough to be inlined.
    #[inline(never)]
    fn first_within_coarse(&self, begin: usize, end: usize, token: Token) -> usize {
        self.search(self.window::<WINDOW_COARSE>(begin), begin, end, token)
    }

    /// Returns the words from an index on that are compared at once.
    #[inline]
    pub(super) fn window<const AT_ONCE: usize>(&self, begin: usize) -> &[u32; AT_ONCE] {
        let window = self.words.get(begin..begin + AT_ONCE).and_then(<[u32]>::first_chunk);
        window.expect("a window fits behind every bucket")
    }

    /// Returns the index of the first point at a token or after it, given the bounds of its bucket and the words there.
    #[inline]
    pub(super) fn search<const AT_ONCE: usize>(
        &self,
        window: &[u32; AT_ONCE],
        begin: usize,
        end: usize,
        token: Token,
    ) -> usize {
        let target = self.moved(token) as u32;
        // A bit for each word that is far enough, and one for the end: no branch, whatever the words are.
        let enough = window.iter().zip(0..).map(|(word, at)| u32::from(*word >= target) << at);
        let stops = enough.fold(1 << (end - begin).min(AT_ONCE), |stops, stop| stops | stop);
        let first = begin + stops.trailing_zeros() as usize;
        if first < begin + AT_ONCE { first } else { self.search_on(first, end, target) }
    }

    /// Goes on with a search behind the window.
    #[cold]
    fn search_on(&self, begin: usize, end: usize, target: u32) -> usize {
        begin + self.words[begin..end].iter().take_while(|word| **word < target).count()
    }

    /// Returns the owner of the point at an index; the number of points stands for the first one.
    #[inline]
    pub(super) fn owner(&self, index: usize) -> Slot {
        Slot::new(self.words[index] & self.owner_mask())
    }

    /// Returns the owners of the point at an index and of those that follow.
    #[inline]
    pub(super) fn owners_from(&self, index: usize) -> [Slot; WINDOW_COARSE] {
        self.window(index).map(|word| Slot::new(word & self.owner_mask()))
    }

    /// Returns a token moved up by the bits that choose a bucket: above the lower word the bucket, in it what a word with
    /// the rest of the token is compared with.
    #[inline]
    fn moved(&self, token: Token) -> u64 {
        // A product by a power of two takes one step where shifts by a number that is no constant take six.
        u64::from(token.get()) * self.buckets()
    }

    /// Returns which bits of a word are the owner's.
    #[inline]
    fn owner_mask(&self) -> u32 {
        (self.buckets() - 1) as u32
    }

    /// Returns how many buckets there are: two to the power of the number of bits.
    #[inline]
    fn buckets(&self) -> u64 {
        self.directory.len() as u64 - 1
    }

    /// Returns the index behind another one, clockwise.
    #[inline]
    pub(super) fn after(&self, index: usize) -> usize {
        // The copy of the first word is the first point, so the second one follows.
        let next = index + 1;
        if next < self.len() { next } else { next - self.len() }
    }

    /// Returns the indices of all points at a token.
    pub(super) fn at(&self, token: Token) -> Range<usize> {
        let (begin, end) = self.bucket_of(token);
        let first = self.first_within(begin, end, token);
        let rest = rest(self.bits, token);
        let count = self.words[first..end].iter().take_while(|word| **word >> self.bits == rest).count();
        first..first + count
    }

    /// Iterates over all points in clockwise order from token zero.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Token, Slot)> {
        let buckets = self.directory.windows(2).zip(0u32..);
        buckets.flat_map(move |(bounds, bucket)| {
            let words = &self.words[bounds[0] as usize..bounds[1] as usize];
            words.iter().map(move |word| {
                let token = bucket << (u32::BITS - self.bits) | word >> self.bits;
                (Token::new(token), Slot::new(word & owner_mask(self.bits)))
            })
        })
    }

    /// Gives the points at a range of indices, which lie at one token, other owners.
    pub(super) fn set_owners(&mut self, range: Range<usize>, owners: impl Iterator<Item = Slot>) {
        let mask = owner_mask(self.bits);
        for (word, slot) in self.words[range].iter_mut().zip(owners) {
            *word = *word & !mask | slot.get();
        }
        self.close(self.len());
    }

    /// Puts in points of one owner at tokens in clockwise order, each before those that lie at its token already.
    ///
    /// The result needs as many bits as before; see [`bits`].
    pub(super) fn insert(&mut self, tokens: &[Token], slot: Slot) {
        let indices: Vec<usize> = tokens.iter().map(|token| self.first_from(*token)).collect();
        let (mut end, points) = (self.len(), self.len() + tokens.len());
        if self.words.capacity() < points + WINDOW_COARSE {
            // To double would waste as much again; a copy costs no more than this pass does anyway.
            self.words.reserve_exact(points + points / SPARE_SHARE + WINDOW_COARSE - self.words.len());
        }
        self.words.resize(points, 0);
        // From the last to the first, so that each stretch between two new points moves once and nothing is overwritten.
        for (before, (token, index)) in tokens.iter().zip(indices).enumerate().rev() {
            self.words.copy_within(index..end, index + before + 1);
            self.words[index + before] = word(self.bits, *token, slot);
            end = index;
        }
        self.shift_directory(tokens, u32::wrapping_add);
        self.close(points);
    }

    /// Takes out one point of an owner at each of these tokens, which are in clockwise order.
    pub(super) fn remove(&mut self, tokens: &[Token], slot: Slot) {
        let indices = self.indices_of(tokens, slot);
        let points = self.len();
        let mut kept = indices.first().copied().unwrap_or(points);
        let ends = indices.iter().skip(1).copied().chain([points]);
        for (index, end) in indices.iter().zip(ends) {
            self.words.copy_within(index + 1..end, kept);
            kept += end - index - 1;
        }
        self.shift_directory(tokens, u32::wrapping_sub);
        self.close(kept);
    }

    /// Returns the index of one point of an owner at each of these tokens, which are in clockwise order.
    fn indices_of(&self, tokens: &[Token], slot: Slot) -> Vec<usize> {
        let mut indices: Vec<usize> = Vec::with_capacity(tokens.len());
        for token in tokens {
            let mut group = self.at(*token);
            // A node may have two points at one token: each is found once.
            group.start = indices.last().map_or(group.start, |last| group.start.max(last + 1));
            let index = group.into_iter().find(|index| self.owner(*index) == slot);
            indices.push(index.expect("every point of a member is in the ring"));
        }
        indices
    }

    /// Packs the same points with another number of bits.
    pub(super) fn repack(&mut self, bits: u32) {
        if bits != self.bits {
            let points: Vec<(Token, Slot)> = self.iter().collect();
            *self = Self::pack(bits, points.into_iter());
        }
    }

    /// Makes room for a new slot: the owners from it on move up by one.
    pub(super) fn open_slot(&mut self, slot: Slot) {
        let (mask, points) = (owner_mask(self.bits), self.len());
        self.words[..points].iter_mut().for_each(|word| *word += u32::from(*word & mask >= slot.get()));
    }

    /// Closes the gap of a slot that owns nothing: the owners behind it move down by one.
    pub(super) fn close_slot(&mut self, slot: Slot) {
        let (mask, points) = (owner_mask(self.bits), self.len());
        self.words[..points].iter_mut().for_each(|word| *word -= u32::from(*word & mask > slot.get()));
        self.close(points);
    }

    /// Moves what begins behind each of these tokens by the number of tokens before it.
    fn shift_directory(&mut self, tokens: &[Token], shift: impl Fn(u32, u32) -> u32) {
        let mut begins = tokens.first().map_or(self.directory.len(), |token| bucket(self.bits, *token) + 1);
        for (token, passed) in tokens.iter().skip(1).map(Some).chain([None]).zip(1u32..) {
            let end = token.map_or(self.directory.len(), |token| bucket(self.bits, *token) + 1);
            self.directory[begins..end].iter_mut().for_each(|begin| *begin = shift(*begin, passed));
            begins = end;
        }
    }

    /// Ends the words behind so many points with copies of the first ones.
    fn close(&mut self, points: usize) {
        self.words.truncate(points);
        for copied in 0..WINDOW_COARSE {
            // Where there are fewer points than copies, a copy is copied.
            self.words.push(if points == 0 { 0 } else { self.words[copied] });
        }
    }
}

const fn bucket(bits: u32, token: Token) -> usize {
    (token.get() >> (u32::BITS - bits)) as usize
}

const fn rest(bits: u32, token: Token) -> u32 {
    (token.get() << bits) >> bits
}

const fn word(bits: u32, token: Token, slot: Slot) -> u32 {
    token.get() << bits | slot.get()
}

const fn owner_mask(bits: u32) -> u32 {
    (1 << bits) - 1
}
