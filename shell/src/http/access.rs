//! Who asks, and what they may.
//!
//! With tokens, a request bears one. Without, the API is on the loopback interface, where everything on the machine may
//! ask, a browser included; so requests by another name than this API's, and writes that another site's page sends, are
//! refused: a page anywhere could otherwise change the federation of whoever reads it (DNS rebinding, cross-site requests).

use std::net::{IpAddr, SocketAddr};

use hyper::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use hyper::{HeaderMap, Method, Uri};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::config::{ApiConfig, Role, Token, sha256};
use super::fault::{Answer, Fault, Kind};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Returns what a request to a route needs; nothing if everybody may.
pub(super) fn needed(route: &str, method: &Method) -> Option<Role> {
    let guarded = route.starts_with("/v1/") || route == "/metrics" || route == "/openapi.json";
    let reads = *method == Method::GET || *method == Method::HEAD;
    guarded.then_some(if reads { Role::Read } else { Role::Operate })
}

/// Returns the token that a request bears.
///
/// Every token is compared, and each in constant time, so how long it takes tells nobody how near a guess was.
pub(super) fn token<'a>(config: &'a ApiConfig, headers: &HeaderMap) -> Option<&'a Token> {
    let said = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = said.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let hash = sha256(secret.trim().as_bytes());
    let mut found = u64::MAX;
    for (number, token) in (0..).zip(&config.tokens) {
        let is_it: Choice = token.sha256.ct_eq(&hash);
        found = u64::conditional_select(&found, &number, is_it);
    }
    config.tokens.get(usize::try_from(found).ok()?)
}

/// Checks that a token suffices.
pub(super) fn check(config: &ApiConfig, token: Option<&Token>, needed: Role, headers: &HeaderMap) -> Answer<()> {
    match token {
        Some(token) if token.role >= needed => Ok(()),
        Some(token) => {
            let detail = format!("{} may {} only: use a token of the role {needed}", token.name, token.role);
            Err(Fault::new(Kind::Forbidden, detail))
        }
        None if config.tokens.is_empty() => Ok(()),
        None if headers.contains_key(AUTHORIZATION) => {
            Err(Fault::unauthenticated("the token is not known here: send one that is, as Authorization: Bearer TOKEN"))
        }
        None => Err(Fault::unauthenticated("send a token, as Authorization: Bearer TOKEN")),
    }
}

/// Checks that an API without tokens is asked by a name of its own, and not by another site's page.
pub(super) fn check_origin(
    config: &ApiConfig,
    address: SocketAddr,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Answer<()> {
    if !config.tokens.is_empty() {
        return Ok(());
    }
    let said = headers.get(HOST).and_then(|host| host.to_str().ok());
    let named = uri.authority().map(hyper::http::uri::Authority::as_str);
    let hosts: Vec<&str> = said.into_iter().chain(named).collect();
    if let Some(wrong) = hosts.iter().find(|host| !is_ours(config, address, host)) {
        let detail = format!("{wrong:?} is no name of this API: ask by {address}, or configure the name");
        return Err(Fault::new(Kind::WrongHost, detail));
    }
    if hosts.is_empty() {
        return Err(Fault::new(Kind::WrongHost, "the request names no host: send the header Host"));
    }
    if *method == Method::GET || *method == Method::HEAD {
        return Ok(());
    }
    let site = headers.get(FETCH_SITE).map(|site| site.to_str().unwrap_or("unreadable"));
    if let Some(site) = site.filter(|site| !matches!(*site, "same-origin" | "none")) {
        return Err(Fault::new(
            Kind::CrossOrigin,
            format!("a page of another origin sent this ({site}): use this API's own"),
        ));
    }
    let origin = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or("unreadable"));
    if let Some(origin) = origin.filter(|origin| !is_same(config, origin, said)) {
        return Err(Fault::new(Kind::CrossOrigin, format!("a page of {origin:?} sent this: use this API's own")));
    }
    Ok(())
}

/// Says whether a page of this origin is ours: of the very host and port that was asked, or of a configured name.
fn is_same(config: &ApiConfig, origin: &str, host: Option<&str>) -> bool {
    let Some((_, authority)) = origin.split_once("://") else { return false };
    host.is_some_and(|host| host.eq_ignore_ascii_case(authority)) || is_configured(config, without_port(authority))
}

fn is_ours(config: &ApiConfig, address: SocketAddr, host: &str) -> bool {
    let name = without_port(host);
    let literal: Option<IpAddr> = name.trim_start_matches('[').trim_end_matches(']').parse().ok();
    name.eq_ignore_ascii_case("localhost")
        || literal.is_some_and(|literal| literal.is_loopback() || literal == address.ip())
        || is_configured(config, name)
}

fn is_configured(config: &ApiConfig, name: &str) -> bool {
    config.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
}

/// Returns a host without the port behind it; a literal of version 6 is in brackets.
fn without_port(host: &str) -> &str {
    if host.ends_with(']') {
        return host;
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(method: &Method, headers: &[(&'static str, &'static str)]) -> Result<(), Kind> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let config = ApiConfig { hosts: vec!["delian.example".to_string()], ..ApiConfig::default() };
        let address = "127.0.0.1:8001".parse().unwrap();
        check_origin(&config, address, method, &Uri::from_static("/v1/nodes"), &map).map_err(|fault| fault.kind)
    }

    #[test]
    fn only_names_of_the_api_are_answered() {
        for host in ["127.0.0.1:8001", "localhost", "LOCALHOST:1", "[::1]:8001", "[::1]", "delian.example:443"] {
            assert_eq!(judge(&Method::GET, &[("host", host)]), Ok(()), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8001", "", "[::2]", "10.0.0.1"] {
            assert_eq!(judge(&Method::GET, &[("host", host)]), Err(Kind::WrongHost), "{host}");
        }
        assert_eq!(judge(&Method::GET, &[]), Err(Kind::WrongHost));
    }

    #[test]
    fn a_page_of_another_origin_changes_nothing() {
        let host = ("host", "localhost:8001");
        let ours = [("origin", "http://localhost:8001"), ("origin", "https://delian.example")];
        for origin in ours {
            assert_eq!(judge(&Method::PUT, &[host, origin]), Ok(()), "{origin:?}");
        }
        for site in ["same-origin", "none"] {
            assert_eq!(judge(&Method::PUT, &[host, ("sec-fetch-site", site)]), Ok(()), "{site}");
        }
        for origin in ["http://evil.example", "null", "http://localhost:8002", "http://localhost:8001.evil.example"] {
            assert_eq!(judge(&Method::PUT, &[host, ("origin", origin)]), Err(Kind::CrossOrigin), "{origin}");
        }
        for site in ["cross-site", "same-site"] {
            assert_eq!(judge(&Method::PUT, &[host, ("sec-fetch-site", site)]), Err(Kind::CrossOrigin), "{site}");
        }
        let read = [host, ("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")];
        assert_eq!(judge(&Method::GET, &read), Ok(()), "no script of theirs may read the answer");
    }

    #[test]
    fn a_token_is_found_by_its_text_alone() {
        let tokens = vec![Token::of_text("ada", Role::Read, "aaa"), Token::of_text("bob", Role::Operate, "bbb")];
        let config = ApiConfig { tokens, ..ApiConfig::default() };
        let of = |said: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, said.parse().unwrap());
            token(&config, &headers).map(|token| token.name.clone())
        };
        assert_eq!(of("Bearer aaa").as_deref(), Some("ada"));
        assert_eq!(of("bearer bbb").as_deref(), Some("bob"));
        for wrong in ["Bearer aab", "Bearer", "Basic aaa", "aaa", "Bearer "] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
