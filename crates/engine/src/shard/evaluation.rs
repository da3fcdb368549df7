//! The metrics of a shard, and the same metrics of its baselines.

use gristmill_learn::baseline::{Baseline, baselines};
use gristmill_learn::metric::{Detail, Metric};
use gristmill_learn::{
    LearnError, MetricKind, Prediction, Predictions, StateError, StateReader, StateWriter, Stateful, Task, Truth,
};
use serde_json::{Map, Value, json};

use crate::plan::definition::{Definition, shortest};
use crate::plan::{OutputSchema, Plan};
use crate::resources::Resources;
use crate::rows::Partition;
use crate::section::Section;

type Metrics = Vec<Box<dyn Metric>>;

/// Values by the metric's key, in the document's order.
pub type Scores = Vec<(String, f64)>;

/// The measurements over the labelled rows of a shard.
pub struct Evaluation {
    kinds: Vec<MetricKind>,
    task: Task,
    model: Metrics,
    baselines: Baselines,
    room: Predictions,
}

/// The baselines, each with its own metrics.
struct Baselines(Vec<(Box<dyn Baseline>, Metrics)>);

impl Evaluation {
    /// Without measurements.
    pub fn new(kinds: &[MetricKind], task: Task) -> Self {
        let metrics = || kinds.iter().map(MetricKind::build).collect::<Metrics>();
        let baselines = if kinds.is_empty() { Vec::new() } else { baselines(task) };
        Self {
            kinds: kinds.to_vec(),
            task,
            model: metrics(),
            baselines: Baselines(baselines.into_iter().map(|baseline| (baseline, metrics())).collect()),
            room: Predictions::default(),
        }
    }

    /// Without measurements, and without baselines.
    pub(crate) fn alone(kinds: &[MetricKind], task: Task) -> Self {
        Self { baselines: Baselines(Vec::new()), ..Self::new(kinds, task) }
    }

    /// Counts a labelled row and its prediction; the baselines predict it too, then learn its label. `time`: the row's
    /// event time in microseconds, for windows by time.
    pub(super) fn update(&mut self, truth: Truth, prediction: Prediction<'_>, time: Option<i64>) {
        if let Some(time) = time {
            self.each(|metrics| metrics.iter_mut().for_each(|metric| metric.at(time)));
        }
        self.model.iter_mut().for_each(|metric| metric.update(truth, prediction));
        for (baseline, metrics) in &mut self.baselines.0 {
            self.room.clear();
            baseline.predict(&mut self.room);
            if !self.room.is_empty() {
                let prediction = OutputSchema::of(self.task).prediction(self.room.row(0));
                metrics.iter_mut().for_each(|metric| metric.update(truth, prediction));
            }
            baseline.learn(truth);
        }
    }

    /// Sets the next row's segment for each metric by segment, which the plan's `segments` number.
    pub(super) fn in_segments<S: AsRef<str>>(
        &mut self,
        segments: &[(usize, usize)],
        of_row: impl IntoIterator<Item = S>,
    ) {
        for ((metric, _), segment) in segments.iter().zip(of_row) {
            self.each(|metrics| metrics.iter_mut().skip(*metric).take(1).for_each(|one| one.of(segment.as_ref())));
        }
    }

    /// The model's metrics, then those of each baseline.
    fn each(&mut self, mut act: impl FnMut(&mut Metrics)) {
        act(&mut self.model);
        self.baselines.0.iter_mut().for_each(|(_, metrics)| act(metrics));
    }

    /// Adds the measurements of another shard of the same pipeline.
    pub fn absorb(&mut self, other: &Self) -> Result<(), StateError> {
        absorb(&mut self.model, &other.model)?;
        for ((_, mine), (_, theirs)) in self.baselines.0.iter_mut().zip(&other.baselines.0) {
            absorb(mine, theirs)?;
        }
        Ok(())
    }

    /// A copy, through saved state.
    pub fn copy(&self) -> Result<Self, StateError> {
        let alone = self.baselines.0.is_empty();
        let mut copy = if alone { Self::alone(&self.kinds, self.task) } else { Self::new(&self.kinds, self.task) };
        StateReader::into(&StateWriter::of(self), &mut copy)?;
        Ok(copy)
    }

    /// Renumbers the classes, before shards are merged.
    pub fn rename(&mut self, classes: &[u32]) {
        self.each(|metrics| metrics.iter_mut().for_each(|metric| metric.rename(classes)));
    }

