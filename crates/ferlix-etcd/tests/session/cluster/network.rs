//! Links that are cut: a cluster and its clients in network namespaces of their own, on a bridge that no packet leaves.
//! Nobody is told of a cut; packets just do not arrive. Where namespaces cannot be made, the tests are noted as not run.

use std::fmt;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ferlix_etcd::{Client, Dial, DialFuture, Dialed, EtcdConfig};
use nix::sched::{CloneFlags, setns};
use tokio::net::TcpSocket;
use tokio::time::Instant;

use super::Cluster;
use super::traffic::{Consumer, Exporter, rotated, since, start};
use crate::process::{Place, binaries, not_run, ran};
use crate::view::{eventually, status_is, watching};

/// A bridge, and a namespace for each who is on it. Dropped, all of it goes.
struct Bridge {
    prefix: String,
    hosts: Vec<String>,
}

impl Bridge {
    /// A bridge with these hosts, which are 10.77.0.1 and so on; or why there can be none.
    fn new(hosts: &[&str]) -> Result<Self, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut bridge = Self {
            prefix: format!("ferlix-{}-{number}", std::process::id()),
            hosts: Vec::new(),
        };
        let hub = bridge.namespace("hub");
        ip(&["netns", "add", &hub])?;
        ip(&["-n", &hub, "link", "add", "bridge", "type", "bridge"])?;
        ip(&["-n", &hub, "link", "set", "bridge", "up"])?;
        for (index, host) in hosts.iter().enumerate() {
            let namespace = bridge.namespace(host);
            ip(&["netns", "add", &namespace])?;
            bridge.hosts.push((*host).to_owned());
            ip(&[
                "-n", &hub, "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns",
                &namespace,
            ])?;
            let address = format!("10.77.0.{}/24", index + 1);
            ip(&["-n", &namespace, "address", "add", &address, "dev", "eth0"])?;
            ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
            ip(&["-n", &namespace, "link", "set", "eth0", "up"])?;
            ip(&["-n", &hub, "link", "set", host, "up", "master", "bridge"])?;
        }
        Ok(bridge)
    }

    fn namespace(&self, host: &str) -> String {
        format!("{}-{host}", self.prefix)
    }

    fn address(&self, host: &str) -> String {
        let index = self.hosts.iter().position(|other| other == host);
        format!("10.77.0.{}", index.unwrap() + 1)
    }

    /// Takes a host off the bridge, or puts it back.
    fn cut(&self, host: &str, cut: bool) {
        let hub = self.namespace("hub");
        let master: &[&str] = if cut {
            &["nomaster"]
        } else {
            &["master", "bridge"]
        };
        ip(&[&["-n", &hub, "link", "set", host], master].concat()).unwrap();
    }

    /// Keeps two hosts from reaching each other, or lets them again; others reach both.
    fn part(&self, one: &str, two: &str, parted: bool) {
        let verb = if parted { "add" } else { "del" };
        for (from, to) in [(one, two), (two, one)] {
            let (namespace, address) = (self.namespace(from), self.address(to));
            ip(&["-n", &namespace, "route", verb, "blackhole", &address]).unwrap();
        }
    }

    /// Three members on the hosts `m0` to `m2`, serving.
    async fn cluster(&self, binary: &Path) -> Cluster {
        let places = ["m0", "m1", "m2"].map(|host| Place {
            name: host.to_owned(),
            namespace: Some(self.namespace(host)),
            host: self.address(host),
            port: 2379,
            peer_port: 2380,
        });
        let mut cluster = Cluster::of(binary, places.into());
        cluster.serving().await;
        cluster
    }

    fn dial(&self, host: &str) -> Arc<dyn Dial> {
        Arc::new(From(self.namespace(host)))
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        for host in self.hosts.iter().map(String::as_str).chain(["hub"]) {
            // Whatever was made goes; the rest was not made.
            let _ = ip(&["netns", "del", &self.namespace(host)]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| format!("cannot run ip: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("ip {}: {}", arguments.join(" "), said.trim()))
    }
}

/// Dials from a namespace.
struct From(String);

impl fmt::Debug for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Dial for From {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> DialFuture<'a> {
        Box::pin(async move {
            let path = format!("/var/run/netns/{}", self.0);
            // A socket belongs to the namespace of the thread that makes it, and that thread ends with it.
            let made = std::thread::spawn(move || {
                setns(File::open(path)?, CloneFlags::CLONE_NEWNET)?;
                TcpSocket::new_v4()
            });
            let socket = made.join().map_err(|_| io::Error::other("no socket"))??;
            socket.set_nodelay(true)?;
            let address: SocketAddr = format!("{host}:{port}").parse().map_err(io::Error::other)?;
            let stream = socket.connect(address).await?;
            let local = stream.local_addr().ok();
            Ok(Dialed::new(stream, local))
        })
    }
}

/// A cluster on a bridge, an exporter on the host `e`, a consumer on the host `c`; both begin with the first member.
struct Scene {
    // Dropped in this order: the processes before their namespaces.
    cluster: Cluster,
    bridge: Bridge,
    exporter: Exporter,
    consumer: Consumer,
}

impl Scene {
    /// None: this machine cannot.
    async fn start(binary: &Path, test: &str, lease: Duration) -> Option<Self> {
        let bridge = match Bridge::new(&["m0", "m1", "m2", "e", "c"]) {
            Ok(bridge) => bridge,
            Err(why) => {
                not_run(test, &why);
                return None;
            }
        };
        let cluster = bridge.cluster(binary).await;
        let endpoints = rotated(&cluster.endpoints(), 0);
        let dial = Some(bridge.dial("c"));
        // A lease so long that no renewal can be what notices that something is wrong.
        let hours = Duration::from_secs(2 * 3600);
        let consumer = start("c", &endpoints, dial, |config| config.lease_ttl = hours);
        let consumer = Consumer::start(consumer);
        let dial = Some(bridge.dial("e"));
        let (session, _) = start("e", &endpoints, dial, |config| config.lease_ttl = lease);
        watching(&session).await;
        watching(&consumer.session).await;
        let exporter = Exporter::start("e", session).await;
        exporter.progress(20).await;
        Some(Self {
            cluster,
            bridge,
            exporter,
            consumer,
        })
    }

    /// Plays this with every etcd, unless this machine cannot; at the end all have to be the same.
    async fn play(test: &str, lease: Duration, action: impl AsyncFn(&Self)) {
        for binary in binaries() {
            let Some(scene) = Self::start(&binary, test, lease).await else {
                return;
            };
            action(&scene).await;
            scene.ends_exact().await;
            ran(&binary, test);
        }
    }

    async fn ends_exact(self) {
        let dial = self.bridge.dial("c");
        self.cluster
            .compare(
                vec![self.exporter],
                vec![self.consumer],
                async |mut config: EtcdConfig| {
                    config.dial = Arc::clone(&dial);
                    Client::connect(config).await.unwrap()
                },
            )
            .await;
    }
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_minority_that_is_cut_off_is_left_though_it_still_answers() {
    let test = "a_minority_that_is_cut_off_is_left_though_it_still_answers";
    Scene::play(test, LONG, async |scene| {
        let first = scene.cluster.members[0].endpoint();
        assert_eq!(
            scene.exporter.session.status().endpoint.as_ref(),
            Some(&first)
        );
        for other in ["m1", "m2"] {
            scene.bridge.part("m0", other, true);
        }
        let parted = Instant::now();
        for session in [&scene.exporter.session, &scene.consumer.session] {
            status_is(session, "it goes on with the majority", |status| {
                status.endpoint.as_ref() != Some(&first)
                    && status.state == ferlix_etcd::SessionState::Watching
            })
            .await;
        }
        scene.exporter.progress(20).await;
        since(parted, "progress after the minority was cut off");
        for other in ["m1", "m2"] {
            scene.bridge.part("m0", other, false);
        }
        scene.exporter.progress(20).await;
        scene.consumer.missed_nothing();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_leader_whose_link_is_cut_is_left_for_the_others() {
    let test = "a_leader_whose_link_is_cut_is_left_for_the_others";
    Scene::play(test, LONG, async |scene| {
        let leader = format!("m{}", scene.cluster.leader().await);
        scene.bridge.cut(&leader, true);
        let cut = Instant::now();
        scene.exporter.progress(100).await;
        since(cut, "progress after the leader was cut off");
        scene.bridge.cut(&leader, false);
        scene.exporter.progress(20).await;
        scene.consumer.missed_nothing();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_consumer_whose_link_was_cut_keeps_what_it_knows_and_catches_up() {
    let test = "a_consumer_whose_link_was_cut_keeps_what_it_knows_and_catches_up";
    Scene::play(test, LONG, async |scene| {
        scene.bridge.cut("c", true);
        status_is(
            &scene.consumer.session,
            "the silence is noticed",
            |status| status.counts.recoveries > 0 && status.counts.attempts > 2,
        )
        .await;
        scene.exporter.progress(20).await;
        assert!(scene.consumer.known().len() >= 6);
        scene.bridge.cut("c", false);
        let back = Instant::now();
        scene.consumer.snapshot().await;
        since(back, "a snapshot after the link was back");
        scene.consumer.missed_nothing();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real etcds: cargo xtask test"]
async fn an_exporter_whose_link_was_cut_for_longer_than_its_lease_is_there_again() {
    let test = "an_exporter_whose_link_was_cut_for_longer_than_its_lease_is_there_again";
    Scene::play(test, Duration::from_secs(2), async |scene| {
        let before = scene.exporter.session.status().lease_id;
        scene.bridge.cut("e", true);
        eventually("its keys go with the lease", || {
            scene.consumer.known().is_empty().then_some(())
        })
        .await;
        scene.bridge.cut("e", false);
        let back = Instant::now();
        eventually("its keys are back", || {
            (scene.consumer.known().len() >= 6).then_some(())
        })
        .await;
        since(back, "keys after the link was back");
        assert_ne!(scene.exporter.session.status().lease_id, before);
    })
    .await;
}
