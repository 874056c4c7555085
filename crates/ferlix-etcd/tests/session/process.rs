//! Real etcd processes: started, killed, frozen, wiped, started again at the same address. Each is a member of a cluster,
//! usually its only one, and runs in the machine's own network or in a namespace.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use ferlix_etcd::{Client, EtcdConfig, Session, SessionConfig};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::view::{DEADLINE, View};

/// The etcd binaries to test with, one of each version.
pub(crate) fn binaries() -> Vec<PathBuf> {
    let paths = std::env::var_os("FERLIX_TEST_ETCD").unwrap_or_default();
    assert!(
        !paths.is_empty(),
        "FERLIX_TEST_ETCD names no etcd binary: run `cargo xtask test`"
    );
    std::env::split_paths(&paths).collect()
}

/// What the binary calls itself, such as `3.4.23`.
pub(crate) fn version(binary: &Path) -> String {
    let said = Command::new(binary).arg("--version").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let line = said.lines().next().unwrap_or_default();
    line.rsplit(' ').next().unwrap_or_default().to_owned()
}

/// Notes for `cargo xtask test` that a test ran with this etcd.
pub(crate) fn ran(binary: &Path, test: &str) {
    note(&version(binary), test);
}

/// Notes for `cargo xtask test` that a test could not run on this machine.
pub(crate) fn not_run(test: &str, why: &str) {
    eprintln!("not run: {test}: {why}");
    note("not run", &format!("{test}: {why}"));
}

fn note(version: &str, test: &str) {
    if let Some(report) = std::env::var_os("FERLIX_TEST_REPORT") {
        let mut file = File::options()
            .append(true)
            .create(true)
            .open(report)
            .unwrap();
        // One write of one short line: tests that end together do not mix their lines.
        file.write_all(format!("{version}\tetcd session: {test}\n").as_bytes())
            .unwrap();
    }
}

/// One etcd, its data in a temporary folder.
#[derive(Debug)]
pub(crate) struct Etcd {
    binary: PathBuf,
    arguments: Vec<String>,
    scheme: &'static str,
    folder: TempDir,
    place: Place,
    /// The members of its cluster, as it is to be told, and whether it founds or joins it; alone without.
    cluster: Option<(String, &'static str)>,
    child: Option<Child>,
}

/// What an etcd is called and where it listens.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) name: String,
    /// The network namespace that it lives in; the machine's own without.
    pub(crate) namespace: Option<String>,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) peer_port: u16,
}

impl Place {
    /// Free ports on loopback.
    pub(crate) fn on_loopback<const N: usize>(names: [&str; N]) -> [Self; N] {
        // All are held until all are known, so that they differ.
        let held = names.map(|name| (name, free_port(), free_port()));
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        held.each_ref().map(|(name, client, peer)| Self {
            name: (*name).to_owned(),
            namespace: None,
            host: "127.0.0.1".to_owned(),
            port: port(client),
            peer_port: port(peer),
        })
    }

    /// The address for the other members.
    pub(crate) fn peer_url(&self) -> String {
        format!("http://{}:{}", self.host, self.peer_port)
    }

    /// What the other members are to be told of it.
    pub(crate) fn as_member(&self) -> String {
        format!("{}={}", self.name, self.peer_url())
    }

    /// A program that runs where this etcd does.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match &self.namespace {
            None => Command::new(program),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(program);
                command
            }
        }
    }
}

impl Etcd {
    pub(crate) fn start(binary: &Path) -> Self {
        Self::start_with(binary, "http", &[])
    }

    pub(crate) fn start_with(binary: &Path, scheme: &'static str, arguments: &[&str]) -> Self {
        let mut etcd = Self::not_started(binary, scheme, arguments);
        etcd.start_again();
        etcd
    }

    /// An address where there is no etcd yet.
    pub(crate) fn not_started(binary: &Path, scheme: &'static str, arguments: &[&str]) -> Self {
        let [place] = Place::on_loopback(["default"]);
        let mut etcd = Self::member(binary, place);
        etcd.scheme = scheme;
        etcd.arguments = arguments.iter().map(ToString::to_string).collect();
        etcd
    }

