//! [`MetricsText`]: writes the text format of Prometheus, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::fmt::Display;

/// The text of some metrics, family by family: begin one with its kind, then add its samples.
///
/// ```
/// use ferlix_http::MetricsText;
///
/// let mut text = MetricsText::new();
/// text.counter("pages_total", "Pages that were printed.");
/// text.sample(&[("tray", "2")], 7);
/// assert_eq!(text.finish(), "\
/// ## HELP pages_total Pages that were printed.
/// ## TYPE pages_total counter
/// pages_total{tray=\"2\"} 7
/// ".replace("##", "#"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct MetricsText {
    text: String,
    /// The family that samples belong to.
    name: &'static str,
}

impl MetricsText {
    /// No metrics yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a family of numbers that only grow. Names end with `_total`, by custom.
    pub fn counter(&mut self, name: &'static str, help: &str) {
        self.family(name, help, "counter");
    }

    /// Begins a family of numbers that go up and down.
    pub fn gauge(&mut self, name: &'static str, help: &str) {
        self.family(name, help, "gauge");
    }

    /// Begins a family of histograms, filled by [`buckets`](Self::buckets).
    pub fn histogram(&mut self, name: &'static str, help: &str) {
        self.family(name, help, "histogram");
    }

    /// Adds one number.
    pub fn sample(&mut self, labels: &[(&str, &str)], number: impl Display) {
        self.line("", labels, None, number);
    }

    /// Adds one histogram: upper bounds, how many fell under each (and above the one before), one more number for those
    /// above all, and the sum of what was measured.
    pub fn buckets(
        &mut self,
        labels: &[(&str, &str)],
        bounds: impl IntoIterator<Item = f64>,
        counts: &[u64],
        sum: f64,
    ) {
        let bounds = bounds.into_iter().map(Some).chain([None]);
        let mut all = 0;
        for (bound, count) in bounds.zip(counts) {
            all += count;
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
            self.line("_bucket", labels, Some(&bound), all);
        }
        self.line("_sum", labels, None, sum);
        self.line("_count", labels, None, all);
    }

    /// The text.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }

    pub(super) const fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.text.truncate(length);
    }

    fn family(&mut self, name: &'static str, help: &str, kind: &str) {
        self.name = name;
        self.text.push_str("# HELP ");
        self.text.push_str(name);
        self.text.push(' ');
        escape(&mut self.text, help, false);
        self.text.push_str(&format!("\n# TYPE {name} {kind}\n"));
    }

    fn line(
        &mut self,
        suffix: &str,
        labels: &[(&str, &str)],
        bound: Option<&str>,
        number: impl Display,
    ) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        let bound = bound.map(|bound| ("le", bound));
        let mut before = '{';
        for (name, value) in labels.iter().copied().chain(bound) {
            self.text.push(before);
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(&mut self.text, value, true);
            self.text.push('"');
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
        self.text.push_str(&format!(" {number}\n"));
    }
}

/// Names come from the network: a line end or a quote in one must not make another sample.
fn escape(text: &mut String, value: &str, quotes: bool) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if quotes => text.push_str("\\\""),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up() {
        let mut text = MetricsText::new();
        text.histogram("t_seconds", "Time.");
        text.buckets(&[("m", "x")], [0.001, 1.0], &[3, 2, 1], 4.5);
        assert_eq!(
            text.finish(),
            "# HELP t_seconds Time.\n# TYPE t_seconds histogram\n\
             t_seconds_bucket{m=\"x\",le=\"0.001\"} 3\n\
             t_seconds_bucket{m=\"x\",le=\"1\"} 5\n\
             t_seconds_bucket{m=\"x\",le=\"+Inf\"} 6\n\
             t_seconds_sum{m=\"x\"} 4.5\n\
             t_seconds_count{m=\"x\"} 6\n"
        );
    }

    #[test]
    fn a_hostile_name_stays_one_label() {
        let mut text = MetricsText::new();
        text.gauge("g", "a\nb\\");
        text.sample(&[("n", "x\"} 1\nfake 2\\")], 0);
        text.sample(&[], 1.5);
        assert_eq!(
            text.finish(),
            "# HELP g a\\nb\\\\\n# TYPE g gauge\ng{n=\"x\\\"} 1\\nfake 2\\\\\"} 0\ng 1.5\n"
        );
    }
}
