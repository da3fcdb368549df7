//! Windows beside DuckDB, which comes from the Python package index.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Done, python, root, succeed};

const PACKAGE: &str = "duckdb==2.0.0";
/// Tables in the golden file, and in a live run; each with 40 windows.
const TABLES: [&str; 2] = ["60", "1000"];

fn ask(seed: &str, tables: &str) -> Result<Vec<u8>, String> {
    let python = python::environment("duckdb", &[PACKAGE])?;
    python::output(&python, "sql/golden.py", &[seed, tables], "")
}

fn write(path: PathBuf, bytes: &[u8]) -> Result<PathBuf, String> {
    fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// Writes the tests' golden file anew.
pub(crate) fn golden() -> Done {
    let plain = write(root().join("target/windows.json"), &ask("1", TABLES[0])?)?;
    let packed = root().join("crates/sql/tests/golden/windows.json.zst");
    succeed(Command::new("zstd").args(["-19", "--quiet", "--force", "-o"]).arg(packed).arg(plain))
}

/// Asks about tables that nobody has seen before, and checks ours against them.
pub(crate) fn live() -> Done {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).to_string();
    println!("sql-golden: {} tables from seed {seed}", TABLES[1]);
    let asked = write(root().join("target/windows-live.json"), &ask(&seed, TABLES[1])?)?;
    let mut test = Command::new("cargo");
    test.args(["test", "--quiet", "--package", "gristmill-sql", "--test", "windows", "--", "--nocapture"]);
    succeed(test.current_dir(root()).env("GRISTMILL_SQL_GOLDEN", asked))
}
