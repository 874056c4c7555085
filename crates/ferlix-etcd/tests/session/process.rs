//! Real etcd processes: started, killed, frozen, wiped, started again at the same address.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ferlix_etcd::{Client, EtcdConfig, Session, SessionConfig};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::view::{DEADLINE, View};

/// The etcd binaries to test with; says so when there are none.
pub(crate) fn binaries() -> Vec<PathBuf> {
    match std::env::var_os("FERLIX_TEST_ETCD") {
        Some(paths) if !paths.is_empty() => std::env::split_paths(&paths).collect(),
        _ => {
            eprintln!("skipped: FERLIX_TEST_ETCD names no etcd binary");
            Vec::new()
        }
    }
}

/// One etcd with one member, its data in a temporary folder.
#[derive(Debug)]
pub(crate) struct Etcd {
    binary: PathBuf,
    arguments: Vec<String>,
    scheme: &'static str,
    folder: TempDir,
    port: u16,
    peer_port: u16,
    child: Option<Child>,
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
        // Both are held until both are known, so that they differ.
        let (one, two) = (free_port(), free_port());
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        Self {
            binary: binary.to_owned(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            scheme,
            folder: tempfile::tempdir().unwrap(),
            port: port(&one),
            peer_port: port(&two),
            child: None,
        }
    }

    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let client_url = format!("{}://127.0.0.1:{}", self.scheme, self.port);
        let peer_url = format!("http://127.0.0.1:{}", self.peer_port);
        let child = Command::new(&self.binary)
            .arg("--data-dir")
            .arg(self.data())
            .args(["--listen-client-urls", &client_url])
            .args(["--advertise-client-urls", &client_url])
            .args(["--listen-peer-urls", &peer_url])
            .args(["--initial-advertise-peer-urls", &peer_url])
            .args(["--initial-cluster", &format!("default={peer_url}")])
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
        let child = self.child.as_ref().expect("it runs");
        let signal = if frozen {
            Signal::SIGSTOP
        } else {
            Signal::SIGCONT
        };
        let id = i32::try_from(child.id()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
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
