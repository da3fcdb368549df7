//! A stream in chunks: each is estimated, and compared with its labels once they are known.

use std::collections::VecDeque;

use super::labelled::{Labelled, Said, is_said};
use super::{Cbpe, CbpeSettings, Dle, DleSettings, Ended, Estimate, Estimated, Estimates, Mean, cbpe, dle};
use crate::metric::Window;
use crate::state::stateful;
use crate::{LearnError, Prediction, Signature, StateError, StateReader, StateWriter, Stateful, Truth};

/// A chunk ends at so many rows, whatever its settings say.
pub const MOST_ROWS: u32 = 100_000;
/// The same at so many scores, of which a row of many classes has one for each.
const MOST_SCORES: u64 = 1_000_000;
/// So many chunks wait for their labels, and so many numbers of labelled rows for the rest of their chunk; beyond, the oldest
/// chunk is given up.
const MOST_WAITING: usize = 1_000;
const MOST_KNOWN: usize = 2_000_000;
/// What a labelled row counts besides its scores.
const ROW: usize = 8;

/// Estimates of a stream, chunk by chunk, and how far off they were.
///
/// A chunk is so many rows with a prediction, or those of a stretch of event time, which begins at a multiple of its length
/// since 1970. Of classes its estimate uses the labels that were known when it began, of numbers for each row those that were
/// known when it was scored: never the row's own. Memory: beside the estimator's, about 200 bytes for each of at most 1,000
/// chunks that wait for labels, and at most 16 MB for labels that wait for the rest of their chunk.
pub struct Estimation {
    metrics: Vec<Estimated>,
    chunk: Window,
    estimator: Estimator,
    /// The number of the next chunk.
    next: u64,
    /// Where the current stretch of event time begins.
    begins: Option<i64>,
    /// Chunks with labels to come, by number; the last one may be the current one.
    open: VecDeque<Open>,
    /// What labelled rows hold that wait for the rest of their chunk.
    known: usize,
    last: Vec<Mean>,
    errors: Vec<(Mean, Mean)>,
    chunks: u64,
    given_up: u64,
}

/// What estimates the metrics of a chunk.
enum Estimator {
    Classes(Cbpe),
    Numbers(Box<Dle>),
}

/// A chunk that has not ended, or whose labels are not all known.
#[derive(Debug, Clone, Default)]
struct Open {
    number: u64,
    rows: u64,
    /// The rows whose labels are known, or will never be.
    settled: u64,
    /// None before its end: estimates, and metrics over the reference.
    ended: Option<(Vec<f64>, Vec<f64>)>,
    classes: Vec<Labelled>,
    /// Truths and predictions.
    numbers: Vec<(f64, f64)>,
}

stateful!(Open: number, rows, settled, ended, classes, numbers);

impl Open {
    /// The numbers that its labelled rows hold.
    fn known(&self) -> usize {
        let scores = self.classes.first().map_or(0, |row| row.said.scores.len());
        self.classes.len() * (scores + ROW) + self.numbers.len() * 2
    }

    fn settle(&mut self, prediction: Prediction<'_>, truth: Truth) {
        self.settled += 1;
        match (truth, Said::of(prediction)) {
            (Truth::Class(truth), Some(said)) => self.classes.push(Labelled { said, truth }),
            (Truth::Value(truth), _) => self.numbers.push((truth, prediction.number())),
            _ => {}
        }
    }

    /// What the metrics were.
    fn realised(&self, metrics: &[Estimated]) -> Vec<f64> {
        if self.numbers.is_empty() {
            return cbpe::realised(metrics, self.classes.iter());
        }
        dle::realised(metrics, self.numbers.iter().copied())
    }
}

impl Estimation {
    /// Of a classifier.
    pub fn of_classes(metrics: &[Estimated], chunk: Window, settings: &CbpeSettings) -> Self {
        Self::new(metrics, chunk, Estimator::Classes(settings.build(metrics)))
    }

