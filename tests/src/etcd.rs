//! Real etcd servers, one for each test, on ports and in folders of their own.
//!
//! A server can be killed, stopped cleanly, paused, and started again on the same port, with its data or
//! without. [`for_every_etcd`] runs a test once for each version found and once for the embedded server,
//! which runs as a program too (`ferlix etcd`), so that it can be treated in the same ways.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use crate::program::Program;
use crate::{DEADLINE, peers};

/// How often a free port is tried before giving up: another process may take it first.
const ATTEMPTS: usize = 5;
/// How often a starting server is asked whether it serves.
const LOOK: Duration = Duration::from_millis(10);

/// What kind of server to run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// The in-memory server of `ferlix-etcd`.
    Embedded,
    /// An etcd binary.
    Real(PathBuf),
}

/// A running etcd server. Dropped, it is killed and its data removed.
#[derive(Debug)]
pub struct EtcdServer {
    kind: Kind,
    version: String,
    client_port: u16,
    peer_port: u16,
    data: TempDir,
    program: Program,
}

impl EtcdServer {
    /// Starts a server and waits until it answers.
    ///
    /// # Panics
    /// When it cannot be started or does not answer by the deadline.
    pub fn start(kind: Kind) -> Self {
        let data = tempfile::tempdir().expect("the folder for temporary files is writable");
        let version = match &kind {
            Kind::Embedded => "embedded".to_owned(),
            Kind::Real(binary) => version(binary),
        };
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            let (client_port, peer_port) = free_ports();
            let mut program = launch(&kind, &version, client_port, peer_port, &data);
            match wait_until_served(&kind, client_port, &mut program) {
                Ok(()) => {
                    return Self {
                        kind,
                        version,
                        client_port,
                        peer_port,
                        data,
                        program,
                    };
                }
                Err(printed) => last = printed,
            }
        }
        panic!("etcd {version} does not start; it printed:\n{last}");
    }

    /// As the binary says, for example `3.5.1`, or `embedded`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The port for clients, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.client_port
    }

    /// `127.0.0.1:<port>`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.client_port)
    }

    /// The process, to be paused and resumed.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Ends the server as a crash does; [`start_again`](Self::start_again) brings it back.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Starts the server again on the same port after [`kill`](Self::kill). With `wipe`, its data is gone,
    /// and with it every key, lease and revision; the embedded server keeps none in any case.
    ///
    /// # Panics
    /// When it runs still, cannot be started, or does not answer by the deadline.
    pub fn start_again(&mut self, wipe: bool) {
        assert!(self.program.has_ended(), "the server runs still");
        if wipe {
            self.data = tempfile::tempdir().expect("the folder for temporary files is writable");
        }
        self.program = launch(
            &self.kind,
            &self.version,
            self.client_port,
            self.peer_port,
            &self.data,
        );
        if let Err(printed) = wait_until_served(&self.kind, self.client_port, &mut self.program) {
            panic!(
                "etcd {} does not start again; it printed:\n{printed}",
                self.version
            );
        }
    }

    /// Runs `etcdctl` against the server and returns what it printed.
    ///
    /// # Panics
    /// When `etcdctl` fails.
    pub fn etcdctl(&self, arguments: &[&str]) -> String {
        let output = Command::new(peers::etcdctl())
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints={}", self.address()))
            .args(arguments)
            .output()
            .expect("the etcdctl that was set up can be run");
        assert!(
            output.status.success(),
            "etcdctl {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// All keys that begin with `prefix`, with their values, in order of the keys.
    ///
    /// # Panics
    /// When `etcdctl` fails, or a key or value is not UTF-8.
    pub fn entries(&self, prefix: &str) -> Vec<(String, String)> {
        let printed = self.etcdctl(&["get", "--prefix", prefix, "--write-out=json"]);
        let answer: serde_json::Value =
            serde_json::from_str(&printed).expect("etcdctl prints the JSON that was asked for");
        let text = |entry: &serde_json::Value, field: &str| {
            let encoded = entry[field].as_str().unwrap_or_default();
            let octets = STANDARD
                .decode(encoded)
                .expect("etcdctl prints octets as base64");
            String::from_utf8(octets).expect("keys and values of endpoints are text")
        };
        let entries = answer["kvs"].as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|entry| (text(entry, "key"), text(entry, "value")))
            .collect()
    }

    /// Waits until the keys that begin with `prefix` are as `wanted` says, and returns them.
    ///
    /// # Panics
    /// When the deadline passes before; `what` is for the message.
    pub fn wait_for_entries(
        &self,
        prefix: &str,
        what: &str,
        wanted: impl Fn(&[(String, String)]) -> bool,
    ) -> Vec<(String, String)> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let entries = self.entries(prefix);
            if wanted(&entries) {
                return entries;
            }
            assert!(
                Instant::now() < deadline,
                "etcd {} never held {what}; it holds {entries:#?}",
                self.version
            );
            thread::sleep(LOOK);
        }
    }
}

