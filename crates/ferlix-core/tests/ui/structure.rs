//! `#[derive(Structure)]` on what no peer knows.

use ferlix_core::Structure;

#[derive(Structure)]
enum Choice {
    One,
}

#[derive(Structure)]
struct Tuple(u8);

#[derive(Structure)]
struct Generic<T> {
    value: T,
}

#[derive(Structure)]
struct Names {
    #[structure(rename = "b")]
    a: u8,
    b: u8,
    #[structure(name = "x")]
    c: u8,
}

struct Secret;

#[derive(Structure)]
struct Types {
    secret: Secret,
}

fn main() {}
