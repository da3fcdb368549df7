//! A watch at work: what it counts, whether its alarm is raised, and how its alarms were graded.

use gristmill_learn::distance::Values;
use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};

use super::alarm::{self, Event, Origin};
use super::compare::Compared;
use super::detect::{Detected, Told};
use super::grade::{Errors, Mark};
use super::plan::Kind;
use super::taken::{Moment, Taken};
use super::{Subject, WatchPlan};

#[derive(Debug)]
enum Means {
    Compared(Box<Compared>),
    Detected(Box<Detected>),
}

/// A watch of one thing, with its state.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) plan: WatchPlan,
    means: Means,
    /// Whether its alarm is raised; since when.
    raised: bool,
    since: Mark,
    /// Where what is counted now began: a window, or what a detector warned of.
    mark: Mark,
    /// The last alarm while it is not graded.
    ungraded: Option<Mark>,
    pub(super) alarms: u64,
    pub(super) right: u64,
    pub(super) wrong: u64,
}

/// What watchers share.
pub(super) struct Around<'a> {
    pub(super) origin: &'a Origin,
    pub(super) errors: &'a Errors,
    pub(super) at: Moment,
}

impl Watcher {
    pub(super) fn new(plan: &WatchPlan) -> Self {
        let means = match &plan.kind {
            Kind::Compared(comparing) => Means::Compared(Box::new(Compared::new(comparing))),
            Kind::Detected { detector, quiet } => Means::Detected(Box::new(Detected::new(detector, *quiet))),
        };
        Self {
            plan: plan.clone(),
            means,
            raised: false,
            since: Mark::default(),
            mark: Mark::default(),
            ungraded: None,
            alarms: 0,
            right: 0,
            wrong: 0,
        }
    }

    /// Forgets what it knows of a model that is gone; what it has told stays counted, and an alarm that is raised
    /// without it is over.
    pub(super) fn start_over(&mut self) {
        let Self { alarms, right, wrong, ungraded, .. } = self;
        let (alarms, right, wrong, ungraded) = (*alarms, *right, *wrong, ungraded.take());
        *self = Self { alarms, right, wrong, ungraded, ..Self::new(&self.plan) };
    }

    /// Whether it is about the model.
    pub(super) fn is_of_model(&self) -> bool {
        matches!(self.plan.subject, Subject::Score | Subject::Error)
    }

    /// How its values are compared.
    pub(super) fn values(&self) -> Values {
        match &self.means {
            Means::Compared(compared) => compared.plan.values,
            Means::Detected(_) => Values::Numbers,
        }
    }

    /// The column by whose values it tells rows apart.
    pub(super) fn by(&self) -> Option<usize> {
        match &self.means {
            Means::Compared(compared) => compared.plan.by.as_ref().map(|(_, column)| *column),
            Means::Detected(_) => None,
        }
    }

    /// Takes a value in.
    pub(super) fn take(
        &mut self,
        value: &Taken<'_>,
        segment: Option<&str>,
        around: &Around<'_>,
        told: &mut Vec<Event>,
    ) {
        match &mut self.means {
            Means::Compared(compared) => {
                if compared.is_over(around.at.time) {
                    self.close(around, told);
                }
                self.open_and_count(value, segment, around);
                if matches!(&self.means, Means::Compared(compared) if compared.is_full()) {
                    self.close(around, told);
                }
            }
            Means::Detected(_) => {
                // A detector passes over what is missing.
                if let Taken::Number(number) = value {
                    self.detect(*number, around, told);
                }
            }
        }
    }

    fn open_and_count(&mut self, value: &Taken<'_>, segment: Option<&str>, around: &Around<'_>) {
        let Means::Compared(compared) = &mut self.means else { return };
        if compared.is_empty() {
            self.mark = Mark::new(around.at, around.errors);
        }
        compared.count(value, segment, around.at.time);
    }

    /// A window has ended: an alarm may be raised or cleared.
    fn close(&mut self, around: &Around<'_>, told: &mut Vec<Event>) {
        let Means::Compared(compared) = &mut self.means else { return };
        if let Some((size, threshold)) = compared.judged() {
            let clear = threshold * compared.plan.limit.clear_below;
            if !self.raised && size > threshold {
                self.since = self.mark.clone();
                let fields = alarm::compared(&self.plan, compared, (size, threshold), &self.since);
                compared.advance();
                return self.raise(fields, around, told);
            }
            if self.raised && size <= clear {
                self.raised = false;
                let fields = alarm::compared(&self.plan, compared, (size, threshold), &self.since);
                told.push(around.origin.event(&self.plan, "cleared", around.at, fields));
            }
        }
        compared.advance();
    }

    fn detect(&mut self, value: f64, around: &Around<'_>, told: &mut Vec<Event>) {
        let Means::Detected(detected) = &mut self.means else { return };
        let warned = detected.is_warned();
        match detected.add(value) {
            Told::Begins => self.mark = Mark::new(around.at, around.errors),
            Told::Changed => {
                if !warned {
                    self.mark = Mark::new(around.at, around.errors);
                }
                let new = !self.raised;
                if new {
                    self.since = self.mark.clone();
                }
                let fields = alarm::detected(detected, &self.since);
                detected.start_over();
                if new {
                    self.raise(fields, around, told);
                }
            }
            Told::Quiet if self.raised => {
                self.raised = false;
                let fields = alarm::detected(detected, &self.since);
                told.push(around.origin.event(&self.plan, "cleared", around.at, fields));
            }
            Told::Quiet | Told::Nothing => {}
        }
    }

    fn raise(&mut self, fields: serde_json::Value, around: &Around<'_>, told: &mut Vec<Event>) {
        self.raised = true;
        self.alarms += 1;
        self.ungraded = Some(self.since.clone());
        told.push(around.origin.event(&self.plan, "raised", around.at, fields));
    }

    /// Takes the error of a row in: of what is open, and of the last alarm.
    pub(super) fn labelled(&mut self, error: f64, scored: Option<i64>, around: &Around<'_>, told: &mut Vec<Event>) {
        self.mark.labelled(error, scored);
        let Some(mark) = &mut self.ungraded else { return };
        mark.labelled(error, scored);
        let Some(was_true) = mark.grade() else { return };
        *(if was_true { &mut self.right } else { &mut self.wrong }) += 1;
        let fields = alarm::graded(mark, was_true);
        told.push(around.origin.event(&self.plan, "graded", around.at, fields));
        self.ungraded = None;
    }
}

const NAME: &str = "watch";

impl Stateful for Watcher {
    fn save(&self, to: &mut StateWriter) {
        to.begin(NAME, 1);
        match &self.means {
            Means::Compared(compared) => compared.save(to),
            Means::Detected(detected) => detected.save(to),
        }
        self.raised.save(to);
        self.since.save(to);
        self.mark.save(to);
        self.ungraded.save(to);
        [self.alarms, self.right, self.wrong].into_iter().for_each(|count| to.u64(count));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(NAME, 1)?;
        match &mut self.means {
            Means::Compared(compared) => compared.load(from)?,
            Means::Detected(detected) => detected.load(from)?,
        }
        self.raised.load(from)?;
        self.since.load(from)?;
        self.mark.load(from)?;
        self.ungraded.load(from)?;
        (self.alarms, self.right, self.wrong) = (from.u64()?, from.u64()?, from.u64()?);
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + match &self.means {
                Means::Compared(compared) => compared.size(),
                Means::Detected(detected) => detected.size(),
            }
    }
}
