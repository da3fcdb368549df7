//! Runs every test, with the real broker, and prints the counts at the end.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::{Done, broker, cargo, folder, python, read, root, sources};

/// The counts that the test runners printed.
#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

pub(crate) fn run(rest: &[&str]) -> Done {
    let mut cargo = cargo(&["test", "--workspace", "--no-fail-fast"]);
    with_broker(cargo.args(rest))
}

/// The tests that read data sets, without any: each is listed as not run, or does what it can; none may fail.
pub(crate) fn without_data() -> Done {
    let empty = root().join("target").join("no-data");
    folder(&empty)?;
    let mut cargo = cargo(&["test", "--workspace", "--no-fail-fast"]);
    cargo.args(reading_data()?);
    cargo.env("GRISTMILL_DATA", empty).env_remove("GRISTMILL_REQUIRE_DATA");
    with_broker(&mut cargo)
}

/// The targets whose tests read data sets: those that include `tests/data.rs`.
fn reading_data() -> Result<Vec<String>, String> {
    let crates = root().join("crates");
    let mut targets = BTreeSet::new();
    for file in sources::sources(&crates)? {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        if !text.contains("tests/data.rs\"]") {
            continue;
        }
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let inside = file.strip_prefix(&crates).unwrap_or(&file);
        let unit = inside.components().any(|part| part.as_os_str() == "src");
        targets.insert(if unit { "--lib".to_string() } else { format!("--test={name}") });
    }
    Ok(targets.into_iter().collect())
}

/// Runs cargo's tests with a real broker and Python, and shows the counts.
fn with_broker(cargo: &mut Command) -> Done {
    let not_run = root().join("target").join("not-run.txt");
    // Each run counts its own.
    let _ = std::fs::remove_file(&not_run);
    let dir = broker::default_directory();
    let started = broker::start(&dir, &[])?;
    let address = read(&dir.join("address"))?;
    let mut addresses = address.lines();
    let python = python::for_models()?;
    cargo
        .env("GRISTMILL_BROKER", addresses.next().unwrap_or_default())
        .env("GRISTMILL_SASL_BROKER", addresses.next().unwrap_or_default())
        .env("ORT_DYLIB_PATH", python::onnxruntime(&python)?)
        .env("GRISTMILL_PYTHON", python)
        .env("GRISTMILL_NOT_RUN", &not_run);
    let outcome = counted(cargo);
    if started {
        broker::stop(&dir)?;
    }
    let (counts, success) = outcome?;
    summarise(&counts, success, &std::fs::read_to_string(&not_run).unwrap_or_default())
}

/// Prints what ran and what did not. A test that lacks several files is on the list once for each, and counts once.
fn summarise(counts: &Counts, success: bool, not_run: &str) -> Done {
    let tests: BTreeSet<&str> = not_run.lines().map(|line| line.split(" (").next().unwrap_or(line)).collect();
    let lines: BTreeSet<&str> = not_run.lines().collect();
    lines.iter().for_each(|line| println!("not run: {line}"));
    let skipped = tests.len() as u64;
    let passed = counts.passed.saturating_sub(skipped);
    println!("{passed} passed, {} failed, {} skipped", counts.failed, skipped + counts.ignored);
    if counts.failed > 0 || !success {
        return Err("not every test passed".into());
    }
    if passed == 0 {
        return Err("no test ran".into());
    }
    Ok(())
}

/// Runs the tests, showing their output, and adds up their results.
fn counted(command: &mut Command) -> Result<(Counts, bool), String> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|error| format!("cargo cannot be started: {error}"))?;
    let mut counts = Counts::default();
    let output = child.stdout.take().ok_or("no output to read")?;
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        println!("{line}");
        let Some(result) = line.strip_prefix("test result: ") else { continue };
        for part in result.split([';', '.']) {
            let mut words = part.split_whitespace();
            let count = words.next().and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
            match words.next() {
                Some("passed") => counts.passed += count,
                Some("failed") => counts.failed += count,
                Some("ignored") => counts.ignored += count,
                _ => {}
            }
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    Ok((counts, status.success()))
}

#[cfg(test)]
mod tests {
    use super::{Counts, reading_data, summarise};

    #[test]
    fn what_reads_data_is_found() {
        let found = reading_data().unwrap_or_default();
        for target in ["--lib", "--test=parity", "--test=onnxruntime", "--test=examples"] {
            assert!(found.iter().any(|one| one == target), "{target} of {found:?}");
        }
    }

    #[test]
    fn a_run_without_a_passed_test_fails() {
        let counts = |passed, failed| Counts { passed, failed, ignored: 0 };
        assert!(summarise(&counts(2, 0), true, "").is_ok());
        assert!(summarise(&counts(2, 1), true, "").is_err());
        assert!(summarise(&counts(2, 0), false, "").is_err());
        assert!(summarise(&counts(0, 0), true, "").is_err());
        // One test that lacks two files is one test that did not run, of two.
        assert!(summarise(&counts(2, 0), true, "a (needs one)\na (needs another)\n").is_ok());
        assert!(summarise(&counts(2, 0), true, "a (needs one)\nb (needs another)\n").is_err());
    }
}
