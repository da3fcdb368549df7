//! Real data sets for tests: where they are, and what happens where they are not.
//!
//! `GRISTMILL_DATA` names the folder; default is `../shared/data` beside the checkout. A test whose data is absent
//! is listed as not run, on standard error and in the file that `GRISTMILL_NOT_RUN` names; with
//! `GRISTMILL_REQUIRE_DATA=1` it fails instead.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder with the data sets, if it holds this file.
pub(crate) fn find(file: &str) -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("GRISTMILL_DATA").map_or_else(default, PathBuf::from);
    let found = folder.join(file);
    if found.exists() {
        return Some(folder);
    }
    let test = std::thread::current().name().unwrap_or("a test").to_string();
    assert!(
        std::env::var_os("GRISTMILL_REQUIRE_DATA").is_none(),
        "{test} needs {}; set GRISTMILL_DATA to the folder with the data sets",
        found.display()
    );
    not_run(&format!("needs {file} in the folder that GRISTMILL_DATA names"));
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
