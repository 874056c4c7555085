//! The tests of the public interface; one program, so that it links once.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod admin;
mod bundled;
mod commands;
mod description;
mod directory;
mod discovery;
mod edef;
mod edef_properties;
mod events;
mod failures;
mod health;
mod importing;
mod imports;
mod intents;
mod local;
mod ondemand;
mod policies;
mod support;
mod topology;
mod why;
mod wire;
