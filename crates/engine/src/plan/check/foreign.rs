//! A model from a file: its inputs against the features, its output against the label.

use std::sync::Arc;

use gristmill_learn::{Kind, Signature, Task};
use gristmill_models::{Input, InputKind, Output};

use super::Checker;
use crate::document::path;
use crate::foreign::{Foreign, ModelFiles};
use crate::spec::ColumnType;

impl Checker<'_> {
    /// The model that the document takes from a file, if it does.
    pub(super) fn foreign(&mut self, files: ModelFiles<'_>) -> Option<Arc<Foreign>> {
        let steps = &self.pipeline.model;
        let (index, file) = steps.iter().enumerate().find_map(|(index, step)| Some((index, step.file()?)))?;
        if steps.len() > 1 {
            let help = "what prepares its features is part of its file, or an expression under `features`";
            self.wrong_with_help(path(["model"]), "a model from a file stands alone in `model`", help);
        }
        let at = path(["model", &index.to_string(), "file", "path"]);
        match Foreign::read(&file.path, files) {
            Ok(foreign) => Some(Arc::new(foreign)),
            Err(why) => {
                self.wrong(at, format!("cannot read the model {}: {why}", file.path));
                None
            }
        }
    }

    /// The features in the order of the model's inputs: by name, or by position where the names differ.
    pub(super) fn in_order(&mut self, features: Vec<usize>, foreign: Option<&Arc<Foreign>>) -> Vec<usize> {
        let Some(foreign) = foreign.filter(|_| features.len() == self.pipeline.features.len()) else { return features };
        let names: Vec<&str> = self.pipeline.features.iter().map(|feature| feature.name.as_str()).collect();
        let inputs = &foreign.signature().inputs;
        let place = |input: &Input| names.iter().position(|name| *name == input.name);
        let by_name: Option<Vec<usize>> =
            inputs.iter().map(|input| place(input).and_then(|place| features.get(place).copied())).collect();
        if inputs.len() != features.len() {
            let missing = inputs.iter().filter(|input| place(input).is_none()).map(|input| input.name.as_str());
            let missing: Vec<&str> = missing.take(10).collect();
            let message = format!("the model takes {} inputs, and there are {} features", inputs.len(), features.len());
            let help = match missing.as_slice() {
                [] => "leave out those that it does not know".to_string(),
                names => {
                    format!("not among them: {}; `gristmill describe {}` shows all", names.join(", "), foreign.path)
                }
            };
            self.wrong_with_help(path(["features"]), message, help);
            return features;
        }
        by_name.unwrap_or_else(|| {
            let pairs = inputs.iter().zip(&names).filter(|(input, name)| input.name != **name).take(5);
            let pairs: Vec<String> = pairs.map(|(input, name)| format!("{name} as {}", input.name)).collect();
            self.warnings
                .push(format!("features are given to the model by position, since names differ: {}", pairs.join(", ")));
            features
        })
    }

    /// What the model predicts, once inputs and output are known to fit.
    pub(super) fn foreign_task(&mut self, foreign: &Foreign, signature: &Signature) -> Option<Task> {
        for (input, kind) in foreign.signature().inputs.iter().zip(signature.kinds()) {
            if let Some(why) = unfit(input, *kind) {
                let help = "declare the column with the type that the model was trained with";
                self.wrong_with_help(path(["features"]), format!("`{}` {why}", input.name), help);
            }
        }
        if !self.pipeline.augment.is_empty() {
            let message = "`augment` is about what is learned from, and a model from a file does not learn";
            self.wrong(path(["augment"]), message);
        }
        let label = self.pipeline.label.as_ref();
        let positive = label.and_then(|label| label.positive.as_deref());
        let boolean =
            label.and_then(|label| self.pipeline.input.columns.0.iter().find(|(name, _)| *name == label.column));
        let boolean = boolean.is_some_and(|(_, kind)| matches!(kind, ColumnType::Boolean(_)));
        match (&foreign.signature().output, positive) {
            (Output::Values(count), _) if *count > 1 => {
                let message = format!("the model gives {count} values for a row, and a score is one");
                let at = path(["model"]);
                self.wrong_with_help(at, message, "train a model for each of them");
            }
            (Output::Margin(_) | Output::Margins(_), _) => {
                let message = "the model gives margins, which are no probabilities";
                let help =
                    "train it with probabilities: `SVC(probability=True)`, `CalibratedClassifierCV`, loss `log_loss`";
                self.wrong_with_help(path(["model"]), message, help);
            }
            (Output::Probability([negative, other]), Some(positive)) if positive == negative => {
                let message = format!("the model's score is the probability of `{other}`, not of `{positive}`");
                self.wrong(path(["label", "positive"]), message);
            }
            (Output::Probabilities(classes), _) if classes.len() > 2 && (boolean || positive.is_some()) => {
                let message = format!("the model knows {} classes, and this label has two", classes.len());
                self.wrong(path(["label"]), message);
            }
            _ => {}
        }
        foreign.task()
    }
}

/// Why a column cannot be a model's input.
fn unfit(input: &Input, kind: Kind) -> Option<&'static str> {
    match (&input.kind, kind) {
        (InputKind::Number | InputKind::Code, Kind::Nominal) => Some("is a number in the model, and text here"),
        (InputKind::Category(names), Kind::Numeric) => {
            let numbered = names.iter().enumerate().all(|(code, name)| *name == code.to_string());
            (!numbered).then_some("is one of some categories in the model, and no text here")
        }
        _ => None,
    }
}
