//! The soak tests: what the tests do briefly, for as long as one likes.

use crate::{Done, cargo, succeed};

/// Plays random schedules in the simulator, each from its own seed.
pub(crate) fn simulate(seeds: &str) -> Done {
    succeed(&mut cargo(&["run", "--quiet", "--package", "gristmill-simulator", "--", seeds]))
}

/// Runs real members on a real broker under random faults.
pub(crate) fn torture(minutes: &str) -> Done {
    minutes.parse::<f64>().map_err(|_| format!("`{minutes}` is no number of minutes"))?;
    succeed(&mut cargo(&["build", "--quiet", "--package", "xtask"]))?;
    let mut torture = cargo(&["test", "--package", "gristmill-cli", "--test", "torture", "--", "--nocapture"]);
    succeed(torture.env("GRISTMILL_TORTURE_MINUTES", minutes))
}

/// Trains components on many rows of a drifting stream, and shows the largest size of each: those named, or all.
pub(crate) fn memory(rows: &str, only: &[&str]) -> Done {
    rows.parse::<u64>().map_err(|_| format!("`{rows}` is no number of rows"))?;
    let mut memory = cargo(&["test", "--package", "gristmill-learn", "--test", "memory", "every", "--", "--nocapture"]);
    succeed(memory.env("GRISTMILL_MEMORY_ROWS", rows).env("GRISTMILL_MEMORY_ONLY", only.join(" ")))
}
