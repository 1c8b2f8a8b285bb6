//! How those outside of the log follow what it commits, and do not load who leads it.
//!
//! Whoever leads announces by gossip which epoch its topology reached and with which fingerprint ([`Herald`]). An
//! [`Observer`] that is behind asks one member after another for what changed: any that knows more answers, within limits
//! ([`Answers`]), so an epoch spreads like a rumour, in a number of rounds that grows with the logarithm of the members. The
//! leader is asked like anybody else, and only by those who asked many others in vain.
//!
//! Members of the log tell announced epochs only ([`Published`]), so that what they tell can be judged however fast the log
//! grows. What is pulled becomes a candidate. It is adopted when its fingerprint is the announced one of its very epoch, or
//! when a second member, other than the one it came from, says that it holds the same at that epoch. So no single member
//! whose memory or disk is damaged can mislead an observer; there is no protection against members that forge
//! announcements. What was adopted is never given up for something older.
//!
//! In reading order: `message`, `announce`, `published`, `answers`, `candidate`, then `observer`. Nothing here knows pools,
//! the log or who is there.

mod message;
mod announce;
mod published;
mod answers;
mod candidate;
mod observer;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

pub use announce::{ANNOUNCE_INTERVAL, ANNOUNCEMENT_BYTES_MAX, Announcement, Herald, Place, REPEAT_INTERVAL};
pub use answers::{ANSWER_COSTS_MAX, Answers};
pub use candidate::{Followed, Refused, RefusedBecause};
pub use message::{Fingerprint, Form, News, Pull, PullAnswer};
pub use observer::{ANNOUNCED_MAX, Observer, PULL_INTERVAL, Whom, patience};
pub use published::{LATER_MAX, Published};
