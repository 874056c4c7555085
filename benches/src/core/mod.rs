//! The core: registry, look-ups, filters, events and components, on one core and a runtime of one thread but where a row
//! says two.
//!
//! The floors are what no registry can do without: a hit in a `HashMap` of as many entries, a call of an
//! `Arc<dyn …>`, an empty task; for two threads, what one does alone.

mod components;
mod events;
mod filters;
mod registry;
mod report;
mod threads;

use std::hint::black_box;

use ferlix::prelude::*;

use self::report::Report;
use crate::cores::Cores;
use crate::error::Error;

const ADDER: &str = "ferlix.benches.adder";
/// The key of a number that each service has for itself.
const NUMBER: &str = "number";
/// The key of the same number as a text, which is indexed.
const SERIAL: &str = "serial";

/// Adds: as little as a call can do.
#[service(ADDER)]
trait Adder: Send + Sync {
    fn add(&self, number: u64) -> u64;
}

struct One;

impl Adder for One {
    fn add(&self, number: u64) -> u64 {
        number + 1
    }
}

/// Measures and prints the table.
pub(crate) fn run() -> Result<(), Error> {
    let report = Cores::One.run(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(async {
                let mut report = Report::default();
                registry::measure(&mut report).await?;
                filters::measure(&mut report).await?;
                events::measure(&mut report).await?;
                components::measure(&mut report).await?;
                threads::measure(&mut report).await?;
                Ok(report)
            })
    })?;
    report.print();
    Ok(())
}

fn numbered(number: u64) -> Properties {
    let value = i64::try_from(number).unwrap_or(i64::MAX);
    let mut properties = Properties::from([(NUMBER, value)]);
    properties.insert(SERIAL, format!("serial-{number}"));
    properties
}

fn filter(text: &str) -> Result<Filter, Error> {
    let filter: Result<Filter, _> = text.parse();
    filter.map_err(|error| ferlix::Error::Filter(error).into())
}

/// Does it as often as told, and checks that it finds something each time.
fn all(count: u64, find: impl Fn() -> bool) -> Result<(), Error> {
    let found = (0..count).filter(|_| black_box(find())).count() as u64;
    expect(found, count)
}

fn expect(found: u64, expected: u64) -> Result<(), Error> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::Answer(format!("{found} instead of {expected}")))
    }
}
