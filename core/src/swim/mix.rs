//! A bijection of 64 bits that spreads every input bit over all output bits: the finalizer of `SplitMix64` (Steele et al.,
//! OOPSLA 2014). For places in tables, orders of probing and digests of views, none of which a secret depends on.

/// Mixes 64 bits.
pub(super) const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
