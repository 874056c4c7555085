//! [`table`]: the one form in which commands print tables, that of iPOPO's shell; and [`printable`] for single texts.

use std::borrow::Cow;

use comfy_table::{Cell, CellAlignment, ContentLineStyle, LineStyle, Table, TableStyle};

const STYLE: TableStyle = TableStyle::new()
    .top_border(LineStyle::new('+', '-', '+', '+'))
    .header_lines(ContentLineStyle::new('|', '|', '|'))
    .header_separator(LineStyle::new('+', '=', '+', '+'))
    .content_lines(ContentLineStyle::new('|', '|', '|'))
    .row_separator(LineStyle::new('+', '-', '+', '+'))
    .bottom_border(LineStyle::new('+', '-', '+', '+'));

/// A table with centred headings, left-aligned cells and a line between all rows; it ends with a line end.
///
/// Every line gets `prefix` in front. An empty table ends after the line under the headings.
///
/// ```
/// use ferlix_core::command::table;
/// assert_eq!(table("", &["ID", "Name"], vec![vec!["1".into(), "a".into()]]), "\
/// +----+------+
/// | ID | Name |
/// +====+======+
/// | 1  | a    |
/// +----+------+
/// ");
/// ```
#[must_use]
pub fn table(prefix: &str, headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    let style = if rows.is_empty() {
        STYLE.bottom_border(LineStyle::none())
    } else {
        STYLE
    };
    table.load_style(style);
    for row in rows {
        table.add_row(row.iter().map(|cell| Cell::new(printable(cell))));
    }
    table.set_header(headings);
    let widths = table.column_max_content_widths();
    table.set_header(headings.iter().zip(widths).map(|(heading, width)| {
        // The library puts an odd surplus left, iPOPO right: a space more at the end makes it even.
        let odd = usize::from(width).saturating_sub(heading.chars().count()) % 2;
        Cell::new(format!("{heading}{}", " ".repeat(odd))).set_alignment(CellAlignment::Center)
    }));
    table
        .lines()
        .map(|line| format!("{prefix}{line}\n"))
        .collect()
}

/// A text of one line as a terminal may show it: every control character is replaced by U+FFFD.
///
/// Names and values come from the network: an escape sequence or a line end in one must not draw on the terminal.
/// [`table`] does this to its cells.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        Cow::Owned(text.replace(char::is_control, "\u{FFFD}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{printable, table};

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(
            printable("a\u{1b}[2Jb\nc\u{9b}d"),
            "a\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}d"
        );
        assert_eq!(printable("häßlich"), "häßlich");
    }

    #[test]
    fn an_empty_table_ends_under_its_headings() {
        let text = table("\t", &["ID", "Name"], vec![]);
        assert_eq!(text, "\t+----+------+\n\t| ID | Name |\n\t+====+======+\n");
    }

    #[test]
    fn odd_surplus_of_a_heading_goes_right() {
        let text = table(
            "",
            &["ID"],
            vec![vec!["12345".into()], vec!["1\u{1b}".into()]],
        );
        assert_eq!(
            text,
            "+-------+\n|  ID   |\n+=======+\n| 12345 |\n+-------+\n| 1\u{FFFD}    |\n+-------+\n"
        );
    }
}
