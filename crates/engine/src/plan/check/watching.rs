//! Checks what is watched.

use std::sync::Arc;

use gristmill_learn::DetectorKind;
use gristmill_learn::distance::{Measure, Values};
use gristmill_learn::metric::Window;
use gristmill_learn::{Component, Task};

use super::{Checker, ModelPlan, RowsPlan};
use crate::document::{Path, path, with_nearest};
use crate::plan::{Computed, InputPlan, OutputPlan};
use crate::pretrained::ModelFiles;
use crate::watch::{
    Action, Common, Comparing, Kind, Means, Names, Of, Profiles, Reference, Source, Subject, Watch, WatchPlan,
};

/// What watches can see.
pub(super) struct Sight<'a> {
    files: ModelFiles<'a>,
    computed: Option<&'a Computed>,
    features: &'a [usize],
    on_arrival: usize,
    grace: bool,
    time: bool,
    task: Option<Task>,
    labelled: bool,
    learns: bool,
    /// Whether a model may be tried beside the one that decides.
    candidates: bool,
}

impl<'a> Sight<'a> {
    pub(super) fn new(files: ModelFiles<'a>, rows: &'a RowsPlan, model: &ModelPlan, input: Option<&InputPlan>) -> Self {
        let alone = model.scoring.as_ref().is_some_and(|scoring| scoring.python.is_none()) && model.steps.is_empty();
        Self {
            files,
            computed: rows.computed.as_ref(),
            features: &rows.features,
            on_arrival: rows.on_arrival,
            grace: rows.grace.is_some(),
            time: rows.time.is_some(),
            task: model.task,
            labelled: model.label.is_some(),
            learns: model.steps.last().is_some_and(Component::is_learner),
            candidates: alone && input.is_some_and(|input| input.shared()),
        }
    }
}

/// A watch of the document, and where it stands.
struct Item<'a> {
    written: &'a Watch,
    at: Path,
}

impl Item<'_> {
    fn below(&self, keys: &[&str]) -> Path {
        let name = [self.written.name()];
        self.at.iter().map(String::as_str).chain(name).chain(keys.iter().copied()).map(String::from).collect()
    }
}

/// Something that is watched: its name, what it is, and the type of its values as documents name it.
struct Found {
    name: String,
    subject: Subject,
    kind: &'static str,
    at: Path,
}

