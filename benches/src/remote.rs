//! Remote Service Admin: what it takes to export, to import and to refuse, beside what a registration in the registry takes;
//! how fast exports reach etcd, beside bare puts; and what an export and an import hold in memory.
//!
//! Exports and imports are those of the XML-RPC distribution, on an HTTP service of its own. Nobody is called.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use ferlix::prelude::*;
use ferlix::registry::ServiceGuard;
use ferlix::remote::admin::RemoteServiceAdmin;
use ferlix::remote::endpoint::EndpointDescription;
use ferlix::remote::provider::{EndpointEvent, EndpointEventKind, EndpointEventListener, SCOPE};
use ferlix_examples::hello::Hello;
use ferlix_tests::{DEADLINE, Program};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::child::{Role, Server};
use crate::error::Error;
use crate::etcd_floor::PutAndWatch;
use crate::frameworks::{self, Greeter};
use crate::load::median;
use crate::memory::resident;
use crate::micro::Comparison;
use crate::{REPETITIONS, cores, table};

/// How many services are exported at once.
const MANY: usize = 1_000;
/// How many endpoints are weighed.
const WEIGHED: u32 = 5_000;
/// How many children weigh them.
const WEIGHINGS: usize = 3;
/// As long as the endpoint description of the tutorial's service, in octets.
const VALUE: usize = 1300;
/// What a child says before its two figures.
const WEIGHT: &str = "octets ";

/// Measures and prints the tables.
pub(crate) fn run() -> Result<(), Error> {
    let etcd = Server::start(Role::Etcd)?;
    advertised(etcd.address)?;
    cores::runtime()?.block_on(admin())?;
    weight()
}

/// Exports until a watcher elsewhere has been told of them.
fn advertised(etcd: SocketAddr) -> Result<(), Error> {
    let (mut floors, mut single, mut came, mut went) = (vec![], vec![], vec![], vec![]);
    let value = Bytes::from(vec![b'x'; VALUE]);
    cores::runtime()?.block_on(async {
        let mut floor = PutAndWatch::connect(etcd.port(), &Handle::current()).await?;
        let exporter = frameworks::exporter(etcd).await?;
        let watcher = frameworks::watcher(etcd).await?;
        let (sender, mut told) = mpsc::unbounded_channel();
        let listener: Arc<dyn EndpointEventListener> = Arc::new(Watching(sender));
        let context = watcher.context();
        context.register(listener, Properties::from([(SCOPE, "(endpoint.id=*)")]))?;
        let mut hear = async |kind: EndpointEventKind, count: usize| {
            for _ in 0..count {
                match timeout(DEADLINE, told.recv()).await {
                    Ok(Some(heard)) if heard == kind => {}
                    other => return Err(Error::Answer(format!("{other:?} in place of {kind}"))),
                }
            }
            Ok(())
        };
        let context = exporter.context();
        let export = || {
            let greeter: Arc<dyn Hello> = Arc::new(Greeter);
            context.register(greeter, frameworks::exported())
        };
        // The first one warms up.
        for repetition in 0..=REPETITIONS {
            let begin = Instant::now();
            for _ in 0..MANY / 4 {
                floor.time(&value).await?;
            }
            let bare = rate(MANY / 4, begin);

            let mut registrations = Vec::with_capacity(MANY);
            let begin = Instant::now();
            for _ in 0..MANY / 4 {
                registrations.push(export()?);
                hear(EndpointEventKind::Added, 1).await?;
            }
            let one_by_one = rate(MANY / 4, begin);
            for registration in registrations.drain(..) {
                registration.unregister().await?;
            }
            hear(EndpointEventKind::Removed, MANY / 4).await?;

            let begin = Instant::now();
            for _ in 0..MANY {
                registrations.push(export()?);
            }
            hear(EndpointEventKind::Added, MANY).await?;
            let all = rate(MANY, begin);
            let begin = Instant::now();
            for registration in registrations {
                registration.unregister().await?;
            }
            hear(EndpointEventKind::Removed, MANY).await?;
            let gone = rate(MANY, begin);
            if repetition > 0 {
                floors.push(bare);
                single.push(one_by_one);
                came.push(all);
                went.push(gone);
            }
        }
        watcher.stop().await?;
        exporter.stop().await?;
        Ok::<_, Error>(())
    })?;
    let row = |words: &str, rates: &[f64]| {
        let ratios = rates.iter().zip(&floors).map(|(rate, floor)| rate / floor);
        vec![
            words.to_owned(),
            table::thousands(median(rates.iter().copied())),
            format!("{:.2}", median(ratios)),
        ]
    };
    table::print(
        "Exports, from the registration to a watcher's being told of the key, through the embedded etcd",
        &["", "a second", "of floor"],
        &[
            row(
                &format!("floor: bare put of {VALUE} octets to bare watch, one after the other"),
                &floors,
            ),
            row("registered for export, one after the other", &single),
            row(&format!("registered for export, {MANY} at once"), &came),
            row(&format!("unregistered, {MANY} at once"), &went),
        ],
    );
    Ok(())
}

