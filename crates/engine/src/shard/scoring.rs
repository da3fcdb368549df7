//! Scoring: row by row if a model learns in between, all rows of a block at once if none does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{Array, ArrayRef};
use gristmill_learn::{
    Chain, Component, Features, LearnError, MetricKind, Model, StateError, StateReader, StateWriter, Stateful, Truth,
};
use serde_json::{Map, Value, json};

use super::Shard;
use super::evaluation::Evaluation;
use crate::describe;
use crate::plan::definition::{Definition, given, shortest};
use crate::plan::{OutputSchema, Plan, Reading};
use crate::pretrained::{Asked, ShardModel, TrainingLog, Version, Versions};
use crate::resources::Resources;
use crate::rows::{Cell, Column, Partition, Refusal, Rows, Stage};
use crate::section::{Section, each_is_a_part};

/// The pretrained model that scores, and the evaluation of its shadow.
pub(super) struct Scorer {
    metrics: Vec<MetricKind>,
    output: OutputSchema,
    versions: Arc<Versions>,
    version: Arc<Version>,
    trial: Option<Trial>,
    /// What it has learned, if it learns.
    taught: Option<TrainingLog>,
    /// Its name for this shard: never the same twice in a process.
    name: String,
    /// How many training batches were learned since the shard was opened: earlier scores are then invalid.
    lessons: u64,
    /// Whether the shadow of the version has taken its place in this shard.
    promoted: bool,
}

/// The number of scorers created.
static OPENED: AtomicU64 = AtomicU64::new(0);

impl Drop for Scorer {
    fn drop(&mut self) {
        if let Some(learner) = self.version.model.model().as_learns() {
            learner.forget(&self.name);
        }
    }
}

/// The model in force and its shadow, measured over the same rows.
struct Trial {
    number: u64,
    rows: u64,
    model: Evaluation,
    candidate: Evaluation,
}

/// The evaluation of a shadow.
pub struct ShadowEvaluation {
    /// The name and the number of the candidate.
    pub name: String,
    /// The labelled rows since it began.
    pub rows: u64,
    /// The metrics of the model in force over them.
    pub model: Evaluation,
    /// The candidate's.
    pub candidate: Evaluation,
}

impl Scorer {
    pub(super) fn new(plan: &Plan, versions: &Arc<Versions>, partition: &Partition) -> Option<Self> {
        let version = versions.get(0)?;
        // A shadow is evaluated as a whole, not by segment.
        let metrics = plan.metrics.iter().filter(|metric| metric.by().is_none()).cloned().collect();
        let taught = version.model.model().as_learns().map(|_| TrainingLog::default());
        let name = format!("{partition}#{}", OPENED.fetch_add(1, Ordering::Relaxed));
        Some(Self {
            metrics,
            output: plan.output,
            versions: Arc::clone(versions),
            version,
            trial: None,
            taught,
            name,
            lessons: 0,
            promoted: false,
        })
    }

    /// Whether it learns.
    pub(super) fn learns(&self) -> bool {
        self.taught.is_some()
    }

    /// How many rows may be scored before something is learned.
    fn room(&self) -> usize {
        let learner = self.version.model.model().as_learns();
        self.taught.as_ref().zip(learner).map_or(usize::MAX, |(taught, learner)| taught.room(learner))
    }

    /// Learns from a row with its label.
    pub(super) fn learn(&mut self, features: &[f64], truth: Truth) -> Result<(), LearnError> {
        if let Some((taught, learner)) = self.taught.as_mut().zip(self.version.model.model().as_learns()) {
            self.lessons += u64::from(taught.add(learner, &self.name, features, truth.number())?);
        }
        Ok(())
    }

    /// Switches to a version; whether it is available.
    pub(super) fn take(&mut self, number: u64) -> bool {
        if self.version.number == number {
            return true;
        }
        let Some(version) = self.versions.get(number) else { return false };
        let trial = version.shadow.as_ref().map(|shadow| shadow.number);
        if trial != self.trial.as_ref().map(|trial| trial.number) {
            let new = || Evaluation::alone(&self.metrics, self.output.task);
            self.trial = trial.map(|number| Trial { number, rows: 0, model: new(), candidate: new() });
        }
        (self.version, self.promoted) = (version, false);
        true
    }

