//! One suite for the embedded etcd and for real ones: each case runs, unchanged, against the embedded server and against
//! every `etcd` binary that the environment variable `FERLIX_TEST_ETCD` names (paths with `:` between; `cargo xtask test`
//! sets it). So what the embedded server does is known to be what etcd does.
//!
//! The cases speak through the generated stubs, not through the client, which has tests of its own. A server is started
//! once for all cases; before each, it is emptied. Beside them: what only the embedded server can do (`embedded`), and
//! `etcdctl` against it (`etcdctl`).

// `allow-unwrap-in-tests` knows only what carries `#[test]`, not the cases and helpers that such a function calls.
#![allow(clippy::unwrap_used)]

// The stubs are private to the library.
#[path = "../../src/proto/mod.rs"]
mod proto;

mod admin;
mod compact;
mod differential;
mod embedded;
mod etcd;
mod etcdctl;
mod kv;
mod lease;
mod range;
mod target;
mod txn;
mod watch;

use std::{env, path::Path, pin::Pin};

use etcd::Etcd;
use target::Target;

/// A named case.
type Case = (
    &'static str,
    fn(Etcd) -> Pin<Box<dyn Future<Output = ()> + Send>>,
);

/// The cases of a module.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        pub(crate) const CASES: &[crate::Case] = &[
            $((concat!(module_path!(), "::", stringify!($case)), |etcd| Box::pin($case(etcd)))),*
        ];
    };
}
use cases;

/// Runs every case against one server and says which failed.
async fn run(target: Target) {
    let mut failed = Vec::new();
    let mut count = 0;
    for (name, case) in [
        kv::CASES,
        range::CASES,
        txn::CASES,
        compact::CASES,
        lease::CASES,
        watch::CASES,
        admin::CASES,
    ]
    .concat()
    {
        let etcd = target.connect().await;
        etcd.empty().await;
        // A task of its own, so that one failure does not hide the others; what it says stands in the test's output.
        if tokio::spawn(case(etcd)).await.is_err() {
            failed.push(name);
        }
        count += 1;
    }
    assert!(
        failed.is_empty(),
        "{} of {count} cases failed against {target}: {failed:#?}",
        failed.len()
    );
    eprintln!("{count} cases passed against {target}");
    target.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_etcd_conforms() {
    run(Target::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_etcds_conform() {
    let binaries = env::var_os("FERLIX_TEST_ETCD").unwrap_or_default();
    if binaries.is_empty() {
        eprintln!("FERLIX_TEST_ETCD names no etcd binary: only the embedded server is tested");
        return;
    }
    let mut runs = tokio::task::JoinSet::new();
    for binary in env::split_paths(&binaries) {
        runs.spawn(async move { run(Target::real(Path::new(&binary)).await).await });
    }
    while let Some(ended) = runs.join_next().await {
        if let Err(failure) = ended {
            std::panic::resume_unwind(failure.into_panic());
        }
    }
}