impl Checker<'_> {
    /// The watches, one for each thing that is watched.
    pub(super) fn watch(&mut self, sight: &Sight<'_>) -> Vec<WatchPlan> {
        let mut plans: Vec<WatchPlan> = Vec::new();
        let pipeline = self.pipeline;
        for (index, written) in pipeline.watch.iter().enumerate() {
            let item = Item { written, at: path(["watch", &index.to_string()]) };
            let new = match written.means() {
                Means::Measure(measure, common) => self.compared(&item, measure, &common, sight),
                Means::Rules(common) => self.ruled(&item, &common, sight),
                Means::Detector(detector, of) => self.detected(&item, &detector, of, sight),
            };
            for mut plan in new {
                let same = plans.iter().filter(|other| other.name.split(" (").next() == Some(plan.name.as_str()));
                let same = same.count();
                if same > 0 {
                    plan.name += &format!(" ({})", same + 1);
                }
                plans.push(plan);
            }
        }
        let comparisons = plans.iter().filter(|plan| plan.compares()).count();
        plans.iter_mut().for_each(|plan| plan.correct(comparisons));
        plans
    }

    fn compared(
        &mut self,
        item: &Item<'_>,
        measure: Measure,
        common: &Common<'_>,
        sight: &Sight<'_>,
    ) -> Vec<WatchPlan> {
        self.common(item, common, sight);
        let found = match common.of.0.is_empty() {
            true => self.features_for(measure, item, sight),
            false => self.subjects(item, common.of, sight),
        };
        let by =
            self.column(common.by, item.below(&["by"])).map(|column| (common.by.unwrap_or_default().into(), column));
        let profiles = self.profiles(item, common.reference, sight);
        let mut plans = Vec::new();
        for found in found {
            let Some(values) = values_of(measure, found.kind) else {
                let message = format!("`{}` holds times, and times are not compared", found.name);
                self.wrong_with_help(found.at, message, "watch a feature that is made of it, such as the hour");
                continue;
            };
            if !measure.takes(values) {
                let name = item.written.name();
                let (what, others) = match values {
                    Values::Categories => ("numbers", "`jensen_shannon`, `psi` or `chi_square`"),
                    Values::Numbers => ("categories", "`kolmogorov_smirnov`, `wasserstein` or `psi`"),
                };
                let message = format!("`{name}` compares {what}, and `{}` is `{}`", found.name, found.kind);
                self.wrong_with_help(found.at, message, format!("for it there are {others}"));
                continue;
            }
            let Some(reference) = self.reference(&found, values, common.reference, profiles.as_ref()) else { continue };
            let kind = Kind::Compared(Comparing {
                measure,
                values,
                window: common.window,
                reference,
                limit: common.limit,
                by: by.clone(),
            });
            plans.push(item.plan(found, common.then, kind));
        }
        plans
    }

    fn ruled(&mut self, item: &Item<'_>, common: &Common<'_>, sight: &Sight<'_>) -> Vec<WatchPlan> {
        self.common(item, common, sight);
        let names: Vec<(String, String)> = self.pipeline.clean.iter().map(named).collect();
        if names.is_empty() {
            let message = "`rules` watches rules of `clean`, and there are none";
            self.wrong_with_help(item.at.clone(), message, "add `clean: […]`, or leave it out");
        }
        if common.by.is_some() || matches!(common.reference, Reference::File(_)) {
            let (key, what) = if common.by.is_some() { ("by", "column") } else { ("reference", "file") };
            let message = format!("`rules` counts rows for which a rule fires, and knows no {what}");
            self.wrong_with_help(item.below(&[key]), message, "leave it out");
        }
        let mut plans = Vec::new();
        self.rules_exist(item, common.of, &names);
        let wanted = |(name, full): &(String, String)| {
            common.of.0.is_empty() || common.of.0.iter().any(|wanted| wanted == name || wanted == full)
        };
        for (rule, (_, full)) in names.iter().enumerate().filter(|(_, names)| wanted(names)) {
            if sight.grace && rule < sight.on_arrival {
                if !common.of.0.is_empty() {
                    let message =
                        format!("with a `grace`, `{full}` looks at records as they arrive, and is not watched");
                    self.wrong_with_help(item.at.clone(), message, "watch another rule, or leave it out");
                }
                continue;
            }
            let reference = match common.reference {
                Reference::Previous => Source::Previous,
                Reference::First(rows) => Source::First(*rows),
                Reference::File(_) => continue,
            };
            let kind = Kind::Compared(Comparing {
                measure: Measure::Missing,
                values: Values::Numbers,
                window: common.window,
                reference,
                limit: common.limit,
                by: None,
            });
            let found = Found { name: full.clone(), subject: Subject::Rule(rule), kind: "", at: item.at.clone() };
            plans.push(item.plan(found, common.then, kind));
        }
        plans
    }

    fn rules_exist(&mut self, item: &Item<'_>, of: &Names, names: &[(String, String)]) {
        for (index, wanted) in of.0.iter().enumerate().filter(|_| !names.is_empty()) {
            if !names.iter().any(|(name, full)| name == wanted || full == wanted) {
                let known: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
                let message = with_nearest(format!("no rule `{wanted}`"), wanted, known.iter().copied());
                let help = format!("rules of `clean`: {}", known.join(", "));
                self.wrong_with_help(item.below(&["of", &index.to_string()]), message, help);
            }
        }
    }

    fn detected(&mut self, item: &Item<'_>, detector: &DetectorKind, of: &Of, sight: &Sight<'_>) -> Vec<WatchPlan> {
        self.action(item, of.then, sight);
        let name = item.written.name();
        let mistakes = matches!(detector, DetectorKind::Ddm(_) | DetectorKind::Eddm(_));
        let bounded = matches!(detector, DetectorKind::HddmA(_) | DetectorKind::HddmW(_));
        let mut plans = Vec::new();
        for found in self.subjects(item, &of.of, sight) {
            let classes = sight.task.is_some_and(|task| task != Task::Regression);
            let wrong = found.subject == Subject::Error && classes;
            let share = wrong || found.subject == Subject::Score && sight.task == Some(Task::BinaryClassification);
            let message = if matches!(found.kind, "string" | "timestamp") {
                format!("`{name}` watches numbers, and `{}` is `{}`", found.name, found.kind)
            } else if mistakes && !wrong {
                format!("`{name}` watches mistakes, which are 0 or 1, and `{}` is a number", found.name)
            } else if bounded && !share {
                format!("`{name}` watches numbers from 0 to 1, and `{}` may be any", found.name)
            } else {
                plans.push(item.plan(found, of.then, Kind::Detected { detector: detector.clone(), quiet: of.quiet }));
                continue;
            };
            self.wrong_with_help(found.at, message, "for any numbers there are `adwin`, `kswin` and `page_hinkley`");
        }
        plans
    }

    /// What is the same for all comparisons.
    fn common(&mut self, item: &Item<'_>, common: &Common<'_>, sight: &Sight<'_>) {
        self.action(item, common.then, sight);
        if matches!(common.window, Window::Time(_)) && !sight.time {
            let help = "name the column of event time: `time: …` under `input`";
            let message = "the window is one of event time, and there is none";
            self.wrong_with_help(item.below(&["window"]), message, help);
        }
        if common.by.is_some() && matches!(common.reference, Reference::File(_)) {
            let message = "a reference in a file does not tell rows apart `by` a column";
            self.wrong_with_help(item.below(&["by"]), message, "leave it out, or use `reference: {first: …}`");
        }
    }

    fn action(&mut self, item: &Item<'_>, then: Action, sight: &Sight<'_>) {
        match then {
            Action::ResetModel if !sight.learns => {
                let message = "no model learns here that could be reset";
                self.wrong_with_help(item.below(&["then"]), message, "use `then: alarm`");
            }
            Action::PromoteCandidate if !sight.candidates => {
                let message = "there is no candidate here: one is tried beside a model from a file that decides alone, in a \
                               consumer group";
                let help = "use `then: alarm`; `gristmill model shadow` tries a model where there can be one";
                self.wrong_with_help(item.below(&["then"]), message, help);
            }
            _ => {}
        }
    }

    /// Every feature that a measure compares.
    fn features_for(&mut self, measure: Measure, item: &Item<'_>, sight: &Sight<'_>) -> Vec<Found> {
        let found = |column: &usize| {
            let (name, kind) = self.seen(*column, sight)?;
            let fits = values_of(measure, kind).is_some_and(|values| measure.takes(values));
            fits.then(|| Found { name, subject: Subject::Column(*column), kind, at: item.at.clone() })
        };
        let all: Vec<Found> = sight.features.iter().filter_map(found).collect();
        if all.is_empty() && !sight.features.is_empty() {
            let message = format!("`{}` compares none of the features", item.written.name());
            self.wrong_with_help(item.at.clone(), message, "name what it watches: `of: …`");
        }
        all
    }

    /// The name and the type of a column, computed ones included.
    fn seen(&self, column: usize, sight: &Sight<'_>) -> Option<(String, &'static str)> {
        match self.known.get(column) {
            Some((name, kind)) => Some((name.clone(), kind.name())),
            None => {
                let (place, computed) = (column - self.known.len(), sight.computed?);
                Some((computed.items.get(place)?.name.clone(), computed.type_of(place)))
            }
        }
    }

    /// What these names mean.
    fn subjects(&mut self, item: &Item<'_>, names: &Names, sight: &Sight<'_>) -> Vec<Found> {
        let mut found = Vec::new();
        for (index, name) in names.0.iter().enumerate() {
            let at = item.below(&["of", &index.to_string()]);
            if names.0.iter().take(index).any(|other| other == name) {
                self.wrong(at, format!("`{name}` is listed twice"));
                continue;
            }
            let made = sight.computed.and_then(|computed| computed.items.iter().position(|made| made.name == *name));
            let column = self.known.iter().position(|(known, _)| known == name);
            let column = column.or_else(|| made.map(|made| self.known.len() + made));
            let (subject, kind) = match (name.as_str(), column) {
                ("score", _) => (Subject::Score, "float64"),
                ("error", _) => {
                    self.error_is_known(&at, sight);
                    (Subject::Error, "float64")
                }
                (_, Some(column)) => match self.seen(column, sight) {
                    Some((_, kind)) => (Subject::Column(column), kind),
                    None => continue,
                },
                (_, None) => {
                    self.not_seen(name, at, sight);
                    continue;
                }
            };
            found.push(Found { name: name.clone(), subject, kind, at });
        }
        found
    }

    fn not_seen(&mut self, name: &str, at: Path, sight: &Sight<'_>) {
        let made = sight.computed.iter().flat_map(|computed| &computed.items).map(|made| made.name.clone());
        let mut known: Vec<String> = self.known.iter().map(|(name, _)| name.clone()).chain(made).collect();
        known.extend(["score".to_string(), "error".to_string()]);
        let message = with_nearest(format!("no column or feature `{name}`"), name, known.iter().map(String::as_str));
        self.wrong_with_help(at, message, format!("what can be watched: {}", known.join(", ")));
    }

    fn error_is_known(&mut self, at: &Path, sight: &Sight<'_>) {
        if sight.task == Some(Task::Clustering) {
            let message = "a model that finds clusters makes no errors that could be watched";
            self.wrong_with_help(at.clone(), message, "watch `score` or features");
        } else if self.pipeline.label.is_none() && !sight.labelled {
            let message = "without a `label` nobody knows the `error`";
            self.wrong_with_help(at.clone(), message, "add `label: {column: …}`, or watch `score` or features");
        }
    }

    /// The file with the reference, if there is one.
    fn profiles(&mut self, item: &Item<'_>, reference: &Reference, sight: &Sight<'_>) -> Option<Profiles> {
        let Reference::File(file) = reference else { return None };
        match (sight.files)(file).and_then(|bytes| Profiles::read(&bytes)) {
            Ok(profiles) => Some(profiles),
            Err(why) => {
                let help = "it is JSON: for each column `{\"rows\": …, \"missing\": …, \"values\": […]}`, or `{\"counts\": {…}}`";
                let message = format!("the reference `{file}` cannot be read: {why}");
                self.wrong_with_help(item.below(&["reference", "file"]), message, help);
                None
            }
        }
    }

    /// Where the reference of something comes from; none where a mistake was reported.
    fn reference(
        &mut self,
        found: &Found,
        values: Values,
        written: &Reference,
        profiles: Option<&Profiles>,
    ) -> Option<Source> {
        let profiles = match written {
            Reference::Previous => return Some(Source::Previous),
            Reference::First(rows) => return Some(Source::First(*rows)),
            Reference::File(_) => profiles?,
        };
        let Some(profile) = profiles.each.get(&found.name) else {
            let known = profiles.each.keys().map(String::as_str);
            let message = format!("the reference has no `{}`", found.name);
            let message = with_nearest(message, &found.name, known);
            self.wrong_with_help(
                found.at.clone(),
                message,
                "save it from training, too, or watch it in a list of its own",
            );
            return None;
        };
        if let Some(why) = profile.unfit(values) {
            self.wrong(found.at.clone(), format!("the reference of `{}` {why}", found.name));
            return None;
        }
        Some(Source::Saved(Arc::new(profile.clone()), profiles.digest))
    }

    /// Outputs of events, and watches without one.
    pub(super) fn alarms_are_told(&mut self, outputs: &[OutputPlan]) {
        let told = outputs.iter().find(|output| output.events);
        // A watch with a mistake may have been taken out.
        let written = self.document.place(&path(["watch"])) != self.document.place(&Path::new());
        if written && self.pipeline.watch.is_empty() {
            return;
        }
        if let Some(output) = told.filter(|_| self.pipeline.watch.is_empty()) {
            let message = format!("output `{}` takes events, and nothing here makes any", output.name);
            self.wrong_with_help(
                path(["outputs", &output.name, "events"]),
                message,
                "add `watch: […]`, or leave it out",
            );
        } else if told.is_none() && !self.pipeline.watch.is_empty() {
            let message = "`watch` raises alarms that are only counted in the report: `events: true` under an output writes \
                           them there";
            self.warnings.push(message.into());
        }
    }
}

impl Item<'_> {
    fn plan(&self, found: Found, then: Action, kind: Kind) -> WatchPlan {
        WatchPlan {
            name: format!("{}[{}]", self.written.name(), found.name),
            written: self.written.of_one(&found.name),
            of: found.name,
            subject: found.subject,
            then,
            kind,
        }
    }
}

/// A rule's name, and the same with its subject, as reports have it.
fn named(rule: &crate::clean::Clean) -> (String, String) {
    let (name, subject) = (rule.name().to_string(), rule.settings().subject());
    let full = if subject.is_empty() { name.clone() } else { format!("{name}[{subject}]") };
    (name, full)
}

/// How values of a type are compared; none if they are not.
fn values_of(measure: Measure, kind: &str) -> Option<Values> {
    match kind {
        "string" | "boolean" => Some(Values::Categories),
        "int64" if matches!(measure, Measure::ChiSquare | Measure::NewCategories) => Some(Values::Categories),
        "timestamp" => None,
        _ => Some(Values::Numbers),
    }
}
