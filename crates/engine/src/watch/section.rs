//! The watches of a shard.

use std::collections::VecDeque;

use gristmill_learn::{LearnError, Stateful};
use serde_json::{Map, Value, json};

use super::alarm::{Event, Origin};
use super::grade::Errors;
use super::watcher::{Around, Watcher};
use super::{Kind, Moment, Source, Subject, Taken, WatchPlan};
use crate::plan::Plan;
use crate::plan::definition::{Definition, given, shortest, typed};
use crate::resources::Resources;
use crate::rows::{Cell, Partition, Rows};
use crate::section::{Counted, Figure, Section};

static ALARMS: Figure = Figure::summed("alarms", "alarms", |alarms| format!("{} of {}", alarms.count, alarms.of));
/// How many of the alarms were right, as far as labels tell.
static GRADES: Figure = Figure::summed("alarm_grades", "", |alarms| {
    let why = match alarms.of.as_str() {
        "true" => "the error was higher after them",
        "false" => "the error was not higher after them",
        _ => "there are not enough labels",
    };
    format!("{} {}: {why}", alarms.count, alarms.of)
});

/// All watches, and what they have to tell.
pub(crate) struct Watching {
    watchers: Vec<Watcher>,
    /// Where there are labels to know errors by.
    errors: Option<Errors>,
    origin: Origin,
    /// Events of rows that are being folded in, and what rules have made of those to come; none of it is left between
    /// blocks, so it is not saved.
    told: Vec<Event>,
    notes: VecDeque<(usize, bool, Moment)>,
}

/// A row when it has been scored.
pub(crate) struct Seen<'a> {
    pub(crate) rows: &'a Rows,
    pub(crate) row: usize,
    pub(crate) score: f64,
}

impl Seen<'_> {
    fn cell(&self, column: usize) -> Cell<'_> {
        self.rows.columns.get(column).map_or(Cell::Missing, |column| column.cell(self.row))
    }
}

impl Watching {
    /// Whether nothing is watched.
    pub(crate) fn is_idle(&self) -> bool {
        self.watchers.is_empty()
    }

    /// Takes in what is known of a row once it is scored.
    pub(crate) fn scored(&mut self, seen: &Seen<'_>, at: Moment) {
        let Self { watchers, errors, origin, told, .. } = self;
        let none = Errors::default();
        let around = Around { origin, errors: errors.as_ref().unwrap_or(&none), at };
        for watcher in watchers {
            let value = match watcher.plan.subject {
                Subject::Column(column) => Taken::of(seen.cell(column), watcher.values()),
                Subject::Score => Taken::of(Cell::Float64(seen.score), watcher.values()),
                Subject::Error | Subject::Rule(_) => continue,
            };
            let segment = watcher.by().map(|column| seen.cell(column).text());
            watcher.take(&value, segment.as_deref(), &around, told);
        }
    }

    /// Takes in the error of a row whose label is known now. `scored`: the event time of that row.
    pub(crate) fn labelled(&mut self, error: f64, scored: Option<i64>, at: Moment) {
        let Self { watchers, errors: Some(errors), origin, told, .. } = self else { return };
        errors.add(error);
        let around = Around { origin, errors, at };
        for watcher in watchers {
            watcher.labelled(error, scored, &around, told);
            if watcher.plan.subject == Subject::Error {
                watcher.take(&Taken::Number(error), None, &around, told);
            }
        }
    }

    /// Whether a rule is watched.
    pub(crate) fn is_ruled(&self) -> bool {
        self.watchers.iter().any(|watcher| matches!(watcher.plan.subject, Subject::Rule(_)))
    }

    /// Keeps whether a rule fired for a row, until it is the row's turn.
    pub(crate) fn note(&mut self, rule: usize, fired: bool, at: Moment) {
        self.notes.push_back((rule, fired, at));
    }

    /// All of a block is noted.
    pub(crate) fn noted(&mut self) {
        // Of one record in the order of the rules.
        self.notes.make_contiguous().sort_by_key(|(_, _, at)| at.record);
    }

