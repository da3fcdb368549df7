//! The report of a run, as text and as JSON.

mod classes;

use std::collections::BTreeMap;
use std::fmt;

use gristmill_learn::estimate::Estimates;
use gristmill_learn::metric::Detail;
use gristmill_learn::{StateError, Task};
use serde::Serialize;
use serde::ser::{Error as _, Serializer};
use serde_json::{Map, Value};

use classes::numbered;

use crate::doubts::{Labels, doubts};
use crate::estimate;
use crate::label::{self, LabelReport};
use crate::plan::Plan;
use crate::rows::{Partition, SchemaDrift, count};
use crate::shard::{Counted, Counts, Evaluation, Scores, ShadowEvaluation, Shard};

/// The result of a run. As JSON it is one object; as text a table.
#[derive(Debug, Clone, Serialize)]
#[serde(remote = "Self")]
pub struct Report {
    /// The pipeline's name.
    pub pipeline: String,
    /// Records read; with kept state, those of earlier runs included.
    pub rows: u64,
    /// Records that this run read.
    pub rows_read: u64,
    /// Rows scored.
    pub scored: u64,
    /// Examples learned from: rows, and those that `augment` creates.
    pub learned: u64,
    /// Decisions made, one for each row scored.
    pub decisions: u64,
    /// Decisions that satisfied each output's condition, by its name.
    pub outputs: Map<String, Value>,
    /// Rejected records.
    pub dead_letters: DeadLetters,
    /// Columns of records that the document does not name, and the number of records with them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub unknown_columns: Map<String, Value>,
    /// Columns that records may lack, and how many lacked them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub absent_columns: Map<String, Value>,
    /// What sections have counted: under the key of each figure, behind the others.
    #[serde(skip)]
    pub counted: Vec<Counted>,
    /// From the first record received to the last commit.
    pub seconds: f64,
    /// From the start of the run to its end.
    pub run_seconds: f64,
    /// Processor time of the process from the start of the run to its end.
    pub cpu_seconds: f64,
    /// The peak memory of the process.
    pub peak_memory_mb: u64,
    /// The metrics by name.
    pub metrics: Map<String, Value>,
    /// What metrics show besides their values, by the names of classes: a value for each class, or the rows of each
    /// class by the class predicted.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// The same for each baseline.
    pub baselines: Map<String, Value>,
    /// Of labels in records of their own: how many came, were corrected, have no row and so on, the share of rows that
    /// waited in vain, and how long labels took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Value>,
    /// The metrics as they were known when these labels came, in the order in which they came; `metrics` has every row once,
    /// in the order of its time, with the last label it has.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metrics_at_label_time: Map<String, Value>,
    /// The shadow: its name, the labelled rows since its start, its metrics over them, and those of the model in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Value>,
    /// Metrics estimated before labels came, and how far off the estimates were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Value>,
    /// Figures that contradict the document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Records read, by partition.
    pub partitions: Map<String, Value>,
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut whole = Self::serialize(self, serde_json::value::Serializer).map_err(S::Error::custom)?;
        for Counted { figure, of, count } in &self.counted {
            let Some(fields) = whole.as_object_mut() else { continue };
            if of.is_empty() {
                fields.insert(figure.key.into(), (*count).into());
            } else if let Value::Object(each) = fields.entry(figure.key).or_insert_with(|| Map::new().into()) {
                each.insert(of.clone(), (*count).into());
            }
        }
        whole.serialize(to)
    }
}

/// Rejected records.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DeadLetters {
    /// All of them.
    pub total: u64,
    /// By the code of the reason.
    pub by_reason: Map<String, Value>,
}

/// A shard that has ended or moved away.
pub struct Closed {
    /// Its partition.
    pub partition: Partition,
    /// Its counts.
    pub counts: Counts,
    /// Its decisions for each output.
    pub written: Vec<u64>,
    /// Its rejected records, by the code of the reason.
    pub refused: BTreeMap<String, u64>,
    /// How its records differ from the document.
    pub drift: SchemaDrift,
    /// The labels that occurred, by name.
    pub labels: Vec<(String, u64)>,
    /// What its sections have counted.
    pub counted: Vec<Counted>,
    /// Its classes, by their index in its metrics.
    pub classes: Vec<String>,
    /// Its metrics.
    pub evaluation: Option<Evaluation>,
    /// Its metrics as they were known when labels of their own came.
    pub evaluation_then: Option<Evaluation>,
    /// What has come of labels of their own.
    pub label_report: Option<LabelReport>,
    /// The evaluation of its shadow.
    pub tried: Option<ShadowEvaluation>,
    /// What is estimated of its rows.
    pub estimates: Option<Estimates>,
}

