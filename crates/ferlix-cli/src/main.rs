//! The `ferlix` program: what a user of Ferlix runs without writing one.
//!
//! `ferlix etcd` serves the embedded etcd until a signal. Deliberately absent: anything that a user's own program does
//! with the `ferlix` crate.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ferlix_etcd::embedded::EmbeddedEtcd;
use tracing_subscriber::EnvFilter;

/// Ferlix, a dynamic service platform.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// What is logged, to stderr: error, warn, info, debug, trace, or a tracing filter.
    #[arg(long, global = true, default_value = "info")]
    log: EnvFilter,
}

#[derive(Subcommand)]
enum Command {
    /// An etcd v3 server in memory, for one machine: nothing is kept when it ends. A cluster is what etcd is for.
    Etcd {
        /// Where to listen; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:2379", value_name = "ADDRESS:PORT")]
        listen: SocketAddr,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(arguments.log)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let result = match arguments.command {
        Command::Etcd { listen } => etcd(listen).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferlix: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGINT or SIGTERM.
async fn etcd(listen: SocketAddr) -> Result<(), String> {
    let server = EmbeddedEtcd::bind(listen).await.map_err(|error| {
        format!("cannot listen on {listen}: {error}. Stop the etcd that has the port, or choose another with --listen")
    })?;
    println!(
        "etcd (in memory, nothing is kept) listens on {}",
        server.local_addr()
    );
    stop_signal()
        .await
        .map_err(|error| format!("signals cannot be caught: {error}"))?;
    server.shutdown().await;
    Ok(())
}

#[cfg(unix)]
async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        biased;
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn stop_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
