//! Compares networks run by the library with networks run by the interpreter.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]
use super::*;

#[path = "../../../../tests/data.rs"]
mod data;

/// The model's predictions, by the library and by the interpreter.
fn both_ways(model: &Model, path: &str) -> (Vec<f64>, Vec<f64>) {
    let ready = super::model(model, Runtime::BuiltIn).unwrap_or_else(|error| panic!("{path}: {error}"));
    let Body::Graph(fast) = &ready.body else { panic!("{path} is no graph") };
    assert!(matches!(fast.engine, Engine::Network(_)), "{path} is not run by the library");
    let engine = Engine::Classical(interpreter::program(model, &model.graph).unwrap());
    let slow = GraphModel { engine, ..fast.clone() };
    let rows: Vec<f64> = (0..4).flat_map(|row| fast.feeds.iter().flat_map(move |feed| feed.example(row))).collect();
    let rows = Features::new(&rows, fast.width());
    let answers = |graph: &GraphModel| {
        let mut out = Vec::new();
        graph.predict(&rows, &mut out).unwrap();
        out
    };
    (answers(fast), answers(&slow))
}

#[test]
fn networks_answer_the_same_step_by_step() {
    let Some(data) = data::find("models/made/README.md") else { return };
    let folder = |name: &str| data.join("models/made").join(name);
    let files = ["model_ts", "model_dynamo", "model_external", "model_opset13", "model_opset18"];
    let folders = ["torch_cnn", "torch_dense", "torch_gru", "torch_lstm", "torch_transformer"];
    let folders = folders.iter().chain(&["savedmodel_conv1d", "savedmodel_dense_binary", "savedmodel_lstm"]);
    let mut compared = 0;
    for folder in folders.chain(&["savedmodel_two_inputs"]).map(|name| folder(name)) {
        for file in files.iter().map(|file| folder.join(format!("{file}.onnx"))) {
            let Ok(bytes) = std::fs::read(&file) else { continue };
            let beside = |name: &str| std::fs::read(folder.join(name)).map_err(|error| error.to_string());
            let (fast, slow) = both_ways(&onnx::read(&bytes, &beside).unwrap(), &file.display().to_string());
            assert_eq!(fast.len(), slow.len());
            let apart = |(a, b): (&f64, &f64)| (a - b).abs() / b.abs().max(1.0);
            let worst = fast.iter().zip(&slow).map(apart).fold(0.0, f64::max);
            assert!(worst < 3e-6, "{}: {worst:.1e}", file.display());
            compared += 1;
        }
    }
    assert_eq!(compared, 19);
}
