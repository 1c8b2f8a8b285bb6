//! Clients: what they ask at the API of a process, and what they make of the answer.

use std::time::Duration;

use delian_core::Epoch;
use delian_shell::shapes::{
    AppliedDocument, DrainRequest, NodeDocument, PlaceDocument, Problem, ProgressRequest, RegistrationRequest,
    StatusDocument, TopologyDocument, TransferRequest,
};
use delian_sim::scenario::Action;
use delian_sim::worlds::{Named, Reply, Request, Stand};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::http::Method;

use super::relay::Place;
use super::watch::{SUBJECTS, identity, named};

/// How long a process may take to say how it stands: whole ones answer at once.
const STAND_TIMEOUT: Duration = Duration::from_secs(2);

/// An answer: its status and its text.
struct Answer {
    status: u16,
    text: String,
}

/// Asks for something and waits for the answer, for so long.
pub(super) fn ask(place: Place, request: &Request, patience: Duration) -> Reply {
    let subject = |subject: u16| format!("/v1/nodes/n{}", SUBJECTS + u64::from(subject));
    let read = |number: u16, how: &str| (Method::GET, format!("{}?consistency={how}", subject(number)), None);
    let (method, path, body) = match &request.action {
        Action::Register(number) => (Method::PUT, subject(*number), document(registration(*number))),
        Action::Deregister(number) => (Method::DELETE, subject(*number), None),
        Action::Drain(number, within) => {
            let within_ms = within.map(|within| within.as_millis() as u64);
            (Method::POST, format!("{}/drain", subject(*number)), document(DrainRequest { within_ms }))
        }
        Action::Moved(number, moved) => {
            let progress = ProgressRequest { moved_permille: *moved };
            (Method::POST, format!("{}/drain/progress", subject(*number)), document(progress))
        }
        Action::ReadQuorum(number) => read(*number, "quorum"),
        Action::ReadLease(number) => read(*number, "lease"),
        Action::Read => (Method::GET, "/v1/status".to_string(), None),
        Action::Transfer(_) => {
            let to = format!("n{}", request.to.unwrap_or_default());
            (Method::POST, "/v1/transfer".to_string(), document(TransferRequest { to }))
        }
        Action::Evict(_) | Action::SetCondition(..) | Action::Custom(_) | Action::Quorum(_) | Action::ForgetLeader => {
            return Reply::Refused("no such request".to_string());
        }
    };
    let answer = call(place, request.via, &method, &path, body.as_ref(), patience);
    answer.map_or(Reply::Unknown, |answer| reply(&request.action, &answer))
}

fn document(body: impl serde::Serialize) -> Option<Value> {
    serde_json::to_value(body).ok()
}

fn call(
    place: Place,
    process: u16,
    method: &Method,
    path: &str,
    body: Option<&Value>,
    patience: Duration,
) -> Option<Answer> {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).timeout_global(Some(patience));
    let agent = config.build().new_agent();
    let request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", place.api(process)));
    let mut answered = match body {
        Some(body) => agent.run(request.header("content-type", "application/json").body(body.to_string()).ok()?),
        None => agent.run(request.body(()).ok()?),
    }
    .ok()?;
    Some(Answer { status: answered.status().as_u16(), text: answered.body_mut().read_to_string().ok()? })
}

/// Returns what an answer says.
fn reply(action: &Action, answer: &Answer) -> Reply {
    fn read<T: DeserializeOwned>(answer: &Answer) -> Option<T> {
        serde_json::from_str(&answer.text).ok()
    }
    let is_read = matches!(action, Action::ReadQuorum(_) | Action::ReadLease(_));
    if (200..300).contains(&answer.status) {
        return match action {
            Action::ReadQuorum(_) | Action::ReadLease(_) => read::<NodeDocument>(answer)
                .map_or(Reply::Unknown, |node| Reply::Registered(Some(Epoch::new(node.registered_epoch)))),
            Action::Register(_) | Action::Deregister(_) => read::<AppliedDocument>(answer)
                .map_or(Reply::Unknown, |applied| Reply::Applied(Epoch::new(applied.epoch))),
            Action::Evict(_)
            | Action::SetCondition(..)
            | Action::Drain(..)
            | Action::Moved(..)
            | Action::Custom(_)
            | Action::Quorum(_)
            | Action::Transfer(_)
            | Action::ForgetLeader
            | Action::Read => Reply::Done,
        };
    }
    let Some(problem) = read::<Problem>(answer) else { return Reply::Unknown };
    match problem.kind.rsplit(':').next().unwrap_or_default() {
        "not-registered" if is_read => Reply::Registered(None),
        "not-registered" => Reply::Unregistered,
        // Whoever waited in vain does not know what will become of it.
        "unknown-outcome" | "timed-out" | "internal" => Reply::Unknown,
        word => Reply::Refused(word.to_string()),
    }
}

