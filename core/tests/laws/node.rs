//! No peer, whatever it says, and no crash makes a node panic, go back or answer a client twice.

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_node_among_liars_keeps_its_own_promises(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        crate::hostile::run(&bytes);
    }
}

/// A liar who only ever talks nonsense proves nothing: the same kind of bytes must bring the node everywhere.
#[test]
fn the_liars_come_close_to_the_truth() {
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    let mut seen = Vec::new();
    for _ in 0..16_000 {
        let bytes: Vec<u8> = (0..600).map(|_| next_byte(&mut word)).collect();
        seen.push(crate::hostile::run(&bytes));
    }
    let sum = |count: fn(&crate::hostile::Seen) -> usize| seen.iter().map(count).sum::<usize>();
    for (what, times) in [
        ("elections won", sum(|seen| seen.elections_won)),
        ("commits", sum(|seen| seen.commits)),
        ("truncations", sum(|seen| seen.truncations)),
        ("snapshots installed", sum(|seen| seen.snapshots_installed)),
        ("snapshots taken", sum(|seen| seen.snapshots_taken)),
        ("chunks kept", sum(|seen| seen.chunks_kept)),
        ("chunks sent", sum(|seen| seen.chunks_sent)),
        ("levels raised", sum(|seen| seen.levels_raised)),
        ("contradictions", sum(|seen| seen.contradictions)),
        ("halts", sum(|seen| seen.halts)),
        ("commands applied", sum(|seen| seen.commands_applied)),
        ("sessions opened", sum(|seen| seen.sessions_opened)),
        ("sessions ended", sum(|seen| seen.sessions_ended)),
        ("reads answered", sum(|seen| seen.reads)),
        ("requests to stand", sum(|seen| seen.requests_to_stand)),
    ] {
        assert!(times >= 50, "only {times} {what} among the liars");
    }
}

/// One byte of a xorshift sequence.
fn next_byte(word: &mut u64) -> u8 {
    *word ^= *word << 13;
    *word ^= *word >> 7;
    *word ^= *word << 17;
    (*word >> 32) as u8
}