/// Runs `test` against each etcd version found and against the embedded server, each time on a fresh server,
/// and reports each run that passes. `name` is the test's name.
///
/// # Panics
/// When no real etcd is found, or when the test does.
pub fn for_every_etcd(name: &str, test: impl Fn(&mut EtcdServer)) {
    let mut kinds: Vec<_> = peers::etcd_binaries().into_iter().map(Kind::Real).collect();
    assert!(!kinds.is_empty(), "no etcd to test against");
    kinds.push(Kind::Embedded);
    for kind in kinds {
        let mut server = EtcdServer::start(kind);
        // Shown with the output of a test that fails.
        println!("{name} on etcd {}", server.version());
        test(&mut server);
        peers::report(server.version(), name);
    }
}

pub(crate) fn version(binary: &PathBuf) -> String {
    let output = Command::new(binary)
        .arg("--version")
        .output()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", binary.display()));
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("etcd Version:"))
        .unwrap_or_else(|| panic!("{} is no etcd", binary.display()))
        .trim()
        .to_owned()
}

/// Two ports that were free a moment ago.
pub(crate) fn free_ports() -> (u16, u16) {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
    let port = |listener: &TcpListener| {
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        address.port()
    };
    // Both are held until both are known, so that they differ.
    let (client, peer) = (bind(), bind());
    (port(&client), port(&peer))
}

fn launch(kind: &Kind, version: &str, client_port: u16, peer_port: u16, data: &TempDir) -> Program {
    let command = match kind {
        Kind::Embedded => {
            let mut command = Command::new(peers::workspace_program("ferlix"));
            command.args(["etcd", "--listen", &format!("127.0.0.1:{client_port}")]);
            command
        }
        Kind::Real(binary) => {
            let client = format!("http://127.0.0.1:{client_port}");
            let peer = format!("http://127.0.0.1:{peer_port}");
            let mut command = Command::new(binary);
            command
                .arg("--data-dir")
                .arg(data.path())
                .args(["--listen-client-urls", &client])
                .args(["--advertise-client-urls", &client])
                .args(["--listen-peer-urls", &peer])
                .args(["--initial-advertise-peer-urls", &peer])
                .args(["--initial-cluster", &format!("default={peer}")])
                // What etcd says of itself while all is well would bury what the test is about.
                .args(["--logger", "zap", "--log-level", "warn"])
                // One member needs no patience to elect itself.
                .args(["--heartbeat-interval", "20", "--election-timeout", "200"]);
            command
        }
    };
    Program::start(&format!("etcd {version}"), command)
}

/// `Err` carries what the server printed when it ended instead, most likely because a port was taken.
pub(crate) fn wait_until_served(
    kind: &Kind,
    port: u16,
    program: &mut Program,
) -> Result<(), String> {
    let deadline = Instant::now() + DEADLINE;
    while !serves(kind, port) {
        if program.has_ended() {
            return Err(program.transcript());
        }
        assert!(
            Instant::now() < deadline,
            "the etcd server on port {port} does not answer; it printed:\n{}",
            program.transcript()
        );
        thread::sleep(LOOK);
    }
    // Another process may have answered on a port that ours did not get.
    if program.has_ended() {
        Err(program.transcript())
    } else {
        Ok(())
    }
}

/// A real etcd listens before it serves, and says on `/health` when it does; the embedded one serves what it
/// accepts.
pub(crate) fn serves(kind: &Kind, port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
        return false;
    };
    match kind {
        Kind::Embedded => true,
        Kind::Real(_) => {
            let mut answer = String::new();
            stream
                .set_read_timeout(Some(Duration::from_secs(1)))
                .is_ok()
                && stream
                    .write_all(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
                    .is_ok()
                && stream.read_to_string(&mut answer).is_ok()
                && answer.contains("\"health\":\"true\"")
        }
    }
}
