//! What every request passes: limits, who asks, time, the audit, and what every answer says.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Request};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::access;
use super::config::Role;
use super::fault::{Answer, Fault, Kind, to_problem};
use super::state::{Api, Seen};
use super::view::reference;
use crate::shapes::Consistency;

/// The connection that a request came by.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) peer: SocketAddr,
    /// Has the connection ended, whatever is under way on it.
    pub(super) cut: Arc<Notify>,
}

/// Paths that are answered however busy the node is: whoever asks them may restart it otherwise.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// Lets a request through to its handler, or not, and completes the answer.
pub(super) async fn around(State(api): State<Arc<Api>>, request: Request<Body>, next: Next) -> Response {
    let began_at = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_string();
    let method = request.method().clone();
    let needed = access::needed(&route, &method);
    let audited = needed == Some(Role::Operate);
    let who = access::token(&api.config, request.headers()).map(|token| token.name.clone());
    let what = audited.then(|| (request.uri().to_string(), request.extensions().get::<Link>().map(|link| link.peer)));
    let answer = match admit(&api, &route, needed, request, next).await {
        Ok(answer) => answer,
        Err(fault) => fault.into_response(),
    };
    let problem = answer.extensions().get::<Fault>().map_or("", |fault| fault.kind.word());
    if let Some((path, peer)) = what {
        let (who, status) = (who.as_deref().unwrap_or("anonymous"), answer.status().as_u16());
        let (peer, outcome) = (peer.map(|peer| peer.to_string()), if problem.is_empty() { "done" } else { problem });
        let peer = peer.as_deref().unwrap_or_default();
        tracing::info!(target: "audit", who, peer, %method, path, status, outcome, "{who}: {method} {path}: {outcome}");
    }
    let answer = complete(&api, &route, answer).await;
    let known = if KNOWN_METHODS.contains(&method) { method.as_str() } else { "other" };
    api.metrics.request(&route, known, answer.status().as_u16(), began_at.elapsed());
    answer
}

/// Methods that are counted by name: an asker must not be able to make up as many counters as it likes.
const KNOWN_METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE, Method::OPTIONS];

async fn admit(
    api: &Arc<Api>,
    route: &str,
    needed: Option<Role>,
    request: Request<Body>,
    next: Next,
) -> Answer<Response> {
    check_size(api, &request)?;
    let (method, headers) = (request.method().clone(), request.headers());
    access::check_origin(&api.config, api.address, &method, request.uri(), headers)?;
    let token = access::token(&api.config, headers);
    let is_probe = PROBES.contains(&route);
    if !is_probe {
        let peer = request.extensions().get::<Link>().map(|link| link.peer.ip().to_string()).unwrap_or_default();
        let asker = token.map_or_else(|| format!("at {peer}"), |token| format!("of {}", token.name));
        let rated = api.rates.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now(), &asker);
        rated.map_err(|again_in| {
            let limit = api.config.limits.requests_per_second;
            Fault::new(
                Kind::RateExceeded,
                format!("more than {limit} requests per second came from here: ask less often"),
            )
            .again_in(again_in)
        })?;
    }
    if let Some(needed) = needed {
        access::check(&api.config, token, needed, headers)?;
    }
    let _permit = match api.requests.try_acquire() {
        Ok(permit) => Some(permit),
        Err(_) if is_probe => None,
        Err(_) => {
            let most = api.config.limits.requests_max;
            let fault = Fault::new(Kind::Busy, format!("{most} requests are under way here: try again later"));
            return Err(fault.again_in(std::time::Duration::from_secs(1)));
        }
    };
    let limit = api.config.limits.request_timeout;
    timeout(limit, next.run(request)).await.map_err(|_| match needed {
        Some(Role::Operate) => Fault::new(
            Kind::Unknown,
            format!("no outcome is known after {limit:?}: read before trying again, for it may take effect"),
        ),
        Some(Role::Read) | None => Fault::new(Kind::TimedOut, format!("not answered within {limit:?}: try again")),
    })
}

fn check_size(api: &Api, request: &Request<Body>) -> Answer<()> {
    let limits = &api.config.limits;
    let uri = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if uri > limits.uri_bytes_max {
        let detail = format!("path and query have {uri} bytes, above {}: shorten them", limits.uri_bytes_max);
        return Err(Fault::new(Kind::UriTooLong, detail));
    }
    let headers = request.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > limits.headers_max || bytes > limits.header_bytes_max {
        let detail = format!(
            "{} headers of {bytes} bytes are above {} headers or {} bytes: send less",
            headers.len(),
            limits.headers_max,
            limits.header_bytes_max
        );
        return Err(Fault::new(Kind::HeadersTooLarge, detail));
    }
    Ok(())
}

/// Makes problems of errors, and adds the headers that every answer has.
async fn complete(api: &Arc<Api>, route: &str, answer: Response) -> Response {
    let stamped = answer.extensions().get::<Seen>().is_some();
    let leader = answer.extensions().get::<Fault>().and_then(Fault::leader);
    let looked = if leader.is_some() || (!stamped && route.starts_with("/v1/")) {
        let look = move |node: &delian_core::Node, now| {
            let api = leader.and_then(|leader| reference(node, leader).api);
            (Seen::of(node, now, Consistency::Local), api)
        };
        api.handle.look(look).await.ok()
    } else {
        None
    };
    let leader_api = looked.as_ref().and_then(|(_, api)| api.clone());
    let mut answer = to_problem(answer, api.handle.id(), leader_api);
    if let Some((seen, _)) = looked.filter(|_| !stamped) {
        answer = (seen, answer).into_response();
    }
    let fixed = [
        (CONTENT_SECURITY_POLICY, crate::dashboard::CONTENT_SECURITY_POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if !answer.headers().contains_key("delian-node")
        && let Ok(node) = HeaderValue::try_from(api.handle.id().to_string())
    {
        answer.headers_mut().insert("delian-node", node);
    }
    answer
}
