//! The same arithmetic as River 0.26.1: intermediate counts of correct predictions, and the final weights.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

#[path = "../../../tests/data.rs"]
mod data;
#[path = "../../../tests/table.rs"]
mod table;

use gristmill_learn::linear::{
    LinearRegression, LinearRegressionSettings, LogisticRegression, LogisticRegressionSettings, Optimizer,
};
use gristmill_learn::transform::StandardScalerSettings;
use gristmill_learn::{Features, Labels, Learner, Predictions, Signature, Transformer};

/// The rows of a data set: features and the label as text.
fn rows(file: &str, label: &str) -> Option<Vec<(Vec<f64>, String)>> {
    table::read(file, label).map(|table| table.rows)
}

/// Scaler and learner in River's order: predict with the old statistics; learn, scale with the new ones, learn.
fn prequential<L: Learner>(learner: &mut L, rows: &[(Vec<f64>, String)], mut each: impl FnMut(f64, &str) -> f64) {
    let mut scaler = StandardScalerSettings::default().build(&Signature::numeric(rows[0].0.len()));
    let (mut scaled, mut out) = (Vec::new(), Predictions::default());
    for (row, label) in rows {
        scaled.clear();
        scaler.transform(row, &mut scaled);
        out.clear();
        learner.predict(&Features::row(&scaled), &mut out).unwrap();
        let y = each(out.values()[0], label);
        scaler.learn(row, None);
        scaled.clear();
        scaler.transform(row, &mut scaled);
        let features = Features::row(&scaled);
        match learner.task() {
            gristmill_learn::Task::Regression => learner.learn(&features, Labels::Values(&[y])).unwrap(),
            _ => {
                learner.learn(&features, Labels::Classes(&[y as u32])).unwrap();
            }
        }
    }
}

/// Correct predictions after 10, 100, 1,000, 10,000 and all rows.
fn classify(rows: &[(Vec<f64>, String)], positive: &str, lr: f64) -> (LogisticRegression, Vec<u32>) {
    let settings = LogisticRegressionSettings { optimizer: Optimizer::sgd(lr), ..Default::default() };
    let mut model = settings.build(&Signature::numeric(rows[0].0.len()));
    let (mut right, mut seen, mut counts) = (0, 0, Vec::new());
    prequential(&mut model, rows, |score, label| {
        let class = label == positive;
        right += u32::from((score > 0.5) == class);
        seen += 1;
        if [10, 100, 1_000, 10_000, rows.len()].contains(&seen) {
            counts.push(right);
        }
        f64::from(u8::from(class))
    });
    (model, counts)
}

fn close(found: &[f64], expected: &[f64]) {
    let same = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 5.1e-7);
    assert!(same, "{found:?} {expected:?}");
}

#[test]
fn logistic_regression_on_elec2() {
    let Some(rows) = rows("elec2/electricity.csv.zst", "class") else { return };
    let (model, right) = classify(&rows, "UP", 0.01);
    assert_eq!(right, [6, 77, 832, 8_523, 37_941]);
    close(model.weights(), &[-0.388541, -0.919786, -0.126311, 4.712963, 0.663335, -0.067620, -0.287778, 0.640738]);
    close(&[model.intercept()], &[0.238858]);
}

#[test]
fn logistic_regression_on_elec2_at_the_published_rate() {
    let Some(rows) = rows("elec2/electricity.csv.zst", "class") else { return };
    let (_, right) = classify(&rows, "UP", 0.005);
    let accuracy = f64::from(*right.last().unwrap()) / rows.len() as f64;
    assert!((accuracy - 0.8221).abs() < 5e-5, "{accuracy}");
}

#[test]
fn logistic_regression_on_phishing() {
    let Some(rows) = rows("phishing/phishing.csv.zst", "is_phishing") else { return };
    let (_, right) = classify(&rows, "1", 0.01);
    let accuracy = f64::from(*right.last().unwrap()) / rows.len() as f64;
    assert!((accuracy - 0.8928).abs() < 5e-5, "{accuracy}");
}

fn regress(rows: &[(Vec<f64>, String)], intercept_lr: f64) -> (LinearRegression, f64) {
    let mut model =
        LinearRegressionSettings { intercept_lr, ..Default::default() }.build(&Signature::numeric(rows[0].0.len()));
    let mut error = 0.0;
    prequential(&mut model, rows, |prediction, label| {
        let y: f64 = label.parse().unwrap();
        error += (prediction - y).abs();
        y
    });
    (model, error / rows.len() as f64)
}

#[test]
fn linear_regression_on_trump_approval() {
    let Some(rows) = rows("trump_approval/trump_approval.csv.zst", "five_thirty_eight") else { return };
    let (model, mae) = regress(&rows, 0.01);
    close(model.weights(), &[16.980995, 0.434749, 0.620085, 0.312713, 0.253392, 0.018980]);
    close(&[model.intercept()], &[12.148984]);
    assert!((mae - 1.3145).abs() < 5e-5, "{mae}");
    let (_, mae) = regress(&rows, 0.1);
    assert!((mae - 0.5587).abs() < 5e-5, "{mae}");
}

#[test]
fn linear_regression_on_chick_weights() {
    let Some(rows) = rows("chick_weights/chick_weights.csv.zst", "weight") else { return };
    let (model, mae) = regress(&rows, 0.01);
    close(model.weights(), &[96.100193, 13.835024, 16.290930]);
    close(&[model.intercept()], &[60.857826]);
    assert!((mae - 23.76).abs() < 5e-3, "{mae}");
}
