//! The laws that every component obeys, as functions that can be run on any component.
//!
//! Each law takes a constructor of the component and rows to run it on, and returns the violation, if any.
//!
//! ```
//! use gristmill_learn::{Signature, laws, linear::LinearRegressionSettings};
//! let rows = laws::Rows::of_values(&[(&[1.0, 2.0], 3.0), (&[f64::NAN, 1.0], 0.5), (&[0.0, 1.0], 1.0)]);
//! laws::learner(&|| Box::new(LinearRegressionSettings::default().build(&Signature::numeric(2))), &rows)?;
//! # Ok::<(), laws::Broken>(())
//! ```

use crate::{
    Features, Labels, LearnError, Learner, Predictions, StateError, StateReader, StateWriter, Task, Transformer, Truth,
};

/// A violated law.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// L3: cutting the rows into batches changed the state.
    #[error("L3 batches: cut at row {0}, the state differs from the uncut run's")]
    Batches(usize),
    /// L4: a saved and loaded component continued differently, or saved other bytes.
    #[error("L4 snapshot: saved after row {0} and loaded, it goes on differently")]
    Snapshot(usize),
    /// L5: predicting changed the state, or a row's prediction depends on its batch.
    #[error("L5 predicting: {0}")]
    Predicting(String),
    /// L12: a class had a probability before it had been seen, or there was a prediction before the first class.
    #[error("L12 classes: after row {0} it says {1}")]
    Unseen(usize, String),
    /// L1: the same rows gave other bytes.
    #[error("L1 determinism: the same rows gave another state")]
    Determinism,
    /// L4: truncated or foreign bytes were accepted.
    #[error("L4 snapshot: a state cut at byte {0} was accepted")]
    Cut(usize),
    /// The component refused rows that it must accept.
    #[error("refused: {0}")]
    Refused(#[from] LearnError),
    /// The component could not load what it saved.
    #[error("not loaded: {0}")]
    Load(#[from] StateError),
}

/// Rows and their labels, to run laws on.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    rows: Vec<Vec<f64>>,
    truths: Vec<Truth>,
}

