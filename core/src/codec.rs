//! What decoding shares: bytes from a peer never make the core allocate more than they can back.
//!
//! Serde's visitors for `String`, `BTreeMap` and `BTreeSet` grow with their input. The one for `Vec` reserves room for the
//! announced length, and postcard lets that be as many elements as bytes follow: hundreds of bytes of memory for each
//! byte of input where elements are large. [`grow_vec`] takes its place.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Decodes a sequence element by element and ignores its announced length; for `#[serde(deserialize_with)]`.
pub(crate) fn grow_vec<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(Growing(PhantomData))
}

struct Growing<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Growing<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut grown = Vec::new();
        while let Some(item) = items.next_element()? {
            grown.push(item);
        }
        Ok(grown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Numbers(#[serde(deserialize_with = "grow_vec")] Vec<u64>);

    /// A sequence that announces more than anyone could hold, and ends after `left` items.
    struct Boastful {
        left: u64,
    }

    impl<'de> SeqAccess<'de> for Boastful {
        type Error = serde::de::value::Error;

        fn next_element_seed<S: serde::de::DeserializeSeed<'de>>(
            &mut self,
            seed: S,
        ) -> Result<Option<S::Value>, Self::Error> {
            let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
            self.left = left;
            seed.deserialize(serde::de::value::U64Deserializer::new(left)).map(Some)
        }

        fn size_hint(&self) -> Option<usize> {
            Some(usize::MAX)
        }
    }

    #[test]
    fn an_announced_length_reserves_nothing() {
        let grown = Growing::<u64>(PhantomData).visit_seq(Boastful { left: 3 }).unwrap();
        assert_eq!(grown, [2, 1, 0]);
        assert!(grown.capacity() < 16, "capacity {} is beyond the input", grown.capacity());
    }

    #[test]
    fn a_length_that_the_input_cannot_back_is_an_error() {
        let announced = postcard::to_allocvec(&u64::from(u32::MAX)).unwrap();
        assert!(postcard::from_bytes::<Numbers>(&announced).is_err());
        assert_eq!(postcard::from_bytes::<Numbers>(&[2, 7, 9]).unwrap().0, [7, 9]);
    }
}
