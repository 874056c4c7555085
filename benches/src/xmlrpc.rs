//! XML-RPC calls: how many a second, and how long one takes.
//!
//! One connection with both ends on one core, sixteen likewise, and sixteen on all cores. In each repetition
//! the subjects take turns; each has a server process of its own that lives through all repetitions.

use bytes::Bytes;

use crate::child::{Role, Server};
use crate::cores::{self, Cores};
use crate::error::Error;
use crate::http_floor::{ANSWER, BareClient, REQUEST};
use crate::load::{self, Figures};
use crate::{REPETITIONS, table};

/// Connections at once, and where the ends run.
const SETTINGS: &[(usize, Cores)] = &[(1, Cores::One), (16, Cores::One), (16, Cores::Free)];

/// What is measured; the first is the floor.
#[derive(Clone, Copy, Debug)]
enum Subject {
    Floor,
}

const SUBJECTS: &[Subject] = &[Subject::Floor];

impl Subject {
    fn words(self) -> &'static str {
        match self {
            Self::Floor => "floor: bare hyper, bare clients",
        }
    }

    fn server(self) -> Role {
        match self {
            Self::Floor => Role::HttpFloor,
        }
    }

    async fn measure(self, server: &Server, connections: usize) -> Result<Figures, Error> {
        match self {
            Self::Floor => {
                let mut clients = Vec::with_capacity(connections);
                for _ in 0..connections {
                    let (request, answer) = (REQUEST.as_bytes(), ANSWER.as_bytes());
                    let (request, answer) =
                        (Bytes::from_static(request), Bytes::from_static(answer));
                    let client = BareClient::connect(server.address, "/xml-rpc", request, answer);
                    clients.push(client.await?);
                }
                load::drive(clients).await
            }
        }
    }
}

/// Measures and prints a table for each setting.
pub(crate) fn run() -> Result<(), Error> {
    for (connections, cores) in SETTINGS {
        let medians = cores.run(|| measure(*connections))?;
        let floor = medians.first().map_or(f64::NAN, |figures| figures.rate);
        let rows: Vec<_> = SUBJECTS
            .iter()
            .zip(&medians)
            .map(|(subject, figures)| {
                vec![
                    subject.words().to_owned(),
                    table::thousands(figures.rate),
                    format!("{:.2}", figures.rate / floor),
                    format!("{:.1}", figures.p50.as_secs_f64() * 1e6),
                    format!("{:.1}", figures.p99.as_secs_f64() * 1e6),
                ]
            })
            .collect();
        let plural = if *connections == 1 { "" } else { "s" };
        table::print(
            &format!(
                "XML-RPC sayHello, {connections} connection{plural}, {}",
                cores.words()
            ),
            &["", "calls/s", "of floor", "p50 µs", "p99 µs"],
            &rows,
        );
    }
    Ok(())
}

/// The medians, one for each subject.
fn measure(connections: usize) -> Result<Vec<Figures>, Error> {
    let runtime = cores::runtime()?;
    let servers = SUBJECTS
        .iter()
        .map(|subject| Server::start(subject.server()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut taken = vec![Vec::with_capacity(REPETITIONS); SUBJECTS.len()];
    for _ in 0..REPETITIONS {
        for ((subject, server), taken) in SUBJECTS.iter().zip(&servers).zip(&mut taken) {
            taken.push(runtime.block_on(subject.measure(server, connections))?);
        }
    }
    Ok(taken
        .iter()
        .map(|figures| Figures::medians(figures))
        .collect())
}
