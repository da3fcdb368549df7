//! All state of one partition, and the step that folds a record into it.
//!
//! A shard is a deterministic function of the records it has consumed: no clock, no randomness, no I/O, and no
//! dependence on how the records were cut into batches.

mod adapt;
mod alarms;
mod categories;
mod classes;
mod computed;
mod decide;
mod evaluation;
mod labels;
mod outbox;
mod reorder_buffer;
mod scoring;
mod sections;
mod state;
mod step;

pub use crate::section::{Counted, Figure, Lost};
pub use adapt::Adapted;
pub(crate) use categories::MOST as MOST_CATEGORIES;
pub use evaluation::{Evaluation, Scores};
pub use outbox::{Decision, Outbox};
pub use state::{SavedPart, saved_parts};
pub use step::Released;

use std::collections::BTreeMap;
use std::sync::Arc;

use gristmill_learn::estimate::{Estimates, Estimation};
use gristmill_learn::{
    Features, Labels, LearnError, Learner, MAX_CLASSES, Predictions, StateError, StateReader, StateWriter, Task, Truth,
};

use crate::estimate;
use crate::label::{Example, LabelReport, Pending};
use crate::plan::LabelPlan;
use crate::resources::RunnablePlan;
use crate::rows::{Cell, Partition, Positions, Refusal, Rows, SchemaDrift, SharedPosition, Stage, count};
use crate::spec::Size;
use crate::watch::{Moment, error_of};
use categories::usable;
use decide::Answered;
use reorder_buffer::ReorderBuffer;
use scoring::Scorer;
pub use scoring::ShadowEvaluation;
use sections::Sections;

/// The counts of a shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records consumed.
    pub rows: u64,
    /// Rows scored.
    pub scored: u64,
    /// Rows learned from.
    pub learned: u64,
    /// Decisions made, one for each row scored.
    pub decisions: u64,
}

/// Why a shard cannot continue.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// The model refused what the plan had accepted.
    #[error("{partition}: the model refused a row: {source}")]
    Model {
        /// The shard's partition.
        partition: Partition,
        /// The model's error.
        source: LearnError,
    },
    /// The windows, or the buffered rows, are at their limit, and the document says to stop then.
    #[error(
        "{partition}: {what} take more than {limit}: raise `max_memory` under `{section}`, or leave `on_limit: stop` out, so that \
         {otherwise}"
    )]
    Full {
        /// The shard's partition.
        partition: Partition,
        /// What is at its limit.
        what: &'static str,
        /// The section of the document that says so.
        section: &'static str,
        /// What would happen instead of a stop.
        otherwise: &'static str,
        /// The limit.
        limit: Size,
    },
    /// Saved state does not match.
    #[error("{partition}: saved state cannot be used: {source}")]
    State {
        /// The shard's partition.
        partition: Partition,
        /// The mismatch.
        source: StateError,
    },
}

/// The state of one partition.
pub struct Shard {
    plan: RunnablePlan,
    partition: Partition,
    /// The next record of each input, once one of it was read.
    positions: Positions,
    /// The position of the record that is being folded in.
    at: Arc<SharedPosition>,
    sections: Sections,
    /// How many classes had occurred before the current row.
    known: usize,
    counts: Counts,
    /// Decisions that satisfied each output's condition.
    written: Vec<u64>,
    /// Rejected records, by the code of the reason.
    refused: BTreeMap<String, u64>,
    drift: SchemaDrift,
    /// The labels that occurred, by name, if there are two classes; for a regression those that are not numbers.
    labels: Vec<(String, u64)>,
    features: Vec<f64>,
    predictions: Predictions,
    /// Where the row stands that was scored last; of use only while a row is folded in.
    moment: Moment,
}

