//! The servers under test: the embedded one, and real ones as child processes on free ports with a folder of their own.

use std::{
    fmt,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use ferlix_etcd::embedded::EmbeddedEtcd;
use tokio::time::{Instant, sleep};

use crate::etcd::Etcd;

/// How often watches that asked for it are told the progress; both servers are set to it.
pub(crate) const PROGRESS_INTERVAL: Duration = Duration::from_millis(400);

/// How long a real etcd may take to start.
const START: Duration = Duration::from_secs(20);

/// A running server.
pub(crate) struct Target {
    name: String,
    address: SocketAddr,
    server: Running,
}

enum Running {
    Embedded(EmbeddedEtcd),
    /// Held for its end.
    Real {
        _process: RealEtcd,
    },
}

/// An etcd process; dropping it ends the process and removes its folder.
struct RealEtcd {
    process: Child,
    _data: tempfile::TempDir,
}

impl Target {
    pub(crate) async fn embedded() -> Self {
        let etcd = EmbeddedEtcd::builder()
            .progress_interval(PROGRESS_INTERVAL)
            .bind(([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        Self {
            name: "the embedded etcd".to_owned(),
            address: etcd.local_addr(),
            server: Running::Embedded(etcd),
        }
    }

    pub(crate) async fn real(binary: &Path) -> Self {
        // A port that was free may be taken a moment later; then etcd ends at once and the next ones are tried.
        for _ in 0..5 {
            if let Some(target) = Self::try_real(binary).await {
                return target;
            }
        }
        panic!("{} does not start", binary.display());
    }

    async fn try_real(binary: &Path) -> Option<Self> {
        let [client, peer] = free_ports();
        let data = tempfile::tempdir().unwrap();
        let process = Command::new(binary)
            .arg("--data-dir")
            .arg(data.path())
            .args(["--listen-client-urls", &url(client)])
            .args(["--advertise-client-urls", &url(client)])
            .args(["--listen-peer-urls", &url(peer)])
            .args(["--initial-advertise-peer-urls", &url(peer)])
            .args(["--initial-cluster", &format!("default={}", url(peer))])
            .args(["--log-level", "error"])
            .args([
                "--experimental-watch-progress-notify-interval",
                &format!("{}ms", PROGRESS_INTERVAL.as_millis()),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", binary.display()));
        let mut etcd = RealEtcd {
            process,
            _data: data,
        };
        let deadline = Instant::now() + START;
        while etcd.process.try_wait().unwrap().is_none() {
            assert!(
                Instant::now() < deadline,
                "{} does not answer",
                binary.display()
            );
            if let Ok(connected) = Etcd::try_connect(client).await
                && let Ok(version) = connected.version().await
            {
                return Some(Self {
                    name: format!("etcd {version} ({})", binary.display()),
                    address: client,
                    server: Running::Real { _process: etcd },
                });
            }
            // A condition outside this process: nothing tells when it comes true.
            sleep(Duration::from_millis(20)).await;
        }
        None
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn connect(&self) -> Etcd {
        Etcd::try_connect(self.address).await.unwrap()
    }

    pub(crate) async fn stop(self) {
        if let Running::Embedded(etcd) = self.server {
            etcd.shutdown().await;
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl Drop for RealEtcd {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_ports<const N: usize>() -> [SocketAddr; N] {
    // All are held until all are known, so that they differ.
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}
