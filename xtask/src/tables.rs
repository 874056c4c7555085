//! The tables of docs/ that name tests: every test that is named has to exist, and has to have run.
//!
//! In come the pages, the list of tests that nextest makes and the report of its run; out goes a line
//! for each name that is wrong. In a table of docs/, a code span of lower-case words joined by `::` is
//! the name of a test: the end of its full name, long enough to fit one test only. The full name is
//! package, program, modules and function, as nextest says them, without the `ferlix-` of a package and
//! without modules that are called `tests`. Rows that name no test are not looked at, nor is what
//! a test asserts.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{self, Error, cargo};

/// What stands for one test in a table.
#[derive(Debug)]
struct Mention {
    page: String,
    line: usize,
    name: Vec<String>,
}

impl fmt::Display for Mention {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}: `{}`",
            self.page,
            self.line,
            self.name.join("::")
        )
    }
}

/// Full names of tests, in segments.
type Names = BTreeSet<Vec<String>>;

/// Checks that every test exists that a table names; none is run.
///
/// # Errors
/// How many names are wrong, each having been printed; a page that cannot be read; that nextest is not
/// there or fails.
pub(crate) fn run(root: &Path) -> Result<(), Error> {
    if !has_nextest(root) {
        return Err(Error::Task {
            task: "tables",
            message: "the list of tests comes from cargo-nextest, which is not here".to_owned(),
        });
    }
    let mentions = mentions(root)?;
    report(&mentions, &wrong(&mentions, &listed(root)?, None, true))
}

/// Checks that every test exists and ran that a table names, after a run of all tests. Tests that were
/// left out for want of a peer are named, and are an error only if `peers` were there.
///
/// # Errors
/// As [`run`]; that the run left no report.
pub(crate) fn check_run(root: &Path, peers: bool) -> Result<(), Error> {
    let mentions = mentions(root)?;
    let path = report_path(root);
    let text = fs::read_to_string(&path).map_err(Error::io(format!("read {}", path.display())))?;
    let ran = ran(&text)?;
    report(
        &mentions,
        &wrong(&mentions, &listed(root)?, Some(&ran), peers),
    )
}

/// Where nextest writes what it ran (`.config/nextest.toml`).
pub(crate) fn report_path(root: &Path) -> PathBuf {
    root.join("target/nextest/default/junit.xml")
}

pub(crate) fn has_nextest(root: &Path) -> bool {
    command::output(cargo(root).args(["nextest", "--version"])).is_ok()
}

fn report(mentions: &[Mention], wrong: &[String]) -> Result<(), Error> {
    for line in wrong {
        println!("{line}");
    }
    if wrong.is_empty() {
        let tests: BTreeSet<_> = mentions.iter().map(|mention| &mention.name).collect();
        println!("tests named in tables of docs/: {}, all there", tests.len());
        Ok(())
    } else {
        Err(Error::Task {
            task: "tables",
            message: format!("{} names of tests in docs/ to put right", wrong.len()),
        })
    }
}

/// A line for each mention that fits no test, several, or one that did not run though it should have.
fn wrong(mentions: &[Mention], all: &Names, ran: Option<&Names>, peers: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for mention in mentions {
        let fitting: Vec<_> = all
            .iter()
            .filter(|full| full.ends_with(&mention.name))
            .collect();
        match (&*fitting, ran) {
            ([], _) => wrong.push(format!("{mention}: there is no such test")),
            ([one], Some(ran)) if !ran.contains(*one) => {
                if peers {
                    wrong.push(format!("{mention}: this test did not run"));
                } else {
                    println!("{mention}: this test did not run");
                }
            }
            ([_], _) => {}
            (several, _) => {
                let full: Vec<_> = several.iter().map(|full| full.join("::")).collect();
                wrong.push(format!("{mention}: this may be {}", full.join(" or ")));
            }
        }
    }
    wrong
}

fn mentions(root: &Path) -> Result<Vec<Mention>, Error> {
    let folder = root.join("docs");
    let what = || format!("read {}", folder.display());
    let mut pages = Vec::new();
    for entry in fs::read_dir(&folder).map_err(Error::io(what()))? {
        let path = entry.map_err(Error::io(what()))?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    let mut mentions = Vec::new();
    for path in pages {
        let text =
            fs::read_to_string(&path).map_err(Error::io(format!("read {}", path.display())))?;
        let page = path.strip_prefix(root).unwrap_or(&path).display();
        mentions.extend(mentions_in(&page.to_string(), &text));
    }
    Ok(mentions)
}

fn mentions_in(page: &str, text: &str) -> Vec<Mention> {
    let mut mentions = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if !line.starts_with('|') {
            continue;
        }
        // Every second piece stands between two backticks.
        for span in line.split('`').skip(1).step_by(2) {
            let name: Vec<_> = span.split("::").map(str::to_owned).collect();
            if name.len() > 1 && name.iter().all(|word| is_word(word)) {
                mentions.push(Mention {
                    page: page.to_owned(),
                    line: index + 1,
                    name,
                });
            }
        }
    }
    mentions
}