impl Shard {
    /// A shard for a partition, untrained or as it was saved.
    pub fn open(plan: &RunnablePlan, partition: Partition, snapshot: Option<&[u8]>) -> Result<Self, ShardError> {
        let sections = Sections::open(plan, &plan.resources, &partition)
            .map_err(|source| ShardError::Model { partition: partition.clone(), source })?;
        let written = vec![0; plan.outputs.len()];
        let mut shard = Self {
            sections,
            known: 0,
            plan: plan.clone(),
            partition,
            positions: Positions::default(),
            at: Arc::default(),
            counts: Counts::default(),
            written,
            refused: BTreeMap::new(),
            drift: SchemaDrift::default(),
            labels: Vec::new(),
            features: Vec::new(),
            predictions: Predictions::default(),
            moment: Moment::default(),
        };
        if let Some(saved) = snapshot {
            StateReader::into(saved, &mut shard)
                .map_err(|source| ShardError::State { partition: shard.partition.clone(), source })?;
        }
        Ok(shard)
    }

    /// The partition.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// The next record to read of each input, once one of it was read.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// The position that a step has reached, to be read by another thread while the step continues.
    pub fn at(&self) -> Arc<SharedPosition> {
        Arc::clone(&self.at)
    }

    /// Its counts.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The decisions that went to each output.
    pub fn written(&self) -> &[u64] {
        &self.written
    }

    /// The rejected records, by the code of the reason.
    pub fn refused(&self) -> &BTreeMap<String, u64> {
        &self.refused
    }

    /// How its records differ from the document.
    pub fn drift(&self) -> &SchemaDrift {
        &self.drift
    }

    /// The labels that occurred, by name: of two classes, and of a regression the infinite ones.
    pub fn labels(&self) -> &[(String, u64)] {
        &self.labels
    }

    /// What its sections have counted.
    pub fn counted(&self) -> Vec<Counted> {
        self.sections.counted(&self.plan).collect()
    }

    fn counted_as(&self, key: &str) -> Vec<(String, u64)> {
        let of = self.sections.counted(&self.plan).filter(|counted| counted.figure.key == key);
        of.map(|counted| (counted.of, counted.count)).collect()
    }

    /// The number of values or records that each rule of `clean` has changed, flagged or rejected, by its name.
    pub fn cleaned(&self) -> Vec<(String, u64)> {
        self.counted_as("clean")
    }

    /// A digest of its tables' content; 0 if there are none.
    pub fn tables(&self) -> u64 {
        self.sections.lookups.iter().fold(0, |all, table| all.rotate_left(7) ^ table.digest())
    }

    /// Uses the current content of the tables from now on.
    pub fn renew_tables(&mut self) {
        for (table, content) in self.sections.lookups.iter_mut().zip(&self.plan.resources.tables) {
            table.renew(content);
        }
    }

    /// The number of rows that [`Self::flush`] would release or learn.
    pub fn waiting(&self) -> u64 {
        let pending = self.sections.pending.as_ref().filter(|_| !self.plan.journals());
        let labelled = pending.map_or(0, Pending::labelled);
        self.sections.reorder.as_ref().map_or(0, ReorderBuffer::waiting) + labelled
    }

    /// Rows that came later than the grace allows and were processed as they came; without a grace, rows with windows
    /// whose time is before that of an earlier row.
    pub fn late(&self) -> u64 {
        self.counted_as("late").iter().map(|(_, rows)| rows).sum()
    }

    /// Rows that came so late that a window of theirs is missing.
    pub fn missing_windows(&self) -> u64 {
        self.counted_as("missing_windows").iter().map(|(_, rows)| rows).sum()
    }

    /// The number of keys or ids evicted, and of buffered rows released early, for lack of memory: of windows, `grace`,
    /// and rules by their name.
    pub fn forgotten(&self) -> Vec<(String, u64)> {
        self.counted_as("forgotten")
    }

    /// Its metrics.
    pub fn evaluation(&self) -> &Evaluation {
        &self.sections.evaluation
    }

