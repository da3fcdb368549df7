//! Checks outputs, and determines the guarantee.

use gristmill_learn::Task;

use super::Checker;
use crate::document::{Path, path};
use crate::output_query::OutputQuery;
use crate::plan::{Computed, InputPlan, OutputPlan, Plan, TargetPlan};
use crate::spec::{Feature, Format, Guarantee, Output};

impl Checker<'_> {
    /// `at_zero`: scores are decision values, not probabilities.
    pub(super) fn outputs(
        &mut self,
        task: Option<Task>,
        at_zero: bool,
        computed: Option<&Computed>,
    ) -> Vec<OutputPlan> {
        let mut plans: Vec<OutputPlan> = Vec::new();
        for (name, output) in &self.pipeline.outputs.0 {
            let at = path(["outputs", name]);
            let target = output.written().plan(self, &at);
            let acting = self.acting(output, name, (task, at_zero), computed);
            self.events(output, name);
            if let Some(target) = target {
                let format = self.written_as(output, name, &target);
                let (name, when_text) = (name.clone(), output.when.clone());
                plans.push(OutputPlan { name, target, format, acting, when_text, events: output.events });
            }
        }
        plans
    }

    /// The format of an output.
    fn written_as(&mut self, output: &Output, name: &str, target: &TargetPlan) -> Format {
        let format = output.format.unwrap_or(Format::Json);
        let at = path(["outputs", name, "format"]);
        if !target.takes(format) {
            let message = format!("{target} takes JSON, and not {}", format.shown());
            self.wrong_with_help(at, message, "leave `format` out");
        } else if format == Format::Csv && output.select.is_empty() && !output.events {
            let message = "a whole decision holds an object of probabilities, which CSV has no form for";
            self.wrong_with_help(
                at,
                message,
                "add `select: [score, prediction, …]`: the fields of a line, in their order",
            );
        } else if let Some(named) = target.file().and_then(Format::of_name).filter(|named| *named != format) {
            let (file, key) = (named.shown(), named.key());
            let message = format!("output `{name}` writes {} to {target}, whose name says {file}", format.shown());
            self.warnings.push(format!("{message}: `format: {key}` writes {file}"));
        }
        format
    }

    /// Events are written as they are.
    fn events(&mut self, output: &Output, name: &str) {
        let wrong = [
            ("when", output.when.is_some()),
            ("select", !output.select.is_empty()),
            ("format", output.format.is_some_and(|format| format != Format::Json)),
        ];
        for (key, _) in wrong.into_iter().filter(|(_, written)| *written && output.events) {
            let message = match key {
                "format" => "an event is an object of objects, which only JSON has a form for".to_string(),
                key => format!("`{key}` is about decisions, and this output takes events"),
            };
            self.wrong_with_help(path(["outputs", name, key]), message, "leave it out, or write two outputs");
        }
    }

    /// The condition and the payload of an output, if it has any.
    fn acting(
        &mut self,
        output: &Output,
        name: &str,
        (task, at_zero): (Option<Task>, bool),
        computed: Option<&Computed>,
    ) -> Option<OutputQuery> {
        if output.when.is_none() && output.select.is_empty() {
            return None;
        }
        let mut columns: Vec<(String, gristmill_sql::Kind)> =
            self.known.iter().map(|(name, kind)| (name.clone(), kind.sql())).collect();
        if let Some(computed) = computed {
            let names = computed.items.iter().map(|item| self.called(&item.name));
            columns.extend(names.zip(computed.program.kinds()));
        }
        let fields = self.selected(output, name);
        match OutputQuery::new(columns, task, output.when.as_deref(), &fields) {
            Ok(acting) => {
                if let Some(why) = acting.unfit() {
                    let help = "compare it, as in `score > 0.5`; make a window a feature and name it here";
                    self.wrong_with_help(place(name, output, 0).0, why, help);
                }
                if at_zero {
                    self.decision_values(&acting, output, name);
                }
                Some(acting)
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    let (at, length) = place(name, output, mistake.item);
                    self.mistaken(&at, length, mistake);
                }
                None
            }
        }
    }

    /// What an output selects: names and expressions.
    fn selected(&mut self, output: &Output, name: &str) -> Vec<(String, String)> {
        let text = |Feature { name, expression }: &Feature| {
            expression.clone().unwrap_or_else(|| format!("\"{}\"", name.replace('"', "\"\"")))
        };
        for (index, field) in output.select.iter().enumerate() {
            if output.select.iter().take(index).any(|other| other.name == field.name) {
                let at = path(["outputs", name, "select", &index.to_string()]);
                self.wrong(at, format!("`{}` is selected twice", field.name));
            }
        }
        output.select.iter().map(|field| (field.name.clone(), text(field))).collect()
    }

    /// Checks an output's use of a score that is a decision value.
    fn decision_values(&mut self, acting: &OutputQuery, output: &Output, name: &str) {
        if acting.names_probabilities() {
            let message = "the model gives decision values, and no probabilities";
            let help =
                "use `score`: above 0 it is the class that `gristmill describe` names, and for an anomaly an outlier";
            self.wrong_with_help(path(["outputs", name]), message, help);
        }
        let share = |word: &str| word.parse::<f64>().is_ok_and(|number| 0.0 < number && number < 1.0);
        let words = |text: &str| -> Vec<String> {
            let apart = |c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_');
            text.split(apart).map(str::to_string).collect()
        };
        let Some(when) = output.when.as_deref().map(words) else { return };
        if let Some(number) = when.iter().find(|word| share(word)).filter(|_| when.iter().any(|word| word == "score")) {
            self.warnings.push(format!(
                "output `{name}` compares `score` with {number}, and this model's score is a decision value, no \
                 probability: it decides at 0"
            ));
        }
    }

    pub(super) fn dead_letters(&mut self) -> Option<TargetPlan> {
        let target = self.pipeline.dead_letters.as_ref()?;
        target.written().plan(self, &path(["dead_letters"]))
    }

    pub(super) fn state(&mut self, input: Option<&InputPlan>) {
        let (Some(state), Some(input)) = (&self.pipeline.state, input) else { return };
        let file = !input.shared();
        if file && state.directory.is_none() {
            let message = "a pipeline over a file keeps its state in a folder, and none is named";
            self.wrong_with_help(path(["state"]), message, "add `directory: …`");
        } else if file && state.replication.is_some() {
            let message = "`replication` is for topics, and the state of a pipeline over a file is in a folder";
            self.wrong_with_help(path(["state", "replication"]), message, "leave it out");
        } else if !file && state.directory.is_some() {
            let message = "a consumer group keeps its state in topics, so that every member can reach it";
            self.wrong_with_help(path(["state", "directory"]), message, "leave it out");
        }
    }

    /// Exactly once if all outputs can be committed together: topics of the input's cluster, or files whose lengths a
    /// folder records. A group's outputs in topics are committed together whatever its other outputs are.
    pub(super) fn guarantee(
        &mut self,
        input: &InputPlan,
        outputs: &[OutputPlan],
        dead_letters: Option<&TargetPlan>,
    ) -> Guarantee {
        let wanted = self.pipeline.guarantee;
        let group = input.shared();
        let transactional = |target: &TargetPlan| input.transactional_with(target);
        let other = outputs
            .iter()
            .find(|output| !transactional(&output.target))
            .map(|output| format!("output `{}`", output.name));
        let other = other
            .or_else(|| dead_letters.filter(|target| !transactional(target)).map(|_| "`dead_letters`".to_string()));
        let topics = outputs.iter().map(|output| &output.target).chain(dead_letters);
        let some = group && topics.into_iter().any(transactional);
        let remembered = group || self.keeps_state_in_a_folder();
        match other {
            _ if wanted == Some(Guarantee::AtLeastOnce) => Guarantee::AtLeastOnce,
            None if remembered => Guarantee::ExactlyOnce,
            Some(other) if wanted.is_some() => {
                let message = format!("{}, and {other} is not", input.commits_where());
                self.wrong_with_help(path(["guarantee"]), message, "leave `guarantee` out, or write it there");
                Guarantee::AtLeastOnce
            }
            Some(_) if some => Guarantee::ExactlyOnce,
            None if wanted.is_some() => {
                let message = "`exactly_once` over a file needs a place for the state";
                self.wrong_with_help(path(["guarantee"]), message, "add `state: {directory: …}`");
                Guarantee::AtLeastOnce
            }
            _ => Guarantee::AtLeastOnce,
        }
    }

    pub(super) fn loops(&mut self, plan: &Plan) {
        let outputs = plan.outputs.iter().map(|output| ("decisions", path(["outputs", &output.name]), &output.target));
        let letters = plan.dead_letters.iter().map(|target| ("dead letters", path(["dead_letters"]), target));
        for (what, at, target) in outputs.chain(letters) {
            let Some((topic, below)) = target.topic() else { continue };
            if plan.sources().any(|input| target.system() == input.system() && topic == input.name()) {
                let message = format!("writing {what} to the input's topic `{topic}` would feed them back for ever");
                self.wrong([at.as_slice(), &path(below)].concat(), message);
            }
        }
    }
}

