//! Learners on one core: test, then train, row by row, data in memory. One line a case, in the peers' format.
//!
//! `cargo xtask bench learners` runs this beside the available programs of `../shared/peers/learners`. `ONLY` selects
//! cases by a part of their name; `REPEATS` (default 3) takes the best of that many runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]
#![allow(missing_docs)]

#[path = "../tests/data.rs"]
mod data;
#[path = "../tests/table.rs"]
mod table;

use std::collections::BTreeMap;
use std::time::Instant;

use gristmill_learn::metric::{MaeSettings, Metric, RocAucSettings};
use gristmill_learn::{
    Chain, Component, DetectorKind, Features, Kind, Labels, Learner, Model, Prediction, Predictions, Signature, Task,
    Truth,
};

/// A data set in memory.
struct Rows {
    width: usize,
    kinds: Vec<Kind>,
    values: Vec<f64>,
    labels: Vec<f64>,
}

/// `nominal`: a column read as categories.
fn load(file: &str, label: &str, nominal: Option<&str>) -> Option<Rows> {
    let table = table::read(file, label)?;
    let mut classes: BTreeMap<String, f64> = [("UP".to_string(), 1.0), ("DOWN".to_string(), 0.0)].into();
    let kind = |name: &String| if Some(name.as_str()) == nominal { Kind::Nominal } else { Kind::Numeric };
    let kinds: Vec<Kind> = table.names.iter().map(kind).collect();
    let mut rows = Rows { width: kinds.len(), kinds, values: Vec::new(), labels: Vec::new() };
    for (values, label) in table.rows {
        rows.values.extend(values);
        let next = classes.len() as f64;
        rows.labels.push(label.parse().unwrap_or_else(|_| *classes.entry(label).or_insert(next)));
    }
    Some(rows)
}

/// Test, then train: the seconds of the loop. The predictions are kept, and measured when the clock has stopped.
fn prequential(model: &mut dyn Learner, rows: &Rows, said: &mut Vec<f64>) -> f64 {
    let task = model.task();
    let mut out = Predictions::default();
    said.clear();
    said.reserve(rows.labels.len());
    let began = Instant::now();
    for (row, label) in rows.values.chunks_exact(rows.width).zip(&rows.labels) {
        let features = Features::row(row);
        out.clear();
        model.predict(&features, &mut out).unwrap();
        said.push(match (task, out.row(0)) {
            (Task::Classification, classes) => Prediction::Classes(classes).class().map_or(f64::NAN, f64::from),
            (Task::Clustering, distances) => Prediction::Distances(distances).number(),
            (_, numbers) => numbers[0],
        });
        let labels = match task {
            Task::Regression => Labels::Values(std::slice::from_ref(label)),
            Task::BinaryClassification | Task::Classification => Labels::Classes(&[*label as u32]),
            Task::AnomalyDetection | Task::Clustering => Labels::None,
        };
        model.learn(&features, labels).unwrap();
    }
    began.elapsed().as_secs_f64()
}

/// The metric's name and value. A row without a prediction counts as wrong, as the peers count it.
fn measured(task: Task, rows: &Rows, said: &[f64]) -> (&'static str, f64) {
    let right = |class: &dyn Fn(f64) -> f64| {
        let right = said.iter().zip(&rows.labels).filter(|(said, label)| class(**said) == **label).count();
        right as f64 / said.len() as f64
    };
    let over = |mut metric: Box<dyn Metric>, truth: &dyn Fn(f64) -> Truth| {
        said.iter().zip(&rows.labels).for_each(|(said, label)| metric.update(truth(*label), (*said).into()));
        metric.value()
    };
    match task {
        Task::Regression => ("mae", over(Box::new(MaeSettings::default().whole()), &Truth::Value)),
        Task::AnomalyDetection => {
            ("roc_auc", over(Box::new(RocAucSettings::default().whole()), &|label| Truth::Class(label as u32)))
        }
        Task::BinaryClassification => ("accuracy", right(&|score| f64::from(u8::from(score > 0.5)))),
        Task::Classification => ("accuracy", right(&|class| class)),
        Task::Clustering => ("none", f64::NAN),
    }
}

