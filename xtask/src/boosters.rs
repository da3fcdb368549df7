//! Small models of every objective of the boosting libraries, and of Keras, each with the answers of its framework.

use std::process::Command;

use crate::{Done, python, root, succeed};

const NEWEST: &[&str] = &[
    "xgboost-cpu==3.2.0",
    "lightgbm==4.7.0",
    "catboost==1.2.10",
    "keras==3.15.1",
    "jax==0.10.2",
    "h5py==3.16.0",
    "pandas==3.1.1",
    "scikit-learn==1.9.1",
    "numpy==2.4.6",
];

/// The environment, its packages, the program, and the file that it records.
type Recording = (&'static str, &'static [&'static str], &'static str, &'static str);

/// Versions of XGBoost write base scores, categories and leaves of several targets in different ways.
const RECORDINGS: [Recording; 6] = [
    ("boosters", NEWEST, "catboost_models.py", "catboost.jsonl"),
    ("boosters", NEWEST, "lightgbm_models.py", "lightgbm.jsonl"),
    ("boosters", NEWEST, "keras_models.py", "keras.jsonl"),
    ("boosters", NEWEST, "xgboost_models.py", "xgboost-3.2.jsonl"),
    (
        "boosters-xgboost-2.1",
        &["xgboost-cpu==2.1.4", "numpy==2.4.6", "pandas==3.1.1", "scikit-learn==1.5.2"],
        "xgboost_models.py",
        "xgboost-2.1.jsonl",
    ),
    (
        "boosters-xgboost-1.7",
        &["xgboost==1.7.6", "numpy==1.26.4", "scikit-learn==1.5.2"],
        "xgboost_models.py",
        "xgboost-1.7.jsonl",
    ),
];

/// Trains the models and records the answers again.
pub(crate) fn run() -> Done {
    for (environment, packages, program, recorded) in RECORDINGS {
        let python = python::environment(environment, packages)?;
        let program = root().join("xtask/boosters").join(program);
        let recorded = root().join("crates/models/tests/boosters").join(recorded);
        succeed(Command::new(&python).args(["-W", "ignore", "-B"]).arg(program).arg(recorded))?;
    }
    Ok(())
}
