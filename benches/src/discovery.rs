//! Discovery: how long it takes from an endpoint's being there to be put by the exporter to a component's being validated
//! with its proxy in another framework, beside a bare put of an endpoint description and bare watches; and the same from the
//! service's being registered, with its export. Each round begins at rest, and ends with the withdrawal of what it put, which
//! is not timed; nor is what that leaves to do, for etcd and for connections that close, of any row. The two ends, of the floor
//! too, have runtimes of their own, as two programs have; and what is seen is timed where it is seen.
//!
//! The rounds of the floor and ours alternate, so that both find the disk, etcd and the caches of the processor as the same
//! things left them: on a machine of two cores that is as much of the time as what is done.
//!
//! On a real etcd of its own, of the first version found, whose write to disk is most of the time; and on the
//! embedded one, which writes nothing. Once with everything, etcd too, on one core, and once as the system likes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ferlix::prelude::{Framework, Properties};
use ferlix::remote::admin::{
    RemoteServiceAdminEvent, RemoteServiceAdminEventKind, RemoteServiceAdminListener,
};
use ferlix_examples::hello::Hello;
use ferlix_tests::etcd::Kind;
use ferlix_tests::{EtcdServer, peers};
use tokio::runtime::Handle;

use crate::child::{Role, Server};
use crate::cores::Cores;
use crate::error::Error;
use crate::etcd_floor::PutAndWatch;
use crate::frameworks::{self, Consumer, Greeter};
use crate::load::{self, Figures};
use crate::{REPETITIONS, cores, table};

/// How many are timed in each repetition.
const ROUNDS: usize = 200;
/// Unmeasured ones before the first repetition.
const WARM_UP: usize = 50;
/// Before each, when what the last one left to do is over.
const REST: Duration = Duration::from_millis(2);
/// As long as the endpoint description of the tutorial's service, in octets.
const VALUE: usize = 1300;
/// What the way from the put to the validation may take, of the floor.
const GOAL: f64 = 1.3;

/// When a service was exported last, before anybody else was told.
#[derive(Default)]
struct Exported(Mutex<Option<Instant>>);

