//! Describes a plan, as `gristmill plan` prints it.

use std::fmt;
use std::time::Duration;

use gristmill_learn::Kind;
use gristmill_learn::metric::Window;

use super::{LabelInput, OutputPlan, Plan};
use crate::describe;
use crate::pretrained::Scoring;
use crate::spec::{Format, Guarantee, PythonModel, Snapshot, Span, settings_line};

/// Names and texts of steps.
type Steps = Vec<(&'static str, String)>;

impl Plan {
    fn column_list(&self, columns: impl IntoIterator<Item = usize>) -> String {
        let named = |column: usize| self.column(column).map(|(name, kind)| format!("{name} {kind}"));
        columns.into_iter().filter_map(named).collect::<Vec<_>>().join(", ")
    }

    fn input_line(&self) -> String {
        let format = self.format.shown();
        let group = if self.input.shared() { format!(" as group {}", self.group) } else { String::new() };
        format!("{format} from {}{group}, {}", self.input, self.input.shards_in_words())
    }

    fn pipeline_grace(&self) -> Option<Span> {
        Some(Span(Duration::from_micros(u64::try_from(self.grace?).ok()?)))
    }

    fn state_line(&self) -> String {
        let Snapshot { every, rows, keep } = self.snapshot();
        let saved = format!("saved whole every {every} or {rows} rows, {keep} kept");
        let directory = self.state.as_ref().and_then(|state| state.directory.as_ref());
        match directory {
            _ if self.input.shared() && !self.journals() => "none: nothing depends on the records before".into(),
            _ if self.input.shared() => format!("topics {} and {}, {saved}", self.journal_topic(), self.state_topic()),
            Some(directory) => format!("folder {directory}, {saved}"),
            None if !self.learns() => "not kept: nothing is learned here".into(),
            None => "not kept: every run begins untrained".into(),
        }
    }

    fn python(&self) -> Option<&PythonModel> {
        self.scoring.as_ref()?.python.as_ref()
    }

    /// Each step of the flow and what it does.
    pub fn steps(&self) -> Vec<(&'static str, String)> {
        [self.input_steps(), self.feature_steps(), self.model_steps(), self.output_steps(), self.run_steps()].concat()
    }

    fn input_steps(&self) -> Steps {
        let mut steps = vec![
            ("pipeline", self.name.to_string()),
            ("input", self.input_line()),
            ("columns", self.column_list(0..self.columns.len())),
        ];
        let named = [("id", self.id), ("key", self.key), ("time", self.time)];
        steps.extend(named.into_iter().filter_map(|(role, column)| Some((role, self.column_list(Some(column?))))));
        if let Some(grace) = self.pipeline_grace() {
            steps.push(("grace", format!("{grace}: rows wait so long for those before them, by event time")));
        }
        if let Some(idle) = self.idle {
            let idle = Span(idle);
            steps.push(("idle", format!("after {idle} of silence time moves on by the clock")));
        }
        steps.extend(self.clean.iter().map(|rule| ("clean", rule.to_string())));
        for table in &self.lookups {
            let (name, on, from) = (&table.name, self.column_list([table.on]), &table.source);
            let held = table.time.and_then(|time| table.columns.get(time));
            let held = held.map_or(String::new(), |time| format!(", as of {}", time.name));
            steps.push(("lookup", format!("{name} by {on}, from {from}{held}")));
        }
        steps
    }

    fn feature_steps(&self) -> Steps {
        let mut steps = vec![("features", self.column_list(self.features.iter().copied()))];
        for item in self.computed.iter().flat_map(|computed| &computed.items) {
            let text: Vec<&str> = item.text.split_whitespace().collect();
            steps.push(("computed", format!("{} = {}", item.name, text.join(" "))));
        }
        let nominal = self.signature.kinds().iter().zip(&self.features).filter(|(kind, _)| **kind == Kind::Nominal);
        let nominal = self.column_list(nominal.map(|(_, feature)| *feature));
        if !nominal.is_empty() && !self.model.is_empty() {
            steps.push(("categories", format!("{nominal}: of each {}", self.told_apart())));
        }
        steps
    }

    fn labels_line(&self, labels: &LabelInput) -> String {
        let (format, id) = (labels.format.shown(), labels.columns.get(labels.id).map_or("", |id| &id.name));
        let wait = Span(Duration::from_micros(u64::try_from(labels.wait).unwrap_or_default()));
        let then = match &labels.otherwise {
            Some(class) => format!("it counts as {class}"),
            None => "it is not learned from".into(),
        };
        format!("{format} from {}, joined by {id}; after {wait} without one {then}", labels.input)
    }

    fn pretrained_line(&self, scoring: &Scoring) -> String {
        let (name, digest, signature) = (&scoring.model.name, scoring.model.digest, scoring.model.signature());
        if let Some(python) = &scoring.python {
            let learns = python.learn_batch.map_or(String::new(), |rows| {
                format!("; learns here, {rows} rows at a time; that the same rows teach the same depends on it")
            });
            let (path, interpreter) = (&python.path, &python.interpreter);
            return format!("{name}: {path} in {interpreter}, a process for each member{learns}; digest {digest:032x}");
        }
        let rounds = signature.rounds.as_ref().filter(|rounds| rounds.are_chosen());
        let rounds = rounds.map_or(String::new(), |rounds| format!(", rounds {rounds}"));
        let (format, made_of) = (&signature.format, &signature.made_of);
        format!("{name}: {format}, {made_of}{rounds}; digest {digest:032x}")
    }

    fn model_steps(&self) -> Steps {
        let file = self.scoring.iter().map(|scoring| self.pretrained_line(scoring));
        let model: Vec<String> = file.chain(self.model.iter().map(describe::written)).collect();
        let mut steps = vec![("model", model.join(" → "))];
        if let Some(label) = &self.label {
            let classes = match (&label.positive, &label.negative) {
                (positive, _) if positive.is_empty() => String::new(),
                (positive, Some(negative)) => format!(", positive {positive}, negative {negative}"),
                (positive, None) => format!(", positive {positive}, any other value negative"),
            };
            let column = format!("{} {}", label.column.name, label.column.kind.name());
            steps.push(("label", column + &classes));
            steps.extend(label.input().map(|labels| ("labels", self.labels_line(labels))));
        }
        for rule in &self.augment {
            let settings = serde_json::to_value(rule).unwrap_or_default();
            let settings = settings.get(rule.name()).map(settings_line).unwrap_or_default();
            steps.push(("augment", format!("{} {settings}, for learning alone", rule.name())));
        }
        let metrics: Vec<String> = self.metrics.iter().map(|metric| metric.key()).collect();
        if !metrics.is_empty() {
            // A model from a file never learns.
            let learns = !self.model.is_empty() || self.python().is_some_and(|python| python.learn_batch.is_some());
            let when = if learns { ", each row predicted before it is learned" } else { ", of each row with a label" };
            steps.push(("evaluate", metrics.join(", ") + when));
        }
        if let Some(estimate) = &self.estimate {
            let metrics: Vec<&str> = estimate.metrics.iter().map(|metric| metric.name()).collect();
            let chunk = match estimate.chunk {
                Window::Rows(rows) => format!("{rows} rows"),
                time => time.to_string(),
            };
            let from = estimate.reference;
            let estimated = format!("{} of each {chunk}, from the last {from} labels", metrics.join(", "));
            steps.push(("estimate", estimated));
        }
        steps.extend(self.watch.iter().map(|watch| ("watch", watch.to_string())));
        steps
    }

    fn output_steps(&self) -> Steps {
        let output = |output: &OutputPlan| {
            let when = output.when_text.as_ref().map_or(String::new(), |when| format!(" when {when}"));
            let fields = output.fields().join(", ");
            let select = if fields.is_empty() { String::new() } else { format!(": {fields}") };
            let format = match output.format {
                Format::Json => String::new(),
                other => format!(" as {}", other.shown()),
            };
            let events = if output.events { ", events alone" } else { "" };
            ("output", format!("{} to {}{format}{when}{select}{events}", output.name, output.target))
        };
        let dead_letters = match &self.dead_letters {
            Some(target) => target.to_string(),
            None => "none: the run stops at the first record that cannot be read".into(),
        };
        self.outputs.iter().map(output).chain([("dead letters", dead_letters)]).collect()
    }

    fn run_steps(&self) -> Steps {
        let guarantee = match self.guarantee {
            Guarantee::AtLeastOnce => "at_least_once",
            Guarantee::ExactlyOnce => "exactly_once",
        };
        let mut steps: Steps = self.connections.lines(&self.input).into_iter().collect();
        steps.push(("guarantee", format!("{guarantee}: {}", self.guarantee_reason)));
        steps.push(("commit", format!("every {} or {} rows", self.commit.every, self.commit.rows)));
        steps.push(("state", self.state_line()));
        steps.extend(self.warnings.iter().map(|warning| ("warning", warning.clone())));
        steps
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps().iter().try_for_each(|(step, text)| writeln!(f, "{step:<13} {text}"))
    }
}