    /// The metrics as they were known when labels came, where labels have records of their own.
    pub fn evaluation_then(&self) -> Option<&Evaluation> {
        self.sections.evaluation_then.as_ref()
    }

    /// What has come of labels that have records of their own.
    pub fn label_report(&self) -> Option<LabelReport> {
        self.sections.pending.as_ref()?.report()
    }

    /// What is estimated of its rows.
    pub fn estimates(&self) -> Option<Estimates> {
        self.sections.estimate.as_ref().map(Estimation::estimates)
    }

    /// The names of the classes, by their index in metrics; none without classification.
    pub fn classes(&self) -> Vec<String> {
        self.sections.classes.of(self.plan.output.task).into_iter().map(String::from).collect()
    }

    /// The number of the version that scores; 0 for the document's own model, or without a pretrained model.
    pub fn version(&self) -> u64 {
        self.sections.scorer.as_ref().map_or(0, Scorer::number)
    }

    /// Switches to a version of the pretrained model; whether it is available. It scores the rows after this one.
    pub fn take_version(&mut self, number: u64) -> bool {
        self.sections.scorer.as_mut().map_or(number == 0, |scorer| scorer.take(number))
    }

    /// The evaluation of the shadow.
    pub fn tried(&self) -> Option<ShadowEvaluation> {
        self.sections.scorer.as_ref().and_then(Scorer::tried)
    }

    /// The whole state, canonical.
    pub fn snapshot(&self) -> Vec<u8> {
        StateWriter::of(self)
    }

    fn row(
        &mut self,
        rows: &Rows,
        (row, record): (usize, usize),
        answer: Option<&[f64]>,
        truth: Option<Truth>,
        answered: &mut Answered,
    ) -> Result<(), LearnError> {
        let plan = Arc::clone(&self.plan);
        let time = plan.time_of(rows, row);
        self.moment = Moment { time, position: self.at.get(), record };
        time.map_or(Ok(()), |now| self.learn_what_is_due(now))?;
        self.predict(rows, row, answer)?;
        self.watch_scored(rows, row);
        self.counts.scored += 1;
        self.counts.decisions += 1;
        let version = self.answering_version();
        answered.push(row, record, self.predictions.row(0), version);
        let said = plan.output.prediction(self.predictions.row(0));
        let chunk = estimate::scored(&mut self.sections.estimate, &self.features, said, time)?;
        // Clusters are measured without a label: none of their metrics reads it.
        let clusters = (plan.output.task == Task::Clustering).then_some(Truth::Value(f64::NAN));
        let segment =
            |column: &usize| rows.columns.get(*column).map_or(Cell::Missing, |column| column.cell(row)).text();
        if let Some(time) = time.filter(|_| self.waits(truth)) {
            let all = if self.sections.model.is_some() { self.predictions.row(0) } else { answer.unwrap_or_default() };
            let segments = plan.segments.iter().map(|(_, column)| segment(column).into_owned()).collect();
            let (id, due) = (plan.id.filter(|_| plan.labels().is_some()), self.due(time));
            let (features, said, id) = (self.features.clone(), all.to_vec(), id.map(|id| segment(&id).into()));
            self.wait(Example { due, time, id, features, said, version, segments, truth, learned: false, chunk })?;
            // A model that learns without labels need not wait for one.
            return if plan.output.task.is_unsupervised() { self.learn(None) } else { Ok(()) };
        }
        estimate::labelled(&mut self.sections.estimate, chunk, (&self.features, said), truth)?;
        if let Some(truth) = truth.or(clusters) {
            let of_row = plan.segments.iter().map(|(_, column)| segment(column));
            self.sections.evaluation.in_segments(&plan.segments, of_row);
            let error = error_of(truth, said);
            self.sections.evaluation.update(truth, said, time);
            self.evaluate_shadow(truth, answer.unwrap_or_default(), time);
            self.watch_labelled(error, time);
        }
        self.learn(truth)
    }

