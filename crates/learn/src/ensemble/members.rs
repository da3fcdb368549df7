//! The models of an ensemble, all built alike.

use crate::{
    Built, Component, Features, Labels, Learner, MAX_CLASSES, Predictions, Signature, StateError, StateReader,
    StateWriter, Stateful, Task,
};

/// Learners of one kind.
pub(super) struct Members {
    make: Component,
    signature: Signature,
    pub(super) models: Vec<Box<dyn Learner>>,
    room: Predictions,
}

/// Declares the settings of an ensemble of one model many times.
macro_rules! ensemble_settings {
    ($(#[$doc:meta])* $settings:ident { $($own:tt)* }) => {
        $crate::settings::settings! {
            $(#[$doc])*
            $settings {
                /// The model to repeat: one that predicts classes. Default `hoeffding_tree_classifier`.
                model: Box<$crate::Component> = Box::new($crate::Component::HoeffdingTreeClassifier(Default::default())),
                /// The number of models, 1 to 1,000. Default 10.
                #[schemars(range(min = 1, max = 1000))]
                n_models: usize = 10,
                $($own)*
                /// The seed of everything random. Default 42.
                seed: u64 = 42,
            }
        }

        impl $settings {
            /// Whether the settings are consistent; the error names those that are not.
            pub fn check(&self) -> Result<(), String> {
                $crate::ensemble::members::check(&self.model)
            }
        }
    };
}
pub(super) use ensemble_settings;

/// What a classifier that is an ensemble says of itself: what its members say.
macro_rules! classify_by_members {
    () => {
        fn task(&self) -> $crate::Task {
            $crate::Task::Classification
        }

        fn width(&self) -> usize {
            self.members.width()
        }

        fn takes_nominal(&self) -> bool {
            self.members.takes_nominal()
        }

        fn class_limit(&self) -> u32 {
            self.members.class_limit()
        }
    };
}
pub(super) use classify_by_members;

/// Why a component cannot be part of an ensemble of classifiers.
pub(super) fn check(model: &Component) -> Result<(), String> {
    model.check()?;
    match model.build(&Signature::numeric(1)) {
        Built::Learner(learner) if learner.task().is_classification() => Ok(()),
        _ => Err("`model` must be a model that predicts classes".into()),
    }
}

impl Members {
    pub(super) fn new(make: &Component, signature: &Signature, count: usize) -> Self {
        let (make, signature) = (make.clone(), signature.clone());
        let mut members = Self { make, signature, models: Vec::new(), room: Predictions::default() };
        (0..count).for_each(|_| members.add());
        members
    }

    fn fresh(&self) -> Option<Box<dyn Learner>> {
        match self.make.build(&self.signature) {
            Built::Learner(learner) => Some(learner),
            // `check` has refused it.
            Built::Transformer(_) => None,
        }
    }

    pub(super) fn add(&mut self) {
        self.models.extend(self.fresh());
    }

    /// Adds the models of another ensemble with the same settings.
    pub(super) fn join(&mut self, other: Self) {
        self.models.extend(other.models);
    }

    /// An ensemble like this one, without models.
    pub(super) fn like(&self) -> Self {
        Self::new(&self.make, &self.signature, 0)
    }

    /// Replaces a model by an untrained one.
    pub(super) fn replace(&mut self, place: usize) {
        if let (Some(fresh), Some(model)) = (self.fresh(), self.models.get_mut(place)) {
            *model = fresh;
        }
    }

    pub(super) fn width(&self) -> usize {
        self.signature.width()
    }

    pub(super) fn takes_nominal(&self) -> bool {
        self.models.first().is_some_and(|model| model.takes_nominal())
    }

    /// The number of classes that the models can distinguish.
    pub(super) fn class_limit(&self) -> u32 {
        self.models.first().map_or(MAX_CLASSES, |model| model.class_limit())
    }

    /// The class that a model predicts.
    pub(super) fn class(&mut self, place: usize, row: &[f64]) -> Option<u32> {
        let model = self.models.get(place)?;
        let votes = votes(model.as_ref(), row, &mut self.room);
        match (model.task(), votes) {
            (Task::BinaryClassification, [p]) => Some(u32::from(*p > 0.5)),
            (_, votes) => crate::traits::most_probable(votes),
        }
    }

    /// The probability that a model gives to the positive one of two classes.
    pub(super) fn positive(&self, place: usize, row: &[f64], room: &mut Predictions) -> Option<f64> {
        let model = self.models.get(place)?;
        match votes(model.as_ref(), row, room) {
            [p] if model.task() == Task::BinaryClassification => Some(*p),
            votes => votes.get(1).copied(),
        }
    }

    /// Trains a model, unless the weight is 0.
    pub(super) fn teach(&mut self, place: usize, row: &[f64], class: u32, weight: f64) {
        if let Some(model) = self.models.get_mut(place).filter(|_| weight > 0.0) {
            // The width was checked when the row arrived, the task when the document was read.
            let _ = model.learn_weighted(&Features::row(row), Labels::Classes(&[class]), weight);
        }
    }

    /// Trains a model on a row that many times, in succession: once with that weight is faster, and worse. A leaf that
    /// has learned a row once then weighs its naive Bayes by its prediction of the row.
    pub(super) fn teach_times(&mut self, place: usize, row: &[f64], class: u32, weight: f64, times: usize) {
        (0..times).for_each(|_| self.teach(place, row, class, weight));
    }

    /// The sum of all models' probabilities, each times its weight, scaled to 1.
    pub(super) fn vote(&self, row: &[f64], weight: impl Fn(usize) -> f64, out: &mut Predictions) {
        let mut room = Predictions::default();
        out.push_with(|sum| {
            sum.clear();
            for (place, model) in self.models.iter().enumerate() {
                let weight = weight(place);
                match (model.task(), votes(model.as_ref(), row, &mut room)) {
                    (Task::BinaryClassification, [p]) => add(sum, &[1.0 - p, *p], weight),
                    (_, votes) => add(sum, votes, weight),
                }
            }
            crate::density::sum_to_one(sum);
        });
    }
}

fn add(sum: &mut Vec<f64>, votes: &[f64], weight: f64) {
    sum.resize(sum.len().max(votes.len()), 0.0);
    sum.iter_mut().zip(votes).for_each(|(sum, vote)| *sum += weight * vote);
}

fn votes<'a>(model: &dyn Learner, row: &[f64], room: &'a mut Predictions) -> &'a [f64] {
    room.clear();
    let _ = model.predict(&Features::row(row), room);
    room.row(0)
}

