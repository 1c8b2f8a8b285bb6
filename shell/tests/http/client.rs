//! A small client: one connection per request, everything by hand, so that it may also do what no proper client does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far more than anything here takes: a test that gets there has failed.
pub(crate) const FAR: Duration = Duration::from_mins(1);

#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}\n{}", self.status, self.headers, self.text())
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn document<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Requires a problem of this kind, and returns its detail.
    pub(crate) fn problem(&self, status: u16, word: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        self.require_problem();
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:delian:problem:{word}"), "{self:?}");
        problem["detail"].as_str().expect("a detail").to_string()
    }

    /// Requires that this is a whole problem document.
    pub(crate) fn require_problem(&self) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem: delian_shell::shapes::Problem = serde_json::from_slice(&self.body).expect("a problem");
        assert_eq!(problem.status, self.status);
        assert!(!problem.title.is_empty() && !problem.detail.is_empty() && problem.node.is_some(), "{self:?}");
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, headers: vec![("Host".to_string(), address.to_string())] }
    }

    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        headers.push((name.to_string(), value.to_string()));
        Self { address: self.address, headers }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, b"").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, b"").await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.with("Content-Type", "application/json").ask("PUT", path, body.to_string().as_bytes()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.with("Content-Type", "application/json").ask("POST", path, body.to_string().as_bytes()).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        timeout(FAR, self.try_ask(method, path, body)).await.expect("an answer").expect("a connection")
    }

    pub(crate) async fn try_ask(&self, method: &str, path: &str, body: &[u8]) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(self.address).await?;
        let length = format!("Connection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        let head = self.head(method, path) + &length;
        let request = [head.as_bytes(), body].concat();
        // A server that refuses a long request may close before it has read all of it.
        let _ = stream.write_all(&request).await;
        let _ = stream.flush().await;
        let mut bytes = Vec::new();
        let mut chunk = vec![0; 16 * 1024];
        loop {
            match stream.read(&mut chunk).await {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
                Err(_) if !bytes.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        parse(&bytes).ok_or_else(|| std::io::Error::other(format!("no answer: {:?}", String::from_utf8_lossy(&bytes))))
    }

    fn head(&self, method: &str, path: &str) -> String {
        let lines = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        format!("{method} {path} HTTP/1.1\r\n{}", lines.collect::<String>())
    }

    /// Asks until the answer is as it should be.
    pub(crate) async fn until(&self, path: &str, is: impl Fn(&Answer) -> bool) -> Answer {
        let mut last = None;
        let ask = async {
            loop {
                let answer = self.get(path).await;
                if is(&answer) {
                    return answer;
                }
                last = Some(answer);
                tokio::task::yield_now().await;
            }
        };
        let asked = timeout(FAR, ask).await.ok();
        asked.unwrap_or_else(|| panic!("{path} stayed {last:?}"))
    }

    /// Begins to watch as soon as there is a place.
    pub(crate) async fn watch_when_free(&self, path: &str) -> Watching {
        let begin = async {
            loop {
                if let Ok(watching) = self.try_watch(path).await {
                    return watching;
                }
            }
        };
        timeout(FAR, begin).await.expect("a place")
    }

    /// Begins to watch.
    pub(crate) async fn watch(&self, path: &str) -> Watching {
        self.try_watch(path).await.unwrap_or_else(|head| panic!("{head}"))
    }

    async fn try_watch(&self, path: &str) -> Result<Watching, String> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("{}\r\n", self.head("GET", path)).as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let mut watching = Watching { stream, raw: Vec::new(), text: String::new(), ended: false };
        while !watching.raw.windows(4).any(|it| it == b"\r\n\r\n") {
            assert!(watching.read().await, "an answer");
        }
        let end = watching.raw.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(watching.raw.drain(..end).collect()).unwrap();
        if !(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream")) {
            return Err(head);
        }
        watching.unchunk();
        Ok(watching)
    }
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_string()));
    let headers: BTreeMap<String, String> = lines.filter_map(pair).collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|encoding| encoding == "chunked") {
        body = unchunk(&mut body);
    }
    Some(Answer { status, headers, body })
}

/// Takes whole chunks out of what arrived.
fn unchunk(raw: &mut Vec<u8>) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(line) = raw.windows(2).position(|it| it == b"\r\n") {
        let size = std::str::from_utf8(&raw[..line]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("the size of a chunk");
        if size == 0 || raw.len() < line + 4 + size {
            break;
        }
        whole.extend_from_slice(&raw[line + 2..line + 2 + size]);
        raw.drain(..line + 4 + size);
    }
    whole
}

/// A stream of events.
pub(crate) struct Watching {
    stream: TcpStream,
    raw: Vec<u8>,
    text: String,
    ended: bool,
}

/// A block of a stream: an event, or a comment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Block {
    pub(crate) comment: String,
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Value,
}

impl Watching {
    async fn read(&mut self) -> bool {
        let mut chunk = [0; 4096];
        let count = timeout(FAR, self.stream.read(&mut chunk)).await.expect("something to read").unwrap_or(0);
        self.raw.extend_from_slice(&chunk[..count]);
        count > 0
    }

    fn unchunk(&mut self) {
        let whole = unchunk(&mut self.raw);
        self.text += std::str::from_utf8(&whole).unwrap();
    }

    /// Returns the next block; nothing at the end.
    pub(crate) async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_string(), rest.to_string());
                self.text = rest;
                return Some(read_block(&block));
            }
            if self.ended || !self.read().await {
                return None;
            }
            self.ended = self.raw.ends_with(b"0\r\n\r\n");
            self.unchunk();
        }
    }

    /// Returns the next event; nothing at the end.
    pub(crate) async fn event(&mut self) -> Option<Block> {
        loop {
            let block = self.block().await?;
            if !block.event.is_empty() {
                return Some(block);
            }
        }
    }

    /// Reads on until an event of this kind.
    pub(crate) async fn event_of(&mut self, kind: &str) -> Block {
        loop {
            let event = self.event().await.unwrap_or_else(|| panic!("no {kind} came"));
            if event.event == kind {
                return event;
            }
        }
    }
}

fn read_block(text: &str) -> Block {
    let mut block = Block::default();
    for line in text.lines() {
        match line.split_once(": ") {
            Some(("", comment)) => block.comment = comment.to_string(),
            Some(("id", id)) => block.id = id.to_string(),
            Some(("event", event)) => block.event = event.to_string(),
            Some(("data", data)) => block.data = serde_json::from_str(data).unwrap(),
            Some(("retry", _)) => {}
            other => panic!("{other:?} in {text:?}"),
        }
    }
    block
}
