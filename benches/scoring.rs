//! Scoring alone, one core: a dense network of 12-32-16-1, a forest of 100 trees and an XGBoost model of 100 trees of
//! depth 6, in batches of 1, 16 and 500; ours alternating with ONNX Runtime in the same process, then the frameworks
//! themselves.
//!
//! `cargo xtask bench scoring` trains the models and runs this.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A benchmark has a clock, and reads the files that it is about.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use gristmill_learn::Features;
use gristmill_models::ForeignModel;
use ort::session::Session;
use ort::value::Tensor;

/// The allocator of the program, for both.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WIDTH: usize = 12;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(300);

fn bytes(path: PathBuf) -> Vec<u8> {
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn ours(model: &ForeignModel, rows: &[f64], out: &mut Vec<f64>) {
    out.clear();
    model.predict(&Features::new(rows, WIDTH), out).unwrap();
}

/// ONNX Runtime in its usual form: the whole batch at once, on one thread.
fn theirs(session: &mut Session, rows: &[f32], out: &mut Vec<f64>) {
    out.clear();
    let input = session.inputs()[0].name().to_string();
    let tensor = Tensor::from_array(([rows.len() / WIDTH, WIDTH], rows.to_vec())).unwrap();
    let made = session.run(vec![(input, tensor.into_dyn())]).unwrap();
    let (_, last) = made.iter().last().unwrap();
    let (shape, values) = last.try_extract_tensor::<f32>().unwrap();
    // Of two classes the second one's.
    let columns = shape.get(1).map_or(1, |columns| *columns as usize);
    out.extend(values.iter().skip(columns - 1).step_by(columns).map(|value| f64::from(*value)));
}

/// Rows a second.
fn rate(batch: usize, rows: usize, mut score: impl FnMut(usize)) -> f64 {
    let (began, mut done) = (Instant::now(), 0);
    while began.elapsed() < ROUND {
        // The clock is read only now and then.
        for _ in 0..(200 / batch).max(1) {
            score(done % (rows - batch));
            done += batch;
        }
    }
    done as f64 / began.elapsed().as_secs_f64()
}

fn main() {
    // As members do.
    gristmill_models::at_home(compare);
}

fn compare() {
    let folder = PathBuf::from(std::env::var_os("GRISTMILL_SCORING").expect("run it by `cargo xtask bench scoring`"));
    let library = std::env::var_os("ORT_DYLIB_PATH").expect("run it by `cargo xtask bench scoring`");
    let environment = ort::init_from(library).unwrap().build().unwrap();
    let text = std::fs::read_to_string(folder.join("rows.csv")).unwrap();
    let rows: Vec<f64> = text.split([',', '\n']).filter_map(|cell| cell.parse().ok()).collect();
    let single: Vec<f32> = rows.iter().map(|x| *x as f32).collect();
    println!("model\tbatch\tgristmill_rows_per_second\tonnxruntime_rows_per_second\tratio");
    for (name, file, other, batches) in [
        ("dense 12-32-16-1", "dense.onnx", "dense.onnx", &[1, 16, 500][..]),
        ("forest of 100 (ONNX)", "forest.onnx", "forest.onnx", &[1, 500]),
        ("XGBoost, 100 of depth 6 (JSON)", "boosted.json", "boosted.onnx", &[1, 500]),
        ("XGBoost, 100 of depth 6 (ONNX)", "boosted.onnx", "boosted.onnx", &[1, 500]),
    ] {
        let model = gristmill_models::read(&bytes(folder.join(file))).unwrap();
        let builder = Session::builder(&environment).unwrap().with_intra_threads(1).unwrap();
        let mut session = { builder }.commit_from_memory(&bytes(folder.join(other))).unwrap();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        ours(&model, &rows[..500 * WIDTH], &mut a);
        theirs(&mut session, &single[..500 * WIDTH], &mut b);
        let apart = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0_f64, f64::max);
        assert!(apart < 2e-5 && a.len() == b.len(), "{name}: {apart:e} apart");
        let count = rows.len() / WIDTH;
        for batch in batches {
            let (mut best, mut rival) = (0.0_f64, 0.0_f64);
            for _ in 0..ROUNDS {
                best = best.max(rate(*batch, count, |from| {
                    ours(&model, &rows[from * WIDTH..(from + batch) * WIDTH], &mut a);
                }));
                rival = rival.max(rate(*batch, count, |from| {
                    theirs(&mut session, &single[from * WIDTH..(from + batch) * WIDTH], &mut b);
                }));
            }
            println!("{name}\t{batch}\t{best:.0}\t{rival:.0}\t{:.2}", best / rival);
        }
    }
}
