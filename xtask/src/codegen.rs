//! `cargo xtask codegen`: makes the committed gRPC stubs of `ferlix-etcd` anew from its `.proto` files.
//!
//! The generator is a package of its own (`xtask/codegen`), outside the workspace: its dependencies take half a minute to
//! build, and no other task needs them. [`check`] is for CI: it fails if the committed stubs are not what the
//! generator makes.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const STUBS: &str = "crates/ferlix-etcd/src/proto";

/// Writes the stubs into the source tree.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    generate(&root()?.join(STUBS))
}

/// Makes the stubs beside the committed ones and compares.
///
/// # Errors
///
/// Names the first file that differs.
pub(crate) fn check() -> Result<(), Box<dyn Error>> {
    let root = root()?;
    let fresh = root.join("target/codegen/check");
    generate(&fresh)?;
    for entry in fs::read_dir(&fresh)? {
        let name = entry?.file_name();
        let committed = Path::new(STUBS).join(&name);
        if fs::read(root.join(&committed)).ok() != Some(fs::read(fresh.join(&name))?) {
            return Err(format!(
                "{} is not what the generator makes: run `cargo xtask codegen` and commit the result",
                committed.display()
            )
            .into());
        }
    }
    Ok(())
}

fn generate(target: &Path) -> Result<(), Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(root()?)
        .args(["run", "--quiet", "--locked"])
        .args(["--manifest-path", "xtask/codegen/Cargo.toml"])
        .args(["--target-dir", "target/codegen"])
        .arg("--")
        .arg(target)
        .status()?;
    if !status.success() {
        return Err(format!("the generator of the gRPC stubs ended with {status}").into());
    }
    Ok(())
}

fn root() -> Result<PathBuf, Box<dyn Error>> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(xtask.parent().ok_or("xtask lies in no folder")?.to_owned())
}
