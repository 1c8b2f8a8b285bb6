//! The first minute of a newcomer: `delian demo`.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::federation::PATIENCE;

/// Begins a demonstration whose temporary folder is of this test alone.
fn begin(test: &str, more: &[&str]) -> (Child, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo").join(test);
    // A folder that is not there is as empty as it should be.
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).expect("the folder of the target can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_delian"));
    command.arg("demo").args(more).env("TMPDIR", &folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    (command.spawn().expect("the command was built"), folder)
}

/// Waits until it has ended, and returns with which code.
fn end(demo: &mut Child) -> Option<i32> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(status) = demo.try_wait().expect("it was started here") {
            return status.code();
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    demo.kill().expect("it was started here");
    panic!("the demonstration does not end");
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).expect("it was made here").next().is_none()
}

#[test]
fn the_story_is_told_to_its_end_and_leaves_nothing_behind() {
    let (mut demo, folder) = begin("told", &["--once"]);
    let mut said = String::new();
    demo.stdout.take().expect("it is piped").read_to_string(&mut said).expect("it speaks UTF-8");
    assert_eq!(end(&mut demo), Some(0), "{said}");
    for turn in
        ["founds a federation", "a guest is registered", "is killed as by a power cut", "leads term", "has caught up"]
    {
        assert!(said.contains(turn), "{turn:?} is missing: {said}");
    }
    assert!(is_empty(&folder), "its stores are left");
}

#[test]
fn whoever_ends_it_in_the_middle_ends_all_of_it() {
    let (mut demo, folder) = begin("interrupted", &[]);
    let mut story = BufReader::new(demo.stdout.take().expect("it is piped"));
    let mut line = String::new();
    story.read_line(&mut line).expect("it speaks UTF-8");
    assert!(line.contains("founds a federation"), "{line}");
    kill(Pid::from_raw(i32::try_from(demo.id()).expect("a process id")), Signal::SIGINT).expect("it runs");
    let mut rest = String::new();
    story.read_to_string(&mut rest).expect("it speaks UTF-8");
    assert_eq!(end(&mut demo), Some(0), "{rest}");
    assert!(rest.contains("the nodes are stopped, and their stores are gone"), "{rest}");
    assert!(is_empty(&folder), "its stores are left");
}