    /// Of a regression, whose features are these.
    pub fn of_numbers(
        metrics: &[Estimated],
        chunk: Window,
        settings: &DleSettings,
        signature: &Signature,
    ) -> Result<Self, LearnError> {
        Ok(Self::new(metrics, chunk, Estimator::Numbers(Box::new(settings.build(metrics, signature)?))))
    }

    fn new(metrics: &[Estimated], chunk: Window, estimator: Estimator) -> Self {
        Self {
            metrics: metrics.to_vec(),
            chunk,
            estimator,
            next: 0,
            begins: None,
            open: VecDeque::new(),
            known: 0,
            last: vec![Mean::default(); metrics.len()],
            errors: vec![Default::default(); metrics.len()],
            chunks: 0,
            given_up: 0,
        }
    }

    /// Takes in a row that was scored, with its event time in microseconds; the number of its chunk, by which its label is
    /// told. None: the row has no prediction and belongs to no chunk.
    pub fn scored(
        &mut self,
        features: &[f64],
        prediction: Prediction<'_>,
        time: Option<i64>,
    ) -> Result<Option<u64>, LearnError> {
        if !is_said(prediction) {
            return Ok(None);
        }
        self.end_before(time);
        match &mut self.estimator {
            Estimator::Classes(cbpe) => cbpe.scored(prediction),
            Estimator::Numbers(dle) => dle.scored(features, prediction.number())?,
        }
        if self.open.back().is_none_or(|last| last.ended.is_some()) {
            self.open.push_back(Open { number: self.next, ..Open::default() });
            self.next += 1;
        }
        let Some(current) = self.open.back_mut() else { return Ok(None) };
        current.rows += 1;
        let (number, rows) = (current.number, current.rows);
        let most = match self.chunk {
            Window::Rows(rows) => rows.min(MOST_ROWS),
            Window::Time(_) => MOST_ROWS,
        };
        let scores = rows.saturating_mul(prediction.numbers().len() as u64);
        if rows >= u64::from(most.max(1)) || scores >= MOST_SCORES {
            self.end();
        }
        Ok(Some(number))
    }

    /// Ends the current chunk if a row of this time is of a later one.
    fn end_before(&mut self, time: Option<i64>) {
        let (Window::Time(length), Some(time)) = (self.chunk, time) else { return };
        let begins = time - time.rem_euclid(length.max(1));
        if self.begins.is_some_and(|current| begins > current) {
            self.end();
        }
        // A row that came late belongs to the current chunk.
        self.begins = self.begins.max(Some(begins));
    }

    fn end(&mut self) {
        let Some(current) = self.open.back_mut().filter(|current| current.ended.is_none()) else { return };
        let Ended { estimates, reference } = match &mut self.estimator {
            Estimator::Classes(cbpe) => cbpe.end(),
            Estimator::Numbers(dle) => dle.end(),
        };
        self.chunks += 1;
        self.last = estimates.iter().map(|estimate| Mean::of(*estimate, current.rows as f64)).collect();
        current.ended = Some((estimates, reference));
        let number = current.number;
        self.grade(number);
        self.drop_oldest();
    }

    fn place(&self, number: u64) -> Option<usize> {
        self.open.binary_search_by_key(&number, |open| open.number).ok()
    }

    /// Takes in the label of a row: with the number of its chunk, and its features and its prediction when it was scored.
    pub fn labelled(
        &mut self,
        chunk: Option<u64>,
        features: &[f64],
        prediction: Prediction<'_>,
        truth: Truth,
    ) -> Result<(), LearnError> {
        match &mut self.estimator {
            Estimator::Classes(cbpe) => cbpe.labelled(prediction, truth),
            Estimator::Numbers(dle) => dle.labelled(features, prediction.number(), truth.number())?,
        }
        self.settle(chunk, Some((prediction, truth)));
        Ok(())
    }

    /// The label of a row will not come.
    pub fn unlabelled(&mut self, chunk: Option<u64>) {
        self.settle(chunk, None);
    }

