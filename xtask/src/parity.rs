//! Our components beside their references, which come from the Python package index.

use std::process::{Command, Stdio};

use crate::{Done, root, succeed};

/// What the references need, by version.
const PACKAGES: [&str; 3] = ["river==0.26.1", "numpy==2.4.6", "zstandard==0.25.0"];

/// Records the references' half anew, then writes the page with ours beside it.
pub(crate) fn run() -> Done {
    let environment = root().join("target").join("parity");
    let python = environment.join("bin").join("python");
    if !python.exists() {
        println!("parity: a virtual environment with {}", PACKAGES.join(", "));
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))?;
    }
    let default = || root().join("../shared/data");
    let data = std::env::var_os("GRISTMILL_DATA").map_or_else(default, Into::into);
    println!("parity: the references, test then train on {}: some minutes", data.display());
    let reference = Command::new(&python)
        .arg(root().join("xtask/parity/reference.py"))
        .arg(&data)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("the references cannot be run: {error}"))?;
    if !reference.status.success() {
        return Err(format!("the references failed: {}", reference.status));
    }
    let recorded = root().join("crates/learn/tests/parity.tsv");
    std::fs::write(&recorded, &reference.stdout).map_err(|error| format!("{}: {error}", recorded.display()))?;
    let mut ours = Command::new("cargo");
    ours.args(["test", "--quiet", "--package", "gristmill-learn", "--test", "parity_table"]).current_dir(root());
    succeed(ours.env("GRISTMILL_PARITY_PAGE", root().join("docs/reference/parity.md")))
}
