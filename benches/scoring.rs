//! Scoring alone, one core: a dense network of 12-32-16-1, a forest of 100 trees and an XGBoost model of 100 trees of depth 6,
//! in batches of 1, 16 and 500; ours in turns with ONNX Runtime in the same process, then the frameworks themselves.
//!
//! `cargo xtask bench scoring` makes the models and runs this.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A benchmark has a clock, and reads the files that it is about.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use gristmill_learn::Features;
use gristmill_models::{ForeignModel, Runtime, find_onnxruntime};

const WIDTH: usize = 12;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(300);

fn read(path: PathBuf, runtime: Runtime) -> ForeignModel {
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    gristmill_models::read_on(&bytes, &|_| Err("one file".into()), runtime).unwrap()
}

/// Rows a second.
fn rate(model: &ForeignModel, rows: &[f64], batch: usize) -> f64 {
    let (began, mut done, mut out) = (Instant::now(), 0, Vec::new());
    while began.elapsed() < ROUND {
        // The clock is looked at once in a while.
        for _ in 0..(200 / batch).max(1) {
            let start = done % (rows.len() / WIDTH - batch);
            out.clear();
            model.predict(&Features::new(&rows[start * WIDTH..(start + batch) * WIDTH], WIDTH), &mut out).unwrap();
            done += batch;
        }
    }
    std::hint::black_box(&out);
    done as f64 / began.elapsed().as_secs_f64()
}

fn main() {
    let folder = PathBuf::from(std::env::var_os("GRISTMILL_SCORING").expect("run it by `cargo xtask bench scoring`"));
    find_onnxruntime(std::env::var_os("ORT_DYLIB_PATH").expect("run it by `cargo xtask bench scoring`").into());
    let text = std::fs::read_to_string(folder.join("rows.csv")).unwrap();
    let rows: Vec<f64> = text.split([',', '\n']).filter_map(|cell| cell.parse().ok()).collect();
    println!("model\tbatch\tgristmill_rows_per_second\tonnxruntime_rows_per_second\tratio");
    for (model, ours, theirs, batches) in [
        ("dense 12-32-16-1", "dense.onnx", "dense.onnx", &[1, 16, 500][..]),
        ("forest of 100 (ONNX)", "forest.onnx", "forest.onnx", &[1, 500]),
        ("XGBoost, 100 of depth 6 (JSON)", "boosted.json", "boosted.onnx", &[1, 500]),
        ("XGBoost, 100 of depth 6 (ONNX)", "boosted.onnx", "boosted.onnx", &[1, 500]),
    ] {
        let ours = read(folder.join(ours), Runtime::BuiltIn);
        let theirs = read(folder.join(theirs), Runtime::OnnxRuntime);
        let answers = |model: &ForeignModel| {
            let mut out = Vec::new();
            model.predict(&Features::new(&rows[..500 * WIDTH], WIDTH), &mut out).unwrap();
            out
        };
        let apart = answers(&ours).iter().zip(answers(&theirs)).map(|(a, b)| (a - b).abs()).fold(0.0_f64, f64::max);
        assert!(apart < 2e-5, "{model}: {apart:e} apart");
        for batch in batches {
            let (mut best, mut other) = (0.0_f64, 0.0_f64);
            for _ in 0..ROUNDS {
                best = best.max(rate(&ours, &rows, *batch));
                other = other.max(rate(&theirs, &rows, *batch));
            }
            println!("{model}\t{batch}\t{best:.0}\t{other:.0}\t{:.2}", best / other);
        }
    }
}