impl Closed {
    /// The counts of a shard.
    pub fn of(shard: &Shard) -> Self {
        Self {
            partition: shard.partition().clone(),
            counts: shard.counts(),
            written: shard.written().to_vec(),
            refused: shard.refused().clone(),
            drift: shard.drift().clone(),
            labels: shard.labels().to_vec(),
            counted: shard.counted(),
            classes: shard.classes(),
            evaluation: shard.evaluation().copy().ok(),
            evaluation_then: shard.evaluation_then().and_then(|evaluation| evaluation.copy().ok()),
            label_report: shard.label_report(),
            tried: shard.tried(),
            estimates: shard.estimates(),
        }
    }
}

/// The totals of a run in progress: one entry for every closed shard.
#[derive(Default)]
pub struct Tally {
    shards: Vec<Closed>,
}

impl Tally {
    /// Adds a shard that has ended or moved away.
    pub fn close(&mut self, shard: Closed) {
        self.shards.push(shard);
    }

    /// Adds another member's tally.
    pub fn absorb(&mut self, other: Self) {
        self.shards.extend(other.shards);
    }

    /// The report: shards in the order of partitions, their metrics merged.
    pub fn report(mut self, plan: &Plan) -> Result<Report, StateError> {
        self.shards.sort_by(|a, b| a.partition.cmp(&b.partition).then(b.counts.rows.cmp(&a.counts.rows)));
        if plan.journals() {
            // A shard that moved to another member took its counts along: the last one has them all.
            self.shards.dedup_by(|later, first| later.partition == first.partition);
        }
        let mut totals = Totals::new(plan);
        self.shards.into_iter().try_for_each(|shard| totals.add(plan, shard))?;
        Ok(totals.report(plan))
    }
}

/// What all shards come to.
struct Totals {
    counts: Counts,
    written: Vec<u64>,
    reasons: BTreeMap<String, u64>,
    unknown: Map<String, Value>,
    absent: Map<String, Value>,
    labels: Labels,
    counted: Vec<Counted>,
    evaluation: Evaluation,
    evaluation_then: Option<Evaluation>,
    label_report: Option<LabelReport>,
    /// The classes, by their index in the merged metrics.
    classes: Vec<String>,
    shadow: Option<ShadowEvaluation>,
    estimates: Option<Estimates>,
    partitions: Map<String, Value>,
}

impl Totals {
    fn new(plan: &Plan) -> Self {
        Self {
            counts: Counts::default(),
            written: vec![0; plan.outputs.len()],
            reasons: BTreeMap::new(),
            unknown: Map::new(),
            absent: Map::new(),
            labels: Labels::new(),
            counted: Vec::new(),
            evaluation: Evaluation::new(&plan.metrics, plan.output.task),
            evaluation_then: plan.labels().map(|_| Evaluation::alone(&plan.metrics, plan.output.task)),
            label_report: None,
            classes: Vec::new(),
            shadow: None,
            estimates: None,
            partitions: Map::new(),
        }
    }

    fn add(&mut self, plan: &Plan, shard: Closed) -> Result<(), StateError> {
        let rows = shard.counts.rows;
        shard.counted.iter().for_each(|more| join(&mut self.counted, more));
        shard.labels.iter().for_each(|(name, rows)| count(&mut self.labels, name, *rows));
        self.shadow = together(self.shadow.take(), shard.tried)?;
        if let Some(estimates) = &shard.estimates {
            self.estimates.get_or_insert_default().absorb(estimates);
        }
        self.written.iter_mut().zip(shard.written).for_each(|(all, more)| *all += more);
        self.counts.scored += shard.counts.scored;
        self.counts.learned += shard.counts.learned;
        self.counts.decisions += shard.counts.decisions;
        self.counts.rows += rows;
        add(&mut self.unknown, &shard.drift.unknown);
        add(&mut self.absent, &shard.drift.absent);
        shard.refused.into_iter().for_each(|(reason, count)| *self.reasons.entry(reason).or_default() += count);
        add(&mut self.partitions, &[(shard.partition.to_string(), rows)]);
        if let Some(report) = shard.label_report {
            self.label_report.get_or_insert_default().absorb(report);
        }
        let numbers = (plan.output.task == Task::Classification).then(|| numbered(&shard.classes, &mut self.classes));
        if numbers.is_none() {
            // Two classes have the same indices everywhere.
            self.classes = shard.classes;
        }
        let parts =
            [(Some(&mut self.evaluation), shard.evaluation), (self.evaluation_then.as_mut(), shard.evaluation_then)];
        for (mine, theirs) in parts {
            let Some((mine, mut theirs)) = mine.zip(theirs) else { continue };
            if let Some(numbers) = &numbers {
                theirs.rename(numbers);
            }
            mine.absorb(&theirs)?;
        }
        Ok(())
    }