fn rate(count: usize, begin: Instant) -> f64 {
    count as f64 / begin.elapsed().as_secs_f64()
}

/// Says what it is told.
struct Watching(mpsc::UnboundedSender<EndpointEventKind>);

#[async_trait]
impl EndpointEventListener for Watching {
    async fn endpoint_changed(&self, event: EndpointEvent) {
        // The measurement may be over.
        let _ = self.0.send(event.kind);
    }
}

/// A framework with the admin and the XML-RPC distribution.
async fn distribution() -> Result<Framework, Error> {
    let framework = Framework::builder()
        .property("ferlix.http.port", 0)
        .install(&ferlix::remote::admin::BUNDLE)
        .install(&ferlix::http::BUNDLE)
        .install(&ferlix::xmlrpc::BUNDLE)
        .start()
        .await?;
    let components = framework.components();
    let factory = "ferlix.http.service.basic.factory";
    components
        .instantiate(factory, "http", Properties::new())
        .await?;
    framework.settle().await;
    Ok(framework)
}

fn the_admin(framework: &Framework) -> Result<ServiceGuard<dyn RemoteServiceAdmin>, Error> {
    let admin = framework.context().service::<dyn RemoteServiceAdmin>(None);
    admin.ok_or_else(|| Error::Answer("there is no remote service admin".to_owned()))
}

/// An endpoint of the greeting service somewhere else.
fn endpoint(number: u32, configuration: &str) -> Result<EndpointDescription, Error> {
    let described = EndpointDescription::new(Properties::from([
        ("endpoint.id", Value::from(format!("endpoint-{number}"))),
        (
            "objectClass",
            Value::from(["org.eclipse.ecf.examples.hello.IHello"]),
        ),
        ("service.imported.configs", Value::from([configuration])),
        ("endpoint.framework.uuid", Value::from("elsewhere")),
        ("endpoint.service.id", Value::from(i64::from(number))),
        ("ecf.rsvc.id", Value::from(i64::from(number))),
        ("ecf.endpoint.id", Value::from("http://127.0.0.1:9/xml-rpc")),
        ("ecf.endpoint.id.ns", Value::from("ecf.namespace.xmlrpc")),
        ("ecf.endpoint.ts", Value::from(1_i64)),
        ("osgi.basic.timeout", Value::from("60000")),
    ]));
    described.map_err(|error| Error::Answer(error.to_string()))
}

