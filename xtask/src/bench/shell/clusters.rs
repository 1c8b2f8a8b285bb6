//! Three nodes on loopback, with their stores on one disk: ours, and etcd's.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::load::{Connection, request};
use crate::process::{Running, Stopwatch, wait};
use crate::{Problem, process};

/// How long a cluster may take to come about.
const PATIENCE: Duration = Duration::from_mins(1);

/// How many different keys, or registered nodes, are written: a federation of some size, whose nodes come back and state
/// themselves again.
const KEYS: u64 = 1_000;

/// How long a client waits for an answer while a leader may be gone, before it asks again. What it asks for may be done
/// twice.
const FAILOVER_PATIENCE: Duration = Duration::from_millis(200);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contender {
    Delian,
    Etcd,
}

impl Contender {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Delian => "delian",
            Self::Etcd => "etcd",
        }
    }

    /// Returns a request that writes about 200 bytes.
    pub(super) fn write(self, address: &str, number: u64) -> Vec<u8> {
        let key = number % KEYS;
        match self {
            Contender::Delian => {
                let place = json!({
                    "region": "eu", "datacenter": "zrh1", "rack": format!("r{}", key % 40),
                    "latitude_microdegrees": 47_376_900, "longitude_microdegrees": 8_541_700,
                });
                let body = json!({
                    "name": format!("bench-{key}"), "address": "192.0.2.7", "port": 7000, "place": place,
                    "total_bytes": 1_u64 << 40, "free_bytes": number, "tags": { "note": "x".repeat(80) },
                });
                request("PUT", address, &format!("/v1/nodes/n{}", 1_000_000 + key), &body.to_string())
            }
            // The same number of bytes in the log; in base64, as its gateway wants them.
            Contender::Etcd => {
                let key = format!("YmVuY2gt{key:08}");
                let body = json!({ "key": key, "value": "eHh4".repeat(60) });
                request("POST", address, "/v3/kv/put", &body.to_string())
            }
        }
    }
}

/// Three running nodes.
pub(super) struct Cluster {
    contender: Contender,
    program: PathBuf,
    folder: PathBuf,
    /// Each with where clients ask it.
    nodes: Vec<Node>,
}

struct Node {
    process: Option<Running>,
    client: String,
    peer: String,
}

impl Cluster {
    /// Starts three nodes on empty disks and waits until they take writes.
    pub(super) fn start(contender: Contender, program: &Path, folder: &Path) -> Result<Self, Problem> {
        // A folder that is not there is as empty as it should be.
        drop(std::fs::remove_dir_all(folder));
        std::fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let ports = free_ports(6)?;
        let node = |pair: &[u16]| Node {
            process: None,
            client: format!("127.0.0.1:{}", pair[0]),
            peer: format!("127.0.0.1:{}", pair[1]),
        };
        let nodes = ports.chunks(2).map(node).collect();
        let mut cluster = Self { contender, program: program.to_owned(), folder: folder.to_owned(), nodes };
        for place in 0..cluster.nodes.len() {
            cluster.run(place, place == 0)?;
        }
        cluster.settle()?;
        Ok(cluster)
    }

    /// Starts a node, for the first time or on what it wrote before.
    fn run(&mut self, place: usize, is_founder: bool) -> Result<(), Problem> {
        let node = &self.nodes[place];
        let mut command = Command::new(&self.program);
        let data = self.folder.join(format!("{place}"));
        match self.contender {
            Contender::Delian => {
                command.args(["node", "--dev", "--json", "--name", &format!("node-{place}")]);
                command.args(["--listen", &node.peer, "--http", &node.client, "--data"]).arg(&data);
                // A registration is what is written, and one node may not register as often as clients do here.
                let settings = [
                    "health.registration_burst=1000000",
                    "http.requests_per_second=1000000",
                    "http.requests_burst=1000000",
                    "http.requests_max=512",
                    "cluster.autopilot_settle=1s",
                    "log.filter=error",
                ];
                command.args(settings.iter().flat_map(|setting| ["--set", setting]));
                let others = self.nodes.iter().filter(|other| other.peer != node.peer);
                if is_founder {
                    command.arg("--found");
                } else {
                    command.args(others.flat_map(|other| ["--join", &other.peer]));
                }
            }
            Contender::Etcd => {
                let all: Vec<_> = self
                    .nodes
                    .iter()
                    .enumerate()
                    .map(|(place, node)| format!("n{place}=http://{}", node.peer))
                    .collect();
                let (client, peer) = (format!("http://{}", node.client), format!("http://{}", node.peer));
                command.args(["--name", &format!("n{place}"), "--data-dir"]).arg(&data);
                command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
                command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
                command.args(["--initial-cluster", &all.join(","), "--initial-cluster-state", "new"]);
                command.args(["--log-level", "error"]).stderr(Stdio::null());
            }
        }
        let process = match self.contender {
            Contender::Delian => {
                let (process, _) = Running::start(&mut command, |line| serde_json::from_str::<Value>(line).ok())?;
                process
            }
            Contender::Etcd => Running::start_silent(&mut command)?,
        };
        self.nodes[place].process = Some(process);
        Ok(())
    }

