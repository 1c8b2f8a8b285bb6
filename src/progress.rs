//! Progress on standard error; nothing at all when that is no terminal.

use std::fmt::Write;
use std::time::Duration;

use delian_sim::explore::Progress as Exploration;
use delian_sim::fleet::Progress;
use delian_sim::report::human::{bytes, compact, span};
use delian_sim::shrink::Stage;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::screen;

/// How often a second the terminal is drawn at most.
const DRAWS: u8 = 10;

/// A line that tells how far a command has come; it is gone when this is dropped.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar over so many runs.
    pub(crate) fn of_runs() -> Self {
        let rate = |state: &ProgressState, text: &mut dyn Write| {
            // A line that cannot be drawn is drawn again soon.
            let _ = write!(text, "{:.0}", state.per_sec());
        };
        let style = style("{wide_bar} {pos}/{len} runs, {msg}, {rate} runs/s, {eta} left").with_key("rate", rate);
        Self::draw(ProgressBar::new(0).with_style(style))
    }

    /// A line without an end in sight.
    pub(crate) fn of_search() -> Self {
        Self::draw(ProgressBar::no_length().with_style(style("{msg} ({elapsed})")))
    }

    /// A bar over so many runs that are done again.
    pub(crate) fn of_repeats(count: usize) -> Self {
        let style = style("{wide_bar} {pos}/{len} runs repeated in fresh processes");
        Self::draw(ProgressBar::new(count as u64).with_style(style))
    }

    /// A bar over so many runs of policies in settings.
    pub(crate) fn of_comparisons() -> Self {
        Self::draw(ProgressBar::new(0).with_style(style("{wide_bar} {pos}/{len} runs, {eta} left")))
    }

    fn draw(bar: ProgressBar) -> Self {
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWS));
        Self(bar)
    }

    pub(crate) fn tell_runs(&self, progress: &Progress) {
        let survived = span(Duration::from_nanos(progress.virtual_nanos));
        self.0.set_message(format!("{} failed, {survived} survived", compact(progress.failed)));
        self.0.set_length(progress.total);
        self.0.set_position(progress.done);
    }

    pub(crate) fn tell_comparisons(&self, done: usize, total: usize) {
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
    }

    pub(crate) fn tell_search(&self, stage: Stage) {
        let Stage { attempts, steps, operations, processes } = stage;
        self.0.set_message(format!(
            "{} runs: {steps} faults, {operations} operations, {processes} processes left",
            compact(attempts)
        ));
    }

    pub(crate) fn tell(&self, line: &str) {
        self.0.set_message(line.to_string());
    }

    /// Takes the line away for good.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }

    /// Says something that stays, on standard output, above the line.
    pub(crate) fn aside(&self, text: &str) {
        // A reader that is gone is noticed at the end.
        self.0.suspend(|| drop(screen::say(text)));
    }

    /// Says something that stays, on standard error, above the line.
    #[cfg(feature = "nats")]
    pub(crate) fn remark(&self, text: &str) {
        self.0.suspend(|| screen::complain(text));
    }

    /// Whether nobody sees the line: standard error is no terminal.
    pub(crate) fn is_hidden(&self) -> bool {
        self.0.is_hidden()
    }

    pub(crate) fn tell_exploration(&self, model: &str, progress: &Exploration) {
        let Exploration { states, depth, frontier, memory, .. } = *progress;
        let rate = u128::from(states) * 1_000 / self.0.elapsed().as_millis().max(1);
        self.0.set_message(format!(
            "{model}: {} states, {} states/s, depth {depth}, {} wait, {}",
            compact(states),
            compact(u64::try_from(rate).unwrap_or(u64::MAX)),
            compact(frontier),
            bytes(memory)
        ));
    }

    pub(crate) fn tell_repeats(&self, count: usize) {
        self.0.inc(count as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constants and well formed")
}
