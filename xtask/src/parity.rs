//! Compares our components with their references, which come from the Python package index.

use crate::{Done, bench, cargo, data, python, root, shown, succeed, write};

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
    let mut theirs = String::new();
    for program in PROGRAMS {
        theirs += &python::output(&python, program, &[&data.to_string_lossy()], " (MOA needs Java 17)")?;
    }
    let recorded = root().join("crates/learn/tests/parity.tsv");
    write(&recorded, &theirs)?;
    let mut ours = cargo(&["test", "--quiet", "--package", "gristmill-learn", "--test", "parity_table"]);
    succeed(ours.env("GRISTMILL_PARITY_PAGE", root().join("docs/reference/parity.md")))
}

/// Measures River's forests and bagging on streams that River generates, seed by seed, then ours on the same rows, and
/// writes the table of both. River's results are kept in `target/forests`; only missing ones are computed.
pub(crate) fn forests() -> Done {
    let python = python::environment("parity", &PACKAGES)?;
    let folder = root().join("target/forests");
    println!("parity: River's forests, test then train on thirty seeds of ten streams: an hour");
    python::output(&python, "parity/forests.py", &[&folder.to_string_lossy()], "")?;
    let mut ours = cargo(&["bench", "--quiet", "--package", "gristmill-learn", "--bench", "forests"]);
    let text = shown(ours.env("GRISTMILL_FORESTS", folder))?;
    bench::keep("forests", &text)
}
