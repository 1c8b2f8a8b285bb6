//! What must hold of the core whatever happens: laws over arbitrary inputs, and what a node keeps through its runs. They are
//! one program, for each program takes as long to build as all of these to run.

#[path = "../hostile/mod.rs"]
mod hostile;
#[path = "../messages/mod.rs"]
mod messages;

mod node;
mod node_pools;
mod pool_namesakes;
mod projection;
mod quorum;
mod recovery;
mod session;
mod swim_packets;
mod topology;
mod wire;