    /// The shadow takes the place of the model, if there is one. The version keeps its number: what a shard has seen is the
    /// reason, and no change of the group.
    pub(super) fn promote(&mut self) -> bool {
        let Some(shadow) = self.version.shadow.clone() else { return false };
        self.version = Arc::new(Version { number: self.version.number, model: shadow.model, shadow: None });
        (self.trial, self.promoted) = (None, true);
        // Scores of the model before are invalid.
        self.lessons += 1;
        true
    }

    pub(super) fn number(&self) -> u64 {
        self.version.number
    }

    pub(super) fn version(&self) -> &Version {
        &self.version
    }

    pub(super) fn tried(&self) -> Option<ShadowEvaluation> {
        let (trial, shadow) = (self.trial.as_ref()?, self.version.shadow.as_ref()?);
        let name = format!("{}@{}", shadow.model.name, shadow.number);
        Some(ShadowEvaluation {
            name,
            rows: trial.rows,
            model: trial.model.copy().ok()?,
            candidate: trial.candidate.copy().ok()?,
        })
    }

    /// Counts a row whose label is known. `said`: the numbers for it, as in [`Scored`].
    pub(super) fn evaluate(&mut self, truth: Truth, row: &[f64], time: Option<i64>) {
        let width = self.version.model.signature().output.width();
        let Some((said_then, [number, tried @ ..])) = row.split_at_checked(width) else { return };
        let Some(trial) = self.trial.as_mut().filter(|trial| trial.number as f64 == *number) else { return };
        trial.rows += 1;
        trial.model.update(truth, self.output.prediction(said_then), time);
        trial.candidate.update(truth, self.output.prediction(tried), time);
    }
}

const NAME: &str = "model file";

impl Stateful for Scorer {
    fn save(&self, to: &mut StateWriter) {
        // Only a shard that has promoted its shadow needs to say so.
        to.begin(NAME, if self.promoted { 2 } else { 1 });
        to.u64(self.version.number);
        if let Some(taught) = &self.taught {
            taught.save(to);
        }
        if let Some(trial) = &self.trial {
            to.u64(trial.rows);
            trial.model.save(to);
            trial.candidate.save(to);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let layout = from.begin(NAME, 2)?;
        let number = from.u64()?;
        if !self.take(number) {
            let why = format!("version {number} of the model scored last, and its bytes are no longer there");
            return Err(StateError::Unfit { component: NAME.into(), why });
        }
        if layout > 1 {
            self.promote();
        }
        if let Some(taught) = &mut self.taught {
            taught.load(from)?;
        }
        match &mut self.trial {
            Some(trial) => {
                trial.rows = from.u64()?;
                trial.model.load(from)?;
                trial.candidate.load(from)
            }
            None => Ok(()),
        }
    }

    fn size(&self) -> usize {
        let trial = self.trial.as_ref().map_or(0, |trial| trial.model.size() + trial.candidate.size());
        trial + self.taught.as_ref().map_or(0, Stateful::size)
    }
}

/// A pretrained model's scores for the rows of a block, from one of them on: for each its numbers, then, if there is a
/// shadow, its number and its scores; or why it cannot score the row.
pub(super) struct Scored {
    first: usize,
    lessons: u64,
    places: Vec<Result<usize, String>>,
    width: usize,
    numbers: Vec<f64>,
}

impl Scored {
    /// The numbers for a row.
    pub(super) fn row(&self, row: usize) -> Result<&[f64], String> {
        let place = row.checked_sub(self.first).and_then(|row| self.places.get(row));
        let start = place.cloned().unwrap_or_else(|| Err("it was not asked".into()))? * self.width;
        Ok(self.numbers.get(start..start + self.width).unwrap_or_default())
    }

    /// Whether a row was scored, and the score is still valid.
    pub(super) fn covers(&self, row: usize, lessons: u64) -> bool {
        (self.first..self.first + self.places.len()).contains(&row) && self.lessons == lessons
    }
}

/// The rejection of a row that a pretrained model cannot score.
pub(super) fn refusal(record: usize, message: String) -> Refusal {
    Refusal { record, stage: Stage::Score, reason: "not_scored", message }
}

impl Version {
    /// Appends the scores of rows: the model's numbers, and those of the candidate.
    fn score(&self, asked: &Asked<'_>, numbers: &mut Vec<f64>) -> Result<(), LearnError> {
        let Some(shadow) = &self.shadow else { return self.model.model().score(asked, numbers) };
        let mut answers = Vec::new();
        self.model.model().score(asked, &mut answers)?;
        let width = self.model.signature().output.width().max(1);
        let mut tried = Vec::new();
        // A row that the candidate cannot score has no score of it.
        if shadow.model.model().score(asked, &mut tried).is_err() {
            tried = vec![f64::NAN; asked.rows.len() * width];
        }
        for (answer, tried) in answers.chunks_exact(width).zip(tried.chunks_exact(width)) {
            numbers.extend_from_slice(answer);
            numbers.push(shadow.number as f64);
            numbers.extend_from_slice(tried);
        }
        Ok(())
    }