/// Asks a process how it stands; nothing if it does not say.
pub(super) fn stand(place: Place, process: u16) -> Option<Stand> {
    let get = |path: &str| {
        call(place, process, &Method::GET, path, None, STAND_TIMEOUT).filter(|answer| answer.status == 200)
    };
    let status: StatusDocument = serde_json::from_str(&get("/v1/status")?.text).ok()?;
    let topology: TopologyDocument = serde_json::from_str(&get("/v1/topology")?.text).ok()?;
    let process_of = |id: &str| identity(id).and_then(|id| u16::try_from(id).ok());
    let subjects = topology.nodes.iter().filter_map(|node| match named(identity(&node.id)?)? {
        Named::Subject(subject) => Some((subject, node.condition.clone())),
        Named::Process(_) => None,
    });
    let voters = status.log_members.iter().filter(|member| member.votes);
    Some(Stand {
        process,
        is_in_log: status.role != "observer",
        term: status.term,
        leader: status.leader.as_ref().and_then(|leader| process_of(&leader.id)),
        last: status.last,
        commit: status.commit,
        epoch: topology.epoch,
        fingerprint: topology.fingerprint.clone(),
        subjects: subjects.collect(),
        voters: voters.filter_map(|member| process_of(&member.node.id)).collect(),
    })
}

/// Returns how many are registered, as a process knows it.
pub(super) fn members(place: Place, process: u16) -> Option<usize> {
    let answer = call(place, process, &Method::GET, "/v1/status", None, STAND_TIMEOUT)?;
    let status: StatusDocument = serde_json::from_str(&answer.text).ok()?;
    Some(status.members)
}

/// Returns what a subject says of itself.
fn registration(subject: u16) -> RegistrationRequest {
    let place = json!({
        "region": "eu", "datacenter": "zrh1", "rack": "r1",
        "latitude_microdegrees": 47_376_900, "longitude_microdegrees": 8_541_700,
    });
    let place: PlaceDocument = serde_json::from_value(place).expect("it is a place");
    RegistrationRequest {
        name: format!("m{subject}"),
        address: "192.0.2.7".to_string(),
        port: 7000,
        place,
        total_bytes: 1000,
        free_bytes: 400,
        tags: [].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(action: &Action, status: u16, text: &str) -> Reply {
        reply(action, &Answer { status, text: text.to_string() })
    }

    #[test]
    fn an_answer_says_no_more_than_the_node_knows() {
        let register = Action::Register(7);
        let applied = r#"{"index":12,"term":3,"epoch":9}"#;
        assert_eq!(heard(&register, 200, applied), Reply::Applied(Epoch::new(9)));
        let problem =
            |kind: &str| format!(r#"{{"type":"urn:delian:problem:{kind}","title":"","status":503,"detail":""}}"#);
        assert_eq!(heard(&register, 503, &problem("busy")), Reply::Refused("busy".to_string()));
        assert_eq!(heard(&register, 504, &problem("timed-out")), Reply::Unknown);
        assert_eq!(heard(&Action::Deregister(7), 404, &problem("not-registered")), Reply::Unregistered);
        assert_eq!(heard(&Action::ReadQuorum(7), 404, &problem("not-registered")), Reply::Registered(None));
        assert_eq!(heard(&register, 502, "a proxy's page"), Reply::Unknown);
    }
}
