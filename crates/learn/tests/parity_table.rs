//! Compares our half of `docs/reference/parity.md` with the recorded half of the references.
//!
//! `cargo xtask parity` records the references' values again and writes the page; with `GRISTMILL_PARITY_PAGE` this
//! test writes it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

#[path = "../../../tests/data.rs"]
mod data;
mod streams;
#[path = "../../../tests/table.rs"]
mod table;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gristmill_learn::drift::Signal;
use gristmill_learn::metric::Metric;
use gristmill_learn::{
    Built, Chain, Component, DetectorKind, Features, Kind, Labels, Learner, MetricKind, Model, Prediction, Predictions,
    Signature, Task, Truth,
};

const RECORDED: &str = include_str!("parity.tsv");

struct Rows {
    kinds: Vec<Kind>,
    values: Vec<f64>,
    labels: Vec<f64>,
}

/// A data set as it is, or a view of it: `elec2, day nominal`.
fn rows(name: &str) -> Option<Rows> {
    let (set, view) = name.split_once(", ").unwrap_or((name, ""));
    let mut rows = set_of(set)?;
    let width = rows.kinds.len();
    match view {
        "" => {}
        "day nominal" => rows.kinds[1] = Kind::Nominal,
        "nswprice" => {
            rows.values = rows.values.chunks_exact(width).map(|row| row[3]).collect();
            rows.kinds.truncate(1);
        }
        "nswprice of 10000 rows" => {
            rows.values = rows.values.chunks_exact(width).map(|row| row[3]).take(10_000).collect();
            rows.kinds.truncate(1);
        }
        "changes of class" => {
            let classes = rows.labels.windows(2);
            rows.values = classes.map(|pair| f64::from(u8::from(pair[0] != pair[1]))).collect();
            rows.labels.remove(0);
            rows.kinds.truncate(1);
        }
        "first 20000 rows" => {
            rows.labels.truncate(20_000);
            rows.values.truncate(20_000 * width);
        }
        "every fifth value missing" => {
            for (row, values) in rows.values.chunks_exact_mut(width).enumerate() {
                let missing = values.iter_mut().enumerate().filter(|(place, _)| (row * 7 + place) % 5 == 0);
                missing.for_each(|(_, value)| *value = f64::NAN);
            }
        }
        other => panic!("{other}"),
    }
    Some(rows)
}

fn set_of(name: &str) -> Option<Rows> {
    if let Some((nominal, made)) = streams::rows(name, 10_000) {
        let (rows, labels): (Vec<Vec<f64>>, Vec<f64>) = made.into_iter().unzip();
        let mut kinds = vec![Kind::Numeric; rows[0].len()];
        nominal.iter().for_each(|column| kinds[*column] = Kind::Nominal);
        return Some(Rows { kinds, values: rows.concat(), labels });
    }
    let (file, label) = match name {
        "elec2" => ("elec2/electricity.csv.zst", "class"),
        "phishing" => ("phishing/phishing.csv.zst", "is_phishing"),
        "bananas" => ("bananas/bananas.csv.zst", "label"),
        "segment" => ("segment/segment.csv.zst", "category"),
        "kdd99_smtp" => ("kdd99_smtp/smtp.csv.zst", "service"),
        "trump_approval" => ("trump_approval/trump_approval.csv.zst", "five_thirty_eight"),
        _ => ("chick_weights/chick_weights.csv.zst", "weight"),
    };
    let table = table::read(file, label)?;
    let regression = matches!(name, "trump_approval" | "chick_weights");
    // Classes in the order in which they appear, but for the positive ones of two.
    let mut classes: BTreeMap<String, f64> = match name {
        "elec2" => [("UP".into(), 1.0), ("DOWN".into(), 0.0)].into(),
        "phishing" | "kdd99_smtp" => [("1".into(), 1.0), ("0".into(), 0.0)].into(),
        _ => BTreeMap::new(),
    };
    let mut rows = Rows { kinds: vec![Kind::Numeric; table.names.len()], values: Vec::new(), labels: Vec::new() };
    for (values, label) in table.rows {
        rows.values.extend(values);
        let next = classes.len() as f64;
        rows.labels.push(if regression { label.parse().unwrap() } else { *classes.entry(label).or_insert(next) });
    }
    Some(rows)
}

fn named(step: &serde_json::Value) -> serde_json::Value {
    match step {
        serde_json::Value::String(name) => serde_json::json!({ name.as_str(): {} }),
        other => other.clone(),
    }
}

