//! Metrics of a shard, and the same metrics of the baselines beside them.

use gristmill_learn::baseline::{Baseline, baselines};
use gristmill_learn::metric::Metric;
use gristmill_learn::{MetricKind, StateError, StateReader, StateWriter, Stateful, Task, Truth};

type Metrics = Vec<Box<dyn Metric>>;

/// Values by the metric's key, in the document's order.
pub type Scores = Vec<(String, f64)>;

/// What is measured over the labelled rows of a shard.
pub struct Evaluation {
    kinds: Vec<MetricKind>,
    task: Task,
    model: Metrics,
    baselines: Vec<(Box<dyn Baseline>, Metrics)>,
}

impl Evaluation {
    /// Nothing measured yet.
    pub fn new(kinds: &[MetricKind], task: Task) -> Self {
        let metrics = || kinds.iter().map(MetricKind::build).collect::<Metrics>();
        let baselines = if kinds.is_empty() { Vec::new() } else { baselines(task) };
        Self {
            kinds: kinds.to_vec(),
            task,
            model: metrics(),
            baselines: baselines.into_iter().map(|baseline| (baseline, metrics())).collect(),
        }
    }

    /// Counts a labelled row and its prediction; the baselines predict it too, then learn its label.
    pub(super) fn update(&mut self, truth: Truth, prediction: f64) {
        self.model.iter_mut().for_each(|metric| metric.update(truth, prediction));
        for (baseline, metrics) in &mut self.baselines {
            if let Some(prediction) = baseline.predict() {
                metrics.iter_mut().for_each(|metric| metric.update(truth, prediction));
            }
            baseline.learn(truth);
        }
    }

    /// Adds what another shard of the same pipeline has measured.
    pub fn absorb(&mut self, other: &Self) -> Result<(), StateError> {
        absorb(&mut self.model, &other.model)?;
        for ((_, mine), (_, theirs)) in self.baselines.iter_mut().zip(&other.baselines) {
            absorb(mine, theirs)?;
        }
        Ok(())
    }

    /// A copy, through saved state.
    pub fn copy(&self) -> Result<Self, StateError> {
        let mut copy = Self::new(&self.kinds, self.task);
        StateReader::into(&StateWriter::of(self), &mut copy)?;
        Ok(copy)
    }

    /// The model's values.
    pub fn scores(&self) -> Scores {
        self.named(&self.model)
    }

    /// The baselines' values, by their names.
    pub fn baselines(&self) -> Vec<(&'static str, Scores)> {
        self.baselines.iter().map(|(baseline, metrics)| (baseline.name(), self.named(metrics))).collect()
    }

    fn named(&self, metrics: &Metrics) -> Scores {
        self.kinds.iter().zip(metrics).map(|(kind, metric)| (kind.key(), metric.value())).collect()
    }
}

fn absorb(mine: &mut Metrics, theirs: &Metrics) -> Result<(), StateError> {
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        mine.absorb(&mut StateReader::new(&StateWriter::of(theirs.as_ref())))?;
    }
    Ok(())
}

impl Stateful for Evaluation {
    fn save(&self, to: &mut StateWriter) {
        self.model.iter().for_each(|metric| metric.save(to));
        for (baseline, metrics) in &self.baselines {
            baseline.save(to);
            metrics.iter().for_each(|metric| metric.save(to));
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for metric in &mut self.model {
            metric.load(from)?;
        }
        for (baseline, metrics) in &mut self.baselines {
            baseline.load(from)?;
            for metric in metrics {
                metric.load(from)?;
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let metrics = |metrics: &Metrics| metrics.iter().map(|metric| metric.size()).sum::<usize>();
        let baselines = self.baselines.iter().map(|(baseline, all)| baseline.size() + metrics(all));
        metrics(&self.model) + baselines.sum::<usize>()
    }
}
