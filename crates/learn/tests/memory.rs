//! L7: memory stays within its bound on a drifting stream.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

mod taught;

use gristmill_learn::random::Random;
use gristmill_learn::{
    Built, Component, Features, Prediction, Predictions, Signature, StateReader, StateWriter, Truth,
};
use taught::{learn, state, untrained};

const WIDTH: usize = 6;

/// Rows whose classes follow another rule every 5,000 rows.
struct Drifting {
    random: Random,
    row: u64,
}

impl Drifting {
    fn new() -> Self {
        Self { random: Random::new(17), row: 0 }
    }

    fn next(&mut self) -> ([f64; WIDTH], u32) {
        let x: [f64; WIDTH] = std::array::from_fn(|_| self.random.uniform());
        let turn = (self.row / 5_000) as usize;
        let (a, b) = (x[turn % WIDTH], x[(turn + 2) % WIDTH]);
        self.row += 1;
        let noise = self.random.uniform() < 0.05;
        (x, u32::from((a + b > 1.0) != noise))
    }
}

/// The number of rows; `cargo xtask memory` sets many more.
fn count() -> u64 {
    std::env::var("GRISTMILL_MEMORY_ROWS").map_or(100_000, |rows| rows.parse().unwrap())
}

const TREE: usize = 100 << 20;

/// A component's documented maximum, for six columns and two classes, with its defaults. What does not depend on the
/// columns (settings, lengths) is left out there and is at most 1,000 bytes.
fn documented(name: &str) -> usize {
    let categories = 10_000;
    let steps = match name {
        "standard_scaler" | "variance_threshold" => 24 * WIDTH,
        "min_max_scaler" | "adaptive_standard_scaler" => 16 * WIDTH,
        "max_abs_scaler" => 8 * WIDTH,
        "robust_scaler" => 144 * WIDTH,
        "one_hot_encoder" => 8 * 1_000,
        "ordinal_encoder" | "frequency_encoder" => 16 * categories,
        "target_encoder" => 24 * categories,
        "feature_hasher" | "polynomial_extender" => 0,
        "quantile_binning" => 32 * 10 * WIDTH,
        "imputer" => 100 * WIDTH + 8 * categories,
        "select_k_best" => 48 * WIDTH,
        "linear_regression" | "logistic_regression" | "perceptron" | "alma_classifier" => 8 * WIDTH,
        "linear_svc" | "linear_svr" => 8 * WIDTH,
        "passive_aggressive_classifier" | "passive_aggressive_regressor" => 8 * WIDTH,
        "softmax_regression" => 8 * WIDTH * 2,
        "bayesian_linear_regression" => 16 * WIDTH * WIDTH,
        "kernel_svc" | "kernel_svr" => 8 * 100 * (WIDTH + 2),
        "hoeffding_tree_classifier" => TREE,
        "hoeffding_tree_regressor" => 5 * TREE,
        "hoeffding_adaptive_tree_classifier" | "extremely_fast_decision_tree_classifier" => TREE + TREE / 10,
        "hoeffding_adaptive_tree_regressor" => 5 * TREE + TREE / 10,
        "adaptive_random_forest_classifier" => 2 * 10 * TREE,
        "adaptive_random_forest_regressor" => 2 * 10 * 5 * TREE,
        "gradient_boosting_classifier" | "gradient_boosting_regressor" => 100 * TREE,
        "leveraging_bagging_classifier" | "bagging_classifier" | "ada_boost_classifier" => 10 * TREE,
        "one_vs_rest" => 2 * (8 * WIDTH + 1_000),
        "gaussian_nb" => 40 * WIDTH * 2,
        "multinomial_nb" => 8 * WIDTH * 2,
        "bernoulli_nb" => 16 * WIDTH * 2,
        "knn_classifier" | "knn_regressor" => 1_000 * (8 * WIDTH + 8),
        "mlp_classifier" => 40 * (100 * (WIDTH + 1) + 2 * 101),
        "mlp_regressor" => 40 * (100 * (WIDTH + 1) + 101),
        "autoencoder" => 40 * (2 * (WIDTH + 1) + WIDTH * 3),
        "k_means" => 8 * 5 * WIDTH,
        "half_space_trees" => 24 * 10 * (1 << 9),
        "knn_anomaly_detector" => 4_000 * (8 * WIDTH + 8) + 24 * WIDTH,
        "platt_calibration" => 64,
        "isotonic_calibration" => 32 * 100,
        other => panic!("{other}: what does its documentation say?"),
    };
    steps + 1_000
}

