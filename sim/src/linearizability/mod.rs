//! Judges what clients saw: whether one system, taking one operation at a time, could have given these answers.
//!
//! Two checkers share nothing but the [`history`], so that one may doubt the other.
//!
//! - [`by_index`] believes the log index that every answer carries and checks that indexes respect real time. It costs a
//!   logarithm per answer, so it watches every run as it happens.
//! - [`search`] believes nothing but the answers, and looks for an order that explains them by a [`search::Model`]. Its
//!   cost grows with how much overlaps, so it has a budget and may end undecided, which is reported and is no pass.
//!   [`topology_model`] is the model of Delian's own clients, [`register`] the one of the textbook; an embedder writes
//!   one for its commands. [`sample`] makes histories to try a model with.
//!
//! # In a world
//!
//! An invariant keeps one [`by_index::IndexOrder`]. For each request of a client it calls `on_call` when it is asked;
//! `on_write` with the index of [`Applied`](delian_core::Applied) when it is applied; `on_read` with the index that a
//! linearizable read names; and `on_lost` for every other outcome, and for what was open at a node that crashed, since
//! nobody will be told. A [`by_index::Violation`] is the breach, and its words are the facts. A read that a node answers
//! from its own state, whatever the others do, promises nothing and stays out.
//!
//! At the end of a run the exchanges of all clients become a [`history::History`]:
//! [`topology_model::asked`] turns a command into an input, and [`topology_model::heard`] an outcome into an answer, into
//! none, or into the advice to leave the operation out. [`search::search`] with [`topology_model::Registrations`] judges
//! it. A violation is a breach with its facts and so is a history that stays undecided.

pub mod history;
pub mod by_index;
pub mod search;
pub mod register;
pub mod topology_model;
pub mod sample;