    /// Waits until all three vote and one leads.
    fn settle(&self) -> Result<(), Problem> {
        let watch = Stopwatch::start();
        while watch.elapsed() < PATIENCE {
            if self.votes() == self.nodes.len() && self.leader().is_some() {
                return Ok(());
            }
            wait(Duration::from_millis(50));
        }
        Err(format!("three nodes of {} do not come to vote", self.contender.name()))
    }

    fn votes(&self) -> usize {
        match self.contender {
            Contender::Delian => {
                let status = self.get(0, "GET", "/v1/status", "").unwrap_or_default();
                if status["log_settled"] != true {
                    return 0;
                }
                let members = status["log_members"].as_array().cloned().unwrap_or_default();
                members.iter().filter(|member| member["votes"] == true).count()
            }
            Contender::Etcd => {
                let list = self.get(0, "POST", "/v3/cluster/member/list", "{}").unwrap_or_default();
                list["members"].as_array().map_or(0, Vec::len)
            }
        }
    }

    /// Returns who leads, by place.
    pub(super) fn leader(&self) -> Option<usize> {
        (0..self.nodes.len()).find(|place| {
            self.nodes[*place].process.is_some()
                && match self.contender {
                    Contender::Delian => {
                        self.get(*place, "GET", "/v1/status", "").is_some_and(|status| status["role"] == "leader")
                    }
                    Contender::Etcd => self
                        .get(*place, "POST", "/v3/maintenance/status", "{}")
                        .is_some_and(|status| status["leader"] == status["header"]["member_id"]),
                }
        })
    }

    fn get(&self, place: usize, method: &str, path: &str, body: &str) -> Option<Value> {
        let address = &self.nodes[place].client;
        let (_, body) = Connection::open(address).ok()?.ask(&request(method, address, path, body)).ok()?;
        serde_json::from_slice(&body).ok()
    }

    /// Returns where clients ask a node.
    pub(super) fn client(&self, place: usize) -> &str {
        &self.nodes[place].client
    }

    /// Kills the leader as a power cut does, and returns how long it is until another node has taken a write.
    pub(super) fn fail_over(&mut self) -> Result<Duration, Problem> {
        let leader = self.leader().ok_or("nobody leads")?;
        let survivor = (leader + 1) % self.nodes.len();
        self.nodes[leader].process = None;
        let watch = Stopwatch::start();
        let address = self.nodes[survivor].client.clone();
        let write = self.contender.write(&address, 1);
        loop {
            let answered = Connection::with_patience(&address, FAILOVER_PATIENCE)
                .and_then(|mut connection| connection.ask(&write));
            if answered.is_ok_and(|(status, _)| status == 200) {
                break;
            }
            if watch.elapsed() > PATIENCE {
                return Err(format!("{} does not fail over", self.contender.name()));
            }
            wait(Duration::from_millis(5));
        }
        let took = watch.elapsed();
        self.run(leader, false)?;
        self.settle()?;
        Ok(took)
    }

    /// Returns what a node that does not lead has resident, in megabytes, and which share of a core it takes, over a while.
    pub(super) fn idle(&self, span: Duration) -> Result<(f64, f64), Problem> {
        let leader = self.leader().ok_or("nobody leads")?;
        let node = &self.nodes[(leader + 1) % self.nodes.len()];
        let process = node.process.as_ref().ok_or("the node has ended")?;
        let before = process::cpu_seconds(process.id())?;
        let watch = Stopwatch::start();
        wait(span);
        let share = (process::cpu_seconds(process.id())? - before) / watch.elapsed().as_secs_f64();
        Ok((process::resident_megabytes(process.id())?, share * 100.0))
    }
}

fn free_ports(count: usize) -> Result<Vec<u16>, Problem> {
    let listeners: Vec<_> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<_, _>>()
        .map_err(|error| occupied(&error))?;
    listeners
        .iter()
        .map(|listener| listener.local_addr().map(|address| address.port()).map_err(|error| occupied(&error)))
        .collect()
}

fn occupied(error: &std::io::Error) -> Problem {
    format!("no port is free: {error}")
}
