//! Python for the references: packages of pinned versions in a virtual environment.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{root, succeed, write};

/// The interpreter of the environment `target/NAME`, which is created with these packages if it is missing.
pub(crate) fn environment(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let environment = root().join("target").join(name);
    let python = environment.join("bin").join("python");
    // One that was created for other packages is replaced.
    let (list, wanted) = (environment.join("packages.txt"), packages.join("\n"));
    if std::fs::read_to_string(&list).ok().as_ref() != Some(&wanted) {
        println!("{name}: a virtual environment with {}", packages.join(", "));
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
        let installed = succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages));
        if installed.is_err() {
            // An incomplete environment would pass for a complete one the next time.
            let _ = std::fs::remove_dir_all(&environment);
        }
        installed?;
        write(&list, wanted)?;
    }
    Ok(python)
}

/// The interpreter for the tests' models in Python.
pub(crate) fn for_models() -> Result<PathBuf, String> {
    environment("python", &["numpy==2.4.6", "pyarrow==26.0.1", "scikit-learn==1.9.1", "onnxruntime==1.32.0"])
}

/// The library of ONNX Runtime that came with it.
pub(crate) fn onnxruntime(python: &Path) -> Result<PathBuf, String> {
    let program = "import glob, onnxruntime, os\n\
                   print(*glob.glob(os.path.join(os.path.dirname(onnxruntime.__file__), 'capi', 'libonnxruntime.*')))";
    let output = Command::new(python).args(["-c", program]).output().map_err(|error| error.to_string())?;
    let found = String::from_utf8_lossy(&output.stdout);
    let first = found.split_whitespace().find(|path| !path.contains("providers"));
    first.map(PathBuf::from).ok_or_else(|| format!("onnxruntime has no library: {output:?}"))
}

/// The output of a program of `xtask`. `hint`: what may be missing if it fails.
pub(crate) fn output(python: &Path, program: &str, arguments: &[&str], hint: &str) -> Result<String, String> {
    let mut command = Command::new(python);
    command.arg(root().join("xtask").join(program)).args(arguments);
    crate::output(&mut command).map_err(|error| format!("{error}{hint}"))
}
