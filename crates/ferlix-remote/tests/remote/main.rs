//! The tests of the public interface; one program, so that it links once.

mod admin;
mod commands;
mod directory;
mod edef;
mod support;
mod topology;
mod wire;
