//! Tables for people: a title, a line of headings, and rows whose first cell is text and whose others are
//! numbers.

/// Prints a table.
pub(crate) fn print(title: &str, headings: &[&str], rows: &[Vec<String>]) {
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(column, heading)| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .chain([heading.chars().count()])
                .max()
                .unwrap_or_default()
        })
        .collect();
    println!("\n{title}");
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (column, (cell, width)) in cells.zip(&widths).enumerate() {
            line.push_str("  ");
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            if column == 0 {
                line.extend([cell, &padding]);
            } else {
                line.extend([&padding, cell]);
            }
        }
        println!("{}", line.trim_end());
    };
    line(&mut headings.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}

/// Says that a row is missing because a real peer is.
pub(crate) fn skipped(what: &str) {
    println!("\nskipped: {what} – `cargo xtask setup` fetches etcd and iPOPO");
}

/// A whole number with its thousands apart: `41,200`.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(7.0), "7");
        assert_eq!(thousands(999.6), "1,000");
        assert_eq!(thousands(1_234_567.0), "1,234,567");
    }
}