    /// What the model's metrics show besides their values, by the metric's key.
    pub fn details(&self) -> Vec<(String, Vec<Detail>)> {
        let details = self.kinds.iter().zip(&self.model).map(|(kind, metric)| (kind.key(), metric.details()));
        details.filter(|(_, details)| !details.is_empty()).collect()
    }

    /// The model's values.
    pub fn scores(&self) -> Scores {
        self.named(&self.model)
    }

    /// The baselines' values, by their names.
    pub fn baselines(&self) -> Vec<(&'static str, Scores)> {
        self.baselines.0.iter().map(|(baseline, metrics)| (baseline.name(), self.named(metrics))).collect()
    }

    fn named(&self, metrics: &Metrics) -> Scores {
        self.kinds
            .iter()
            .zip(metrics)
            .map(|(kind, metric)| (kind.key(), if metric.rows() == 0 { f64::NAN } else { metric.value() }))
            .collect()
    }
}

fn absorb(mine: &mut Metrics, theirs: &Metrics) -> Result<(), StateError> {
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        mine.absorb(&mut StateReader::new(&StateWriter::of(theirs.as_ref())))?;
    }
    Ok(())
}

impl Section for Evaluation {
    fn open(plan: &Plan, _: &Resources, _: &Partition) -> Result<Self, LearnError> {
        Ok(Self::new(&plan.metrics, plan.output.task))
    }

    fn define(plan: &Plan, _: &mut Map<String, Value>) -> Vec<Definition> {
        let metrics = || plan.metrics.iter().map(shortest);
        let measured = plan.metrics.iter().zip(metrics()).map(|(metric, of)| Definition::new(metric.key(), &of));
        let compared = json!({"task": plan.output.task, "metrics": metrics().collect::<Value>()});
        measured.chain([Definition::new("baselines", &compared)]).collect()
    }

    /// The metrics in the plan's order, then the baselines as one.
    fn parts(&self) -> Vec<&dyn Stateful> {
        let metrics = self.model.iter().map(|metric| metric.as_ref() as &dyn Stateful);
        metrics.chain([&self.baselines as &dyn Stateful]).collect()
    }

    fn parts_mut(&mut self) -> Vec<&mut dyn Stateful> {
        let metrics = self.model.iter_mut().map(|metric| metric.as_mut() as &mut dyn Stateful);
        metrics.chain([&mut self.baselines as &mut dyn Stateful]).collect()
    }
}

/// The metrics as they were known when labels came, where labels have records of their own.
impl Section for Option<Evaluation> {
    fn open(plan: &Plan, _: &Resources, _: &Partition) -> Result<Self, LearnError> {
        Ok(plan.labels().map(|_| Evaluation::alone(&plan.metrics, plan.output.task)))
    }

    fn define(plan: &Plan, _: &mut Map<String, Value>) -> Vec<Definition> {
        let metrics = plan.metrics.iter().filter(|_| plan.labels().is_some());
        metrics.map(|metric| Definition::new(format!("{} then", metric.key()), &shortest(metric))).collect()
    }

    fn parts(&self) -> Vec<&dyn Stateful> {
        let metrics = self.iter().flat_map(|evaluation| &evaluation.model);
        metrics.map(|metric| metric.as_ref() as &dyn Stateful).collect()
    }

    fn parts_mut(&mut self) -> Vec<&mut dyn Stateful> {
        let metrics = self.iter_mut().flat_map(|evaluation| &mut evaluation.model);
        metrics.map(|metric| metric.as_mut() as &mut dyn Stateful).collect()
    }
}

impl Stateful for Baselines {
    fn save(&self, to: &mut StateWriter) {
        for (baseline, metrics) in &self.0 {
            baseline.save(to);
            metrics.iter().for_each(|metric| metric.save(to));
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for (baseline, metrics) in &mut self.0 {
            baseline.load(from)?;
            for metric in metrics {
                metric.load(from)?;
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let metrics = |metrics: &Metrics| metrics.iter().map(|metric| metric.size()).sum::<usize>();
        self.0.iter().map(|(baseline, all)| baseline.size() + metrics(all)).sum()
    }
}

impl Stateful for Evaluation {
    fn save(&self, to: &mut StateWriter) {
        self.parts().iter().for_each(|part| part.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.parts_mut().into_iter().try_for_each(|part| part.load(from))
    }

    fn size(&self) -> usize {
        self.parts().iter().map(|part| part.size()).sum()
    }
}
