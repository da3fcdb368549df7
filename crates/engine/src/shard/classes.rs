//! The classes of a classification and their names.

use gristmill_learn::{LearnError, StateError, StateReader, StateWriter, Stateful, Task, Truth};

use gristmill_models::Output;
use serde_json::{Map, Value, json};

use crate::plan::Plan;
use crate::plan::definition::{Definition, given, typed};
use crate::resources::Resources;
use crate::rows::{Cell, Partition};
use crate::section::{Section, is_a_part};

/// Two classes: the document names the positive one; the other is named by the document too, or by the first other
/// value seen. Any number of classes: named in the order in which they appear. A pretrained model provides the names of
/// its classes.
#[derive(Debug, Clone)]
pub(super) struct Classes {
    /// Any number of classes, by their index.
    pub(super) names: Vec<String>,
    pub(super) positive: String,
    pub(super) negative: String,
    /// Whether `negative` is settled; until then it reads `not …`.
    settled: bool,
    /// Whether the document names both, so that a third value is a mistake.
    fixed: bool,
    /// Whether there are two although the document names neither, so that a third value is a mistake, too.
    assumed: bool,
}

impl Classes {
    pub(super) fn new(plan: &Plan) -> Self {
        let label = plan.label.as_ref();
        // A learner after it names its own.
        let alone = plan.scoring.as_ref().filter(|_| plan.model.is_empty());
        let brought = alone.map(|scoring| &scoring.model.signature().output);
        let both = match brought {
            Some(Output::Probability([negative, positive]) | Output::Margin([negative, positive]))
                if label.is_none() =>
            {
                Some((positive, negative))
            }
            _ => None,
        };
        let names = match brought {
            Some(Output::Probabilities(names) | Output::Margins(names)) => names.clone(),
            _ => Vec::new(),
        };
        let positive = both.map_or(label.map_or("true", |label| &label.positive), |both| both.0).to_string();
        let fixed = both.map(|both| both.1.clone()).or_else(|| label.and_then(|label| label.negative.clone()));
        let negative = fixed.clone().unwrap_or_else(|| format!("not {positive}"));
        Self {
            names,
            positive,
            negative,
            settled: fixed.is_some(),
            fixed: fixed.is_some(),
            assumed: plan.assumes_positive,
        }
    }

    /// Why a label is refused: it is a third value of two fixed ones.
    pub(super) fn refuse(&self, cell: Cell<'_>) -> Option<String> {
        let (positive, negative) = (&self.positive, &self.negative);
        let known = !(self.fixed || self.assumed && self.settled)
            || cell.is_missing()
            || self.is(cell, positive)
            || self.is(cell, negative);
        let help = if self.fixed {
            String::new()
        } else {
            format!(
                ": this model tells two classes apart. Write `positive: {positive}` under `label` for `{positive}` against \
                 all others, or use a learner of any number of classes"
            )
        };
        (!known).then(|| format!("the label is `{}`, neither `{positive}` nor `{negative}`{help}", cell.text()))
    }

    /// The class of a label, up to the number of classes that the model distinguishes; an error beyond it.
    pub(super) fn named(&mut self, cell: Cell<'_>, limit: u32) -> Result<Option<Truth>, String> {
        if cell.is_missing() {
            return Ok(None);
        }
        let name = cell.text();
        let index = self.names.iter().position(|known| *known == *name);
        let Some(index) = index.or_else(|| (self.names.len() < limit as usize).then_some(self.names.len())) else {
            let (label, known) = (cell.text(), self.names.join("` and `"));
            return Err(match limit {
                2 => format!(
                    "the label is `{label}`, and this model tells two classes apart, `{known}`: use a learner of any number \
                     of classes, or `one_vs_rest` around it"
                ),
                _ => format!("the label is `{label}`, and there are {limit} other classes already"),
            });
        };
        if index == self.names.len() {
            self.names.push(name.into_owned());
        }
        Ok(Some(Truth::Class(index as u32)))
    }

    /// The name of a class.
    pub(super) fn name(&self, task: Task, class: u32) -> &str {
        match (task, class) {
            (Task::Classification, class) => self.names.get(class as usize).map_or("", |name| name),
            (_, 1) => &self.positive,
            _ => &self.negative,
        }
    }

    /// The names of the classes, by their index; none without classification.
    pub(super) fn of(&self, task: Task) -> Vec<&str> {
        match task {
            Task::Classification => self.names.iter().map(String::as_str).collect(),
            Task::BinaryClassification => vec![&self.negative, &self.positive],
            _ => Vec::new(),
        }
    }

    /// The index of a class by its name; none if there is no such class yet.
    pub(super) fn index(&self, task: Task, name: &str) -> Option<u32> {
        self.of(task).iter().position(|known| *known == name).map(|index| index as u32)
    }

    /// The current names, if the next label may settle one of them.
    pub(super) fn unsettled(&self, plan: &Plan) -> Option<Self> {
        let may = plan.output.task == Task::BinaryClassification && plan.label.is_some() && !self.settled;
        may.then(|| self.clone())
    }

    /// Whether a name has been settled since.
    pub(super) fn settled_since(&self, before: &Self) -> bool {
        self.settled && !before.settled
    }

    /// The class of a label; none if it is missing; an error if it is refused.
    pub(super) fn truth(&mut self, cell: Cell<'_>) -> Result<Option<Truth>, String> {
        if cell.is_missing() {
            return Ok(None);
        }
        if self.is(cell, &self.positive) {
            return Ok(Some(Truth::Class(1)));
        }
        if let Some(message) = self.refuse(cell) {
            return Err(message);
        }
        if !self.settled {
            self.negative = cell.text().into_owned();
            self.settled = true;
        }
        Ok(Some(Truth::Class(0)))
    }

    fn is(&self, cell: Cell<'_>, class: &str) -> bool {
        match cell {
            Cell::String(text) => text == class,
            Cell::Boolean(value) => class == if value { "true" } else { "false" },
            Cell::Int64(value) => class.parse() == Ok(value),
            Cell::Float64(value) => class.parse() == Ok(value),
            Cell::Timestamp(_) | Cell::Missing => false,
        }
    }
}

impl Section for Classes {
    fn open(plan: &Plan, _: &Resources, _: &Partition) -> Result<Self, LearnError> {
        Ok(Self::new(plan))
    }

    fn define(plan: &Plan, _: &mut Map<String, Value>) -> Vec<Definition> {
        let label = plan.label.as_ref().map(|label| {
            given(json!({
                "column": typed(&label.column),
                "positive": Some(&label.positive).filter(|class| !class.is_empty()),
                "negative": label.negative,
                "delay": label.delay(),
                "wait": label.input().map(|input| input.wait),
                "otherwise": label.input().and_then(|input| input.otherwise.as_deref()),
            }))
        });
        vec![match plan.shards() {
            1 => Definition::new("label", &given(json!({"label": label}))),
            shards => {
                let cut = json!({"label": label, "key": plan.named(plan.key), "shards": shards});
                Definition::new("shards and label", &given(cut))
            }
        }]
    }

    is_a_part!();
}

const NAME: &str = "classes";

impl Stateful for Classes {
    fn save(&self, to: &mut StateWriter) {
        to.begin(NAME, 1);
        to.text(&self.negative);
        to.u64(u64::from(self.settled));
        self.names.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(NAME, 1)?;
        self.negative = from.text()?.to_string();
        self.settled = from.u64()? == 1;
        self.names.load(from)
    }

    fn size(&self) -> usize {
        self.positive.capacity() + self.negative.capacity() + self.names.size()
    }
}
