//! Compares our components with their references, which come from the Python package index.

use std::process::{Command, Stdio};

use crate::{Done, bench, data, python, root, succeed};

/// What the references need, by version.
const PACKAGES: [&str; 5] =
    ["river==0.26.1", "scikit-learn==1.9.1", "capymoa==0.15.1", "numpy==2.4.6", "zstandard==0.25.0"];
/// The programs that print the references' half.
const PROGRAMS: [&str; 2] = ["parity/reference.py", "parity/others.py"];

/// Records the references' half again, then writes the page with ours beside it.
pub(crate) fn run() -> Done {
    let python = python::environment("parity", &PACKAGES)?;
    let data = data::sets();
    println!("parity: the references, test then train on {}: a quarter of an hour", data.display());
    let mut theirs = Vec::new();
    for program in PROGRAMS {
        theirs.extend(python::output(&python, program, &[&data.to_string_lossy()], " (MOA needs Java 17)")?);
    }
    let recorded = root().join("crates/learn/tests/parity.tsv");
    std::fs::write(&recorded, &theirs).map_err(|error| format!("{}: {error}", recorded.display()))?;
    let mut ours = Command::new("cargo");
    ours.args(["test", "--quiet", "--package", "gristmill-learn", "--test", "parity_table"]).current_dir(root());
    succeed(ours.env("GRISTMILL_PARITY_PAGE", root().join("docs/reference/parity.md")))
}

/// Measures River's forests and bagging on streams that River generates, seed by seed, then ours on the same rows, and
/// writes the table of both. River's results are kept in `target/forests`; only missing ones are computed.
pub(crate) fn forests() -> Done {
    let python = python::environment("parity", &PACKAGES)?;
    let folder = root().join("target/forests");
    println!("parity: River's forests, test then train on thirty seeds of ten streams: an hour");
    python::output(&python, "parity/forests.py", &[&folder.to_string_lossy()], "")?;
    let mut ours = Command::new("cargo");
    ours.args(["bench", "--quiet", "--package", "gristmill-learn", "--bench", "forests"]).current_dir(root());
    ours.env("GRISTMILL_FORESTS", folder).stderr(Stdio::inherit());
    let output = ours.output().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("ours failed: {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    bench::keep("forests", &text)
}
