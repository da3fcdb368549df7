//! Where answers go, and what is guaranteed of them.

use gristmill_learn::Task;

use super::Checker;
use crate::condition::{self, Condition};
use crate::document::{Path, Problem, path};
use crate::plan::{Computed, InputPlan, OutputPlan, Plan, TargetPlan};
use crate::spec::{Guarantee, KafkaTarget};

impl Checker<'_> {
    pub(super) fn outputs(&mut self, task: Option<Task>, computed: Option<&Computed>) -> Vec<OutputPlan> {
        let mut plans: Vec<OutputPlan> = Vec::new();
        for (name, output) in &self.pipeline.outputs.0 {
            let at = path(["outputs", name]);
            let stdout = output.stdout.as_ref().map(|_| TargetPlan::Stdout);
            let target = self.target(&at, &output.kafka, output.file.as_ref().map(|file| &file.path), stdout);
            let when = output.when.as_ref().and_then(|text| self.condition(text, name, task, computed));
            if let Some(target) = target {
                let same_file =
                    plans.iter().any(|other| other.target == target && matches!(target, TargetPlan::File { .. }));
                if same_file {
                    self.wrong(at, "two outputs cannot write the same file");
                }
                plans.push(OutputPlan { name: name.clone(), target, when, when_text: output.when.clone() });
            }
        }
        plans
    }

    fn target(
        &mut self,
        at: &Path,
        kafka: &Option<KafkaTarget>,
        file: Option<&String>,
        stdout: Option<TargetPlan>,
    ) -> Option<TargetPlan> {
        let allowed = if at.first().is_some_and(|key| key == "outputs") {
            "`kafka`, `file` or `stdout`"
        } else {
            "`kafka` or `file`"
        };
        let kafka = kafka.as_ref().map(|kafka| {
            self.topic(&kafka.topic, [at.as_slice(), &path(["kafka", "topic"])].concat());
            TargetPlan::Kafka { topic: kafka.topic.clone(), create: kafka.create.as_ref().map(Into::into) }
        });
        let file = file.map(|path| TargetPlan::File { path: path.clone() });
        let mut given = [kafka, file, stdout].into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(target), None) => Some(target),
            (None, _) => {
                self.wrong_with_help(at.clone(), "it says not where to", format!("add one of {allowed}"));
                None
            }
            (Some(_), Some(_)) => {
                self.wrong(at.clone(), format!("it is exactly one of {allowed}; for two, write two outputs"));
                None
            }
        }
    }

    fn condition(
        &mut self,
        text: &str,
        output: &str,
        task: Option<Task>,
        computed: Option<&Computed>,
    ) -> Option<Condition> {
        let prediction = if task.is_none_or(Task::is_classification) { "string" } else { "float64" };
        let mut names = vec![("score", "float64"), ("prediction", prediction)];
        names.extend(self.known.iter().map(|(name, kind)| (name.as_str(), kind.name())));
        let items = computed
            .iter()
            .flat_map(|computed| computed.items.iter().enumerate().map(|(number, item)| (number, item, *computed)));
        names.extend(items.map(|(number, item, computed)| (item.name.as_str(), computed.type_of(number))));
        match condition::parse(text, &names) {
            Ok(condition) => Some(condition),
            Err(wrong) => {
                let mut place = self.document.place(&path(["outputs", output, "when"]));
                // Plain text on one line: the byte in the condition is a byte in the document.
                if place.end - place.start == text.len() {
                    place.start = (place.start + wrong.at).min(place.end);
                }
                let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
                let help = format!("a condition compares {}, as in `score > 0.5 AND NOT flagged`", known.join(", "));
                self.problems.push(Problem::at(place, wrong.message).help(help));
                None
            }
        }
    }

    pub(super) fn dead_letters(&mut self) -> Option<TargetPlan> {
        let target = self.pipeline.dead_letters.as_ref()?;
        self.target(&path(["dead_letters"]), &target.kafka, target.file.as_ref().map(|file| &file.path), None)
    }

    pub(super) fn state(&mut self) {
        let Some(state) = &self.pipeline.state else { return };
        let file = self.pipeline.input.file.is_some();
        let kept = state.replication.is_some() || state.limit.is_none();
        if file && state.directory.is_none() && kept {
            let message = "a pipeline over a file keeps its state in a folder, and none is named";
            self.wrong_with_help(path(["state"]), message, "add `directory: …`");
        } else if file && state.replication.is_some() {
            let message = "`replication` is for topics, and the state of a pipeline over a file is in a folder";
            self.wrong_with_help(path(["state", "replication"]), message, "leave it out");
        } else if !file && state.directory.is_some() {
            let message = "a group on Kafka keeps its state in topics, so that every member can reach it";
            self.wrong_with_help(path(["state", "directory"]), message, "leave it out");
        }
    }

    /// Exactly once where everything that is written can be committed together: topics of the input's cluster, or
    /// files whose lengths a folder remembers.
    pub(super) fn guarantee(&mut self, outputs: &[OutputPlan], dead_letters: Option<&TargetPlan>) -> Guarantee {
        let wanted = self.pipeline.guarantee;
        let group = self.pipeline.input.kafka.is_some();
        let kept = |target: &TargetPlan| match target {
            TargetPlan::Kafka { .. } => group,
            TargetPlan::File { .. } => !group,
            TargetPlan::Stdout => false,
        };
        let other =
            outputs.iter().find(|output| !kept(&output.target)).map(|output| format!("output `{}`", output.name));
        let other = other.or_else(|| dead_letters.filter(|target| !kept(target)).map(|_| "`dead_letters`".to_string()));
        let remembered = group || self.pipeline.state.as_ref().is_some_and(|state| state.directory.is_some());
        match other {
            _ if wanted == Some(Guarantee::AtLeastOnce) => Guarantee::AtLeastOnce,
            None if remembered => Guarantee::ExactlyOnce,
            Some(other) if wanted.is_some() => {
                let message = if group {
                    format!("`exactly_once` needs every answer in a topic of the same cluster, and {other} is not")
                } else {
                    format!("`exactly_once` over a file needs every answer in a file, and {other} is not")
                };
                self.wrong_with_help(path(["guarantee"]), message, "leave `guarantee` out, or write it there");
                Guarantee::AtLeastOnce
            }
            None if wanted.is_some() => {
                let message = "`exactly_once` over a file needs a place for the state";
                self.wrong_with_help(path(["guarantee"]), message, "add `state: {directory: …}`");
                Guarantee::AtLeastOnce
            }
            _ => Guarantee::AtLeastOnce,
        }
    }

    pub(super) fn brokers(&mut self, plan: &Plan) {
        if plan.uses_kafka() && plan.kafka.brokers().is_empty() {
            let message = "this pipeline uses Kafka, but no broker is named";
            self.wrong_with_help(
                path(["input"]),
                message,
                "add `kafka: {bootstrap.servers: \"localhost:9092\"}` at the top",
            );
        }
    }

    pub(super) fn loops(&mut self, plan: &Plan) {
        let InputPlan::Kafka { topic: input, .. } = &plan.input else { return };
        for output in &plan.outputs {
            if matches!(&output.target, TargetPlan::Kafka { topic, .. } if topic == input) {
                let message = format!("writing decisions to the input's topic `{input}` would feed them back for ever");
                self.wrong(path(["outputs", &output.name, "kafka", "topic"]), message);
            }
        }
        if matches!(&plan.dead_letters, Some(TargetPlan::Kafka { topic, .. }) if topic == input) {
            let message = format!("writing dead letters to the input's topic `{input}` would feed them back for ever");
            self.wrong(path(["dead_letters", "kafka", "topic"]), message);
        }
    }
}

pub(super) fn reason(plan: &Plan) -> String {
    match (&plan.input, plan.journals(), plan.guarantee) {
        (InputPlan::Kafka { .. }, true, Guarantee::ExactlyOnce) => {
            "answers, offsets and the journal of what was learned are committed in one transaction"
        }
        (InputPlan::Kafka { .. }, false, Guarantee::ExactlyOnce) => "answers and offsets are committed in one transaction",
        (InputPlan::Kafka { .. }, true, Guarantee::AtLeastOnce) => {
            "answers are flushed, then the journal, then offsets: after a crash some answers are written again, but what \
             was learned counts once"
        }
        (InputPlan::Kafka { .. }, false, Guarantee::AtLeastOnce) => {
            "answers are flushed before offsets are committed: after a crash some are written again"
        }
        (InputPlan::File { .. }, true, Guarantee::ExactlyOnce) => {
            "the state says how far outputs in files are right; after a crash they are cut there and go on"
        }
        (InputPlan::File { .. }, true, Guarantee::AtLeastOnce) => {
            "what was learned counts once; after a crash some answers outside of files are written again"
        }
        (InputPlan::File { .. }, false, _) => "a file is read from its beginning by every run",
    }
    .into()
}
