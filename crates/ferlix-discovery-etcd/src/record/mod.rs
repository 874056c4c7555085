//! The value of an endpoint's key: one JSON object, as Eclipse ECF defined it and iPOPO writes it.
//!
//! [`Draft`] writes the one form that both peers read, and refuses what would hurt either; [`read`] takes everything that
//! either of them writes. What the properties mean is in [`ferlix_remote::endpoint`]; here is only their JSON.

mod check;
mod node;
mod reader;
mod service_type;
mod writer;

pub use reader::read;
pub use writer::Draft;

/// The service type of Remote Service Admin endpoints; ECF ignores records of others.
const SERVICE_TYPE: &str = "ecfosgirsvc";