    fn settle(&mut self, chunk: Option<u64>, label: Option<(Prediction<'_>, Truth)>) {
        let place = chunk.and_then(|number| self.place(number));
        let Some(open) = place.and_then(|place| self.open.get_mut(place)) else { return };
        let before = open.known();
        match label {
            Some((prediction, truth)) => open.settle(prediction, truth),
            None => open.settled += 1,
        }
        self.known += open.known() - before;
        let number = open.number;
        self.grade(number);
        self.drop_oldest();
    }

    /// Compares a chunk with its labels, once they are known, and forgets it.
    fn grade(&mut self, number: u64) {
        let Some(place) = self.place(number) else { return };
        let complete = |open: &&Open| open.ended.is_some() && open.settled >= open.rows;
        if self.open.get(place).filter(complete).is_none() {
            return;
        }
        let Some(open) = self.open.remove(place) else { return };
        self.known -= open.known().min(self.known);
        let Some((estimates, reference)) = &open.ended else { return };
        let realised = open.realised(&self.metrics);
        let compared = estimates.iter().zip(reference).zip(realised).zip(&mut self.errors);
        for (((estimate, reference), realised), (error, reference_error)) in compared {
            let apart = [estimate, reference].map(|value| (value - realised).abs());
            if apart.iter().all(|apart| apart.is_finite()) {
                error.add(apart[0], 1.0);
                reference_error.add(apart[1], 1.0);
            }
        }
    }

    /// Gives the oldest chunks up where too much waits.
    fn drop_oldest(&mut self) {
        while self.open.len() > MOST_WAITING || self.known > MOST_KNOWN {
            let Some(oldest) = self.open.pop_front() else { return };
            self.known -= oldest.known().min(self.known);
            self.given_up += 1;
        }
    }

    /// What it has come to.
    pub fn estimates(&self) -> Estimates {
        let estimate = |(place, metric): (usize, &Estimated)| {
            let (error, reference_error) = self.errors.get(place).copied().unwrap_or_default();
            let last = self.last.get(place).copied().unwrap_or_default();
            Estimate { metric: *metric, last, unlabelled: self.unlabelled_mean(place), error, reference_error }
        };
        let metrics = self.metrics.iter().enumerate().map(estimate).collect();
        Estimates { metrics, chunks: self.chunks, given_up: self.given_up }
    }

    fn unlabelled_mean(&self, place: usize) -> Mean {
        let mut mean = Mean::default();
        for open in &self.open {
            let estimate = open.ended.as_ref().and_then(|(estimates, _)| estimates.get(place));
            mean.add(estimate.copied().unwrap_or(f64::NAN), open.rows.saturating_sub(open.settled) as f64);
        }
        mean
    }
}

impl Stateful for Estimation {
    fn save(&self, to: &mut StateWriter) {
        to.begin("estimation", 1);
        match &self.estimator {
            Estimator::Classes(cbpe) => cbpe.save(to),
            Estimator::Numbers(dle) => dle.save(to),
        }
        self.next.save(to);
        // Microseconds may be negative; their bits are kept.
        self.begins.map(|begins| begins as u64).save(to);
        self.open.save(to);
        self.last.save(to);
        self.errors.save(to);
        self.chunks.save(to);
        self.given_up.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("estimation", 1)?;
        match &mut self.estimator {
            Estimator::Classes(cbpe) => cbpe.load(from)?,
            Estimator::Numbers(dle) => dle.load(from)?,
        }
        self.next.load(from)?;
        let mut begins: Option<u64> = None;
        begins.load(from)?;
        self.begins = begins.map(|begins| begins as i64);
        self.open.load(from)?;
        self.known = self.open.iter().map(Open::known).sum();
        self.last.load(from)?;
        self.errors.load(from)?;
        self.chunks.load(from)?;
        self.given_up.load(from)
    }

    fn size(&self) -> usize {
        let estimator = match &self.estimator {
            Estimator::Classes(cbpe) => cbpe.size(),
            Estimator::Numbers(dle) => dle.size(),
        };
        size_of::<Self>() + estimator + self.open.size()
    }
}
