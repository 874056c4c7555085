//! Calls at full rate: over how many connections they are made, and the table of who makes them, beside both floors.

use crate::cores::Cores;
use crate::error::Error;
use crate::load::{self, Figures};
use crate::table;

/// Connections at once, and where the ends run.
pub(crate) const SETTINGS: [(usize, Cores); 4] = [
    (1, Cores::One),
    (16, Cores::One),
    (16, Cores::Free),
    (256, Cores::Free),
];

/// Who calls whom, and the figures of all repetitions.
pub(crate) struct Row {
    pub(crate) words: &'static str,
    pub(crate) figures: Vec<Figures>,
}

/// The four subjects that every table begins with.
pub(crate) const SUBJECTS: [&str; 4] = [
    "floor: bare hyper, bare clients",
    "pool: bare hyper, hyper-util's client",
    "our exporter, bare clients",
    "our exporter, our proxy",
];

/// What the subjects are held to for a small message: the least share of the floor, and of the pool.
const GOALS: [(Option<f64>, Option<f64>); 4] = [
    (None, None),
    (None, None),
    (Some(0.85), None),
    (Some(0.65), Some(0.75)),
];

/// Rows of the four subjects, in their order.
pub(crate) fn rows(taken: Vec<Vec<Figures>>) -> Vec<Row> {
    let named = SUBJECTS.iter().zip(taken);
    named
        .map(|(words, figures)| Row { words, figures })
        .collect()
}

/// Measures at each setting, and prints a table of each. The goals are stated for small messages only.
pub(crate) fn at_each_setting(
    what: &str,
    small: bool,
    measure: impl Fn(usize, Cores) -> Result<Vec<Row>, Error> + Sync,
) -> Result<(), Error> {
    for (connections, cores) in SETTINGS {
        let rows = cores.run(|| measure(connections, cores))?;
        let goals = small && matches!((connections, cores), (1, Cores::One) | (16, Cores::Free));
        print(what, connections, cores, goals, &rows);
    }
    Ok(())
}

fn print(what: &str, connections: usize, cores: Cores, goals: bool, rows: &[Row]) {
    // The turns of one repetition are beside each other in time: their ratio is taken before the median.
    let ratio = |row: &Row, floor: usize| {
        let each = row.figures.iter().zip(&rows[floor].figures);
        load::median(each.map(|(figures, floor)| figures.rate / floor.rate))
    };
    let cells: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(subject, row)| {
            let medians = Figures::medians(&row.figures);
            let (of_floor, of_pool) = (ratio(row, 0), ratio(row, 1));
            let goal = GOALS.get(subject).filter(|_| goals);
            vec![
                row.words.to_owned(),
                table::thousands(medians.rate),
                format!("{of_floor:.3}"),
                format!("{of_pool:.3}"),
                format!("{:.1}", medians.p50.as_secs_f64() * 1e6),
                format!("{:.1}", medians.p99.as_secs_f64() * 1e6),
                goal.map_or_else(String::new, |(floor, pool)| {
                    verdict(&[("floor", of_floor, *floor), ("pool", of_pool, *pool)])
                }),
            ]
        })
        .collect();
    let plural = if connections == 1 { "" } else { "s" };
    let title = format!(
        "XML-RPC, {what}, {connections} connection{plural}, {}",
        cores.words()
    );
    let headings = [
        "", "calls/s", "of floor", "of pool", "p50 µs", "p99 µs", "goal",
    ];
    table::print(&title, &headings, &cells);
}

/// The goals that there are, and whether they were met.
fn verdict(shares: &[(&str, f64, Option<f64>)]) -> String {
    let stated = shares.iter().filter_map(|(of, share, goal)| {
        let goal = (*goal)?;
        let met = table::verdict(*share >= goal);
        Some(format!("≥ {goal} of {of} {met}"))
    });
    stated.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_met_from_their_value_on() {
        let met = verdict(&[("floor", 0.65, Some(0.65)), ("pool", 0.74, Some(0.75))]);
        assert_eq!(met, "≥ 0.65 of floor met, ≥ 0.75 of pool NOT MET");
        assert_eq!(verdict(&[("floor", 0.1, None)]), "");
    }
}
