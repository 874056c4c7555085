//! `etcdctl` against the embedded server: the program that people will try it with.
//!
//! Runs when the environment variable `FERLIX_TEST_ETCDCTL` names it (`cargo xtask test` sets it). What is checked is
//! what it prints.

use std::{env, net::SocketAddr, path::PathBuf, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::{etcd::soon, target::Target};

struct Etcdctl {
    binary: PathBuf,
    server: SocketAddr,
}

impl Etcdctl {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &self.server.to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command to its end; answers what it printed.
    async fn run(&self, arguments: &[&str]) -> String {
        let output = soon("the end of etcdctl", self.command(arguments).output()).await;
        let output = output.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        // `endpoint health` says that all is well on the channel of errors.
        String::from_utf8(output.stdout).unwrap() + &errors
    }

    /// Starts a command that goes on.
    fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running {
            lines,
            _child: child,
        }
    }
}

struct Running {
    lines: Lines<BufReader<ChildStdout>>,
    /// Killed when dropped.
    _child: Child,
}

impl Running {
    async fn line(&mut self) -> String {
        let line = soon("a line of etcdctl", self.lines.next_line()).await;
        line.unwrap().expect("etcdctl has ended")
    }
}

#[tokio::test]
async fn etcdctl_works_with_the_embedded_etcd() {
    let Some(binary) = env::var_os("FERLIX_TEST_ETCDCTL").filter(|path| !path.is_empty()) else {
        eprintln!("FERLIX_TEST_ETCDCTL does not name an etcdctl: it is not tested");
        return;
    };
    let target = Target::embedded().await;
    let etcdctl = Etcdctl {
        binary: binary.into(),
        server: target.address(),
    };
    keys(&etcdctl).await;
    transactions(&etcdctl).await;
    watches(&etcdctl).await;
    leases(&etcdctl).await;
    endpoints(&etcdctl).await;
    target.stop().await;
}

async fn keys(etcdctl: &Etcdctl) {
    assert_eq!(etcdctl.run(&["put", "top/a", "1"]).await, "OK\n");
    assert_eq!(etcdctl.run(&["put", "top/b", "2"]).await, "OK\n");
    assert_eq!(etcdctl.run(&["put", "other", "3"]).await, "OK\n");
    assert_eq!(
        etcdctl.run(&["get", "--prefix", "top/"]).await,
        "top/a\n1\ntop/b\n2\n"
    );
    assert_eq!(
        etcdctl
            .run(&["get", "--from-key", "", "--keys-only", "--order=DESCEND"])
            .await,
        "top/b\n\ntop/a\n\nother\n\n"
    );
    assert_eq!(
        etcdctl.run(&["put", "--prev-kv", "top/a", "4"]).await,
        "OK\ntop/a\n1\n"
    );
    assert_eq!(
        etcdctl.run(&["get", "top/a", "--rev=2"]).await,
        "top/a\n1\n"
    );
    assert_eq!(etcdctl.run(&["del", "--prefix", "top/"]).await, "2\n");
    assert_eq!(etcdctl.run(&["get", "--prefix", "top/"]).await, "");
    assert_eq!(
        etcdctl.run(&["compact", "6"]).await,
        "compacted revision 6\n"
    );
}

async fn transactions(etcdctl: &Etcdctl) {
    use tokio::io::AsyncWriteExt;

    let mut child = etcdctl
        .command(&["txn"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(b"val(\"other\") = \"3\"\n\nput txn yes\nget txn\n\nput txn no\n\n")
        .await
        .unwrap();
    drop(input);
    let output = soon("the end of a transaction", child.wait_with_output()).await;
    let printed = String::from_utf8(output.unwrap().stdout).unwrap();
    assert_eq!(printed, "SUCCESS\n\nOK\n\ntxn\nyes\n");
}

async fn watches(etcdctl: &Etcdctl) {
    etcdctl.run(&["put", "watched/a", "past"]).await;
    // What was compacted last is the oldest revision to watch from.
    let from = "--rev=6";
    let mut watch = etcdctl.start(&["watch", "--prefix", "watched/", from, "--prev-kv"]);
    // A key that is new has no previous one to print.
    for expected in ["PUT", "watched/a", "past"] {
        assert_eq!(watch.line().await, expected);
    }
    etcdctl.run(&["put", "watched/a", "now"]).await;
    for expected in ["PUT", "watched/a", "past", "watched/a", "now"] {
        assert_eq!(watch.line().await, expected);
    }
    etcdctl.run(&["del", "watched/a"]).await;
    for expected in ["DELETE", "watched/a", "now", "watched/a", ""] {
        assert_eq!(watch.line().await, expected);
    }
}

async fn leases(etcdctl: &Etcdctl) {
    let granted = etcdctl.run(&["lease", "grant", "60"]).await;
    let id = granted
        .strip_prefix("lease ")
        .and_then(|rest| rest.strip_suffix(" granted with TTL(60s)\n"))
        .unwrap_or_else(|| panic!("{granted}"));
    let option = format!("--lease={id}");
    etcdctl.run(&["put", &option, "leased", "1"]).await;
    let listed = etcdctl.run(&["lease", "list"]).await;
    assert_eq!(listed, format!("found 1 leases\n{id}\n"));
    let left = etcdctl.run(&["lease", "timetolive", "--keys", id]).await;
    assert!(
        left.starts_with(&format!("lease {id} granted with TTL(60s), remaining("))
            && left.ends_with("attached keys([leased])\n"),
        "{left}"
    );
    let mut renewing = etcdctl.start(&["lease", "keep-alive", id]);
    assert_eq!(
        renewing.line().await,
        format!("lease {id} keepalived with TTL(60)")
    );
    let revoked = etcdctl.run(&["lease", "revoke", id]).await;
    assert_eq!(revoked, format!("lease {id} revoked\n"));
    assert_eq!(etcdctl.run(&["get", "leased"]).await, "");
}

async fn endpoints(etcdctl: &Etcdctl) {
    let server = etcdctl.server.to_string();
    let health = etcdctl.run(&["endpoint", "health"]).await;
    assert!(
        health.starts_with(&format!("{server} is healthy:")),
        "{health}"
    );
    let status = etcdctl.run(&["endpoint", "status"]).await;
    assert!(status.starts_with(&format!("{server}, ")), "{status}");
    assert!(status.contains(", 3.5.1+ferlix."), "{status}");
    let members = etcdctl.run(&["member", "list"]).await;
    assert!(
        members.contains(", started, ferlix, ") && members.contains(&server),
        "{members}"
    );
    assert_eq!(etcdctl.run(&["alarm", "list"]).await, "");
}
