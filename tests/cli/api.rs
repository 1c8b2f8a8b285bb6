//! A node that is none: canned documents over HTTP, so that commands can be judged without a federation.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and path, such as `GET /v1/status`.
    pub(crate) line: String,
    /// The header lines, in lower case.
    pub(crate) headers: Vec<String>,
    /// The body.
    pub(crate) body: String,
}

/// What is answered.
pub(crate) struct Canned {
    /// The status line without its version, such as `200 OK`.
    status: &'static str,
    kind: &'static str,
    body: String,
}

/// A document.
pub(crate) fn document(body: &str) -> Canned {
    Canned { status: "200 OK", kind: "application/json", body: body.to_string() }
}

/// A refusal.
pub(crate) fn problem(status: &'static str, body: &str) -> Canned {
    Canned { status, kind: "application/problem+json", body: body.to_string() }
}

/// A stream that ends after these events.
pub(crate) fn events(body: &str) -> Canned {
    Canned { status: "200 OK", kind: "text/event-stream", body: body.to_string() }
}

impl Canned {
    /// A connection that ends without an answer.
    pub(crate) fn broken() -> Self {
        Self { status: "", kind: "", body: String::new() }
    }
}

/// A server that answers one request on each connection, until it is dropped.
pub(crate) struct Api {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    server: Option<JoinHandle<()>>,
}

/// How a connection says that the server is to end.
const END: &str = "END / HTTP/1.1";

impl Api {
    /// Answers each request with what `answer` says, which is also told how many came before it.
    pub(crate) fn new(answer: impl Fn(usize, &Asked) -> Canned + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let server = thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let Some(question) = read(&stream) else { continue };
                if question.line == "END /" {
                    return;
                }
                let number = kept.lock().expect("nobody panics with it").len();
                kept.lock().expect("nobody panics with it").push(question.clone());
                let Canned { status, kind, body } = answer(number, &question);
                if status.is_empty() {
                    continue;
                }
                let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
                // A client that has seen enough is gone.
                drop((&stream).write_all((head + &body).as_bytes()));
            }
        });
        Self { address, asked, server: Some(server) }
    }

    /// Answers every request with the same.
    pub(crate) fn always(status: &'static str, body: &'static str) -> Self {
        Self::new(move |_, _| if status == "200 OK" { document(body) } else { problem(status, body) })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns all that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("nobody panics with it").clone()
    }

    /// Returns what was asked so far, without headers.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| format!("{} {}", asked.line, asked.body).trim_end().to_string()).collect()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            drop(stream.write_all(format!("{END}\r\n\r\n").as_bytes()));
        }
        if let Some(server) = self.server.take() {
            drop(server.join());
        }
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_string()),
        }
    }
    let line = lines.first()?.strip_suffix(" HTTP/1.1")?.to_string();
    let headers: Vec<String> = lines[1..].iter().map(|line| line.to_lowercase()).collect();
    let length = headers.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { line, headers, body: String::from_utf8(body).ok()? })
}

/// Returns an address at which nobody listens.
pub(crate) fn nowhere() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    format!("http://{}", listener.local_addr().expect("it is bound"))
}