    /// A member that is not started; alone, unless [`join`](Self::join) is called.
    pub(crate) fn member(binary: &Path, place: Place) -> Self {
        Self {
            binary: binary.to_owned(),
            arguments: Vec::new(),
            scheme: "http",
            folder: tempfile::tempdir().unwrap(),
            place,
            cluster: None,
            child: None,
        }
    }

    /// Tells it its cluster, and whether that is `new` or `existing`.
    pub(crate) fn join(&mut self, members: String, state: &'static str) {
        self.cluster = Some((members, state));
    }

    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let place = &self.place;
        let client_url = format!("{}://{}", self.scheme, self.endpoint());
        let peer_url = place.peer_url();
        let alone = || (place.as_member(), "new");
        let (members, state) = self.cluster.clone().unwrap_or_else(alone);
        let child = place
            .command(&self.binary)
            .arg("--data-dir")
            .arg(self.data())
            .args(["--name", &place.name])
            .args(["--listen-client-urls", &client_url])
            .args(["--advertise-client-urls", &client_url])
            .args(["--listen-peer-urls", &peer_url])
            .args(["--initial-advertise-peer-urls", &peer_url])
            .args(["--initial-cluster", &members])
            .args(["--initial-cluster-state", state])
            .args(&self.arguments)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Kills it without a warning.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let mut child = self.child.take().expect("it runs");
        child.wait().unwrap();
    }

    /// Kills it, and starts it with nothing of what it held.
    pub(crate) fn restart_wiped(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.data()).unwrap();
        self.start_again();
    }

    /// Keeps what it holds now, to go back to.
    pub(crate) fn backup(&mut self) {
        self.kill();
        copy(&self.data(), &self.folder.path().join("backup"));
        self.start_again();
    }

    /// Kills it, and starts it with what was kept.
    pub(crate) fn restart_from_backup(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.data()).unwrap();
        copy(&self.folder.path().join("backup"), &self.data());
        self.start_again();
    }

    /// Stops the process where it stands, or lets it go on.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.signal(if frozen {
            Signal::SIGSTOP
        } else {
            Signal::SIGCONT
        });
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        let id = i32::try_from(child.id()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("{}:{}", self.place.host, self.place.port)
    }

    /// What etcdctl, run where this etcd is, says about these endpoints.
    pub(crate) fn etcdctl(&self, endpoints: &[&str], arguments: &[&str]) -> String {
        let output = self.try_etcdctl(endpoints, arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same where it may fail.
    pub(crate) fn try_etcdctl(&self, endpoints: &[&str], arguments: &[&str]) -> Output {
        let binary = std::env::var_os("FERLIX_TEST_ETCDCTL");
        let binary = binary.expect("FERLIX_TEST_ETCDCTL names no etcdctl: run `cargo xtask test`");
        self.place
            .command(binary)
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &endpoints.join(",")])
            .args(arguments)
            .output()
            .unwrap()
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    pub(crate) fn runs(&self) -> bool {
        self.child.is_some()
    }

    pub(crate) fn config(&self) -> EtcdConfig {
        EtcdConfig::new([self.endpoint()])
    }

    /// A connection, as soon as it serves.
    pub(crate) async fn client(&self) -> Client {
        let serving = async {
            loop {
                // The client's own timeouts and etcd's start are what paces this.
                if let Ok(client) = Client::connect(self.config()).await
                    && client.range(b"x", b"y").await.is_ok()
                {
                    return client;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, serving).await.expect("etcd serves")
    }

    /// A session with the top key `top`.
    pub(crate) fn session(&self, id: &str) -> (Session, View) {
        self.session_with(id, |_| {})
    }

    pub(crate) fn session_with(
        &self,
        id: &str,
        change: impl FnOnce(&mut SessionConfig),
    ) -> (Session, View) {
        let mut config = SessionConfig::new(self.config(), id);
        config.top_key = "top".into();
        config.client.call_timeout = std::time::Duration::from_secs(1);
        change(&mut config);
        let (session, events) = Session::start(config).unwrap();
        (session, View::new(events))
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().rev().take(20).collect();
            eprintln!("the last lines of {}:", self.binary.display());
            lines.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}

fn free_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
