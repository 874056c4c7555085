//! What neither the compiler nor its lints check about the tree itself.
//!
//! Each rule reads files and names every line that breaks it; nothing is corrected. The rules: a licence
//! at the root and in every manifest, `//!` docs at the top of every module, no trailing blanks, a last
//! line that ends, and the borders between the crates: a foreign library that only some crates may know.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Error;

/// Folders that hold no source of ours: build output, version control, and the cases that must not
/// compile, whose expected errors name lines.
const SKIPPED: &[&str] = &["target", ".git", "ui", "corpus"];

/// What is text of ours, by extension.
const TEXT: &[&str] = &["rs", "toml", "md", "py", "proto", "sh", "txt"];

/// A library, and the crates that may depend on it: its types are not to spread through the others.
const BORDERS: &[(&str, &[&str])] = &[
    ("tonic", &["ferlix-etcd", "ferlix-benches"]),
    ("tonic-prost", &["ferlix-etcd", "ferlix-benches"]),
    ("prost", &["ferlix-etcd", "ferlix-benches"]),
    // ferlix-etcd adapts its own connections to tonic with both.
    (
        "hyper",
        &[
            "ferlix-http",
            "ferlix-xmlrpc",
            "ferlix-etcd",
            "ferlix-benches",
        ],
    ),
    (
        "hyper-util",
        &[
            "ferlix-http",
            "ferlix-xmlrpc",
            "ferlix-etcd",
            "ferlix-benches",
        ],
    ),
    ("quick-xml", &["ferlix-remote"]),
    ("rustyline", &["ferlix-shell"]),
    ("toml_edit", &["ferlix-config"]),
];

/// Checks the tree.
///
/// # Errors
/// How many rules were broken, each having been printed.
pub(crate) fn run(root: &Path) -> Result<(), Error> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();

    let mut broken = Vec::new();
    match fs::read_to_string(root.join("LICENSE")) {
        Ok(text) if text.contains("Apache License") => {}
        _ => broken.push("LICENSE: the text of the Apache License belongs here".to_owned()),
    }
    for path in &files {
        let Ok(text) = fs::read_to_string(path) else {
            continue;
        };
        let shown = path
            .strip_prefix(root)
            .unwrap_or(path)
            .display()
            .to_string();
        broken.extend(blanks(&shown, &text));
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => broken.extend(module_docs(&shown, &text)),
            Some("toml") if path.ends_with("Cargo.toml") => broken.extend(manifest(&shown, &text)),
            _ => {}
        }
    }

    for line in &broken {
        println!("{line}");
    }
    if broken.is_empty() {
        println!("{} files are tidy", files.len());
        Ok(())
    } else {
        Err(Error::Task {
            task: "tidy",
            message: format!("{} to put right", broken.len()),
        })
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let what = || format!("read {}", folder.display());
    for entry in fs::read_dir(folder).map_err(Error::io(what()))? {
        let path = entry.map_err(Error::io(what()))?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if !SKIPPED.contains(&name) {
                collect(&path, files)?;
            }
        } else if path
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| TEXT.contains(&extension))
        {
            files.push(path);
        }
    }
    Ok(())
}

fn blanks(shown: &str, text: &str) -> Vec<String> {
    let mut broken: Vec<_> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.ends_with([' ', '\t', '\r']))
        .map(|(index, _)| format!("{shown}:{}: trailing blank", index + 1))
        .collect();
    if !text.is_empty() && !text.ends_with('\n') {
        broken.push(format!("{shown}: the last line does not end"));
    }
    broken
}

fn module_docs(shown: &str, text: &str) -> Option<String> {
    let is_generated = text
        .lines()
        .take(5)
        .any(|line| line.starts_with("// Generated from"));
    let mut lines = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with("#!["));
    let has_docs = lines.next().is_some_and(|line| line.starts_with("//!"));
    (!is_generated && !has_docs)
        .then(|| format!("{shown}: a module begins with `//!`: what it is for, what it leaves out"))
}

fn manifest(shown: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    if !text.contains("license.workspace = true") && !text.contains("license = \"Apache-2.0\"") {
        broken.push(format!("{shown}: no licence (`license.workspace = true`)"));
    }
    let Some(package) = text.lines().find_map(|line| {
        line.strip_prefix("name = \"")
            .and_then(|rest| rest.strip_suffix('"'))
    }) else {
        return broken;
    };
    for dependency in dependencies(text) {
        for (library, allowed) in BORDERS {
            if dependency == *library && !allowed.contains(&package) {
                broken.push(format!(
                    "{shown}: {library} may be known to {} only",
                    allowed.join(", ")
                ));
            }
        }
    }
    broken
}

/// The names under `[dependencies]`; what tests and build programs use is not a border.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_blank_is_named_by_line() {
        assert_eq!(blanks("a.rs", "one\ntwo \n"), ["a.rs:2: trailing blank"]);
        assert_eq!(blanks("a.rs", "one"), ["a.rs: the last line does not end"]);
        assert!(blanks("a.rs", "").is_empty());
    }

    #[test]
    fn a_module_needs_docs_unless_generated() {
        assert!(module_docs("a.rs", "//! What it is.\n").is_none());
        assert!(module_docs("a.rs", "#![forbid(unsafe_code)]\n\n//! What it is.\n").is_none());
        assert!(module_docs("a.rs", "// Generated from a.proto. Do not edit.\nuse a;\n").is_none());
        assert!(module_docs("a.rs", "use a;\n").is_some());
    }

    #[test]
    fn a_border_is_kept_in_dependencies_but_not_in_tests() {
        let text = "[package]\nname = \"ferlix-core\"\nlicense.workspace = true\n\n[dependencies]\ntonic.workspace = true\n";
        assert_eq!(manifest("Cargo.toml", text).len(), 1);
        assert!(manifest("Cargo.toml", &text.replace("ferlix-core", "ferlix-etcd")).is_empty());
        assert!(manifest("Cargo.toml", &text.replace("[dep", "[dev-dep")).is_empty());
    }
}
