//! Checks the features: columns, and SQL expressions.

use gristmill_learn::{Kind, Signature};
use gristmill_sql::{Column, Item, Mistake, Program, Setting};

use super::Checker;
use crate::document::{Path, Problem, path};
use crate::expression::explained;
use crate::plan::{Computed, InputPlan};
use crate::spec::{ColumnType, Feature};

/// The columns that the model sees, and those that are computed.
type Features = (Vec<usize>, Option<Computed>);

impl Checker<'_> {
    /// The features, by the number of the column; computed ones follow the last column of the input.
    pub(super) fn features(&mut self, input: Option<&InputPlan>, [key, time]: [Option<usize>; 2]) -> Features {
        let columns = self.known.len();
        let (mut found, mut items, mut places) = (Vec::new(), Vec::new(), Vec::new());
        let features: &[Feature] = &self.pipeline.features;
        for (index, Feature { name, expression }) in features.iter().enumerate() {
            let at = path(["features", &index.to_string()]);
            let twice = features.iter().take(index).any(|other| other.name == *name);
            let label = self.pipeline.label_in_row() == Some(name);
            if twice {
                self.wrong(at, format!("the feature `{name}` is listed twice"));
            } else if let Some(expression) = expression {
                // A feature with the name of a column replaces it only for the model.
                if matches!(name.as_str(), "score" | "prediction") {
                    self.wrong(at, format!("`{name}` has another meaning already: give the expression another name"));
                } else if let Some(role) = self.role(name, time) {
                    let help = "give the expression another name";
                    self.wrong_with_help(at, format!("`{name}` is the {role}, and cannot be a feature, too"), help);
                }
                found.push(columns + items.len());
                items.push(Item::new(name, expression));
                places.push(index);
            } else if let Some(item) = items.iter().position(|item| item.name == *name) {
                found.push(columns + item);
            } else if let Some(column) = self.column(Some(name), at.clone()) {
                if label {
                    let help = "a model that sees the answer learns nothing";
                    self.wrong_with_help(at, format!("the label `{name}` cannot be a feature"), help);
                } else {
                    found.push(column);
                }
            }
        }
        if items.is_empty() {
            return (found, None);
        }
        let setting = self.setting(input, key, time);
        match self.compiled(&setting, items, &places) {
            Some(computed) => (found, Some(computed)),
            None => (Vec::new(), None),
        }
    }

    /// What a computed feature is called in expressions, conditions and outputs, where the name of a column means the
    /// column.
    pub(super) fn called(&self, name: &str) -> String {
        let hidden = self.known.iter().any(|(known, _)| known == name);
        if hidden { format!("features.{name}") } else { name.to_string() }
    }

    /// Compiles the computed features, which stand at these places among all.
    fn compiled(&mut self, setting: &Setting, items: Vec<Item>, places: &[usize]) -> Option<Computed> {
        let compiled: Vec<Item> = items.iter().map(|item| Item::new(self.called(&item.name), &item.text)).collect();
        match Program::compile(setting, &compiled) {
            Ok(program) => Some(Computed { items, program }),
            Err(mistakes) => {
                for mistake in mistakes {
                    if let (Some(item), Some(place)) = (items.get(mistake.item), places.get(mistake.item)) {
                        let at = path(["features", &place.to_string(), &item.name]);
                        self.mistaken(&at, Some(item.text.len()), mistake);
                    }
                }
                None
            }
        }
    }

    /// The other role of a column that a feature cannot replace.
    fn role(&self, name: &str, time: Option<usize>) -> Option<&'static str> {
        let input = &self.pipeline.input;
        let label = self.pipeline.label_in_row() == Some(name);
        let time = time.and_then(|time| self.known.get(time)).is_some_and(|(time, _)| time == name);
        let roles =
            [(label, "label"), (time, "time of the rows"), (input.id.as_deref() == Some(name), "id of the rows")];
        roles.into_iter().find(|(is, _)| *is).map(|(_, role)| role)
    }

    fn setting(&self, input: Option<&InputPlan>, key: Option<usize>, time: Option<usize>) -> Setting {
        let label = self.pipeline.label_in_row();
        let column = |(name, kind): &(String, ColumnType)| Column {
            name: name.clone(),
            kind: kind.sql(),
            delay: (label == Some(name)).then(|| self.delay().unwrap_or(-1)),
        };
        let columns = self.known.iter().map(column).collect();
        let partitioned = input.is_some_and(|input| input.shared() || input.shards() > 1);
        Setting { columns, time, key, partitioned, ..Setting::default() }
    }

    /// Reports a mistake of an expression at its place in the document; in it, if its length is known.
    pub(super) fn mistaken(&mut self, at: &Path, length: Option<usize>, mistake: Mistake) {
        let place = self.within(at, length.unwrap_or(0), length.map(|_| (mistake.from, mistake.to)));
        let (message, help) = explained(mistake);
        self.problems.push(Problem { place, message, help });
    }

    /// Text is categories, everything else is numbers.
    pub(super) fn signature(&self, features: &[usize], computed: Option<&Computed>) -> Signature {
        let columns = self.known.len();
        let text = |feature: &usize| match self.kind(*feature) {
            Some(kind) => matches!(kind, ColumnType::String(_)),
            None => computed.is_some_and(|computed| computed.type_of(feature - columns) == "string"),
        };
        Signature::new(
            features.iter().map(|feature| if text(feature) { Kind::Nominal } else { Kind::Numeric }).collect(),
        )
    }
}
