//! The ring against its documented placement, against laws, and against a second implementation too dumb to be wrong.

mod names;
mod model;
mod goldens;
mod membership;
mod movement;
mod replication;
mod load;
mod bytes;
mod distribution;