/// Whether it could be a segment of a test's name; types begin with a capital letter.
fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && text
            .chars()
            .all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
}

/// All tests, those too that need a peer.
fn listed(root: &Path) -> Result<Names, Error> {
    let list = command::output(cargo(root).args([
        "nextest",
        "list",
        "--workspace",
        "--run-ignored",
        "all",
        "--message-format",
        "oneline",
    ]))?;
    Ok(list
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(program, test)| full_name(program, test))
        .collect())
}

/// The tests in nextest's report of a run.
fn ran(report: &str) -> Result<Names, Error> {
    let document = roxmltree::Document::parse(report).map_err(|error| Error::Task {
        task: "tables",
        message: format!("nextest's report of the run is not XML: {error}"),
    })?;
    Ok(document
        .descendants()
        .filter(|node| node.has_tag_name("testcase"))
        .filter_map(|case| Some((case.attribute("classname")?, case.attribute("name")?)))
        .map(|(program, test)| full_name(program, test))
        .collect())
}

/// `ferlix-core::registry` and `scopes::tests::a_test` make `core::registry::scopes::a_test`; the
/// kind of a program (`bin/`, `example/`) is left out.
fn full_name(program: &str, test: &str) -> Vec<String> {
    let (package, target) = program.split_once("::").unwrap_or((program, ""));
    let package = package.strip_prefix("ferlix-").unwrap_or(package);
    let target = target.rsplit('/').next().unwrap_or(target);
    [package, target]
        .into_iter()
        .chain(test.split("::"))
        .filter(|segment| !segment.is_empty() && *segment != "tests")
        .map(|segment| segment.replace('-', "_"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Not `a::sentence`.\n\n| theirs | ours |\n|---|---|\n\
        | one | `life::begins`, and `Arc::new` of `plain` |\n| two | `life::ends` |\n";

    fn all() -> Names {
        Names::from([
            full_name("ferlix-core::life", "begins"),
            full_name("ferlix-core", "model::tests::life::ends"),
            full_name("ferlix-shell::bin/shell-life", "ends"),
        ])
    }

    fn lines(page: &str, ran: Option<&Names>, peers: bool) -> Vec<String> {
        wrong(&mentions_in("docs/page.md", page), &all(), ran, peers)
    }

    #[test]
    fn full_names_say_package_program_modules_and_function() {
        let shown: Vec<_> = all().iter().map(|name| name.join("::")).collect();
        assert_eq!(
            shown,
            [
                "core::life::begins",
                "core::model::life::ends",
                "shell::shell_life::ends"
            ]
        );
    }

    #[test]
    fn names_stand_in_code_spans_of_tables() {
        let shown: Vec<_> = mentions_in("docs/page.md", PAGE)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            shown,
            [
                "docs/page.md:5: `life::begins`",
                "docs/page.md:6: `life::ends`"
            ]
        );
        assert!(lines(PAGE, None, true).is_empty());
    }

    #[test]
    fn a_name_without_a_test_and_one_for_several_are_wrong() {
        assert_eq!(
            lines("| `life::goes_on` |\n", None, true),
            ["docs/page.md:1: `life::goes_on`: there is no such test"]
        );
        let mut twice = all();
        twice.insert(full_name("ferlix-event::life", "begins"));
        assert_eq!(
            wrong(&mentions_in("docs/page.md", PAGE), &twice, None, true),
            [
                "docs/page.md:5: `life::begins`: this may be core::life::begins or event::life::begins"
            ]
        );
    }

    #[test]
    fn a_test_that_did_not_run_is_wrong_when_its_peers_were_there() {
        let report = "<testsuites><testsuite name=\"ferlix-core::life\">\
            <testcase name=\"begins\" classname=\"ferlix-core::life\"/></testsuite></testsuites>";
        let ran = ran(report).expect("it is XML");
        assert_eq!(
            lines(PAGE, Some(&ran), true),
            ["docs/page.md:6: `life::ends`: this test did not run"]
        );
        assert!(lines(PAGE, Some(&ran), false).is_empty());
    }
}
