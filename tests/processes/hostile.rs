//! Ports that are shouted at.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use crate::federation::{Federation, registration};

/// Bytes that look like chance and are the same every time.
fn junk(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn junk_on_every_port_harms_nobody() {
    let federation = Federation::found("junk", 3);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
    for number in 1..=3 {
        let node = federation.node(number);
        let http = node.http.trim_start_matches("http://").trim_end_matches('/').to_owned();
        for round in 0..150_u64 {
            let bytes = junk(round * 3 + number, 1 + (round as usize * 37) % 3000);
            // Whoever is shouted at may hang up.
            drop(socket.send_to(&bytes[..bytes.len().min(1400)], &node.listen));
            for address in [&node.listen, &http] {
                if let Ok(mut stream) = TcpStream::connect(address) {
                    drop(stream.write_all(&bytes));
                    if round % 10 == 0 {
                        drop(stream.set_read_timeout(Some(Duration::from_millis(20))));
                        drop(stream.read(&mut [0; 64]));
                    }
                }
            }
        }
    }
    for number in 1..=3_u64 {
        let path = format!("/v1/nodes/n{}", 600 + number);
        let answer = federation.api(number).put(&path, &registration(&format!("calm-{number}")));
        answer.expect("the node is there").with(200);
    }
}

#[test]
fn watchers_that_come_and_go_by_thousands_leave_nothing_behind() {
    let mut federation = Federation::new("watchers");
    federation.set("http.requests_per_second=1000000");
    federation.set("http.requests_burst=1000000");
    federation.start(1, &["--found"]);
    federation.leader_among(&[1]);
    let mut watched = 0;
    let http = federation.node(1).http.trim_start_matches("http://").trim_end_matches('/').to_owned();
    for _ in 0..10_000 {
        let mut stream = TcpStream::connect(&http).expect("the node takes connections");
        let ask = format!("GET /v1/watch HTTP/1.1\r\nHost: {http}\r\nAccept: text/event-stream\r\n\r\n");
        stream.write_all(ask.as_bytes()).expect("the node reads");
        let mut first = [0; 12];
        stream.read_exact(&mut first).expect("the node answers");
        assert!(first.starts_with(b"HTTP/1.1 "), "{:?}", String::from_utf8_lossy(&first));
        watched += u32::from(first.ends_with(b"200"));
    }
    // There may be so many at a time; the others were told so.
    assert!(watched > 1_000, "{watched} of 10,000 watched");
    federation.wait_for_text(1, "/metrics", "nobody watches any more", |text| {
        text.lines().any(|line| line == "delian_watchers 0")
    });
    federation.api(1).put("/v1/nodes/n600", &registration("calm")).expect("the node is there").with(200);
}
