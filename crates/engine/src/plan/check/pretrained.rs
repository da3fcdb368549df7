//! Checks a pretrained model: its inputs against the features, its output against the label.

use gristmill_learn::{Kind, Signature, Task};
use gristmill_models::{Input, InputKind, Output};

use super::Checker;
use crate::document::path;
use crate::plan::LabelPlan;
use crate::pretrained::{ModelFiles, Pretrained, Reading, Scoring};
use crate::spec::{ColumnType, ModelFile, PythonModel, PythonOutput, Step};

impl Checker<'_> {
    /// The pretrained model of the document, if there is one.
    pub(super) fn scoring(&mut self, files: ModelFiles<'_>) -> Option<Scoring> {
        let steps = &self.pipeline.model;
        let index = steps.iter().position(|step| step.component().is_none())?;
        let again = steps.iter().skip(index + 1).position(|step| step.component().is_none());
        if index > 0 || again.is_some() {
            let at = path(["model", &again.map_or(index, |again| again + index + 1).to_string()]);
            let message = "a model from a file or from Python comes first in `model`, and there is one";
            let help = "what prepares its features is part of it, or an expression under `features`";
            self.wrong_with_help(at, message, help);
            return None;
        }
        match steps.get(index)? {
            Step::Component(_) => None,
            Step::File(file) => self.file(file, index, steps.len() > 1, files),
            Step::Python(python) => self.python(python, index, steps.len() > 1, files),
        }
    }

    fn file(&mut self, file: &ModelFile, step: usize, more: bool, files: ModelFiles<'_>) -> Option<Scoring> {
        let reading = Reading { runtime: file.runtime, rounds: file.rounds };
        let mut pretrained = match Pretrained::read(&file.path, reading, files) {
            Ok(pretrained) => pretrained,
            Err(why) => {
                let at = path(["model", &step.to_string(), "file", "path"]);
                self.wrong(at, format!("cannot read the model {}: {why}", file.path));
                return None;
            }
        };
        if let Some(name) = &file.name {
            pretrained.name.clone_from(name);
        }
        let inputs = self.inputs(&pretrained, &file.path, more)?;
        Some(Scoring { inputs, model: pretrained.into(), python: None, reading })
    }

    fn python(&mut self, python: &PythonModel, step: usize, more: bool, files: ModelFiles<'_>) -> Option<Scoring> {
        let at = |key: &str| path(["model", &step.to_string(), "python", key]);
        let pretrained = match Pretrained::in_python(python, &self.pipeline.features, files) {
            Ok(pretrained) => pretrained,
            Err(why) => {
                self.wrong(at("path"), format!("cannot read the module {}: {why}", python.path));
                return None;
            }
        };
        if self.pipeline.dead_letters.is_none() {
            let message = "a model in Python may fail for a row, and there is no place for such rows";
            self.wrong_with_help(path(["model"]), message, "add `dead_letters: {file: {path: dead.ndjson}}`");
        }
        if python.learn_batch.is_some() && more {
            let message = "a model in Python that learns decides alone, and there are steps behind it";
            self.wrong_with_help(at("learn_batch"), message, "leave out `learn_batch`, or the steps");
        }
        if let PythonOutput::Classes(classes) = &python.output
            && classes.len() < 2
        {
            self.wrong(at("output"), "`classes` names at least two classes");
        }
        let inputs = (0..self.pipeline.features.len()).collect();
        let model = pretrained.into();
        Some(Scoring { inputs, model, python: Some(python.clone()), reading: Reading::default() })
    }

    /// For each input of the model its index among the features: by name, or by position if the model knows none of the
    /// names. `more`: later steps see the other features, too.
    fn inputs(&mut self, pretrained: &Pretrained, file: &str, more: bool) -> Option<Vec<usize>> {
        let names: Vec<&str> = self.pipeline.features.iter().map(|feature| feature.name.as_str()).collect();
        let inputs = &pretrained.signature().inputs;
        let place = |input: &Input| {
            let same = names.iter().position(|name| *name == input.name);
            same.or_else(|| names.iter().position(|name| pretrained.signature().renames(name, &input.name)))
        };
        let by_name: Option<Vec<usize>> = inputs.iter().map(place).collect();
        let fits = inputs.len() == names.len() || more && by_name.is_some();
        if !fits {
            let missing = inputs.iter().filter(|input| place(input).is_none()).map(|input| input.name.as_str());
            let missing: Vec<&str> = missing.take(10).collect();
            let message = format!("the model takes {} inputs, and there are {} features", inputs.len(), names.len());
            let help = match missing.as_slice() {
                [] => "leave out those that it does not know".to_string(),
                names => format!("not among them: {}; `gristmill describe {file}` shows all", names.join(", ")),
            };
            self.wrong_with_help(path(["features"]), message, help);
            return None;
        }
        if by_name.is_none() && inputs.iter().any(|input| place(input).is_some()) {
            self.names_in_part(pretrained, file, &inputs.iter().map(place).collect::<Vec<_>>());
            return None;
        }
        Some(by_name.unwrap_or_else(|| {
            let pairs = inputs.iter().zip(&names).filter(|(input, name)| input.name != **name).take(5);
            let pairs: Vec<String> = pairs.map(|(input, name)| format!("{name} as {}", input.name)).collect();
            self.warnings
                .push(format!("features are given to the model by position, since names differ: {}", pairs.join(", ")));
            (0..names.len()).collect()
        }))
    }

    /// The model knows only some of the features' names: by position, columns might be swapped.
    fn names_in_part(&mut self, pretrained: &Pretrained, file: &str, places: &[Option<usize>]) {
        const SHOWN: usize = 10;
        let quoted = |names: Vec<&str>| {
            let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
            shown.join(", ")
        };
        let inputs = pretrained.signature().inputs.iter().zip(places);
        let unmet: Vec<&str> =
            inputs.filter(|(_, place)| place.is_none()).map(|(input, _)| input.name.as_str()).collect();
        let features = self.pipeline.features.iter().enumerate();
        let unknown = features.filter(|(at, _)| !places.contains(&Some(*at))).map(|(_, feature)| feature.name.as_str());
        let unknown: Vec<&str> = unknown.collect();
        let example = unmet.first().zip(unknown.first());
        let example = example.map_or(String::new(), |(input, feature)| {
            format!(": `{{\"{input}\": '\"{feature}\"'}}` gives `{feature}` the model's name")
        });
        let message = format!(
            "the model knows some of the features by name, but none of its inputs is called {}, and no feature {}",
            quoted(unknown),
            quoted(unmet)
        );
        let help =
            format!("call the features as the model does{example}; `gristmill describe {file}` shows its inputs");
        self.wrong_with_help(path(["features"]), message, help);
    }

    /// Whether the features can be its inputs.
    pub(super) fn inputs_fit(&mut self, scoring: &Scoring, signature: &Signature) {
        if let Some(python) = &scoring.python {
            // It accepts any column; what it learns from is stored as numbers.
            if python.learn_batch.is_some() && signature.kinds().contains(&Kind::Nominal) {
                let message = "a model in Python learns from numbers, and a feature here is text";
                let help = "make numbers of it with an expression, or leave out `learn_batch`";
                self.wrong_with_help(path(["features"]), message, help);
            }
            return;
        }
        for (input, place) in scoring.model.signature().inputs.iter().zip(&scoring.inputs) {
            let kind = signature.kinds().get(*place).copied().unwrap_or(Kind::Numeric);
            if let Some((why, help)) = unfit(input, kind) {
                self.wrong_with_help(path(["features"]), format!("`{}` {why}", input.name), help);
            }
        }
    }

    /// The inputs of steps after the model: the features, then its outputs.
    pub(super) fn behind(scoring: &Scoring, signature: &Signature) -> Signature {
        let said = scoring.model.signature().output.width();
        Signature::new(signature.kinds().iter().copied().chain((0..said).map(|_| Kind::Numeric)).collect())
    }

    /// The index of the label's positive class among the model's classes: the one with its name, or the one that is not
    /// the negative one; 1 if names do not decide.
    pub(super) fn positive_class(&mut self, pretrained: &Pretrained, label: Option<&LabelPlan>) -> u32 {
        let (Output::Probabilities(classes), Some(label)) = (&pretrained.signature().output, label) else { return 1 };
        let place = |name: &str| classes.iter().position(|class| same_class(class, name));
        let other = |negative: &str| place(negative).filter(|_| classes.len() == 2).map(|place| 1 - place);
        let found = place(&label.positive).or_else(|| other(label.negative.as_deref()?));
        if found.is_none() && !label.positive.is_empty() {
            let (positive, second) = (&label.positive, classes.get(1).map_or("none", |class| class));
            let message = format!(
                "the model's classes are {}: none is called `{positive}`, so `{second}`, the second, is taken for it",
                classes.join(", ")
            );
            self.warnings.push(message);
        }
        found.unwrap_or(1) as u32
    }

    /// The model's task if no step follows it.
    pub(super) fn pretrained_task(&mut self, pretrained: &Pretrained) -> Option<Task> {
        if !self.pipeline.augment.is_empty() {
            let message = "`augment` is about what is learned from, and a model from a file does not learn";
            self.wrong(path(["augment"]), message);
        }
        let label = self.pipeline.label.as_ref();
        let positive = label.and_then(|label| label.positive.as_deref());
        let column = self.pipeline.label_type();
        let number = matches!(column, Some(ColumnType::Int64(_) | ColumnType::Float64(_)));
        let boolean = matches!(column, Some(ColumnType::Boolean(_)));
        match (&pretrained.signature().output, positive) {
            (Output::Values(count), _) if *count > 1 => {
                let message = format!("the model gives {count} values for a row, and a score is one");
                let at = path(["model"]);
                let help = "train a model for each of them, or put a learner behind it that learns from them";
                self.wrong_with_help(at, message, help);
            }
            (Output::Probability([negative, other]) | Output::Margin([negative, other]), Some(positive))
                if positive == negative =>
            {
                let message = format!("the model's score is about `{other}`, not about `{positive}`");
                let help = format!("write `positive: {other}`");
                self.wrong_with_help(path(["label", "positive"]), message, help);
            }
            (Output::AnomalyScore, None) if number => {
                let message = "which value of the label is an anomaly?";
                let help = "add `positive: …` to the label; scikit-learn's own label of an outlier is -1";
                self.wrong_with_help(path(["label"]), message, help);
            }
            (Output::Probabilities(classes) | Output::Margins(classes), _)
                if classes.len() > 2 && (boolean || positive.is_some()) =>
            {
                let message = format!("the model knows {} classes, and this label has two", classes.len());
                self.wrong(path(["label"]), message);
            }
            _ => {}
        }
        pretrained.task()
    }
}

/// Whether two names mean the same class: `True` is true, and 1.0 is 1.
fn same_class(one: &str, other: &str) -> bool {
    let number = |name: &str| name.parse::<f64>().ok();
    one.eq_ignore_ascii_case(other) || number(one).is_some_and(|one| number(other) == Some(one))
}

/// Why a column cannot be a model's input.
fn unfit(input: &Input, kind: Kind) -> Option<(String, &'static str)> {
    const DECLARE: &str = "declare the column with the type that the model was trained with";
    match (&input.kind, kind) {
        (InputKind::Number | InputKind::Code, Kind::Nominal) => {
            Some(("is a number in the model, and text here".into(), DECLARE))
        }
        (InputKind::Category(names), Kind::Numeric) if !input.takes_numbers() => {
            let shown: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
            let why = format!("is one of the categories {} … in the model, and no text here", shown.join(", "));
            Some((why, "declare the column as `string`"))
        }
        _ => None,
    }
}
