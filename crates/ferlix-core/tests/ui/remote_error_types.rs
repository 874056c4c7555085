//! `#[derive(RemoteError)]` on a type that is no error, and on one that cannot be a failed call.

use ferlix_core::RemoteError;

#[derive(RemoteError)]
enum NoError {
    One,
}

#[derive(Debug, thiserror::Error, RemoteError)]
#[error("lost")]
struct NotFromACall;

fn main() {}