/// The largest size of every component on a drifting stream; encoders meet a new category at every row.
#[test]
fn every_component_stays_within_its_documented_bound() {
    let only = std::env::var("GRISTMILL_MEMORY_ONLY").unwrap_or_default();
    for component in Component::every() {
        let described = serde_json::to_value(&component).unwrap();
        let name = described.as_object().unwrap().keys().next().unwrap().clone();
        if !only.is_empty() && !only.split(' ').any(|chosen| chosen == name) {
            continue;
        }
        let mut stream = Drifting::new();
        let rows = count();
        let mut most = 0;
        let mut built = match component.build(&Signature::numeric(WIDTH)) {
            Built::Transformer(_) => untrained(&component, WIDTH),
            learner => learner,
        };
        for row in 1..=rows {
            let (mut x, class) = stream.next();
            match &mut built {
                Built::Transformer(transformer) => {
                    if transformer.takes_nominal() {
                        x[WIDTH - 1] = (row % (1 << 40)) as f64;
                    }
                    transformer.learn(&x, Some(Truth::Class(class)));
                }
                Built::Learner(learner) => learn(learner.as_mut(), &x, class),
            }
            if row % 1_000 == 0 {
                most = most.max(state(&mut built).size());
            }
        }
        let bound = documented(&name);
        println!("{name}: {most} bytes of at most {bound}, {rows} rows");
        assert!(most <= bound, "{name}: {most} bytes where its documentation says {bound}");
        // The size maintained while learning is the real one: counted again after loading it is the same.
        let saved = StateWriter::of(state(&mut built));
        let kept = state(&mut built).size();
        state(&mut built).load(&mut StateReader::new(&saved)).unwrap();
        assert_eq!(state(&mut built).size(), kept, "{name}");
    }
}

/// The share of correct predictions, and the largest size.
fn run(settings: &str, rows: u32) -> (f64, usize) {
    let component: Component = serde_json::from_str(settings).unwrap();
    let Built::Learner(mut learner) = component.build(&Signature::numeric(WIDTH)) else { panic!("{settings}") };
    let (mut stream, mut out) = (Drifting::new(), Predictions::default());
    let (mut right, mut most) = (0_u32, 0);
    for row in 0..rows {
        let (x, class) = stream.next();
        out.clear();
        learner.predict(&Features::row(&x), &mut out).unwrap();
        right += u32::from(Prediction::Classes(out.row(0)).class() == Some(class));
        learn(learner.as_mut(), &x, class);
        if row % 1_000 == 0 {
            most = most.max(learner.size());
        }
    }
    (f64::from(right) / f64::from(rows), most)
}

#[test]
fn trees_and_forests_keep_their_budget() {
    for (name, budget, rows, trees) in
        [("hoeffding_tree_classifier", 0.03, 100_000, 1), ("adaptive_random_forest_classifier", 0.01, 100_000, 20)]
    {
        // A forest's budget is that of each tree; each place has a tree and perhaps one in the background.
        let grace = if trees == 1 { ", \"grace_period\": 20, \"delta\": 0.1, \"tau\": 0.5" } else { "" };
        let (free, large) = run(&format!("{{\"{name}\": {{\"max_size\": 100{grace}}}}}"), rows);
        let (held, small) = run(&format!("{{\"{name}\": {{\"max_size\": {budget}{grace}}}}}"), rows);
        println!("{name}: {free:.4} in {large} bytes, {held:.4} in {small} bytes");
        let most = (budget * f64::from(1 << 20)) as usize * trees;
        // Leaves that have just split may exceed the budget until the next split checks it.
        assert!(small < most + most / 2 + 40_000, "{name}: {small} bytes of {most}");
        assert!(large > small, "{name}: the budget was never reached: {large} {small}");
    }
}
