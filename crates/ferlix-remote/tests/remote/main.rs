//! The tests of the public interface; one program, so that it links once.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod admin;
mod commands;
mod directory;
mod discovery;
mod edef;
mod health;
mod support;
mod topology;
mod wire;
