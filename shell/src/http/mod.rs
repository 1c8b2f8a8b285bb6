//! The HTTP API of a node.
//!
//! Any node answers: reads from what it holds, with how stale that may be, or from what was agreed on; writes by way of the
//! leader, wherever it is. Every error is a problem document (RFC 9457). Whoever may ask is told by a token, or by the
//! loopback interface; how much, by [`Limits`].
//!
//! A server takes nothing from the runtime but sockets, timers and tasks, so that it also runs in a simulated world:
//! connections are served one by one by hyper. It refuses to know what the node decides.

mod access;
pub mod assets;
mod body;
mod config;
mod drain;
mod fault;
mod guard;
mod nodes;
mod openapi;
mod path;
mod query;
mod rates;
mod ring;
mod routes;
mod server;
mod state;
mod status;
mod timer;
mod topology;
mod view;
mod watch;
mod why;
mod write;

pub use assets::{Asset, Assets};
pub use config::{ApiConfig, Limits, Role, ServeError, Token};
pub use server::{Running, Server};
pub use view::API_TAG;

/// Returns the description of the API as JSON.
pub fn description() -> serde_json::Value {
    use utoipa::OpenApi;
    serde_json::to_value(openapi::Description::openapi()).unwrap_or_default()
}