    fn width(&self) -> usize {
        let width = self.model.signature().output.width();
        if self.shadow.is_some() { 2 * width + 1 } else { width }
    }
}

impl Shard {
    /// How many training batches a pretrained model has learned.
    pub(super) fn lessons(&self) -> u64 {
        self.sections.scorer.as_ref().map_or(0, |scorer| scorer.lessons)
    }

    /// Whether a pretrained model has yet to score a row.
    pub(super) fn needs_score(&self, scored: Option<&Scored>, row: usize) -> bool {
        self.sections.scorer.is_some() && scored.is_none_or(|scored| !scored.covers(row, self.lessons()))
    }

    /// Scores rows at once with a pretrained model: all from this one on, or as many as may come before it learns.
    pub(super) fn score(&self, rows: &Rows, first: usize) -> Result<Option<Scored>, LearnError> {
        let Some((scoring, scorer)) = self.plan.scoring.as_ref().zip(self.sections.scorer.as_ref()) else {
            return Ok(None);
        };
        let last = rows.records.len().min(first.saturating_add(scorer.room().min(self.plan.batch.rows)));
        let (count, version) = (last - first, scorer.version());
        let width = scoring.inputs.len();
        let mut values = vec![f64::NAN; count * width];
        for (place, feature) in scoring.inputs.iter().enumerate() {
            let numbers = values.iter_mut().skip(place).step_by(width);
            self.sections.categories.known_all(*feature, self.column(rows, *feature), first, numbers);
        }
        let columns = if version.model.model().takes_columns() { self.columns(rows) } else { Vec::new() };
        let slices = |from: usize, count: usize| -> Vec<ArrayRef> {
            columns.iter().map(|column| column.slice(from, count)).collect()
        };
        let pupil = scorer.taught.as_ref().map(|taught| ShardModel { name: &scorer.name, taught });
        let rows = Features::new(&values, width);
        let places = (0..count).map(Ok).collect();
        let mut scored = Scored { first, lessons: scorer.lessons, places, width: version.width(), numbers: Vec::new() };
        match version.score(&Asked { rows, columns: &slices(first, count), pupil }, &mut scored.numbers) {
            Ok(()) => return Ok(Some(scored)),
            Err(LearnError::Model(_)) => scored.numbers.clear(),
            Err(other) => return Err(other),
        }
        // One row makes the batch fail: each is scored alone.
        let mut answered = 0;
        for (number, (row, place)) in rows.rows().zip(&mut scored.places).enumerate() {
            let columns = slices(first + number, 1);
            match version.score(&Asked { rows: Features::row(row), columns: &columns, pupil }, &mut scored.numbers) {
                Ok(()) => {
                    *place = Ok(answered);
                    answered += 1;
                }
                Err(why @ LearnError::Model(_)) => *place = Err(why.to_string()),
                Err(other) => return Err(other),
            }
        }
        Ok(Some(scored))
    }

    /// The features that the model takes, as columns of their own types.
    fn columns(&self, rows: &Rows) -> Vec<ArrayRef> {
        let scoring = self.plan.scoring.iter().flat_map(|scoring| &scoring.inputs);
        let column = |feature: &usize| self.column(rows, *feature).map(Column::array);
        scoring.filter_map(column).collect()
    }

    /// Whether a pretrained model learns here.
    pub(super) fn outside_learns(&self) -> bool {
        self.sections.scorer.as_ref().is_some_and(Scorer::learns)
    }

    /// The value of a feature that is known without learning anything.
    fn feature(&self, rows: &Rows, row: usize, feature: usize) -> f64 {
        let column = self.column(rows, feature);
        self.sections.categories.known(feature, column.map_or(Cell::Missing, |column| column.cell(row)))
    }

