//! Worlds of pools under their oracle: calm ones, troubled ones, and ones that must be equal.

mod calibration;
mod equal_worlds;
mod judged_worlds;
mod mixed_worlds;
mod worlds;
