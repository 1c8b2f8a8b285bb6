//! `delian topology register` and `remove`.

use delian_shell::shapes::{AppliedDocument, PlaceDocument, RegistrationRequest};
use serde_json::json;
use ureq::http::Method;

use super::arguments::{RegisterArguments, RemoveArguments};
use super::{Named, find};
use crate::answer::{Answer, Problem};
use crate::client::{Client, Told};

pub(super) fn register(arguments: &RegisterArguments) -> Result<Answer, Problem> {
    let client = Client::new(&arguments.client)?;
    let tag = |tag: &String| {
        let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
        (key.to_string(), value.to_string())
    };
    let RegisterArguments { id, name, address, port, region, datacenter, rack, latitude, longitude, total, .. } =
        arguments;
    let request = RegistrationRequest {
        name: name.clone(),
        address: address.clone(),
        port: *port,
        place: PlaceDocument {
            region: region.clone(),
            datacenter: datacenter.clone(),
            rack: rack.clone(),
            latitude_microdegrees: *latitude,
            longitude_microdegrees: *longitude,
        },
        total_bytes: *total,
        free_bytes: arguments.free.unwrap_or(*total),
        tags: arguments.tags.iter().map(tag).collect(),
    };
    let reply = client.command(&Method::PUT, &format!("/v1/nodes/{id}"), Some(&json!(request)))?;
    client.tell(&reply, |applied: AppliedDocument| Told::yes(done(&format!("{name} ({id}) is registered"), &applied)))
}

pub(super) fn remove(arguments: &RemoveArguments) -> Result<Answer, Problem> {
    let client = Client::new(&arguments.client)?;
    let id = match find(&client, &arguments.node)? {
        Named::Id(id) => id,
        Named::Nobody(answer) => return Ok(answer),
    };
    let reply = client.command(&Method::DELETE, &format!("/v1/nodes/{id}"), None)?;
    client.tell(&reply, |applied: AppliedDocument| Told::yes(done(&format!("{} is removed", arguments.node), &applied)))
}

/// Says what was done and by which entry of the log.
pub(super) fn done(what: &str, applied: &AppliedDocument) -> String {
    format!("{what}: epoch {}, entry {} of term {}\n", applied.epoch, applied.index, applied.term)
}