fn component(step: &serde_json::Value) -> Component {
    serde_json::from_value(named(step)).unwrap_or_else(|error| panic!("{step}: {error}"))
}

fn seeded(step: &mut serde_json::Value, seed: i32) {
    if let serde_json::Value::String(name) = step {
        *step = serde_json::json!({ name.as_str(): {} });
    }
    step.as_object_mut().unwrap().values_mut().for_each(|settings| settings["seed"] = seed.into());
}

fn metric(name: &str) -> MetricKind {
    let (name, settings) = match name.split_once(' ') {
        Some((name, average)) => (name, serde_json::json!({ "average": average })),
        None => (name, serde_json::json!({})),
    };
    serde_json::from_value(serde_json::json!({ name: settings })).unwrap()
}

/// The alarms of a detector over the first column: how many, or the sum of their places, from 1.
fn alarms(step: &serde_json::Value, rows: &Rows, metric: &str) -> f64 {
    let mut detector = serde_json::from_value::<DetectorKind>(named(step)).unwrap().build();
    let places = (1_u32..).zip(&rows.values).filter(|(_, x)| detector.update(**x) == Signal::Drift);
    places.map(|(place, _)| if metric == "alarms" { 1.0 } else { f64::from(place) }).sum()
}

/// A transformer's output for all rows once it has seen them: the mean sum of a row.
fn transformed(component: &Component, rows: &Rows) -> f64 {
    let Built::Transformer(mut transformer) = component.build(&Signature::new(rows.kinds.clone())) else { panic!() };
    let (width, mut out) = (rows.kinds.len(), Vec::new());
    for (row, label) in rows.values.chunks_exact(width).zip(&rows.labels) {
        transformer.learn(row, Some(Truth::Class(*label as u32)));
    }
    rows.values.chunks_exact(width).for_each(|row| transformer.transform(row, &mut out));
    out.iter().map(|x| x.abs()).sum::<f64>() / rows.labels.len() as f64
}

/// For rows that are all learned before the first is predicted.
const ONCE_SEEN: &str = " of all rows, once seen";

/// Test, then train, or all rows once they are seen. Accuracy counts a row without a prediction as wrong, as in the
/// reference's half.
fn ours(steps: &[Component], rows: &Rows, name: &str) -> f64 {
    let mut model = Chain::new(steps, &Signature::new(rows.kinds.clone())).unwrap();
    let (name, once_seen) = name.strip_suffix(ONCE_SEEN).map_or((name, false), |name| (name, true));
    let mut metric: Box<dyn Metric> = metric(name).build();
    let labelled = || rows.values.chunks_exact(rows.kinds.len()).zip(&rows.labels);
    if once_seen {
        labelled().for_each(|(row, label)| learn(&mut model, row, label));
    }
    let mut out = Predictions::default();
    for (row, label) in labelled() {
        out.clear();
        model.predict(&Features::row(row), &mut out).unwrap();
        let prediction = out.row(0);
        let (prediction, truth) = match model.task() {
            Task::Regression => (prediction[0].into(), Truth::Value(*label)),
            Task::Clustering => (Prediction::Distances(prediction), Truth::Value(f64::NAN)),
            Task::Classification => (Prediction::Classes(prediction), Truth::Class(*label as u32)),
            Task::AnomalyDetection | Task::BinaryClassification => (prediction[0].into(), Truth::Class(*label as u32)),
        };
        metric.update(truth, prediction);
        if !once_seen {
            learn(&mut model, row, label);
        }
    }
    let counted = if name == "accuracy" { metric.rows() as f64 / rows.labels.len() as f64 } else { 1.0 };
    metric.value() * counted
}

fn learn(model: &mut Chain, row: &[f64], label: &f64) {
    let class = [*label as u32];
    let labels = match model.task() {
        Task::Regression => Labels::Values(std::slice::from_ref(label)),
        Task::Clustering | Task::AnomalyDetection => Labels::None,
        Task::Classification | Task::BinaryClassification => Labels::Classes(&class),
    };
    model.learn(&Features::row(row), labels).unwrap();
}

