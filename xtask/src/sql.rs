//! Windows beside DuckDB, which comes from the Python package index.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Done, root, succeed};

const PACKAGE: &str = "duckdb==2.0.0";
/// Tables in the golden file, and in a live run; each with 40 windows.
const TABLES: [&str; 2] = ["60", "1000"];

fn ask(seed: &str, tables: &str) -> Result<Vec<u8>, String> {
    let environment = root().join("target").join("duckdb");
    let python = environment.join("bin").join("python");
    if !python.exists() {
        println!("sql-golden: a virtual environment with {PACKAGE}");
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", PACKAGE]))?;
    }
    let program = root().join("xtask/sql/golden.py");
    let output = Command::new(&python).arg(program).args([seed, tables]).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("DuckDB cannot be run: {error}"))?;
    if output.status.success() { Ok(output.stdout) } else { Err(format!("DuckDB failed: {}", output.status)) }
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
