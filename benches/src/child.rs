//! The server ends of the benchmarks, as child processes of this same program.
//!
//! A child says on its first line where it listens, and serves until it is killed or its standard input ends, as
//! it does when the program that started it is killed. It is bound to the cores of the thread that starts it.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{self, Command};
use std::sync::Arc;
use std::{future, io};

use clap::ValueEnum;
use ferlix_etcd::embedded::EmbeddedEtcd;
use ferlix_examples::hello::Hello;
use ferlix_tests::Program;

use crate::error::Error;
use crate::{calls, cores, directory, frameworks, http_floor, remote, thread};

/// What a child serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Role {
    /// A framework that discovers what is in an etcd, and says what memory that takes; needs an etcd.
    Directory,
    /// The embedded etcd.
    Etcd,
    /// A framework that exports the greeting service; needs an etcd.
    Exporter,
    /// The bare hyper server.
    HttpFloor,
    /// What it gets, it sends back, on one thread.
    TcpEcho,
    /// The bench's own service, without a framework.
    Work,
    /// The same under 10,000 numbers.
    Work10000,
    /// A framework that exports and imports, and says what memory that takes.
    Remote,
}

/// The line that a child prints when it serves.
const LISTENING: &str = "listening on ";

/// A serving child, killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a child that needs no etcd, and waits until it serves.
    pub(crate) fn start(role: Role) -> Result<Self, Error> {
        Self::start_with(role, None)
    }

    /// Starts a child and waits until it serves.
    pub(crate) fn start_with(role: Role, etcd: Option<SocketAddr>) -> Result<Self, Error> {
        let value = role.to_possible_value();
        let name = value.as_ref().map_or("", |value| value.get_name());
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--serve", name]);
        if let Some(etcd) = etcd {
            command.args(["--etcd", &etcd.to_string()]);
        }
        let program = Program::start(name, command);
        let line = program.wait_for(LISTENING);
        let address = line
            .strip_prefix(LISTENING)
            .and_then(|address| address.parse().ok())
            .ok_or_else(|| Error::Answer(line.clone()))?;
        Ok(Self { program, address })
    }
}

/// Says where this child listens.
pub(crate) fn announce(address: SocketAddr) {
    println!("{LISTENING}{address}");
}

/// Serves as a child, until killed or left alone.
pub(crate) fn serve(role: Role, etcd: Option<SocketAddr>) -> Result<(), Error> {
    std::thread::spawn(|| {
        // Nothing is sent: it returns at the end of the input.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        process::exit(0);
    });
    cores::runtime()?.block_on(async {
        match role {
            Role::Directory => {
                let etcd = etcd.ok_or_else(|| Error::Answer("a directory needs --etcd".into()))?;
                directory::weigh(etcd).await?;
                future::pending().await
            }
            Role::Etcd => {
                let etcd = EmbeddedEtcd::bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
                announce(etcd.local_addr());
                future::pending().await
            }
            Role::Exporter => {
                let etcd = etcd.ok_or_else(|| Error::Answer("an exporter needs --etcd".into()))?;
                let framework = frameworks::exporter(etcd).await?;
                let greeter: Arc<dyn Hello> = Arc::new(frameworks::Greeter);
                let context = framework.context();
                context.register(greeter, frameworks::exported())?;
                announce(frameworks::http_address(&framework)?);
                future::pending().await
            }
            Role::HttpFloor => http_floor::serve().await,
            Role::TcpEcho => thread::serve_echo(),
            Role::Work => calls::serve(1).await,
            Role::Work10000 => calls::serve(10_000).await,
            Role::Remote => {
                remote::weigh().await?;
                future::pending().await
            }
        }
    })
}
