//! L7: memory stays within its bound on a stream that drifts.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use gristmill_learn::random::Random;
use gristmill_learn::{Built, Component, Features, Labels, Learner, Prediction, Predictions, Signature, Task, Truth};

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

fn learn(learner: &mut dyn Learner, row: &[f64], class: u32) {
    let features = Features::row(row);
    match learner.task() {
        Task::Regression => learner.learn(&features, Labels::Values(&[f64::from(class) + row[0]])),
        Task::AnomalyDetection | Task::Clustering => learner.learn(&features, Labels::None),
        _ => learner.learn(&features, Labels::Classes(&[class])),
    }
    .unwrap();
}

/// Trees grow up to a budget, which the next test watches; nothing else grows with the rows at all.
#[test]
fn what_is_not_a_tree_does_not_grow() {
    for component in Component::every() {
        let name = format!("{component:?}");
        let grows =
            ["Tree", "Forest", "Bagging", "AdaBoost", "Boosting", "HalfSpace"].iter().any(|part| name.contains(part));
        let (mut stream, mut sizes) = (Drifting::new(), Vec::new());
        match component.build(&Signature::numeric(WIDTH)) {
            Built::Transformer(mut transformer) => {
                for row in 1..=100_000 {
                    let (x, class) = stream.next();
                    transformer.learn(&x, Some(Truth::Class(class)));
                    if row % 20_000 == 0 {
                        sizes.push(transformer.size());
                    }
                }
            }
            Built::Learner(_) if grows => continue,
            Built::Learner(mut learner) => {
                for row in 1..=20_000 {
                    let (x, class) = stream.next();
                    learn(learner.as_mut(), &x, class);
                    if row % 4_000 == 0 {
                        sizes.push(learner.size());
                    }
                }
            }
        }
        assert!(sizes.iter().all(|size| *size == sizes[0]), "{name}: {sizes:?}");
    }
}

/// Share of right predictions, and the largest size.
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
        // Leaves that have just split may stand over the budget until the next split looks.
        assert!(small < most + most / 2 + 40_000, "{name}: {small} bytes of {most}");
        assert!(large > small, "{name}: the budget was never reached: {large} {small}");
    }
}
