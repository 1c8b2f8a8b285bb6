//! As much of HTTP/1.1 as one page needs: the head of one request comes in, one answer goes out, the connection ends.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use serde_json::json;

/// The longest head of a request: a path of the longest kind, and whatever a browser tells of itself.
const HEAD_MAX: usize = 16 << 10;

/// The most lines of a head.
const LINES_MAX: usize = 64;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// What is behind the name of the machine.
    pub(super) target: String,
    /// By what name the machine was called.
    pub(super) host: Option<String>,
    /// Whose page asks, if a browser says so.
    pub(super) origin: Option<String>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: Status,
    kind: &'static str,
    body: Cow<'static, str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    Bad,
    Forbidden,
    Missing,
    NotAllowed,
}

impl Status {
    const fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::Bad => "400 Bad Request",
            Self::Forbidden => "403 Forbidden",
            Self::Missing => "404 Not Found",
            Self::NotAllowed => "405 Method Not Allowed",
        }
    }
}

/// Reads the head of a request, or says what is wrong with it.
///
/// # Errors
///
/// If the connection fails or is silent; then there is nobody to answer.
pub(super) fn read(stream: &mut impl Read) -> io::Result<Result<Request, Reply>> {
    let mut head = Vec::new();
    let mut piece = [0; 1 << 10];
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&piece[..count]);
        match parse(&head) {
            Ok(Some(request)) => return Ok(Ok(request)),
            Ok(None) if head.len() < HEAD_MAX => {}
            Ok(None) => {
                return Ok(Err(Reply::refusal(Status::Bad, &format!("the request is above {HEAD_MAX} bytes"))));
            }
            Err(error) => return Ok(Err(Reply::refusal(Status::Bad, &format!("this is no request: {error}")))),
        }
    }
}

/// Returns the request once its head is whole.
fn parse(head: &[u8]) -> Result<Option<Request>, httparse::Error> {
    let mut lines = [httparse::EMPTY_HEADER; LINES_MAX];
    let mut parsed = httparse::Request::new(&mut lines);
    if parsed.parse(head)?.is_partial() {
        return Ok(None);
    }
    let line = |name: &str| {
        let found = parsed.headers.iter().find(|line| line.name.eq_ignore_ascii_case(name));
        found.map(|line| String::from_utf8_lossy(line.value).into_owned())
    };
    let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
    Ok(Some(Request {
        method: word(parsed.method),
        target: word(parsed.path),
        host: line("host"),
        origin: line("origin"),
    }))
}

impl Reply {
    pub(super) fn new(kind: &'static str, body: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Ok, kind, body: body.into() }
    }

    pub(super) fn json(body: String) -> Self {
        Self::new("application/json", body)
    }

    pub(super) fn refusal(status: Status, why: &str) -> Self {
        Self { status, ..Self::json(json!({ "error": why }).to_string()) }
    }

    pub(super) fn write(&self, stream: &mut impl Write) -> io::Result<()> {
        let Self { status, kind, body } = self;
        // Nothing is loaded from anywhere else, and no other page may show this one in a frame.
        let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        write!(
            stream,
            "HTTP/1.1 {}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
             Cache-Control: no-store\r\nContent-Security-Policy: {policy}\r\nX-Content-Type-Options: nosniff\r\n\
             Referrer-Policy: no-referrer\r\n\r\n",
            status.line(),
            body.len()
        )?;
        stream.write_all(body.as_bytes())?;
        stream.flush()
    }
}