    fn report(self, plan: &Plan) -> Report {
        let baselines = self.evaluation.baselines().into_iter();
        let baselines = baselines.map(|(name, scores)| (name.to_string(), object(scores).into())).collect();
        let metrics = object(self.evaluation.scores());
        let outputs = plan.outputs.iter().zip(self.written);
        Report {
            pipeline: plan.name.to_string(),
            rows: self.counts.rows,
            rows_read: 0,
            scored: self.counts.scored,
            learned: self.counts.learned,
            decisions: self.counts.decisions,
            outputs: outputs.map(|(output, all)| (output.name.clone(), all.into())).collect(),
            dead_letters: DeadLetters {
                total: self.reasons.values().sum(),
                by_reason: self.reasons.into_iter().map(|(reason, count)| (reason, count.into())).collect(),
            },
            unknown_columns: self.unknown,
            absent_columns: self.absent,
            warnings: doubts(plan, &self.labels, &named(&self.counted, "categories"), &metrics, &baselines),
            counted: self.counted,
            seconds: 0.0,
            run_seconds: 0.0,
            cpu_seconds: 0.0,
            peak_memory_mb: 0,
            metrics,
            details: details(&self.evaluation, &self.classes),
            baselines,
            labels: self.label_report.as_ref().map(LabelReport::to_json),
            metrics_at_label_time: self.evaluation_then.map(|then| object(then.scores())).unwrap_or_default(),
            shadow: self.shadow.map(|shadow| {
                serde_json::json!({
                    "name": shadow.name,
                    "rows": shadow.rows,
                    "metrics": object(shadow.candidate.scores()),
                    "model": object(shadow.model.scores()),
                })
            }),
            estimate: self.estimates.as_ref().map(estimate::object),
            partitions: self.partitions,
        }
    }
}

/// Merges the shadow evaluations of two shards; of two different shadows the first shard's.
fn together(
    one: Option<ShadowEvaluation>,
    other: Option<ShadowEvaluation>,
) -> Result<Option<ShadowEvaluation>, StateError> {
    match (one, other) {
        (Some(mut one), Some(other)) if one.name == other.name => {
            one.rows += other.rows;
            one.model.absorb(&other.model)?;
            one.candidate.absorb(&other.candidate)?;
            Ok(Some(one))
        }
        (one, other) => Ok(one.or(other)),
    }
}

fn add(totals: &mut Map<String, Value>, counts: &[(String, u64)]) {
    for (name, count) in counts {
        let before = totals.get(name).and_then(Value::as_u64).unwrap_or(0);
        totals.insert(name.clone(), (before + *count).into());
    }
}

/// Adds what one more shard has counted, beside what there is of the same figure.
fn join(all: &mut Vec<Counted>, more: &Counted) {
    let place = all.iter().rposition(|one| one.figure.key == more.figure.key).map_or(all.len(), |last| last + 1);
    match all.iter_mut().find(|one| one.figure.key == more.figure.key && one.of == more.of) {
        Some(one) if more.figure.highest => one.count = one.count.max(more.count),
        Some(one) => one.count += more.count,
        None => all.insert(place, more.clone()),
    }
}

/// The counts of a figure, by what they are of.
fn named(all: &[Counted], key: &str) -> Map<String, Value> {
    let of = all.iter().filter(|one| one.figure.key == key);
    of.map(|one| (one.of.clone(), one.count.into())).collect()
}

fn details(merged: &Evaluation, names: &[String]) -> Map<String, Value> {
    let name = |class: u32| names.get(class as usize).cloned().unwrap_or_else(|| class.to_string());
    let mut all = Map::new();
    for (key, details) in merged.details() {
        let mut shown = Map::new();
        for detail in details {
            match detail {
                Detail::Class(class, value) => drop(shown.insert(name(class), value.into())),
                Detail::Segment(segment, value) => drop(shown.insert(segment, value.into())),
                Detail::Predicted(truth, prediction, rows) => {
                    let row = shown.entry(name(truth)).or_insert_with(|| Map::new().into());
                    if let Some(row) = row.as_object_mut() {
                        row.insert(name(prediction), rows.into());
                    }
                }
            }
        }
        all.insert(key, shown.into());
    }
    all
}

fn object(scores: Scores) -> Map<String, Value> {
    scores.into_iter().map(|(key, value)| (key, value.into())).collect()
}