fn component(text: &str) -> Component {
    let (name, settings) = text.split_once(' ').unwrap_or((text, "{}"));
    serde_json::from_str(&format!("{{\"{name}\": {settings}}}")).unwrap_or_else(|error| panic!("{text}: {error}"))
}

struct Case {
    name: &'static str,
    data: &'static str,
    model: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case { name: "logistic", data: "elec2", model: &["standard_scaler", "logistic_regression"] },
    Case { name: "passive aggressive", data: "elec2", model: &["standard_scaler", "passive_aggressive_classifier"] },
    Case { name: "hoeffding tree", data: "elec2", model: &["hoeffding_tree_classifier"] },
    Case {
        name: "hoeffding tree grace 50",
        data: "elec2",
        model: &["hoeffding_tree_classifier {\"grace_period\": 50}"],
    },
    Case {
        name: "hoeffding tree grace 50 c 0.01",
        data: "elec2",
        model: &["hoeffding_tree_classifier {\"grace_period\": 50, \"delta\": 0.01}"],
    },
    Case { name: "hoeffding tree", data: "elec2 day nominal", model: &["hoeffding_tree_classifier"] },
    Case { name: "hoeffding tree", data: "phishing", model: &["hoeffding_tree_classifier"] },
    Case { name: "hoeffding tree", data: "bananas", model: &["hoeffding_tree_classifier"] },
    Case { name: "hoeffding tree", data: "segment", model: &["hoeffding_tree_classifier"] },
    Case { name: "forest", data: "elec2", model: &["adaptive_random_forest_classifier"] },
    Case { name: "forest", data: "elec2 day nominal", model: &["adaptive_random_forest_classifier"] },
    Case {
        name: "forest as MOA",
        data: "elec2 day nominal",
        model: &["adaptive_random_forest_classifier {\"max_features\": \"sqrt_plus_one\"}"],
    },
    Case { name: "forest", data: "phishing", model: &["adaptive_random_forest_classifier"] },
    Case { name: "forest", data: "bananas", model: &["adaptive_random_forest_classifier"] },
    Case { name: "forest", data: "segment", model: &["adaptive_random_forest_classifier"] },
    Case { name: "leveraging bagging", data: "elec2", model: &["leveraging_bagging_classifier"] },
    Case {
        name: "leveraging bagging, quick",
        data: "elec2",
        model: &[
            "leveraging_bagging_classifier {\"adwin_delta\": 0.1, \"model\": {\"hoeffding_tree_classifier\": {\"grace_period\": 400, \"delta\": 0.01}}}",
        ],
    },
    Case {
        name: "forest, quick to warn",
        data: "elec2 day nominal",
        model: &[
            "adaptive_random_forest_classifier {\"max_features\": \"sqrt_plus_one\", \"drift_detector\": {\"adwin\": {\"delta\": 0.01}}, \"warning_detector\": {\"adwin\": {\"delta\": 0.1}}}",
        ],
    },
    Case { name: "boosted trees", data: "elec2", model: &["gradient_boosting_classifier"] },
    Case {
        name: "mlp(32)",
        data: "elec2",
        model: &["standard_scaler", "mlp_classifier {\"hidden_layer_sizes\": [32]}"],
    },
    Case {
        name: "mlp(32) batch 100",
        data: "elec2",
        model: &["standard_scaler", "mlp_classifier {\"hidden_layer_sizes\": [32], \"batch_size\": 100}"],
    },
    Case { name: "bagging", data: "elec2", model: &["bagging_classifier"] },
    Case { name: "boosting", data: "elec2", model: &["ada_boost_classifier"] },
    Case { name: "naive bayes", data: "elec2", model: &["gaussian_nb"] },
    Case { name: "naive bayes without floor", data: "elec2", model: &["gaussian_nb {\"floor\": 0}"] },
    Case { name: "naive bayes", data: "phishing", model: &["gaussian_nb"] },
    Case { name: "naive bayes", data: "segment", model: &["gaussian_nb"] },
    Case { name: "naive bayes", data: "bananas", model: &["gaussian_nb"] },
    Case { name: "neighbours", data: "phishing", model: &["standard_scaler", "knn_classifier"] },
    Case { name: "neighbours", data: "bananas", model: &["standard_scaler", "knn_classifier"] },
    Case { name: "neighbours", data: "segment", model: &["standard_scaler", "knn_classifier"] },
    Case { name: "softmax", data: "segment", model: &["standard_scaler", "softmax_regression"] },
    Case { name: "tree regressor", data: "trump_approval", model: &["standard_scaler", "hoeffding_tree_regressor"] },
    Case { name: "tree regressor", data: "chick_weights", model: &["standard_scaler", "hoeffding_tree_regressor"] },
    Case {
        name: "forest regressor",
        data: "trump_approval",
        model: &["standard_scaler", "adaptive_random_forest_regressor"],
    },
    Case {
        name: "forest regressor",
        data: "chick_weights",
        model: &["standard_scaler", "adaptive_random_forest_regressor"],
    },
    Case { name: "neighbours regressor", data: "trump_approval", model: &["standard_scaler", "knn_regressor"] },
    Case { name: "neighbours regressor", data: "chick_weights", model: &["standard_scaler", "knn_regressor"] },
    Case { name: "k-means", data: "elec2", model: &["k_means"] },
    Case { name: "half-space trees", data: "kdd99_smtp", model: &["min_max_scaler", "half_space_trees"] },
    Case {
        name: "half-space trees of the paper",
        data: "kdd99_smtp",
        model: &["half_space_trees {\"n_trees\": 25, \"height\": 15, \"limits\": \"workspace\"}"],
    },
];

