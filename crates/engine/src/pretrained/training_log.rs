//! What a pretrained model has learned here, in a form that survives its process.

use gristmill_learn::{LearnError, StateError, StateReader, StateWriter, Stateful};

/// Labelled rows that are learned together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrainingBatch {
    /// The features, row by row.
    pub values: Vec<f64>,
    /// A label for each row: a number, or the number of the class.
    pub labels: Vec<f64>,
}

/// What was learned: the bytes that the model saved last, the training batches since, and the rows of the next one.
#[derive(Debug, Clone, Default)]
pub struct TrainingLog {
    saved: Vec<u8>,
    since: Vec<TrainingBatch>,
    next: TrainingBatch,
}

/// A shard whose model is called.
#[derive(Debug, Clone, Copy)]
pub struct ShardModel<'a> {
    /// Distinguishes its model from those of other shards, and from those of the same partition at other times.
    pub name: &'a str,
    /// What its model has learned.
    pub taught: &'a TrainingLog,
}

/// A pretrained model that learns.
pub trait Learns: Send + Sync {
    /// The number of rows in a training batch.
    fn lesson(&self) -> usize;

    /// Learns a training batch, which is not yet part of the log.
    fn learn(&self, pupil: &ShardModel<'_>, lesson: &TrainingBatch) -> Result<(), LearnError>;

    /// The bytes of everything that was learned.
    fn save(&self, pupil: &ShardModel<'_>) -> Result<Vec<u8>, LearnError>;

    /// The shard no longer exists.
    fn forget(&self, name: &str);
}

/// The model saves after this many training batches: fewer would cost time, more would take long to replay.
const LESSONS: usize = 64;

impl TrainingLog {
    /// What the model saved last; empty: nothing yet.
    pub fn saved(&self) -> &[u8] {
        &self.saved
    }

    /// The training batches learned since.
    pub fn since(&self) -> &[TrainingBatch] {
        &self.since
    }

    /// How many more rows fit before something is learned.
    pub(crate) fn room(&self, model: &dyn Learns) -> usize {
        model.lesson().saturating_sub(self.next.labels.len()).max(1)
    }

    /// Adds a row to the next training batch, which is learned when it is complete; whether it was.
    pub(crate) fn add(
        &mut self,
        model: &dyn Learns,
        name: &str,
        features: &[f64],
        label: f64,
    ) -> Result<bool, LearnError> {
        self.next.values.extend_from_slice(features);
        self.next.labels.push(label);
        if self.next.labels.len() < model.lesson() {
            return Ok(false);
        }
        let lesson = std::mem::take(&mut self.next);
        model.learn(&ShardModel { name, taught: self }, &lesson)?;
        self.since.push(lesson);
        if self.since.len() >= LESSONS {
            self.saved = model.save(&ShardModel { name, taught: self })?;
            self.since.clear();
        }
        Ok(true)
    }
}

impl Stateful for TrainingBatch {
    fn save(&self, to: &mut StateWriter) {
        self.values.save(to);
        self.labels.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.values.load(from)?;
        self.labels.load(from)
    }

    fn size(&self) -> usize {
        8 * (self.values.len() + self.labels.len())
    }
}

impl Stateful for TrainingLog {
    fn save(&self, to: &mut StateWriter) {
        to.bytes(&self.saved);
        self.since.save(to);
        self.next.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.saved = from.bytes()?.to_vec();
        self.since.load(from)?;
        self.next.load(from)
    }

    fn size(&self) -> usize {
        self.saved.len() + self.since.iter().map(Stateful::size).sum::<usize>() + self.next.size()
    }
}
