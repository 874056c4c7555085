//! `#[derive(RemoteError)]` used wrongly.

use ferlix_core::RemoteError;

#[derive(RemoteError)]
union Either {
    one: u8,
    other: i8,
}

#[derive(Debug, RemoteError)]
enum Generic<T> {
    One(T),
}

fn main() {}
