//! What happens to members: killed, stopped, restarted one after the other, replaced, made leader. All on loopback, with
//! changes going on all the time.

use std::path::Path;

use ferlix_etcd::{Client, SessionState};
use tokio::time::Instant;

use super::Cluster;
use super::traffic::{Consumer, Exporter, rotated, since, start};
use crate::process::{Etcd, Place, binaries, ran};
use crate::view::{eventually, status_is, watching};

/// A cluster with three exporters and three consumers, each of which begins with another member.
struct Scene {
    cluster: Cluster,
    exporters: Vec<Exporter>,
    consumers: Vec<Consumer>,
}

impl Scene {
    async fn start(binary: &Path) -> Self {
        let cluster = Cluster::start(binary).await;
        let endpoints = cluster.endpoints();
        let mut exporters = Vec::new();
        let mut consumers = Vec::new();
        for number in 0..3 {
            let endpoints = rotated(&endpoints, number);
            let id = format!("c{number}");
            consumers.push(Consumer::start(start(&id, &endpoints, None, |_| {})));
            let id = format!("e{number}");
            let (session, _) = start(&id, &endpoints, None, |_| {});
            watching(&session).await;
            exporters.push(Exporter::start(&id, session).await);
        }
        for consumer in &consumers {
            watching(&consumer.session).await;
        }
        let scene = Self {
            cluster,
            exporters,
            consumers,
        };
        scene.progress().await;
        scene
    }

    /// Waits until every exporter has made changes and every consumer watches.
    async fn progress(&self) {
        for exporter in &self.exporters {
            exporter.progress(20).await;
        }
        for consumer in &self.consumers {
            watching(&consumer.session).await;
        }
    }

    /// What was never changed was never seen to go, and in the end all is the same.
    async fn ends_exact(self) {
        for consumer in &self.consumers {
            consumer.missed_nothing();
        }
        self.cluster
            .compare(self.exporters, self.consumers, async |config| {
                Client::connect(config).await.unwrap()
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_leader_that_is_killed_is_left_for_the_others() {
    for binary in binaries() {
        let mut scene = Scene::start(&binary).await;
        let leader = scene.cluster.leader().await;
        scene.cluster.members[leader].kill();
        let killed = Instant::now();
        scene.progress().await;
        since(killed, "progress after the leader was killed");
        for consumer in &scene.consumers {
            assert_ne!(
                consumer.session.status().endpoint,
                Some(scene.cluster.members[leader].endpoint())
            );
        }
        scene.cluster.members[leader].start_again();
        scene.cluster.serving().await;
        scene.progress().await;
        scene.ends_exact().await;
        ran(&binary, "a_leader_that_is_killed_is_left_for_the_others");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_leader_that_stands_still_is_left_for_the_others() {
    for binary in binaries() {
        let mut scene = Scene::start(&binary).await;
        let leader = scene.cluster.leader().await;
        scene.cluster.members[leader].freeze(true);
        let frozen = Instant::now();
        scene.progress().await;
        since(frozen, "progress after the leader was stopped");
        scene.cluster.members[leader].freeze(false);
        scene.cluster.serving().await;
        scene.progress().await;
        scene.ends_exact().await;
        ran(&binary, "a_leader_that_stands_still_is_left_for_the_others");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_lost_majority_takes_nothing_away_and_is_waited_for() {
    for binary in binaries() {
        let mut scene = Scene::start(&binary).await;
        scene.cluster.members[0].kill();
        scene.cluster.members[1].kill();
        for consumer in &scene.consumers {
            status_is(&consumer.session, "there is no quorum", |status| {
                matches!(status.state, SessionState::Lost | SessionState::Connecting)
                    && status.counts.recoveries > 0
            })
            .await;
            assert!(consumer.known().len() >= 15, "{:?}", consumer.known());
        }
        scene.cluster.members[0].start_again();
        scene.cluster.members[1].start_again();
        scene.cluster.serving().await;
        let back = Instant::now();
        scene.progress().await;
        since(back, "progress after the majority was back");
        scene.ends_exact().await;
        ran(
            &binary,
            "a_lost_majority_takes_nothing_away_and_is_waited_for",
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_rolling_restart_is_followed_from_member_to_member() {
    for binary in binaries() {
        let mut scene = Scene::start(&binary).await;
        for number in 0..3 {
            scene.cluster.members[number].stop();
            scene.progress().await;
            scene.cluster.members[number].start_again();
            scene.cluster.serving().await;
        }
        scene.progress().await;
        scene.ends_exact().await;
        ran(
            &binary,
            "a_rolling_restart_is_followed_from_member_to_member",
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_leader_that_hands_over_interrupts_nobody_for_long() {
    for binary in binaries() {
        let scene = Scene::start(&binary).await;
        for _ in 0..3 {
            let leader = scene.cluster.leader().await;
            let next = scene.cluster.id_of((leader + 1) % 3, leader);
            let member = &scene.cluster.members[leader];
            member.etcdctl(&[&member.endpoint()], &["move-leader", &next]);
            scene.progress().await;
        }
        scene.ends_exact().await;
        ran(
            &binary,
            "a_leader_that_hands_over_interrupts_nobody_for_long",
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_member_that_is_gone_for_good_is_not_missed_and_can_be_replaced() {
    for binary in binaries() {
        let mut scene = Scene::start(&binary).await;
        let id = scene.cluster.id_of(0, 1);
        scene.cluster.members[0].kill();
        scene.progress().await;
        let asked = scene.cluster.members[1].endpoint();
        let member = &scene.cluster.members[1];
        member.etcdctl(&[&asked], &["member", "remove", &id]);
        let [place] = Place::on_loopback(["m3"]);
        let urls = format!("--peer-urls={}", place.peer_url());
        // etcd takes a new member only when those that are left have been connected for some seconds.
        eventually("the new member is taken", || {
            let added = member.try_etcdctl(&[&asked], &["member", "add", "m3", &urls]);
            added.status.success().then_some(())
        })
        .await;
        let mut newcomer = Etcd::member(&binary, place.clone());
        let members = scene.cluster.members[1..].iter().map(Etcd::place);
        let members: Vec<_> = members.chain([&place]).map(Place::as_member).collect();
        newcomer.join(members.join(","), "existing");
        newcomer.start_again();
        scene.cluster.members[0] = newcomer;
        scene.cluster.serving().await;
        // Whoever has the old addresses goes on with those that are left, even through one more loss.
        scene.cluster.members[1].stop();
        scene.progress().await;
        scene.cluster.members[1].start_again();
        scene.cluster.serving().await;
        scene.ends_exact().await;
        ran(
            &binary,
            "a_member_that_is_gone_for_good_is_not_missed_and_can_be_replaced",
        );
    }
}
