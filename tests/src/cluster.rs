//! A real etcd cluster of three members on loopback, for tests of whole programs.
//!
//! Members are killed and started again by number, with their data; a killed one keeps its ports. What a session makes of
//! single faults, of cut links and of frozen members is tested beside the session, in `ferlix-etcd`.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::etcd::{Kind, free_ports, serves, version};
use crate::program::Program;
use crate::{DEADLINE, peers};

const SIZE: usize = 3;
/// How often a starting cluster is asked whether it serves.
const LOOK: Duration = Duration::from_millis(20);

/// Three members. Dropped, they are killed and their data removed.
#[derive(Debug)]
pub struct EtcdCluster {
    binary: PathBuf,
    version: String,
    ports: Vec<(u16, u16)>,
    data: Vec<TempDir>,
    members: Vec<Program>,
}

impl EtcdCluster {
    /// Starts the members and waits until each serves.
    ///
    /// # Panics
    /// When they do not by the deadline.
    pub fn start(binary: PathBuf) -> Self {
        let folder = || tempfile::tempdir().expect("the folder for temporary files is writable");
        let mut cluster = Self {
            version: version(&binary),
            binary,
            ports: (0..SIZE).map(|_| free_ports()).collect(),
            data: (0..SIZE).map(|_| folder()).collect(),
            members: Vec::new(),
        };
        for number in 0..SIZE {
            let member = cluster.launch(number);
            cluster.members.push(member);
        }
        cluster.wait_until_all_serve();
        cluster
    }

    /// As the binary says, for example `3.5.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many members there are.
    pub fn size(&self) -> usize {
        SIZE
    }

    /// The members' addresses, as `etcd.endpoints` takes them.
    pub fn endpoints(&self) -> String {
        let addresses = self
            .ports
            .iter()
            .map(|(client, _)| format!("127.0.0.1:{client}"));
        addresses.collect::<Vec<_>>().join(",")
    }

    /// The member that leads now.
    ///
    /// # Panics
    /// When there is no leader by the deadline.
    pub fn leader(&self) -> usize {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let leads = |number: &usize| {
                let address = format!("127.0.0.1:{}", self.ports[*number].0);
                let arguments = ["--write-out=simple", "endpoint", "status"];
                let said = self.etcdctl(&address, &arguments);
                said.is_some_and(|said| said.split(", ").nth(4) == Some("true"))
            };
            if let Some(leader) = (0..SIZE).find(leads) {
                return leader;
            }
            assert!(Instant::now() < deadline, "no member of the cluster leads");
            thread::sleep(LOOK);
        }
    }

    /// Ends a member as a crash does.
    pub fn kill(&mut self, number: usize) {
        self.members[number].kill();
    }

    /// Starts killed members again, with their data, and waits until all serve.
    ///
    /// # Panics
    /// When they do not by the deadline, or one was not killed.
    pub fn start_again(&mut self, numbers: &[usize]) {
        for &number in numbers {
            assert!(self.members[number].has_ended(), "the member runs still");
            self.members[number] = self.launch(number);
        }
        self.wait_until_all_serve();
    }

    /// What `etcdctl get --prefix` prints as JSON, asked of one member, which agrees with the majority first.
    ///
    /// # Panics
    /// When the member does not answer.
    pub fn get_prefix(&self, number: usize, prefix: &str) -> serde_json::Value {
        let address = format!("127.0.0.1:{}", self.ports[number].0);
        let arguments = ["get", "--prefix", prefix, "--write-out=json"];
        let printed = self
            .etcdctl(&address, &arguments)
            .expect("the member answers");
        serde_json::from_str(&printed).expect("etcdctl prints the JSON that was asked for")
    }

    /// Whether the members say that they hold the same; what they say if not.
    ///
    /// # Errors
    /// What `etcdctl endpoint hashkv` printed, when the hashes differ.
    pub fn members_agree(&self) -> Result<(), String> {
        let arguments = ["--write-out=simple", "endpoint", "hashkv"];
        let said = self
            .etcdctl(&self.endpoints(), &arguments)
            .unwrap_or_default();
        let mut hashes: Vec<_> = said.lines().map(|line| line.rsplit(", ").next()).collect();
        hashes.dedup();
        if hashes.len() == 1 { Ok(()) } else { Err(said) }
    }

    fn etcdctl(&self, endpoints: &str, arguments: &[&str]) -> Option<String> {
        let output = Command::new(peers::etcdctl())
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints={endpoints}"))
            .args(arguments)
            .output()
            .expect("the etcdctl that was set up can be run");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(printed)
    }

    fn launch(&self, number: usize) -> Program {
        let name = |number: usize| format!("m{number}");
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let all = self.ports.iter().enumerate();
        let all: Vec<_> = all
            .map(|(n, (_, peer))| format!("{}={}", name(n), url(*peer)))
            .collect();
        let (client, peer) = self.ports[number];
        let mut command = Command::new(&self.binary);
        command
            .args(["--name", &name(number), "--data-dir"])
            .arg(self.data[number].path())
            .args(["--listen-client-urls", &url(client)])
            .args(["--advertise-client-urls", &url(client)])
            .args(["--listen-peer-urls", &url(peer)])
            .args(["--initial-advertise-peer-urls", &url(peer)])
            .args(["--initial-cluster", &all.join(",")])
            .args(["--logger", "zap", "--log-level", "error"])
            .args(["--heartbeat-interval", "100", "--election-timeout", "1000"]);
        Program::start(&format!("etcd {} {}", self.version, name(number)), command)
    }

    fn wait_until_all_serve(&mut self) {
        let kind = Kind::Real(self.binary.clone());
        let deadline = Instant::now() + DEADLINE;
        for (member, (client, _)) in self.members.iter_mut().zip(&self.ports) {
            while !serves(&kind, *client) {
                assert!(
                    !member.has_ended() && Instant::now() < deadline,
                    "a member of the cluster does not serve; it printed:\n{}",
                    member.transcript()
                );
                thread::sleep(LOOK);
            }
        }
    }
}
