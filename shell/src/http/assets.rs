//! Files of the dashboard: few, small, compiled in, and allowed to load nothing from elsewhere.

use axum::response::{IntoResponse, Response};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use hyper::{HeaderMap, StatusCode};

use super::config::sha256;

/// A file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its path, from `/` on.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// What it holds.
    pub bytes: &'static [u8],
}

/// Files to serve; `/` is the page.
pub type Assets = &'static [Asset];

/// Returns a file, or that the asker has it.
pub(super) fn serve(asset: &Asset, headers: &HeaderMap) -> Response {
    let hash = sha256(asset.bytes);
    let tag = format!("\"{:016x}\"", hash[..8].iter().fold(0, |tag: u64, byte| tag << 8 | u64::from(*byte)));
    let mut answer = if matches(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, HeaderValue::from_static(asset.content_type))], asset.bytes).into_response()
    };
    let said = answer.headers_mut();
    // Always asked about, so that a node of another release never serves a page with the scripts of this one.
    said.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        said.insert(ETAG, tag);
    }
    answer
}

/// Says whether the asker holds what this tag names (RFC 9110, section 13.1.2).
pub(super) fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let held = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    held.flat_map(|line| line.split(',')).map(str::trim).any(|held| held == "*" || held.trim_start_matches("W/") == tag)
}
