//! Server-sent events, as the HTML standard has them (section 9.2.6), read from a stream.

use std::io::{self, BufRead, ErrorKind, Read};

/// The most bytes of a line: an event of a node takes far fewer, and a stream that never ends a line is none.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// The most bytes of an event.
const EVENT_BYTES_MAX: usize = 4 << 20;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Its id, or that of the last one before it that had one.
    pub(crate) id: Option<String>,
    /// What it is called.
    pub(crate) event: String,
    /// What it says.
    pub(crate) data: String,
}

/// The events of a stream.
pub(crate) struct Frames<R> {
    stream: R,
    id: Option<String>,
}

impl<R: BufRead> Frames<R> {
    pub(crate) const fn new(stream: R) -> Self {
        Self { stream, id: None }
    }

    /// Returns the next line without its end; nothing at the end of the stream, also amid a line.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        (&mut self.stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
        if bytes.pop() != Some(b'\n') {
            if bytes.len() as u64 + 1 >= LINE_BYTES_MAX {
                return Err(io::Error::new(ErrorKind::InvalidData, "a line of the stream never ends"));
            }
            return Ok(None);
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn frame(&mut self) -> io::Result<Option<Frame>> {
        let (mut event, mut data) = (String::new(), Vec::<String>::new());
        let mut bytes = 0;
        while let Some(line) = self.line()? {
            if line.is_empty() {
                if event.is_empty() && data.is_empty() {
                    continue;
                }
                let event = if event.is_empty() { "message".to_string() } else { event };
                return Ok(Some(Frame { id: self.id.clone(), event, data: data.join("\n") }));
            }
            bytes += line.len();
            if bytes > EVENT_BYTES_MAX {
                return Err(io::Error::new(ErrorKind::InvalidData, "an event of the stream never ends"));
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_string();
            match field {
                "id" => self.id = Some(value),
                "event" => event = value,
                "data" => data.push(value),
                // A comment keeps the stream alive; `retry` is for browsers.
                _ => {}
            }
        }
        Ok(None)
    }
}

impl<R: BufRead> Iterator for Frames<R> {
    type Item = io::Result<Frame>;

    fn next(&mut self) -> Option<Self::Item> {
        self.frame().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(text: &str) -> Vec<Frame> {
        Frames::new(text.as_bytes()).map(|frame| frame.unwrap()).collect()
    }

    #[test]
    fn events_have_names_ids_and_lines_of_data() {
        let text = ": hello\n\nid: 3:7\nevent: node_failed\ndata: {\ndata: }\n\nretry: 5\ndata:x\r\n\r\nevent: cut\n\n";
        let told: Vec<_> = frames(text).into_iter().map(|it| (it.id.unwrap(), it.event, it.data)).collect();
        let expected = [("3:7", "node_failed", "{\n}"), ("3:7", "message", "x"), ("3:7", "cut", "")];
        assert_eq!(told, expected.map(|(id, event, data)| (id.to_string(), event.to_string(), data.to_string())));
    }

    #[test]
    fn what_the_stream_breaks_off_is_no_event() {
        assert_eq!(frames("data: a\n\ndata: b\n").len(), 1);
        assert_eq!(frames("data: a\n\ndata: b").len(), 1);
    }

    #[test]
    fn a_line_that_never_ends_is_refused() {
        let long = vec![b'a'; LINE_BYTES_MAX as usize + 1];
        assert!(Frames::new(&long[..]).next().unwrap().is_err());
        let many = format!("data: {}\n", "a".repeat(1000)).repeat(EVENT_BYTES_MAX / 1000 + 1);
        assert!(Frames::new(many.as_bytes()).next().unwrap().is_err());
    }
}