impl Exported {
    fn last(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RemoteServiceAdminListener for Exported {
    fn remote_admin_event(&self, event: &RemoteServiceAdminEvent) {
        if event.kind == RemoteServiceAdminEventKind::ExportRegistration {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }
}

/// Measures and prints a table for each etcd.
pub(crate) fn run() -> Result<(), Error> {
    for cores in [Cores::One, Cores::Free] {
        cores.run(|| measure_each(cores))?;
    }
    Ok(())
}

fn measure_each(cores: Cores) -> Result<(), Error> {
    if peers::are_set_up() {
        let binary = peers::etcd_binaries().swap_remove(0);
        let etcd = EtcdServer::start(Kind::Real(binary));
        let address = (Ipv4Addr::LOCALHOST, etcd.port()).into();
        measure(address, etcd.version(), cores, Some(GOAL))?;
    } else {
        table::skipped("discovery through a real etcd");
    }
    let etcd = Server::start(Role::Etcd)?;
    // It writes nothing to a disk, which is what the goal counts on.
    measure(etcd.address, "(embedded)", cores, None)
}

fn measure(etcd: SocketAddr, version: &str, cores: Cores, goal: Option<f64>) -> Result<(), Error> {
    let (runtime, other_end) = (cores::runtime()?, cores::runtime()?);
    let other_end = other_end.handle();
    let value = Bytes::from(vec![b'x'; VALUE]);
    let (floors, put, registered) = runtime.block_on(async {
        let mut floor = PutAndWatch::connect(etcd.port(), other_end).await?;
        let exporter = frameworks::exporter(etcd).await?;
        let exported = Arc::new(Exported::default());
        exporter
            .context()
            .register::<dyn RemoteServiceAdminListener>(
                Arc::clone(&exported) as _,
                // Before the topology manager, which lets discovery begin.
                Properties::from([("service.ranking", 1)]),
            )?;
        let consumer = other_end.spawn(Consumer::start(etcd));
        let mut consumer = consumer.await.map_err(|_| Error::Task)??;
        for _ in 0..WARM_UP {
            floor.time(&value).await?;
            floor.delete().await?;
            come_and_go(&exporter, &exported, &mut consumer, other_end).await?;
            rest(&exporter, &consumer).await;
        }
        let mut floors = Vec::with_capacity(REPETITIONS);
        let mut put = Vec::with_capacity(REPETITIONS);
        let mut registered = Vec::with_capacity(REPETITIONS);
        for _ in 0..REPETITIONS {
            let begin = Instant::now();
            let [mut of_floor, mut of_put, mut of_registered] =
                [(); 3].map(|()| Vec::with_capacity(ROUNDS));
            for _ in 0..ROUNDS {
                of_floor.push(floor.time(&value).await?);
                floor.delete().await?;
                rest(&exporter, &consumer).await;
                let round = come_and_go(&exporter, &exported, &mut consumer, other_end).await?;
                of_put.push(round.0);
                of_registered.push(round.1);
                rest(&exporter, &consumer).await;
            }
            let elapsed = begin.elapsed();
            floors.push(Figures::new(of_floor, elapsed)?);
            put.push(Figures::new(of_put, elapsed)?);
            registered.push(Figures::new(of_registered, elapsed)?);
        }
        let stopping = other_end.spawn(async move { consumer.framework.stop().await });
        stopping.await.map_err(|_| Error::Task)??;
        exporter.stop().await?;
        Ok::<_, Error>((floors, put, registered))
    })?;

    let row = |words: &str, figures: &[Figures], goal: Option<f64>| {
        let milliseconds = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1e3);
        let seconds = |figures: &Figures| figures.p50.as_secs_f64();
        let each = figures.iter().zip(&floors);
        let ratio = load::median(each.map(|(figures, floor)| seconds(figures) / seconds(floor)));
        let medians = Figures::medians(figures);
        vec![
            words.to_owned(),
            milliseconds(medians.p50),
            format!("{ratio:.2}"),
            milliseconds(medians.p99),
            goal.map_or_else(String::new, |most| {
                format!("≤ {most} {}", table::verdict(ratio <= most))
            }),
        ]
    };
    table::print(
        &format!("Discovery through etcd {version}, {}", cores.words()),
        &["", "p50 ms", "of floor", "p99 ms", "goal of floor"],
        &[
            row(
                &format!("floor: bare put of {VALUE} octets to bare watches"),
                &floors,
                None,
            ),
            row("put by the exporter to validated with a proxy", &put, goal),
            row("registered for export to the same", &registered, None),
        ],
    );
    Ok(())
}

/// Waits until what was begun is over, and a little longer.
async fn rest(exporter: &Framework, consumer: &Consumer) {
    exporter.settle().await;
    consumer.framework.settle().await;
    tokio::time::sleep(REST).await;
}

/// Exports a service until the component has come, called it, and gone. Returns the time to its validation: from the put, and
/// from the registration.
async fn come_and_go(
    exporter: &Framework,
    exported: &Exported,
    consumer: &mut Consumer,
    other_end: &Handle,
) -> Result<(Duration, Duration), Error> {
    let greeter: Arc<dyn Hello> = Arc::new(Greeter);
    let begin = Instant::now();
    let registration = exporter
        .context()
        .register(greeter, frameworks::exported())?;
    let (hello, came) = consumer.came().await?;
    let greeting = async move { frameworks::greet(&*hello).await };
    let greeted = other_end.spawn(greeting).await;
    greeted.map_err(|_| Error::Task)??;
    registration.unregister().await?;
    consumer.left().await?;
    let put = exported
        .last()
        .filter(|put| *put >= begin)
        .ok_or_else(|| Error::Answer("nobody was told of the export".to_owned()))?;
    Ok((came - put, came - begin))
}
