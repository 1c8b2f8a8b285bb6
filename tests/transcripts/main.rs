//! Protocol stories as text: what a reader can review, a machine replays.
//!
//! Every file in `data/` is one story: a comment that says why, then commands and what followed from them. The runner
//! drives real nodes with a network, disks and clocks that move only when a story says so. After a change that is meant,
//! `DELIAN_REWRITE=1 cargo test --test transcripts` writes the new outcomes into the files, to be reviewed like code.

mod quorum;
mod script;
mod story;
mod forge;
mod world;
mod words;
mod wander;

use std::fs;
use std::path::{Path, PathBuf};

use script::Script;
use story::Story;

/// The fewest stories that the protocol's promises need; a data folder that went missing must not pass.
const STORIES_MIN: usize = 140;

#[test]
fn every_story_goes_as_it_is_written() {
    let rewrite = std::env::var_os("DELIAN_REWRITE").is_some();
    let mut differing = Vec::new();
    for path in stories() {
        let text = fs::read_to_string(&path).expect("a listed story can be read");
        let told = tell(&path, &text);
        if told == text {
            continue;
        }
        if rewrite {
            fs::write(&path, told).expect("a story can be written where it was read");
        } else {
            differing.push(format!("{}: {}", path.display(), first_difference(&text, &told)));
        }
    }
    let mend = "if the change is meant, run `DELIAN_REWRITE=1 cargo test --test transcripts` and review the files";
    assert!(differing.is_empty(), "{} stories went differently; {mend}\n{}", differing.len(), differing.join("\n"));
}

#[test]
fn no_story_went_missing() {
    let count = stories().len();
    assert!(count >= STORIES_MIN, "{count} stories are fewer than the {STORIES_MIN} expected");
}

fn stories() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/data");
    let entries = fs::read_dir(folder).expect("the stories lie beside the runner");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a listed entry can be read").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    paths
}

/// Runs a story and returns its text with the outcomes that really followed.
fn tell(path: &Path, text: &str) -> String {
    let mut script = Script::parse(text);
    let mut story = Story::default();
    for command in script.commands_mut() {
        let place = format!("{}:{}: {}", path.display(), command.line, command.text);
        command.outcome = story.run(&command.text).unwrap_or_else(|problem| panic!("{place}: {problem}"));
    }
    script.render()
}

fn first_difference(text: &str, told: &str) -> String {
    let mut pairs = text.lines().zip(told.lines()).enumerate();
    match pairs.find(|(_, (written, happened))| written != happened) {
        Some((line, (written, happened))) => {
            format!("line {}\n  written:  {written}\n  happened: {happened}", line + 1)
        }
        None => "one text continues where the other ends".to_string(),
    }
}
