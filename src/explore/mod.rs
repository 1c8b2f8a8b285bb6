//! `delian check MODEL --explore`: a page to walk the states of one model by hand.
//!
//! The page and all that it needs are part of this command; it is served on the loopback interface alone, to whoever asks
//! for it there by a name of this machine. In reading order: `site` says what is answered, `http` how requests come in and
//! answers go out.

mod site;
mod http;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use delian_sim::explore::cluster::Cluster;
use delian_sim::explore::cluster::model::Model;
use delian_sim::explore::{Limits, Shipped};
use delian_sim::report::human::plural;

use self::http::Reply;
use self::site::Site;
use crate::answer::{Answer, Problem};
use crate::cli::CheckArguments;
use crate::screen;

/// How many states the search for places to jump to may meet when nobody says: seconds, and all of most models.
const STATES_MAX: u64 = 1_000_000;

/// Connections that are served at once: a browser opens six, and a few of them only in advance.
const CONNECTIONS_MAX: usize = 32;

/// How long a connection may be silent in the midst of its request or its answer.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Serves the page of a model until it is stopped or nobody asks for anything.
pub(crate) fn run(arguments: &CheckArguments, model: Model) -> Result<Answer, Problem> {
    let (port, idle) = (arguments.by_hand.port.unwrap_or(0), arguments.by_hand.idle);
    let limits = Limits {
        states_max: arguments.space.max_states.unwrap_or(STATES_MAX),
        memory_max: arguments.space.max_memory,
        state_bytes: Some(Cluster::STATE_BYTES),
    };
    let name = model.name;
    let server = Server::start(model, limits, port)
        .map_err(|error| Problem::new(format!("cannot listen on 127.0.0.1:{port}: {error}")))?;
    let (address, minutes) = (server.address(), plural(idle, "minute"));
    screen::say(&format!(
        "Walk {name} at http://{address}/\nCtrl-C stops it, as does its button, or {minutes} of rest.\n"
    ))?;
    server.wait(Duration::from_secs(idle.saturating_mul(60)));
    Ok(Answer::Yes)
}

/// What a connection tells whoever waits for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Asked,
    Stop,
}

/// A page that is being served.
struct Server {
    site: Arc<Site>,
    address: SocketAddr,
    words: Receiver<Word>,
    listening: JoinHandle<()>,
}

impl Server {
    /// Begins to listen on this port, or on any that is free if it is 0.
    fn start(model: Model, limits: Limits, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let site = Arc::new(Site::new(model, limits));
        let (tell, words) = mpsc::channel();
        let listening = {
            let site = Arc::clone(&site);
            thread::spawn(move || listen(&listener, &site, &tell))
        };
        Ok(Self { site, address, words, listening })
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns once somebody stops it, or asked for nothing in so long a time.
    fn wait(self, idle: Duration) {
        while self.words.recv_timeout(idle) == Ok(Word::Asked) {}
        self.site.stop();
        // Whoever listens wakes up by a connection. If none can be made, it has ended already.
        if TcpStream::connect(self.address).is_ok() {
            drop(self.listening.join());
        }
    }
}

fn listen(listener: &TcpListener, site: &Arc<Site>, tell: &Sender<Word>) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        if site.is_stopped() {
            return;
        }
        // One that went away while it waited concerns nobody.
        let Ok(stream) = stream else { continue };
        if open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
            open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (site, tell, open) = (Arc::clone(site), tell.clone(), Arc::clone(&open));
        thread::spawn(move || {
            if let Ok(word) = serve(stream, &site) {
                // Nobody listens once the end has come.
                let _ = tell.send(word);
            }
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Answers the one request of a connection.
fn serve(mut stream: TcpStream, site: &Arc<Site>) -> io::Result<Word> {
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    let (word, reply) = match http::read(&mut stream)? {
        Ok(request) => site.answer(&request),
        Err(refusal) => (Word::Asked, refusal),
    };
    Reply::write(&reply, &mut stream)?;
    Ok(word)
}

/// Returns what a lock holds, whoever panicked while holding it: what is kept behind locks here is replaced as a whole.
fn held<T>(lock: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