const HEAD: &str = "# Parity with the references\n\nEach component beside its reference on real data: the same columns and \
     parameters, test then train. `friedman`, `friedman3` and `mv` are 10,000 rows of streams that both halves \
     make. Errors are better when lower, all else when higher. `cargo xtask parity` makes this page anew; the \
     tests check our half against the recorded half.\n\n\
     MOA's half-space trees cut along every attribute, the class among them, so that they look at what they are \
     asked about (0.9656 at seed 1, 0.90 to 0.95 at others, 0.79 without the class); ours do not. River 0.26.1's \
     silhouette takes the second farthest centre for the second nearest; it is measured here with the nearest. Its \
     KSWIN forgets with the next value what it keeps of the window at an alarm; here it keeps it.\n\n\
     Forests and bagging beside River's, seed by seed on ten streams, are in `benches/runs/forests.txt`, which \
     `cargo xtask parity forests` makes anew. Leveraging bagging learns a row once with weight k as in MOA, where \
     River learns it k times: half of the time, and up to 0.01 less accuracy on 2,000 rows.\n\n\
     | steps | data | metric | reference | theirs | ours | difference |\n|---|---|---|---|---:|---:|---:|\n";

/// A line of the recorded half.
struct Line<'a> {
    steps: &'a str,
    data: &'a str,
    metric: &'a str,
    reference: &'a str,
    version: &'a str,
    theirs: f64,
    tolerance: f64,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Self {
        let fields: Vec<&str> = line.split('\t').collect();
        let [steps, data, metric, reference, version, theirs, tolerance] = fields[..] else { panic!("{line}") };
        let (theirs, tolerance) = (theirs.parse().unwrap(), tolerance.parse().unwrap());
        Self { steps, data, metric, reference, version, theirs, tolerance }
    }

    /// If the reference is random, so are we: the mean of as many seeds.
    fn ours(&self, rows: &Rows) -> f64 {
        let written: Vec<serde_json::Value> = serde_json::from_str(self.steps).unwrap();
        let seeds = self.reference.split_once("mean of ").and_then(|(_, seeds)| seeds.split_once(" seeds"));
        let seeds = seeds.map_or(1, |(seeds, _)| seeds.parse().unwrap());
        let values = (0..seeds).map(|seed| {
            let mut written = written.clone();
            if seeds > 1 {
                seeded(written.last_mut().unwrap(), seed);
            }
            match self.metric {
                "alarms" | "sum of the alarms' places" => alarms(&written[0], rows, self.metric),
                "mean of what comes out" => transformed(&component(&written[0]), rows),
                _ => ours(&written.iter().map(component).collect::<Vec<_>>(), rows, self.metric),
            }
        });
        values.sum::<f64>() / f64::from(seeds)
    }

    fn is_wrong(&self, ours: f64) -> bool {
        let Self { metric, theirs, tolerance, .. } = *self;
        let error = metric.ends_with(ONCE_SEEN)
            || matches!(metric, "mae" | "rmse" | "smape" | "mape" | "log_loss" | "silhouette" | "calibration_error");
        let worse = if error { ours - theirs } else { theirs - ours };
        // A value that must be equal must not be better, either; a tolerance of 0 asks for as good or better.
        let equal = tolerance > 0.0 && tolerance < 1e-3 || metric == "alarms";
        let apart = if equal { worse.abs() } else { worse };
        apart > tolerance || theirs.is_nan()
    }
}

#[test]
fn ours_is_what_the_references_have_or_better() {
    let mut page = String::from(HEAD);
    // The values of a missing data set are not compared; the others are.
    let mut sets: BTreeMap<String, Option<Rows>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in RECORDED.lines().map(Line::read) {
        let Line { steps, data, metric, reference, version, theirs, .. } = line;
        let Some(rows) = sets.entry(data.into()).or_insert_with(|| self::rows(data)).as_ref() else { continue };
        let ours = line.ours(rows);
        if line.is_wrong(ours) {
            wrong.push(format!("{steps} {data} {metric}: {ours} where the reference has {theirs}"));
        }
        let difference = ours - theirs;
        let steps = steps.replace("\", \"", ", ").replace(['"', '[', ']'], "");
        writeln!(
            page,
            "| `{steps}` | {data} | {metric} | {reference} {version} | {theirs:.6} | {ours:.6} | {difference:+.6} |"
        )
        .unwrap();
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), RECORDED.lines().count(), wrong.join("\n"));
    if let Some(path) = std::env::var_os("GRISTMILL_PARITY_PAGE") {
        assert!(sets.values().all(Option::is_some), "the page needs every data set");
        std::fs::write(path, page).unwrap();
    }
}
