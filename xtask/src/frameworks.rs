//! A model trained in each framework, scored as an exported file and live: the same scores as the framework gives.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Done, cargo, python, read, root, succeed, write};

/// A framework: its environment and packages, its program, and the files that it exports.
struct Framework {
    environment: &'static str,
    packages: &'static [&'static str],
    program: &'static str,
    exported: &'static [&'static str],
    /// How far scores may differ from the framework's, in parts of 1.
    near: f64,
}

const FRAMEWORKS: [Framework; 3] = [
    Framework {
        environment: "frameworks-tensorflow",
        packages: &["tensorflow==2.21.0", "tf2onnx==1.17.0", "onnx==1.23.2", "numpy==2.4.6", "pyarrow==26.0.1"],
        program: "tensorflow_model.py",
        exported: &["model.h5", "model.keras", "model.onnx"],
        near: 1e-5,
    },
    Framework {
        environment: "frameworks-torch",
        packages: TORCH,
        program: "torch_model.py",
        exported: &["model.onnx"],
        near: 1e-5,
    },
    Framework {
        environment: "frameworks-torch",
        packages: TORCH,
        program: "sklearn_model.py",
        exported: &["model.onnx"],
        // A forest there adds up its votes in single precision.
        near: 1e-6,
    },
];

/// The wheel of PyTorch brings the CUDA libraries that it does not import without: several GB.
const TORCH: &[&str] = &[
    "torch==2.15.0",
    "onnxscript==0.7.2",
    "onnx==1.23.2",
    "scikit-learn==1.9.1",
    "skl2onnx==1.20.0",
    "numpy==2.4.6",
    "pyarrow==26.0.1",
];

pub(crate) fn run() -> Done {
    succeed(&mut cargo(&["build", "--quiet", "--package", "gristmill-cli"]))?;
    for framework in &FRAMEWORKS {
        let python = python::environment(framework.environment, framework.packages)?;
        let folder = root().join("target").join("frameworks").join(framework.program.trim_end_matches(".py"));
        crate::folder(&folder)?;
        let program = root().join("xtask").join("frameworks").join(framework.program);
        succeed(Command::new(&python).arg("-B").arg(program).arg(&folder))?;
        for exported in framework.exported {
            let step = format!("{{file: {{path: {exported}}}}}");
            compare(&folder, exported, &step, framework.near)?;
        }
        let step = format!("{{python: {{path: live.py, interpreter: \"{}\", start: 5 min}}}}", python.display());
        compare(&folder, "live.py", &step, framework.near)?;
    }
    Ok(())
}

/// Scores the rows with a model, and compares the scores with the framework's.
fn compare(folder: &Path, what: &str, step: &str, near: f64) -> Done {
    let names: Vec<String> = (0..6).map(|place| format!("x{place}")).collect();
    let columns: Vec<String> = names.iter().map(|name| format!("{name}: float64")).collect();
    let document = format!(
        "name: framework\ninput: {{file: {{path: rows.csv}}, columns: {{{}}}}}\nfeatures: [{}]\nmodel: [{step}]\n\
         outputs: {{all: {{file: {{path: scored.ndjson}}, select: [score]}}}}\ndead_letters: {{file: {{path: dead.ndjson}}}}\n",
        columns.join(", "),
        names.join(", ")
    );
    write(&folder.join("framework.yaml"), document)?;
    let gristmill: PathBuf = root().join("target").join("debug").join("gristmill");
    succeed(Command::new(gristmill).args(["run", "framework.yaml", "--quiet"]).current_dir(folder))?;
    let numbers = |name: &str, number: &dyn Fn(&str) -> Option<f64>| -> Result<Vec<f64>, String> {
        read(&folder.join(name))?
            .lines()
            .map(|line| number(line).ok_or(format!("{name}: `{line}` is no number")))
            .collect()
    };
    let score = |line: &str| line.strip_prefix("{\"score\":")?.strip_suffix('}')?.parse().ok();
    let (ours, theirs) = (numbers("scored.ndjson", &score)?, numbers("expected.txt", &|line| line.parse().ok())?);
    if ours.len() != theirs.len() {
        return Err(format!("{what}: {} of {} rows were scored", ours.len(), theirs.len()));
    }
    let apart = ours.iter().zip(&theirs).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0_f64, f64::max);
    println!("  {what}: {} scores, at most {apart:.1e} from the framework's", ours.len());
    if apart <= near { Ok(()) } else { Err(format!("{what}: scores are {apart:.1e} apart, {near:.0e} is allowed")) }
}
