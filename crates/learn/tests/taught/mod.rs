//! Components and rows to train them on, for the tests of all of them.
#![allow(dead_code, reason = "each test uses some of these")]

use gristmill_learn::random::Random;
use gristmill_learn::{
    Built, Component, Features, Kind, Labels, Learner, Predictions, Signature, Stateful, Task, Truth,
};

pub(crate) const WIDTH: usize = 3;

/// Rows of two numbers and a category, and their classes.
pub(crate) fn rows(seed: u64, count: usize) -> Vec<([f64; WIDTH], u32)> {
    let mut random = Random::new(seed);
    let mut row = || {
        let x = [random.normal(), random.normal(), random.below(4) as f64];
        (x, u32::from(x[0] + 0.3 * random.normal() > 0.0))
    };
    (0..count).map(|_| row()).collect()
}

/// The component for this many columns, the last of them nominal if it accepts that.
pub(crate) fn untrained(component: &Component, width: usize) -> Built {
    let takes_nominal = match component.build(&Signature::numeric(width)) {
        Built::Transformer(transformer) => transformer.takes_nominal(),
        Built::Learner(learner) => learner.takes_nominal(),
    };
    let last = if takes_nominal { Kind::Nominal } else { Kind::Numeric };
    component.build(&Signature::new([vec![Kind::Numeric; width - 1], vec![last]].concat()))
}

/// Trains on a row, with the label that the task needs.
pub(crate) fn learn(learner: &mut dyn Learner, row: &[f64], class: u32) {
    let features = Features::row(row);
    match learner.task() {
        Task::Regression => learner.learn(&features, Labels::Values(&[f64::from(class) + row[1]])),
        Task::AnomalyDetection | Task::Clustering => learner.learn(&features, Labels::None),
        _ => learner.learn(&features, Labels::Classes(&[class])),
    }
    .unwrap();
}

/// The component after these rows.
pub(crate) fn taught(component: &Component, rows: &[([f64; WIDTH], u32)]) -> Built {
    let mut built = untrained(component, WIDTH);
    for (row, class) in rows {
        match &mut built {
            Built::Transformer(transformer) => transformer.learn(row, Some(Truth::Class(*class))),
            Built::Learner(learner) => learn(learner.as_mut(), row, *class),
        }
    }
    built
}

/// Its output for these rows.
pub(crate) fn answers(built: &Built, rows: &[([f64; WIDTH], u32)]) -> Vec<f64> {
    let mut values = Vec::new();
    for (row, _) in rows {
        match built {
            Built::Transformer(transformer) => transformer.transform(row, &mut values),
            Built::Learner(learner) => {
                let mut out = Predictions::default();
                learner.predict(&Features::row(row), &mut out).unwrap();
                values.extend_from_slice(out.values());
            }
        }
    }
    values
}

/// Its state, to be saved or loaded.
pub(crate) fn state(built: &mut Built) -> &mut dyn Stateful {
    match built {
        Built::Transformer(transformer) => transformer.as_mut(),
        Built::Learner(learner) => learner.as_mut(),
    }
}
