//! Judges what clients saw.
pub mod history;
pub mod by_index;
pub mod search;
pub mod register;
pub mod sample;