/// The admin alone.
async fn admin() -> Result<(), Error> {
    let framework = distribution().await?;
    let context = framework.context();
    let admin = the_admin(&framework)?;
    let wrong = |error: ferlix::remote::Error| Error::Answer(error.to_string());
    let local = async |count: u64| {
        for _ in 0..count {
            let greeter: Arc<dyn Hello> = Arc::new(Greeter);
            let registration = context.register(greeter, Properties::new())?;
            registration.unregister().await?;
        }
        Ok(())
    };
    let greeter: Arc<dyn Hello> = Arc::new(Greeter);
    let service = context.register(greeter, Properties::new())?;
    let asked = frameworks::exported();
    let exports = Comparison::take(local, async |count| {
        for _ in 0..count {
            let exported = admin.export_service(service.reference(), &asked).await;
            for registration in exported.map_err(wrong)? {
                registration.reference().map_err(wrong)?;
                registration.close().await;
            }
        }
        Ok(())
    })
    .await?;
    let good = endpoint(1, "ecf.xmlrpc.server")?;
    let imports = Comparison::take(local, async |count| {
        for _ in 0..count {
            let registration = admin.import_service(&good).await.map_err(wrong)?;
            registration.reference().map_err(wrong)?;
            registration.close().await;
        }
        Ok(())
    })
    .await?;
    let bad = endpoint(1, "ecf.unknown.server")?;
    let refusals = Comparison::take(local, async |count| {
        for _ in 0..count {
            if admin.import_service(&bad).await.is_ok() {
                return Err(Error::Answer("an unknown type was imported".to_owned()));
            }
        }
        Ok(())
    })
    .await?;
    framework.stop().await?;

    let row = |words: &str, compared: &Comparison| {
        vec![
            words.to_owned(),
            table::thousands(1e9 / compared.subject),
            format!("{:.2}", compared.subject / 1e3),
            format!("{:.1}", compared.ratio),
        ]
    };
    let floor = Comparison {
        subject: exports.floor,
        ratio: 1.0,
        ..exports
    };
    table::print(
        "The Remote Service Admin, with the XML-RPC distribution",
        &["", "a second", "us", "of floor"],
        &[
            row("floor: registered in the registry and unregistered", &floor),
            row("exported and withdrawn", &exports),
            row("imported and withdrawn", &imports),
            row("an endpoint that no provider takes, refused", &refusals),
        ],
    );
    Ok(())
}

/// What an export and an import hold, in processes that do nothing else.
fn weight() -> Result<(), Error> {
    let (mut services, mut exports, mut imports) = (vec![], vec![], vec![]);
    for _ in 0..WEIGHINGS {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--serve", "remote"]);
        let program = Program::start("remote", command);
        let line = program.wait_for(WEIGHT);
        let figures = line.strip_prefix(WEIGHT).unwrap_or_default();
        let figures: Vec<f64> = figures
            .split(' ')
            .filter_map(|figure| figure.parse().ok())
            .collect();
        let [service, export, import] = figures[..] else {
            return Err(Error::Answer(line));
        };
        services.push(service);
        exports.push(export);
        imports.push(import);
    }
    let row = |words: &str, octets: &[f64]| {
        let ratios = octets.iter().zip(&services).map(|(own, floor)| own / floor);
        vec![
            words.to_owned(),
            table::thousands(median(octets.iter().copied())),
            format!("{:.1}", median(ratios)),
        ]
    };
    table::print(
        &format!("Resident memory for each of {WEIGHED}"),
        &["", "octets", "of floor"],
        &[
            row("floor: a service in the registry", &services),
            row("an export of such a service", &exports),
            row("an import, with its proxy in the registry", &imports),
        ],
    );
    Ok(())
}

/// As a child: what the memory of this process grows by for each service, each export and each import.
pub(crate) async fn weigh() -> Result<(), Error> {
    let framework = distribution().await?;
    let context = framework.context();
    let admin = the_admin(&framework)?;
    let wrong = |error: ferlix::remote::Error| Error::Answer(error.to_string());
    let asked = frameworks::exported();
    // What is made once only is made before.
    let greeter: Arc<dyn Hello> = Arc::new(Greeter);
    let first = context.register(Arc::clone(&greeter), Properties::new())?;
    let mut exported = admin
        .export_service(first.reference(), &asked)
        .await
        .map_err(wrong)?;
    let described = endpoint(0, "ecf.xmlrpc.server")?;
    let mut imported = vec![admin.import_service(&described).await.map_err(wrong)?];

    let before = resident()?;
    let mut services = Vec::new();
    for _ in 0..WEIGHED {
        services.push(context.register(Arc::clone(&greeter), Properties::new())?);
    }
    let registered = resident()?;
    for service in &services {
        let made = admin.export_service(service.reference(), &asked).await;
        exported.extend(made.map_err(wrong)?);
    }
    let held = resident()?;
    for number in 1..=WEIGHED {
        let described = endpoint(number, "ecf.xmlrpc.server")?;
        imported.push(admin.import_service(&described).await.map_err(wrong)?);
    }
    let all = resident()?;
    let each = |octets: f64| octets / f64::from(WEIGHED);
    println!(
        "{WEIGHT}{} {} {}",
        each(registered - before),
        each(held - registered),
        each(all - held)
    );
    Ok(())
}