/// The place of an item of an output, and the length of its expression, if it has one: the condition comes first.
fn place(name: &str, output: &Output, item: usize) -> (Path, Option<usize>) {
    let written = |text: &String| Some(text.len()).filter(|length| *length > 0);
    let index = match (item.checked_sub(usize::from(output.when.is_some())), &output.when) {
        (None, Some(text)) => return (path(["outputs", name, "when"]), written(text)),
        (field, _) => field.unwrap_or_default(),
    };
    let at = path(["outputs", name, "select", &index.to_string()]);
    let field = output.select.get(index);
    match field.and_then(|field| Some((&field.name, written(field.expression.as_ref()?)?))) {
        Some((name, length)) => ([at, path([name])].concat(), Some(length)),
        None => (at, None),
    }
}

pub(super) fn reason(plan: &Plan) -> String {
    let outside: Vec<String> = plan.outside().collect();
    if !outside.is_empty() {
        let journal = if plan.journals() { ", offsets and the journal of what was learned" } else { " and offsets" };
        return format!(
            "answers in topics{journal} are committed in one transaction; {} told before it and after a crash again, so at \
             least once",
            match outside.as_slice() {
                [one] => format!("{one} is"),
                all => format!("{} are", all.join(", ")),
            }
        );
    }
    match (plan.input.shared(), plan.journals(), plan.guarantee) {
        (true, true, Guarantee::ExactlyOnce) => {
            "answers, offsets and the journal of what was learned are committed in one transaction"
        }
        (true, false, Guarantee::ExactlyOnce) => "answers and offsets are committed in one transaction",
        (true, true, Guarantee::AtLeastOnce) => {
            "answers are flushed, then the journal, then offsets: after a crash some answers are written again, but what \
             was learned counts once"
        }
        (true, false, Guarantee::AtLeastOnce) => {
            "answers are flushed before offsets are committed: after a crash some are written again"
        }
        (false, true, Guarantee::ExactlyOnce) => {
            "the state says how far outputs in files are right; after a crash they are cut there and go on"
        }
        (false, true, Guarantee::AtLeastOnce) => {
            "what was learned counts once; after a crash some answers outside of files are written again"
        }
        (false, false, _) => "a file is read from its beginning by every run",
    }
    .into()
}
