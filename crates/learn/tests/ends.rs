//! L13: every row terminates, whatever is missing: no component, no base of an ensemble and no setting creates an
//! endless loop.
//!
//! The number of steps is documented where they are made: a row visits no more than the nodes of a tree, once for each
//! level of it (`Nodes::find`), in an ensemble those of all its trees.
//!
//! A component runs in a thread of its own and reports after each row, so that an endless loop fails the test instead
//! of hanging it. `LIMIT` is thousands of times what the slowest row takes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use gristmill_learn::random::Random;
use gristmill_learn::{
    Built, Component, Features, Kind, Labels, Learner, Predictions, Signature, StateReader, StateWriter, Stateful,
    Task, Truth,
};

/// The most time that a single row may take.
const LIMIT: Duration = Duration::from_secs(20);
const ROWS: usize = 240;

struct Row {
    values: Vec<f64>,
    class: u32,
    number: f64,
}

/// The contents of a stream's columns: `None` is missing.
type Shape = (&'static str, fn(usize, u32, &mut Random) -> Vec<Option<f64>>);

/// Two informative columns before the one under test keep the trees growing.
fn beside(class: u32, random: &mut Random, value: Option<f64>) -> Vec<Option<f64>> {
    vec![Some((f64::from(class) + random.uniform()).floor()), Some(random.below(5) as f64), value]
}

const SHAPES: &[Shape] = &[
    ("one column, always missing", |_, _, _| vec![None]),
    ("all columns always missing", |_, _, _| vec![None; 3]),
    ("always missing beside others", |_, class, random| beside(class, random, None)),
    ("missing for one class", |_, class, random| {
        let value = random.below(4) as f64;
        beside(class, random, (class != 0).then_some(value))
    }),
    ("there for one class only, one category", |_, class, random| beside(class, random, (class == 1).then_some(0.0))),
    ("missing for one category of another column", |_, class, random| {
        let mut row = beside(class, random, Some(1.0));
        row[2] = (row[1] != Some(2.0)).then_some(3.0);
        row
    }),
    ("one category", |_, class, random| beside(class, random, Some(0.0))),
    ("one column of one category", |_, _, _| vec![Some(0.0)]),
    ("one column, nearly always missing", |row, _, _| vec![(row % 50 == 7).then_some((row % 3) as f64)]),
    ("one column, missing every other row", |row, _, _| vec![(row % 2 == 0).then_some((row / 2 % 3) as f64)]),
    ("missing at first", |row, class, random| beside(class, random, (row > ROWS / 2).then_some((row % 4) as f64))),
    ("missing from then on", |row, class, random| beside(class, random, (row < ROWS / 2).then_some((row % 4) as f64))),
    ("a new category each row", |row, class, random| beside(class, random, Some(row as f64))),
    ("one column, a new category each row", |row, _, _| vec![Some(row as f64)]),
    ("rows at random without values", |_, class, random| {
        let value = random.below(200) as f64;
        let mut row = beside(class, random, Some(value));
        row.iter_mut().for_each(|value| *value = value.filter(|_| random.uniform() < 0.5));
        row
    }),
];

fn rows(shape: Shape) -> Vec<Row> {
    let mut random = Random::new(29);
    let row = |index: usize| {
        let class = (index % 3 % 2) as u32;
        let values = shape.1(index, class, &mut random).into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        Row { values, class, number: (index % 10 * 2 + index % 3) as f64 }
    };
    (0..ROWS).map(row).collect()
}

/// Every component with its defaults; with settings that split at once; every ensemble over every tree.
fn components() -> Vec<Component> {
    let read = |value: serde_json::Value| serde_json::from_value::<Component>(value).ok();
    let mut all = Vec::new();
    for component in Component::every() {
        let written = serde_json::to_value(&component).unwrap();
        let (name, settings) = written.as_object().unwrap().iter().next().unwrap();
        let mut eager = settings.clone();
        hasten(&mut eager);
        all.extend((eager != *settings).then(|| read(serde_json::json!({ name.as_str(): eager })).unwrap()));
        if settings.get("model").is_some() {
            for base in Component::every().iter().filter(|base| base.is_learner()) {
                let mut with = settings.clone();
                with["model"] = serde_json::to_value(base).unwrap();
                if !with["model"].to_string().contains("tree") {
                    continue;
                }
                hasten(&mut with["model"]);
                all.extend(read(serde_json::json!({ name.as_str(): with })).filter(|one| one.check().is_ok()));
            }
        }
        all.push(component);
    }
    all
}

/// Relaxes every setting that keeps a tree from splitting.
fn hasten(settings: &mut serde_json::Value) {
    let Some(fields) = settings.as_object_mut() else { return };
    for (name, value) in fields.iter_mut() {
        match name.as_str() {
            "grace_period" if value.is_f64() => *value = 10.0.into(),
            "delta" | "tau" if value.is_f64() => *value = 0.9.into(),
            "min_samples_split" if value.is_f64() => *value = 1.0.into(),
            "min_branch_fraction" if value.is_f64() => *value = 0.0.into(),
            _ => hasten(value),
        }
    }
}

fn build(component: &Component, kinds: &[Kind]) -> Option<Built> {
    let built = component.build(&Signature::new(kinds.to_vec()));
    let takes = match &built {
        Built::Transformer(transformer) => transformer.takes_nominal(),
        Built::Learner(learner) => learner.takes_nominal(),
    };
    (takes || kinds.iter().all(|kind| *kind == Kind::Numeric)).then_some(built)
}

fn teach(learner: &mut dyn Learner, row: &Row) {
    let features = Features::row(&row.values);
    match learner.task() {
        Task::Regression => learner.learn(&features, Labels::Values(&[row.number])),
        Task::AnomalyDetection | Task::Clustering => learner.learn(&features, Labels::None),
        _ => learner.learn(&features, Labels::Classes(&[row.class])),
    }
    .unwrap();
}

/// Predicts and learns a row; at half of them it is saved and loaded.
fn step(built: &mut Built, row: &Row, index: usize) {
    match built {
        Built::Transformer(transformer) => {
            transformer.transform(&row.values, &mut Vec::new());
            transformer.learn(&row.values, Some(Truth::Class(row.class)));
        }
        Built::Learner(learner) => {
            learner.predict(&Features::row(&row.values), &mut Predictions::default()).unwrap();
            teach(learner.as_mut(), row);
        }
    }
    if index == ROWS / 2 {
        let state: &mut dyn Stateful = match built {
            Built::Transformer(transformer) => transformer.as_mut(),
            Built::Learner(learner) => learner.as_mut(),
        };
        let saved = StateWriter::of(state);
        StateReader::into(&saved, state).unwrap();
    }
}

/// The first row that does not terminate.
fn endless(component: &Component, kinds: &[Kind], shape: Shape) -> Option<usize> {
    let (done, ticks) = channel();
    let (component, kinds) = (component.clone(), kinds.to_vec());
    let worker = thread::spawn(move || {
        let Some(mut built) = build(&component, &kinds) else { return };
        for (index, row) in rows(shape).iter().enumerate() {
            step(&mut built, row, index);
            if done.send(()).is_err() {
                return;
            }
        }
    });
    for row in 0.. {
        match ticks.recv_timeout(LIMIT) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return Some(row),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    worker.join().unwrap_or_else(|_| panic!("it panicked"));
    None
}

#[test]
fn every_row_ends_whatever_is_missing() {
    let mut wrong = Vec::new();
    for component in components() {
        for shape in SHAPES {
            let width = shape.1(0, 0, &mut Random::new(0)).len();
            let takes_nominal = build(&component, &vec![Kind::Nominal; width]).is_some();
            // A missing value in a numeric column takes the same path in all of them.
            let kinds = [Kind::Nominal, Kind::Numeric].map(|kind| vec![kind; width]);
            for kinds in kinds.into_iter().skip(usize::from(!takes_nominal)).take(1) {
                if let Some(row) = endless(&component, &kinds, *shape) {
                    let written = serde_json::to_string(&component).unwrap();
                    wrong.push(format!("{written}: {}, {kinds:?}: row {row} does not end", shape.0));
                }
            }
        }
        // One is enough to know, and each occupies a core for as long as the test runs.
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
