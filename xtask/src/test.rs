//! Every test there is, with the real broker running, and the counts at the end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::{Done, broker, python, root};

/// What the test runners said.
#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

pub(crate) fn run(rest: &[&str]) -> Done {
    let not_run = root().join("target").join("not-run.txt");
    // Each run counts its own.
    let _ = std::fs::remove_file(&not_run);
    let dir = broker::default_directory();
    let started = broker::start(&dir, &[])?;
    let address = std::fs::read_to_string(dir.join("address")).map_err(|error| error.to_string())?;
    let mut addresses = address.lines();
    let python = python::for_models()?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(rest)
        .current_dir(root())
        .env("GRISTMILL_BROKER", addresses.next().unwrap_or_default())
        .env("GRISTMILL_SASL_BROKER", addresses.next().unwrap_or_default())
        .env("ORT_DYLIB_PATH", python::onnxruntime(&python)?)
        .env("GRISTMILL_PYTHON", python)
        .env("GRISTMILL_NOT_RUN", &not_run);
    let outcome = counted(&mut cargo);
    if started {
        broker::stop(&dir)?;
    }
    let (counts, success) = outcome?;
    let skipped = std::fs::read_to_string(&not_run).unwrap_or_default();
    for line in skipped.lines() {
        println!("not run: {line}");
    }
    let skipped = skipped.lines().count() as u64;
    println!(
        "{} passed, {} failed, {} skipped",
        counts.passed.saturating_sub(skipped),
        counts.failed,
        skipped + counts.ignored
    );
    if counts.failed > 0 || !success {
        return Err("not every test passed".into());
    }
    if counts.passed == 0 {
        return Err("no test ran".into());
    }
    Ok(())
}

/// Runs the tests, showing what they print, and adds up their results.
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