    fn column<'a>(&self, rows: &'a Rows, feature: usize) -> Option<&'a Column> {
        rows.columns.get(*self.plan.features.get(feature)?)
    }

    /// Scores one row, with what was learned from all earlier ones. `answer`: the pretrained model's numbers for it.
    pub(super) fn predict(&mut self, rows: &Rows, row: usize, answer: Option<&[f64]>) -> Result<(), LearnError> {
        self.predictions.clear();
        let answer = answer.unwrap_or_default();
        let Some(model) = &self.sections.model else {
            let width =
                self.sections.scorer.as_ref().map_or(0, |scorer| scorer.version().model.signature().output.width());
            self.predictions.push_row(answer.iter().take(width).copied());
            if let Some(scoring) =
                self.plan.scoring.as_ref().filter(|_| self.outside_learns() || self.plan.estimates_losses())
            {
                self.features = scoring.inputs.iter().map(|feature| self.feature(rows, row, *feature)).collect();
            }
            return Ok(());
        };
        self.features.clear();
        for (feature, column) in self.plan.features.iter().enumerate() {
            let cell = rows.columns.get(*column).map_or(Cell::Missing, |column| column.cell(row));
            self.features.push(self.sections.categories.number(feature, cell));
        }
        self.features.extend_from_slice(answer.get(..model.width() - self.features.len()).unwrap_or_default());
        model.predict(&Features::row(&self.features), &mut self.predictions)?;
        // An ensemble of learners of two classes has both before they have occurred.
        let said = self.predictions.row(0);
        if self.plan.output.reading == Reading::Classes && said.len() > self.known {
            let said = among(said, self.known);
            self.predictions.clear();
            self.predictions.push_row(said);
        }
        if let Some(augment) = &self.sections.augment {
            let corrected = augment.correct(model.task(), self.predictions.row(0));
            self.predictions.clear();
            self.predictions.push_row(corrected);
        }
        Ok(())
    }
}

/// The probabilities of the first classes, normalised to their sum.
fn among(said: &[f64], count: usize) -> Vec<f64> {
    let known = said.get(..count).unwrap_or(said);
    let sum: f64 = known.iter().sum();
    known.iter().map(|p| if sum > 0.0 { p / sum } else { 1.0 / count as f64 }).collect()
}

impl Section for Option<Scorer> {
    fn open(plan: &Plan, resources: &Resources, partition: &Partition) -> Result<Self, LearnError> {
        Ok(resources.versions.as_ref().and_then(|versions| Scorer::new(plan, versions, partition)))
    }

    fn define(plan: &Plan, seen: &mut Map<String, Value>) -> Vec<Definition> {
        let Some(scoring) = &plan.scoring else { return Vec::new() };
        let takes: Value = scoring.inputs.iter().map(|place| plan.named(plan.features.get(*place).copied())).collect();
        let file = json!({
            "digest": format!("{:032x}", scoring.model.digest),
            "inputs": takes,
            "runtime": scoring.reading.runtime,
            "rounds": scoring.reading.rounds,
        });
        seen.insert("file".into(), given(file));
        vec![Definition::new("file", &json!(seen))]
    }

    each_is_a_part!();
}

/// The model that learns here; none if a pretrained one decides alone.
impl Section for Option<Chain> {
    fn open(plan: &Plan, _: &Resources, _: &Partition) -> Result<Self, LearnError> {
        let alone = plan.scoring.is_some() && plan.model.is_empty();
        if alone { Ok(None) } else { Chain::new(&plan.model, &plan.signature).map(Some) }
    }

    fn define(plan: &Plan, seen: &mut Map<String, Value>) -> Vec<Definition> {
        let steps: Vec<Value> = plan.model.iter().map(shortest).collect();
        let definition = |(number, step): (usize, &Component)| {
            let so_far = json!({"inputs": seen, "steps": steps.get(..=number)});
            Definition::new(describe::name_of(step), &so_far)
        };
        plan.model.iter().enumerate().map(definition).collect()
    }

    fn parts(&self) -> Vec<&dyn Stateful> {
        self.iter().flat_map(Chain::steps).collect()
    }

    fn parts_mut(&mut self) -> Vec<&mut dyn Stateful> {
        self.iter_mut().flat_map(Chain::steps_mut).collect()
    }
}
