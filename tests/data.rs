//! Real data sets for tests: where they are, and what happens without them.
//!
//! `GRISTMILL_DATA` names the folder; without it they are looked for in `../shared/data` beside the checkout, then in
//! `target/data`, where `cargo xtask data` puts what can be fetched and generated. A test whose data is absent is
//! listed as not run, on standard error and in the file that `GRISTMILL_NOT_RUN` names; with `GRISTMILL_REQUIRE_DATA=1`
//! it fails instead.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder with the data sets that holds this file.
pub(crate) fn find(file: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = match std::env::var_os("GRISTMILL_DATA") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => vec![root.join("../shared/data"), root.join("target/data")],
    };
    if let Some(folder) = folders.into_iter().find(|folder| folder.join(file).exists()) {
        return Some(folder);
    }
    assert!(
        std::env::var_os("GRISTMILL_REQUIRE_DATA").is_none(),
        "{} needs {file}; set GRISTMILL_DATA to the folder with the data sets",
        std::thread::current().name().unwrap_or("a test")
    );
    let made = file.starts_with("models/made");
    let command = if made { "`cargo xtask data models` makes it" } else { "`cargo xtask data` fetches what it can" };
    not_run(&format!("needs {file} in the folder that GRISTMILL_DATA names; {command}"));
    None
}

/// Lists the test as not run.
#[allow(dead_code, reason = "most tests miss nothing but data")]
pub(crate) fn not_run(why: &str) {
    let line = format!("{} ({why})", std::thread::current().name().unwrap_or("a test"));
    let _ = writeln!(std::io::stderr(), "not run: {line}");
    if let Some(list) = std::env::var_os("GRISTMILL_NOT_RUN") {
        let list = std::fs::OpenOptions::new().create(true).append(true).open(list);
        let _ = list.and_then(|mut list| writeln!(list, "{line}"));
    }
}
