//! What was acknowledged outlives a full disk and a refused flush.

use super::super::disk::Trouble;
use super::run::Run;
use super::*;

/// How many batches a run writes.
const BATCHES: usize = 60;

#[test]
fn a_disk_that_refuses_leaves_what_was_acknowledged() {
    let operations = Run::on(&Disk::default(), 5, BATCHES).disk.operations();
    let troubles: [fn(usize) -> Trouble; 3] =
        [|from| Trouble::Full { from }, |from| Trouble::NoFlush { from }, |at| Trouble::OneFlush { at }];
    for trouble in troubles {
        let mut refused = 0;
        for at in (0..operations).step_by((operations / 40).max(1)) {
            let run = Run::on(&Disk::default().with(trouble(at)), 5, BATCHES);
            let Some((error, next)) = &run.refused else { continue };
            assert!(matches!(error, StoreError::Io { .. }), "{:?}: {error}", trouble(at));
            refused += 1;
            let Some((_, acknowledged)) = run.acknowledged.last() else { continue };
            // The process ends and begins again, and the power is lost as well.
            for bytes in [run.disk.bytes(), run.disk.flushed()] {
                let found = reopened(bytes).expect("a refusal damages nothing");
                let whole = found == *acknowledged || found == *next;
                assert!(whole, "{:?}: it is {found:?}", trouble(at));
            }
        }
        assert!(refused >= 35, "{:?} was met {refused} times", trouble(0));
    }
}
