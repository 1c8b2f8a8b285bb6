//! The programs of `bench/`, the workspace of its own that measures Delian beside others: how each is built, and where.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Problem, process};

/// Returns the command that builds a package.
pub(crate) fn cargo(root: &Path, package: &str) -> Command {
    let mut cargo = process::cargo(root);
    cargo.args(["build", "--release", "--locked", "--manifest-path", "bench/Cargo.toml"]);
    cargo.args(["--package", package, "--target-dir"]).arg(folder(root));
    cargo
}

/// Builds a package without which there is nothing to measure, ours included.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn require(root: &Path, package: &str) -> Result<(), Problem> {
    if process::succeeds(&mut cargo(root, package))? {
        Ok(())
    } else {
        Err(format!("the package {package} of bench/ cannot be built"))
    }
}

/// Returns where a program lies.
pub(crate) fn program(root: &Path, name: &str) -> PathBuf {
    folder(root).join("release").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

/// Where all of it is built: an absolute path, because a build script looks for `protoc` from elsewhere.
fn folder(root: &Path) -> PathBuf {
    root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())).join("peers")
}
