//! The soak tests: what the tests do briefly, for as long as one likes.

use std::process::Command;

use crate::{Done, root, succeed};

/// Plays random schedules in the simulator, each from its own seed.
pub(crate) fn simulate(seeds: &str) -> Done {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--quiet", "--package", "gristmill-simulator", "--", seeds]).current_dir(root());
    succeed(&mut cargo)
}

/// Runs real members on a real broker under random faults.
pub(crate) fn torture(minutes: &str) -> Done {
    minutes.parse::<f64>().map_err(|_| format!("`{minutes}` is no number of minutes"))?;
    // The test starts and restarts a broker of its own, with this program.
    succeed(Command::new("cargo").args(["build", "--quiet", "--package", "xtask"]).current_dir(root()))?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["test", "--package", "gristmill-cli", "--test", "torture", "--", "--nocapture"])
        .current_dir(root())
        .env("GRISTMILL_TORTURE_MINUTES", minutes);
    succeed(&mut cargo)
}

/// Trains components on many rows of a drifting stream, and shows the largest size of each: those named, or all.
pub(crate) fn memory(rows: &str, only: &[&str]) -> Done {
    rows.parse::<u64>().map_err(|_| format!("`{rows}` is no number of rows"))?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["test", "--package", "gristmill-learn", "--test", "memory", "every", "--", "--nocapture"])
        .current_dir(root())
        .env("GRISTMILL_MEMORY_ROWS", rows)
        .env("GRISTMILL_MEMORY_ONLY", only.join(" "));
    succeed(&mut cargo)
}
