//! The messages and gRPC stubs of the etcd v3 protocol, generated from `proto/*.proto` by `cargo xtask codegen`.
//!
//! Only this crate sees them. Keys and values are [`bytes::Bytes`]. The server halves are there with the feature
//! `embedded` only. The lints that hold for code written by hand are off for the generated files, and for them alone.

#[rustfmt::skip]
#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    rust_2018_idioms,
    clippy::all,
    clippy::cloned_instead_of_copied,
    clippy::doc_markdown,
    clippy::implicit_clone,
    clippy::needless_pass_by_value,
    clippy::redundant_closure_for_method_calls,
    clippy::semicolon_if_nothing_returned,
    clippy::unwrap_used
)]
pub(crate) mod etcdserverpb;
#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, dead_code, clippy::doc_markdown)]
pub(crate) mod mvccpb;