impl Rows {
    /// Rows with values as labels.
    pub fn of_values(rows: &[(&[f64], f64)]) -> Self {
        rows.iter().map(|(row, y)| (row.to_vec(), Truth::Value(*y))).collect()
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl FromIterator<(Vec<f64>, Truth)> for Rows {
    fn from_iter<T: IntoIterator<Item = (Vec<f64>, Truth)>>(rows: T) -> Self {
        let (rows, truths) = rows.into_iter().unzip();
        Self { rows, truths }
    }
}

fn learn(learner: &mut dyn Learner, rows: &[Vec<f64>], truths: &[Truth]) -> Result<(), LearnError> {
    let block: Vec<f64> = rows.concat();
    let features = Features::new(&block, learner.width());
    let numbers: Vec<f64> = truths.iter().map(|truth| truth.number()).collect();
    let classes = |of: &dyn Fn(f64) -> u32| numbers.iter().map(|number| of(*number)).collect::<Vec<u32>>();
    match learner.task() {
        Task::BinaryClassification => {
            learner.learn(&features, Labels::Classes(&classes(&|number| u32::from(number > 0.5))))
        }
        Task::Classification => {
            let most = learner.class_limit() - 1;
            learner.learn(&features, Labels::Classes(&classes(&|number| (number.abs() as u32).min(most))))
        }
        Task::Regression => learner.learn(&features, Labels::Values(&numbers)),
        Task::AnomalyDetection | Task::Clustering => learner.learn(&features, Labels::None),
    }
}

fn predict(learner: &dyn Learner, rows: &[Vec<f64>]) -> Result<Vec<u64>, LearnError> {
    let mut out = Predictions::default();
    learner.predict(&Features::new(&rows.concat(), learner.width()), &mut out)?;
    Ok(out.values().iter().map(bits).collect())
}

/// The bits of a number, with one NaN: its sign and payload differ between equal computations.
fn bits(value: &f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// Runs every law on a learner; `make` builds an untrained one.
pub fn learner(make: &dyn Fn() -> Box<dyn Learner>, all: &Rows) -> Result<(), Broken> {
    let mut uncut = make();
    learn(uncut.as_mut(), &all.rows, &all.truths)?;
    let expected = StateWriter::of(uncut.as_ref());

    let mut again = make();
    learn(again.as_mut(), &all.rows, &all.truths)?;
    if StateWriter::of(again.as_ref()) != expected {
        return Err(Broken::Determinism);
    }
    for cut in 0..=all.len() {
        let (rows, truths) = (all.rows.split_at(cut), all.truths.split_at(cut));
        let mut first = make();
        learn(first.as_mut(), rows.0, truths.0)?;
        let saved = StateWriter::of(first.as_ref());
        let mut second = make();
        StateReader::into(&saved, second.as_mut())?;
        let canonical = StateWriter::of(second.as_ref()) == saved;
        let same = predict(first.as_ref(), &all.rows)? == predict(second.as_ref(), &all.rows)?;
        learn(first.as_mut(), rows.1, truths.1)?;
        learn(second.as_mut(), rows.1, truths.1)?;
        if StateWriter::of(first.as_ref()) != expected {
            return Err(Broken::Batches(cut));
        }
        if !canonical || !same || StateWriter::of(second.as_ref()) != expected {
            return Err(Broken::Snapshot(cut));
        }
    }
    predicting(uncut.as_ref(), &all.rows, &expected)?;
    cuts(&expected, &mut |bytes| StateReader::into(bytes, make().as_mut()))
}

fn predicting(learner: &dyn Learner, rows: &[Vec<f64>], state: &[u8]) -> Result<(), Broken> {
    let together = predict(learner, rows)?;
    let mut alone = Vec::new();
    for row in rows {
        alone.extend(predict(learner, std::slice::from_ref(row))?);
    }
    if together != alone {
        return Err(Broken::Predicting("a row's prediction depends on its batch".into()));
    }
    if StateWriter::of(learner) != state {
        return Err(Broken::Predicting("the state changed".into()));
    }
    Ok(())
}

/// L12: a classifier predicts nothing before the first class; then its probabilities are those of the classes that it
/// has seen, which add up to 1, and an unseen class has none. A learner of two classes, and an ensemble of such, has
/// both from the beginning.
pub fn unseen(learner: &mut dyn Learner, all: &Rows) -> Result<(), Broken> {
    let mut seen: Vec<u32> = Vec::new();
    for row in 0..=all.len() {
        let mut out = Predictions::default();
        learner.predict(&Features::new(&all.rows.concat(), learner.width()), &mut out)?;
        for prediction in (0..out.len()).map(|place| out.row(place)) {
            let sound = match learner.task() {
                Task::Classification if learner.class_limit() == 2 => {
                    prediction.len() <= 2 && says_what_it_has_seen(prediction, &[0, 1])
                }
                Task::Classification => says_what_it_has_seen(prediction, &seen),
                Task::BinaryClassification => matches!(prediction, [p] if (0.0..=1.0).contains(p)),
                _ => true,
            };
            if !sound {
                return Err(Broken::Unseen(row, format!("{prediction:?}, having seen {seen:?}")));
            }
        }
        let (Some(features), Some(truth)) = (all.rows.get(row), all.truths.get(row)) else { break };
        seen.push(truth.number().abs() as u32);
        learn(learner, std::slice::from_ref(features), std::slice::from_ref(truth))?;
    }
    Ok(())
}

fn says_what_it_has_seen(prediction: &[f64], seen: &[u32]) -> bool {
    let known = |class: usize| seen.iter().any(|other| *other as usize == class);
    let each = prediction.iter().enumerate().all(|(class, p)| (0.0..=1.0).contains(p) && (*p == 0.0 || known(class)));
    each && (prediction.is_empty() || (prediction.iter().sum::<f64>() - 1.0).abs() < 1e-9)
}

/// A proper prefix of a saved state must be refused: every one of a small state, some of a large one.
fn cuts(saved: &[u8], load: &mut dyn FnMut(&[u8]) -> Result<(), StateError>) -> Result<(), Broken> {
    let step = saved.len().div_ceil(200).max(1);
    for cut in (0..saved.len()).step_by(step).chain(saved.len().checked_sub(1)) {
        if load(saved.get(..cut).unwrap_or_default()).is_ok() {
            return Err(Broken::Cut(cut));
        }
    }
    Ok(())
}

/// Runs every law on a transformer; `make` builds an untrained one.
pub fn transformer(make: &dyn Fn() -> Box<dyn Transformer>, all: &Rows) -> Result<(), Broken> {
    let learn = |transformer: &mut dyn Transformer, from: usize, to: usize| {
        let rows = all.rows.iter().zip(&all.truths).skip(from).take(to - from);
        rows.for_each(|(row, truth)| transformer.learn(row, Some(*truth)));
    };
    let mut uncut = make();
    learn(uncut.as_mut(), 0, all.len());
    let expected = StateWriter::of(uncut.as_ref());
    for cut in 0..=all.len() {
        let mut first = make();
        learn(first.as_mut(), 0, cut);
        let saved = StateWriter::of(first.as_ref());
        let mut second = make();
        StateReader::into(&saved, second.as_mut())?;
        let canonical = StateWriter::of(second.as_ref()) == saved;
        let same = transformed(first.as_ref(), &all.rows) == transformed(second.as_ref(), &all.rows);
        if StateWriter::of(first.as_ref()) != saved {
            return Err(Broken::Predicting("transforming changed the state".into()));
        }
        learn(second.as_mut(), cut, all.len());
        if !canonical || !same || StateWriter::of(second.as_ref()) != expected {
            return Err(Broken::Snapshot(cut));
        }
    }
    for row in &all.rows {
        let mut out = Vec::new();
        uncut.transform(row, &mut out);
        let expected = uncut.signature().width();
        if out.len() != expected {
            return Err(Broken::Refused(LearnError::Width { expected, found: out.len() }));
        }
    }
    cuts(&expected, &mut |bytes| StateReader::into(bytes, make().as_mut()))
}

fn transformed(transformer: &dyn Transformer, rows: &[Vec<f64>]) -> Vec<u64> {
    let mut out = Vec::new();
    rows.iter().for_each(|row| transformer.transform(row, &mut out));
    out.iter().map(bits).collect()
}
