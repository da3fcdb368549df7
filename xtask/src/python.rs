//! Python for the references: packages of fixed versions in a virtual environment.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{root, succeed};

/// The interpreter of the environment `target/NAME`, which is made with these packages where it is missing.
pub(crate) fn environment(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let environment = root().join("target").join(name);
    let python = environment.join("bin").join("python");
    if !python.exists() {
        println!("{name}: a virtual environment with {}", packages.join(", "));
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages))?;
    }
    Ok(python)
}

/// What a program of `xtask` prints. `hint`: what may be missing where it fails.
pub(crate) fn output(python: &Path, program: &str, arguments: &[&str], hint: &str) -> Result<Vec<u8>, String> {
    let mut command = Command::new(python);
    command.arg(root().join("xtask").join(program)).args(arguments).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("{program} cannot be run: {error}"))?;
    if output.status.success() { Ok(output.stdout) } else { Err(format!("{program} failed: {}{hint}", output.status)) }
}
