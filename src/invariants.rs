//! `delian invariants`: what every run is judged by.

use delian_sim::invariants::catalogue;
use delian_sim::pool::pool_catalogue;

use crate::answer::{Answer, Problem};
use crate::screen::{self, Screen};

pub(crate) fn run() -> Result<Answer, Problem> {
    let catalogue = [catalogue(), pool_catalogue()].concat();
    let label_width = catalogue.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    // One line each for programs, however long.
    let width = Screen::of_output().columns.unwrap_or(usize::MAX);
    let rows = catalogue.iter().map(|(name, sentence)| screen::row(name, label_width, sentence, width));
    screen::say(&rows.collect::<String>())?;
    Ok(Answer::Yes)
}