    /// Takes in for which of the records before this one rules have fired.
    fn take_notes_before(&mut self, record: usize) {
        let Self { watchers, errors, origin, told, notes } = self;
        let none = Errors::default();
        while let Some((rule, fired, at)) = notes.front().copied().filter(|(_, _, at)| at.record < record) {
            notes.pop_front();
            let around = Around { origin, errors: errors.as_ref().unwrap_or(&none), at };
            let value = if fired { Taken::Missing } else { Taken::Number(1.0) };
            for watcher in watchers.iter_mut().filter(|watcher| watcher.plan.subject == Subject::Rule(rule)) {
                watcher.take(&value, None, &around, told);
            }
        }
    }

    /// The model is another one from now on.
    pub(crate) fn model_changed(&mut self) {
        self.watchers.iter_mut().filter(|watcher| watcher.is_of_model()).for_each(Watcher::start_over);
    }

    /// What is to be told of the records before this one, in their order.
    pub(crate) fn tell_before(&mut self, record: usize) -> Vec<Event> {
        self.take_notes_before(record);
        std::mem::take(&mut self.told)
    }
}

impl WatchPlan {
    fn definition(&self, plan: &Plan) -> Definition {
        let kind = |column: usize| match plan.columns.get(column) {
            Some(column) => Some(typed(column)),
            None => plan.column(column).map(|(name, kind)| json!([name, kind])),
        };
        let subject = match self.subject {
            Subject::Column(column) => kind(column).unwrap_or_default(),
            Subject::Score | Subject::Error => json!({"task": plan.output.task}),
            Subject::Rule(rule) => plan.clean.get(rule).map(|rule| shortest(&rule.written)).unwrap_or_default(),
        };
        let (saved, by) = match &self.kind {
            Kind::Compared(comparing) => {
                let saved = match &comparing.reference {
                    Source::Saved(_, digest) => Some(format!("{digest:032x}")),
                    Source::First(_) | Source::Previous => None,
                };
                (saved, comparing.by.as_ref().and_then(|(_, column)| kind(*column)))
            }
            Kind::Detected { .. } => (None, None),
        };
        let of = json!({"watch": shortest(&self.written), "of": subject, "by": by, "reference": saved});
        Definition::new(&self.name, &given(of))
    }
}

impl Section for Watching {
    fn open(plan: &Plan, _: &Resources, partition: &Partition) -> Result<Self, LearnError> {
        Ok(Self {
            watchers: plan.watch.iter().map(Watcher::new).collect(),
            errors: plan.knows_errors().then(Errors::default),
            origin: Origin { pipeline: plan.name.to_string(), partition: partition.to_string() },
            told: Vec::new(),
            notes: VecDeque::new(),
        })
    }

    fn define(plan: &Plan, _: &mut Map<String, Value>) -> Vec<Definition> {
        let errors = Definition::new("watched errors", &json!({"task": plan.output.task}));
        let watches = plan.watch.iter().map(|watch| watch.definition(plan));
        watches.chain(plan.knows_errors().then_some(errors)).collect()
    }

    fn parts(&self) -> Vec<&dyn Stateful> {
        let watchers = self.watchers.iter().map(|watcher| watcher as &dyn Stateful);
        watchers.chain(self.errors.iter().map(|errors| errors as &dyn Stateful)).collect()
    }

    fn parts_mut(&mut self) -> Vec<&mut dyn Stateful> {
        let watchers = self.watchers.iter_mut().map(|watcher| watcher as &mut dyn Stateful);
        watchers.chain(self.errors.iter_mut().map(|errors| errors as &mut dyn Stateful)).collect()
    }

    fn counted(&self, _: &Plan) -> Vec<Counted> {
        let mut counted: Vec<Counted> =
            self.watchers.iter().map(|watcher| ALARMS.of(&watcher.plan.name, watcher.alarms)).collect();
        let sum = |of: fn(&Watcher) -> u64| self.watchers.iter().map(of).sum::<u64>();
        let (all, right, wrong) = (sum(|one| one.alarms), sum(|one| one.right), sum(|one| one.wrong));
        if all > 0 {
            let grades = [("true", right), ("false", wrong), ("unknown", all - right - wrong)];
            counted.extend(grades.map(|(grade, count)| GRADES.of(grade, count)));
        }
        counted
    }
}

impl Plan {
    /// Whether something is watched, and rows have labels by which their errors are known.
    fn knows_errors(&self) -> bool {
        !self.watch.is_empty() && self.label.is_some()
    }
}
