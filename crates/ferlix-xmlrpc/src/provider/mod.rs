//! The serving side: what takes a POST to the exported service that it names, and the distribution provider around it.
//!
//! In flow documents from the HTTP service, out go documents: a result or a fault, both with status 200, as XML-RPC asks.
//! Only methods of the exported interfaces can be called; a method that is refused and one that is not there look the
//! same to the caller. Every call has a deadline, at which it is dropped.
//!
//! Deliberately absent: introspection (`system.listMethods`), `system.multicall`, and pools of workers: a call runs
//! where its request was read.

mod handler;
mod services;

pub use handler::handler;
pub use services::Services;
