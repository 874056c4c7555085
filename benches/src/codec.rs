//! Documents read and written: by our codec, by `dxr`, and by Python's `xmlrpc.client` when there is a Python.
//!
//! In MB of document a second, of the very same documents: into and from values of any type, and into and from the Rust type of
//! the payload.

use std::hint::black_box;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ferlix::property::whole;
use ferlix::xmlrpc::codec::{Limits, Writer, decode_call, read_call, write_call};
use ferlix_tests::peers;

use crate::error::Error;
use crate::load::median;
use crate::payload::{self, Payload, Typed};
use crate::{REPETITIONS, table};

const MEASURED: Duration = Duration::from_millis(200);

/// Reads a document from its input, and prints how many bytes a second it reads and writes.
const PYTHON: &str = "
import sys, time, xmlrpc.client as x
document = sys.stdin.buffer.read()
params, method = x.loads(document)
def rate(work, length):
    best = 0
    for _ in range(5):
        count, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < 0.2:
            work()
            count += 1
        best = max(best, count * length / (time.perf_counter() - begun))
    return best
print(rate(lambda: x.loads(document), len(document)))
print(rate(lambda: x.dumps(params, method, allow_none=True), len(x.dumps(params, method, allow_none=True))))
";

/// Measures and prints the tables.
pub(crate) fn run() -> Result<(), Error> {
    for payload in Payload::ALL {
        let document = payload.request(1)?;
        let text =
            std::str::from_utf8(&document).map_err(|error| Error::Answer(error.to_string()))?;
        let wrong = |error: &dyn std::fmt::Display| Error::Answer(error.to_string());
        let limits = Limits::default();
        let call = read_call(&document, &limits).map_err(|error| wrong(&error))?;
        // dxr knows no namespaces: the prefix goes.
        let plain = text
            .replace(
                " xmlns:ex=\"http://ws.apache.org/xmlrpc/namespaces/extensions\"",
                "",
            )
            .replace("ex:", "");
        let theirs = dxr::MethodCall::from_xml(&plain).map_err(|error| wrong(&error))?;
        let written = theirs.to_xml().map_err(|error| wrong(&error))?.len();
        let mut rows = vec![
            vec![
                "ours, by values".to_owned(),
                rate(document.len(), || {
                    read_call(black_box(&document), &limits).is_ok()
                })?,
                rate(document.len(), || {
                    write_call(&call.method, black_box(&call.arguments)).is_ok()
                })?,
            ],
            vec![
                "dxr, by values".to_owned(),
                rate(plain.len(), || {
                    dxr::MethodCall::from_xml(black_box(&plain)).is_ok()
                })?,
                rate(written, || black_box(&theirs).to_xml().is_ok())?,
            ],
        ];
        let documents = (&*document, &*plain);
        rows.extend(match payload {
            Payload::Message => typed(documents, &payload::message()),
            Payload::Record => typed(documents, &payload::record()),
            Payload::Numbers => typed(documents, &payload::numbers()),
        }?);
        if peers::are_set_up() {
            rows.push(python(&document)?);
        }
        table::print(
            &format!(
                "XML-RPC documents, {} ({} bytes)",
                payload.words(),
                document.len()
            ),
            &["", "read MB/s", "write MB/s"],
            &rows,
        );
    }
    Ok(())
}

/// The Rust type, of our document and of that which dxr knows.
fn typed<T: Typed>((ours, theirs): (&[u8], &str), value: &T) -> Result<[Vec<String>; 2], Error> {
    let limits = Limits::default();
    let read = || {
        let read = decode_call(black_box(ours), &limits, |_, arguments| {
            let event = arguments.event().ok()?;
            whole::<T>(event, arguments).ok()
        });
        matches!(read, Ok(Some(_)))
    };
    let write = || {
        let mut writer = Writer::call("1.method").ok()?;
        black_box(value).encode(&mut writer).ok()?;
        writer.finish().ok()
    };
    let their_read = || {
        let call = dxr::MethodCall::from_xml(black_box(theirs)).ok()?;
        T::try_from_value(call.params.first()?).ok()
    };
    let their_write = || {
        let call = dxr::MethodCall {
            name: "1.method".into(),
            params: vec![black_box(value).try_to_value().ok()?],
        };
        call.to_xml().ok()
    };
    let length = write().map_or(0, |document| document.len());
    let their_length = their_write().map_or(0, |document| document.len());
    Ok([
        vec![
            "ours, by Rust types".to_owned(),
            rate(ours.len(), read)?,
            rate(length, || write().is_some())?,
        ],
        vec![
            "dxr, by Rust types".to_owned(),
            rate(theirs.len(), || their_read().is_some())?,
            rate(their_length, || their_write().is_some())?,
        ],
    ])
}

/// The median rate of work on so many bytes, in MB a second.
fn rate(bytes: usize, work: impl Fn() -> bool) -> Result<String, Error> {
    let mut rates = Vec::with_capacity(REPETITIONS);
    for _ in 0..REPETITIONS {
        let (begun, mut count) = (Instant::now(), 0_u32);
        while begun.elapsed() < MEASURED {
            if !black_box(work()) {
                return Err(Error::Answer("a document that cannot be read".to_owned()));
            }
            count += 1;
        }
        rates.push(f64::from(count) * bytes as f64 / begun.elapsed().as_secs_f64());
    }
    Ok(megabytes(median(rates.into_iter())))
}

fn megabytes(rate: f64) -> String {
    format!("{:.1}", rate / 1e6)
}

fn python(document: &[u8]) -> Result<Vec<String>, Error> {
    let mut child = Command::new(peers::python())
        .args(["-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(document)?;
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let rates: Vec<f64> = said.lines().filter_map(|line| line.parse().ok()).collect();
    let [read, write] = rates[..] else {
        return Err(Error::Answer(format!("Python said {said:?}")));
    };
    Ok(vec![
        "Python's xmlrpc.client".to_owned(),
        megabytes(read),
        megabytes(write),
    ])
}
