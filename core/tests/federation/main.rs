//! Stories of a whole federation: registration, health and leaving, over the log and a pool.

mod world;
mod health;
mod drain;
