//! Tables for people: a title, a line of headings, and rows whose first cell is text and whose others are
//! numbers.

use comfy_table::{CellAlignment, Table, TableStyle};

/// Prints a table.
pub(crate) fn print(title: &str, headings: &[&str], rows: &[Vec<String>]) {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.set_header(headings);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("\n{title}");
    for line in table.lines() {
        println!("{}", line.trim_end());
    }
}

/// What is said of a goal.
pub(crate) fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "NOT MET" }
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