impl Stateful for Members {
    fn save(&self, to: &mut StateWriter) {
        to.u64(self.models.len() as u64);
        self.models.iter().for_each(|model| model.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let count = from.length(8)?;
        self.models.clear();
        (0..count).try_for_each(|place| {
            self.add();
            self.models.get_mut(place).map_or(Ok(()), |model| model.load(from))
        })
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.models.iter().map(|model| model.size()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Teach = fn(&mut Members, &[f64; 2], u32, usize);

    /// As `BaseBagging.learn_one` of River: `for _ in range(k): model.learn_one(x, y)`. A tree compares its prediction
    /// of a row with its class shares each time, also once it has seen the row.
    #[test]
    fn a_row_that_comes_so_many_times_is_learned_so_many_times() {
        let make = Component::HoeffdingTreeClassifier(Default::default());
        let taught = |teach: Teach| {
            let mut members = Members::new(&make, &Signature::numeric(2), 1);
            for step in 0..600_u32 {
                let row = [f64::from(step * 7 % 100), f64::from(step * 13 % 100)];
                teach(&mut members, &row, u32::from(row[0] + row[1] > 90.0), step as usize % 5);
            }
            StateWriter::of(&members)
        };
        let at_once = taught(|members, row, class, times| members.teach_times(0, row, class, 0.5, times));
        let singly = taught(|members, row, class, times| (0..times).for_each(|_| members.teach(0, row, class, 0.5)));
        assert!(at_once == singly);
    }
}
