//! Logs for a collector of OpenTelemetry: the same lines as those that are written, by OTLP over HTTP.
//!
//! A thread of its own sends them in batches, so a collector that is slow or gone holds nothing up: what it cannot be told
//! in time is dropped.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, LogExporter, Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use ureq::Agent;

use crate::config::Endpoint;

/// How long a collector may take for a batch.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// The most that it may have to say of one.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What sends the lines of this process. Dropped, it sends what still waits.
#[derive(Debug)]
pub struct Collector(SdkLoggerProvider);

impl Collector {
    /// Begins to send for a node of this name. Nobody is asked whether a collector is there.
    ///
    /// # Errors
    ///
    /// Returns why its address makes no sense.
    pub fn at(collector: &Endpoint, node: &str) -> Result<Self, ExporterBuildError> {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(SEND_TIMEOUT)).proxy(None);
        let exporter = LogExporter::builder()
            .with_http()
            .with_http_client(Post(config.build().new_agent()))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("http://{collector}/v1/logs"))
            .with_timeout(SEND_TIMEOUT)
            .build()?;
        let who = [
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", node.to_owned()),
        ];
        let resource = Resource::builder_empty().with_service_name("delian").with_attributes(who).build();
        Ok(Self(SdkLoggerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build()))
    }

    /// Returns what takes the lines: see [`set_up_with`](super::logs::set_up_with).
    pub fn layer(&self) -> OpenTelemetryTracingBridge<SdkLoggerProvider, SdkLogger> {
        OpenTelemetryTracingBridge::new(&self.0)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // A collector that is gone at the end hears nothing of it.
        let _ = self.0.shutdown_with_timeout(SEND_TIMEOUT);
    }
}

/// Sends and waits: the thread that sends has nothing else to do.
#[derive(Debug)]
struct Post(Agent);

#[async_trait]
impl HttpClient for Post {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.0.run(request.map(|body| body.to_vec()))?;
        let (head, mut body) = answer.into_parts();
        let bytes = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Response::from_parts(head, bytes.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// Takes one request, and returns its first line and its body.
    fn take_one(listener: &TcpListener) -> (String, Vec<u8>) {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
        reader.read_line(&mut first).unwrap();
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        (first, body)
    }

    #[test]
    fn a_line_comes_to_the_collector_with_its_fields_and_who_wrote_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = listener.local_addr().unwrap().to_string().parse().unwrap();
        let taking = thread::spawn(move || take_one(&listener));
        let collector = Collector::at(&endpoint, "node-7").unwrap();
        let lines = tracing_subscriber::registry().with(collector.layer());
        tracing::subscriber::with_default(lines, || {
            tracing::info!(target: "delian::event", kind = "became_leader", node = "n7", "n7 leads term 3");
        });
        // What waits is sent before it ends.
        drop(collector);
        let (first, body) = taking.join().unwrap();
        assert_eq!(first, "POST /v1/logs HTTP/1.1\r\n");
        for text in ["n7 leads term 3", "became_leader", "delian::event", "node-7", "service.instance.id"] {
            assert!(body.windows(text.len()).any(|window| window == text.as_bytes()), "{text:?} is not sent");
        }
    }

    #[test]
    fn a_collector_that_is_gone_holds_nobody_up() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string().parse().unwrap();
        let collector = Collector::at(&gone, "node-7").unwrap();
        let lines = tracing_subscriber::registry().with(collector.layer());
        tracing::subscriber::with_default(lines, || {
            (0..10_000).for_each(|line| tracing::info!(line, "said to nobody"));
        });
    }
}
