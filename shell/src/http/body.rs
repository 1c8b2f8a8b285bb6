//! Bodies: JSON, of a bounded size, with the field that is wrong.

use axum::body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Request};
use serde::de::DeserializeOwned;

use super::fault::{Answer, Fault, Kind};

/// Reads a document.
pub(super) async fn document<T: DeserializeOwned>(request: Request<Body>, max: usize) -> Answer<T> {
    if !is_json(request.headers()) {
        return Err(Fault::new(Kind::NotJson, "send the header Content-Type: application/json"));
    }
    let bytes = bytes(request.into_body(), max).await?;
    read(&bytes)
}

/// Reads a document, or takes the default in place of an empty body.
pub(super) async fn document_or_default<T: DeserializeOwned + Default>(
    request: Request<Body>,
    max: usize,
) -> Answer<T> {
    let says_json = is_json(request.headers());
    let bytes = bytes(request.into_body(), max).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    if !says_json {
        return Err(Fault::new(Kind::NotJson, "send the header Content-Type: application/json"));
    }
    read(&bytes)
}

/// Requires that a request has no body.
pub(super) async fn nothing(request: Request<Body>, max: usize) -> Answer<()> {
    if bytes(request.into_body(), max).await?.is_empty() {
        return Ok(());
    }
    Err(Fault::new(Kind::BadBody, "this request takes no body: leave it out"))
}

async fn bytes(body: Body, max: usize) -> Answer<hyper::body::Bytes> {
    match Limited::new(body, max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Fault::new(Kind::TooLarge, format!("the body is above {max} bytes: send less")))
        }
        Err(error) => Err(Fault::new(Kind::BadBody, format!("the body broke off: {error}"))),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = said.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/json")
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Answer<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let document = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let at = if path == "." { String::new() } else { format!("at {path}: ") };
        Fault::new(Kind::BadBody, format!("{at}{}", error.inner()))
    })?;
    reader.end().map_err(|error| Fault::new(Kind::BadBody, format!("behind the document: {error}")))?;
    Ok(document)
}