/// A metric's value as shown; a dash if it has none.
fn figure(value: Option<&Value>) -> String {
    value
        .and_then(Value::as_f64)
        .map_or("-".into(), |value| if value.abs() < 1e9 { format!("{value:.4}") } else { format!("{value:.3e}") })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = if self.seconds > 0.0 { self.rows_read as f64 / self.seconds } else { 0.0 };
        let before =
            if self.rows == self.rows_read { String::new() } else { format!("; this run read {}", self.rows_read) };
        writeln!(f, "pipeline      {}", self.pipeline)?;
        writeln!(f, "rows          {}{before} in {:.2} s ({rate:.0}/s)", self.rows, self.seconds)?;
        writeln!(f, "scored        {}", self.scored)?;
        writeln!(f, "learned       {}", self.learned)?;
        writeln!(f, "decisions     {}", self.decisions)?;
        for (output, count) in &self.outputs {
            writeln!(f, "              {count} to {output}")?;
        }
        for (columns, what) in [(&self.unknown_columns, "not named here"), (&self.absent_columns, "absent")] {
            let named: Vec<String> = columns.iter().map(|(name, records)| format!("{name} ({records})")).collect();
            if !named.is_empty() {
                writeln!(f, "columns       {what}: {}", named.join(", "))?;
            }
        }
        for counted in &self.counted {
            if let Some((before, said)) = counted.figure.said {
                writeln!(f, "{before:<13} {}", said(counted))?;
            }
        }
        writeln!(f, "dead letters  {}", self.dead_letters.total)?;
        for (reason, count) in &self.dead_letters.by_reason {
            writeln!(f, "              {count} {reason}")?;
        }
        for (partition, rows) in &self.partitions {
            writeln!(f, "partition     {partition}: {rows} rows")?;
        }
        let then = self.metrics_at_label_time.iter().map(|(metric, value)| format!("{metric} {}", figure(Some(value))));
        let labels = self.labels.iter().flat_map(|labels| label::in_words(labels, then.clone()));
        labels.into_iter().try_for_each(|line| writeln!(f, "{line}"))?;
        let Self { cpu_seconds, run_seconds, peak_memory_mb, .. } = self;
        writeln!(f, "resources     {cpu_seconds:.2} s of CPU in {run_seconds:.1} s, {peak_memory_mb} MB at the peak")?;
        if !self.metrics.is_empty() {
            self.table(f)?;
        }
        self.estimate.iter().try_for_each(|estimates| estimate::table(estimates, f))?;
        self.beside(f)?;
        self.shown(f)?;
        self.warnings.iter().try_for_each(|warning| writeln!(f, "\nwarning: {warning}"))
    }
}

impl Report {
    /// The shadow's metrics.
    fn beside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(shadow) = &self.shadow else { return Ok(()) };
        let rows = shadow.get("rows").and_then(Value::as_u64).unwrap_or(0);
        let name = shadow.get("name").and_then(Value::as_str).unwrap_or_default();
        writeln!(f, "\n{name} beside it, over {rows} rows with a label")?;
        for (metric, value) in shadow.get("metrics").and_then(Value::as_object).into_iter().flatten() {
            let model = figure(shadow.get("model").and_then(|model| model.get(metric)));
            writeln!(f, "  {metric}: {}, where the model in force has {model}", figure(Some(value)))?;
        }
        Ok(())
    }

    /// What metrics show besides their values: a line for each class.
    fn shown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (metric, details) in &self.details {
            // The key of a metric by segment names it.
            let by = if metric.contains("by=") { "" } else { ", by class" };
            writeln!(f, "\n{metric}{by}")?;
            for (class, detail) in details.as_object().into_iter().flatten() {
                match detail.as_object() {
                    None => writeln!(f, "  {class}: {}", figure(Some(detail)))?,
                    Some(row) => {
                        let row: Vec<String> = row.iter().map(|(other, rows)| format!("{rows} {other}")).collect();
                        writeln!(f, "  {class} was taken for {}", row.join(", "))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The model's metrics beside the baselines'.
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.metrics.keys().map(String::len).max().unwrap_or(0).max(6);
        let columns: Vec<usize> = self.baselines.keys().map(|name| name.len().max(8)).collect();
        write!(f, "\n{:width$}  {:>8}", "metric", "model")?;
        for (name, column) in self.baselines.keys().zip(&columns) {
            write!(f, "  {name:>column$}")?;
        }
        for (metric, value) in &self.metrics {
            write!(f, "\n{metric:width$}  {:>8}", figure(Some(value)))?;
            for (scores, column) in self.baselines.values().zip(&columns) {
                write!(f, "  {:>column$}", figure(scores.get(metric)))?;
            }
        }
        writeln!(f)
    }
}
