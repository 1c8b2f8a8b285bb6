//! Network coordinates: how near the truth they come, what moves them, and what must not.

mod accuracy;
mod laws;
mod reference;
mod resilience;
mod worlds;