    /// How many rows the model has learned from, or which version scores.
    fn answering_version(&self) -> u64 {
        let learns = self.sections.model.is_some() || self.outside_learns();
        if learns { self.counts.learned } else { self.version() }
    }

    /// How many numbers a row's score has, if a pretrained model decides alone; any number otherwise.
    fn said_width(&self) -> usize {
        let alone = self.sections.scorer.as_ref().filter(|_| self.sections.model.is_none());
        alone.map_or(usize::MAX, |scorer| scorer.version().model.signature().output.width())
    }

    /// Measures the shadow, if a pretrained model decides alone. `said`: both models' numbers for the row.
    fn evaluate_shadow(&mut self, truth: Truth, said: &[f64], time: Option<i64>) {
        if let Some(scorer) = self.sections.scorer.as_mut().filter(|_| self.sections.model.is_none()) {
            scorer.evaluate(truth, said, time);
        }
    }

    fn truth(&mut self, rows: &Rows, row: usize) -> Result<Option<Truth>, String> {
        let Some(column) = self.plan.label.as_ref().and_then(LabelPlan::in_row) else { return Ok(None) };
        self.truth_of(rows.columns.get(column).map_or(Cell::Missing, |column| column.cell(row)))
    }

    /// What a label says, which is counted.
    fn truth_of(&mut self, cell: Cell<'_>) -> Result<Option<Truth>, String> {
        let truth = self.read_label(cell)?;
        match cell {
            Cell::Float64(value) if !value.is_nan() && usable(value).is_none() => {
                count(&mut self.labels, "infinite", 1)
            }
            Cell::Missing => {}
            label if self.plan.output.task == Task::BinaryClassification => count(&mut self.labels, &label.text(), 1),
            _ => {}
        }
        Ok(truth)
    }

    fn read_label(&mut self, cell: Cell<'_>) -> Result<Option<Truth>, String> {
        match self.plan.output.task {
            Task::Regression => Ok(usable(cell.number()).map(Truth::Value)),
            Task::BinaryClassification | Task::AnomalyDetection => self.sections.classes.truth(cell),
            Task::Classification | Task::Clustering => self.sections.classes.named(cell, self.class_limit()),
        }
    }

    /// How many classes the model that learns here distinguishes.
    fn class_limit(&self) -> u32 {
        self.sections.model.as_ref().map_or(MAX_CLASSES, Learner::class_limit)
    }

    fn learn(&mut self, truth: Option<Truth>) -> Result<(), LearnError> {
        let Some((augment, truth)) = self.sections.augment.as_mut().zip(truth) else {
            let features = std::mem::take(&mut self.features);
            let learned = self.learn_from(&features, truth);
            self.features = features;
            return learned;
        };
        let (classes, task) = (&self.sections.classes, self.plan.output.task);
        let examples = augment.examples(&self.features, truth, &|class| classes.name(task, class).to_string());
        examples.iter().try_for_each(|example| self.learn_from(&example.features, Some(example.truth)))
    }

    fn learn_from(&mut self, features: &[f64], truth: Option<Truth>) -> Result<(), LearnError> {
        let Some(model) = &mut self.sections.model else {
            if let Some((scorer, truth)) = self.sections.scorer.as_mut().filter(|scorer| scorer.learns()).zip(truth) {
                scorer.learn(features, truth)?;
                self.counts.learned += 1;
            }
            return Ok(());
        };
        let features = Features::row(features);
        match truth {
            _ if self.plan.output.task.is_unsupervised() => model.learn(&features, Labels::None),
            Some(Truth::Class(class)) => model.learn(&features, Labels::Classes(&[class])),
            Some(Truth::Value(value)) => model.learn(&features, Labels::Values(&[value])),
            None => return Ok(()),
        }?;
        self.counts.learned += 1;
        Ok(())
    }
}

fn unknown_label(record: usize, message: String) -> Refusal {
    Refusal { record, stage: Stage::Label, reason: "unknown_label", message }
}
