//! Compares windows with DuckDB, which comes from the Python package index.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Done, cargo, data, python, root, succeed, write};

const PACKAGE: &str = "duckdb==2.0.1";
/// The golden files: rows in order of time, and rows out of order; with the variable that names another file.
const ORDERS: [(&str, &str, &str); 2] =
    [("sorted", "windows", "GRISTMILL_SQL_GOLDEN"), ("late", "late", "GRISTMILL_SQL_LATE")];
/// Tables in a golden file, and in a live run; each with 40 windows.
const TABLES: [&str; 2] = ["60", "1000"];

fn ask(seed: &str, tables: &str, order: &str) -> Result<String, String> {
    let python = python::environment("duckdb", &[PACKAGE])?;
    python::output(&python, "sql/golden.py", &[seed, tables, order], "")
}

/// DuckDB computes what the window benchmark does.
pub(crate) fn peer() -> Result<String, String> {
    let transactions = data::sets().join("fraud_handbook/transactions_2018-04-01_2018-09-30.csv.zst");
    if !transactions.exists() {
        println!("bench: no transactions at {}, measuring ours alone", transactions.display());
        return Ok(String::new());
    }
    let python = python::environment("duckdb", &[PACKAGE])?;
    let (items, transactions) = (root().join("benches/windows.sql"), transactions.display().to_string());
    let text = python::output(&python, "sql/bench.py", &[&items.display().to_string(), &transactions], "")?;
    print!("{text}");
    Ok(text)
}

/// Writes the tests' golden files again.
pub(crate) fn golden() -> Done {
    for (order, name, _) in ORDERS {
        let plain = root().join(format!("target/{name}.json"));
        write(&plain, ask("1", TABLES[0], order)?)?;
        let packed = root().join(format!("crates/sql/tests/golden/{name}.json.zst"));
        succeed(Command::new("zstd").args(["-19", "--quiet", "--force", "-o"]).arg(packed).arg(plain))?;
    }
    Ok(())
}

/// Generates new tables, and compares ours with DuckDB's results.
pub(crate) fn live() -> Done {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).to_string();
    println!("sql-golden: {} tables of either kind from seed {seed}", TABLES[1]);
    for (order, test, variable) in ORDERS {
        let asked = root().join(format!("target/{test}-live.json"));
        write(&asked, ask(&seed, TABLES[1], order)?)?;
        let mut run = cargo(&["test", "--quiet", "--package", "gristmill-sql", "--test", test, "--", "--nocapture"]);
        succeed(run.env(variable, asked))?;
    }
    Ok(())
}