fn rows(data: &str) -> Option<Rows> {
    match data {
        "elec2" => load("elec2/electricity.csv.zst", "class", None),
        "elec2 day nominal" => load("elec2/electricity.csv.zst", "class", Some("day")),
        "phishing" => load("phishing/phishing.csv.zst", "is_phishing", None),
        "bananas" => load("bananas/bananas.csv.zst", "label", None),
        "segment" => load("segment/segment.csv.zst", "category", None),
        "trump_approval" => load("trump_approval/trump_approval.csv.zst", "five_thirty_eight", None),
        "chick_weights" => load("chick_weights/chick_weights.csv.zst", "weight", None),
        "kdd99_smtp" => load("kdd99_smtp/smtp.csv.zst", "service", None),
        other => panic!("no data named {other}"),
    }
}

/// A million zeros and ones whose rate changes midway: the peers' stream, `synth.py`.
fn adwin() {
    let uniform = |index: u64| {
        let mut z = 1_u64.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    let rate = |index: u64| if index < 500_000 { 0.2 } else { 0.3 };
    let values: Vec<f64> = (0..1_000_000).map(|index| f64::from(u8::from(uniform(index) < rate(index)))).collect();
    let mut detector = DetectorKind::Adwin(Default::default()).build();
    let began = Instant::now();
    let alarms =
        values.iter().filter(|value| detector.update(**value) == gristmill_learn::drift::Signal::Drift).count();
    let seconds = began.elapsed().as_secs_f64();
    println!("adwin\tsynthetic 0/1\t1000000\t{:.0}\talarms\t{alarms}\t-", 1e6 / seconds);
}

fn main() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let repeats: usize = std::env::var("REPEATS").map_or(3, |text| text.parse().unwrap());
    println!("learner\tdata\trows\trows_per_second\tmetric\tvalue\tmodel_kb");
    for case in CASES.iter().filter(|case| format!("{} {}", case.name, case.data).contains(&only)) {
        let Some(rows) = rows(case.data) else { continue };
        let steps: Vec<Component> = case.model.iter().map(|step| component(step)).collect();
        let mut best = f64::INFINITY;
        let (mut line, mut said) = (String::new(), Vec::new());
        for _ in 0..repeats {
            let mut model = Chain::new(&steps, &Signature::new(rows.kinds.clone())).unwrap();
            best = best.min(prequential(&mut model, &rows, &mut said));
            let (size, (name, value)) =
                (gristmill_learn::Stateful::size(&model) / 1024, measured(model.task(), &rows, &said));
            line = format!("{name}\t{value:.4}\t{size}");
        }
        println!("{}\t{}\t{}\t{:.0}\t{line}", case.name, case.data, rows.labels.len(), rows.labels.len() as f64 / best);
    }
    if "adwin".contains(&only) {
        adwin();
    }
}
