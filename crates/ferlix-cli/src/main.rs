//! The `ferlix` program: what a user of Ferlix runs without writing one.
//!
//! `ferlix etcd` serves the embedded etcd until a signal; `ferlix password` and `ferlix token` make entries for the files
//! that the HTTP service knows its clients by. Deliberately absent: anything that a user's own program does
//! with the `ferlix` crate.

use std::io::{IsTerminal, Read as _};
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
    /// An entry for a password file (`ferlix.http.auth.password_file`), on stdout: append it. A password is made up and told
    /// on stderr, unless one comes on stdin.
    Password {
        /// Who will have the password.
        name: String,
        /// Take the password from stdin, up to the end of its first line.
        #[arg(long)]
        stdin: bool,
    },
    /// A new token, told on stderr, and its entry for a token file (`ferlix.http.auth.token_file`), on stdout: append it.
    Token {
        /// Who will have the token.
        name: String,
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
        Command::Password { name, stdin } => password(&name, stdin),
        Command::Token { name } => token(&name),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferlix: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the entry of a password.
fn password(name: &str, stdin: bool) -> Result<(), String> {
    let password = if stdin {
        first_line()?
    } else {
        ferlix_http::new_password()
    };
    let entry = ferlix_http::password_entry(name, &password).map_err(|error| error.to_string())?;
    if !stdin {
        eprintln!("The password of {name}, shown this once: {password}");
    }
    println!("{entry}");
    Ok(())
}

fn first_line() -> Result<String, String> {
    const MOST: u64 = 4096;
    let mut text = String::new();
    std::io::stdin()
        .take(MOST)
        .read_to_string(&mut text)
        .map_err(|error| format!("the password cannot be read: {error}"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Prints the entry of a new token.
fn token(name: &str) -> Result<(), String> {
    let (token, entry) = ferlix_http::new_token(name).map_err(|error| error.to_string())?;
    eprintln!("The token of {name}, shown this once: {token}");
    println!("{entry}");
    Ok(())
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
    ferlix_core::framework::stop_signal()
        .await
        .map_err(|error| format!("signals cannot be caught: {error}"))?;
    server.shutdown().await;
    Ok(())
}
