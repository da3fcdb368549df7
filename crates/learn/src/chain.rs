//! Transformers followed by a learner, as one learner.

use crate::traits::check_width;
use crate::{
    Built, Component, Features, Kind, Labels, LearnError, Learner, Model, Predictions, Signature, StateError,
    StateReader, StateWriter, Stateful, Task, Transformer, Truth,
};

/// Transformers and the learner after them.
///
/// The order is River's: predicting scales with what was learned before the row; learning passes the row to each
/// transformer first, transforms it with the new statistics, then trains the learner.
pub struct Chain {
    width: usize,
    transformers: Vec<Box<dyn Transformer>>,
    learner: Box<dyn Learner>,
    takes_categories: bool,
    room: Predictions,
}

impl Chain {
    /// Builds the steps for rows of these columns: any number of transformers, then one learner.
    pub fn new(steps: &[Component], signature: &Signature) -> Result<Self, LearnError> {
        let width = signature.width();
        let mut transformers: Vec<Box<dyn Transformer>> = Vec::new();
        let mut at = signature.clone();
        for (index, step) in steps.iter().enumerate() {
            let built = step.build(&at);
            let takes_nominal = match &built {
                Built::Transformer(transformer) => transformer.takes_nominal(),
                Built::Learner(learner) => learner.takes_nominal(),
            };
            let nominal = at.kinds().iter().position(|kind| *kind == Kind::Nominal);
            if let Some(column) = nominal.filter(|_| !takes_nominal) {
                return Err(LearnError::Nominal { step: index, column });
            }
            match built {
                Built::Transformer(transformer) => {
                    at = transformer.signature();
                    transformers.push(transformer);
                }
                Built::Learner(learner) if index + 1 == steps.len() => {
                    let (takes_categories, room) = (nominal.is_some(), Predictions::default());
                    return Ok(Self { width, transformers, learner, takes_categories, room });
                }
                Built::Learner(_) => {
                    return Err(LearnError::Chain(format!("step {} is a learner, which must come last", index + 1)));
                }
            }
        }
        Err(LearnError::Chain("a model must end with a learner".into()))
    }

    /// Whether categories reach the learner unchanged, without a step that converts them to numbers.
    pub fn takes_categories(&self) -> bool {
        self.takes_categories
    }

    /// The steps in order, each with a state of its own.
    pub fn steps(&self) -> impl Iterator<Item = &dyn Stateful> {
        let transformers = self.transformers.iter().map(|transformer| transformer.as_ref() as &dyn Stateful);
        transformers.chain(std::iter::once(self.learner.as_ref() as &dyn Stateful))
    }

    /// The steps in order, to load the state of each.
    pub fn steps_mut(&mut self) -> impl Iterator<Item = &mut dyn Stateful> {
        let transformers = self.transformers.iter_mut().map(|transformer| transformer.as_mut() as &mut dyn Stateful);
        transformers.chain(std::iter::once(self.learner.as_mut() as &mut dyn Stateful))
    }

    /// The transformed row, in `front`.
    fn prepare(&self, row: &[f64], front: &mut Vec<f64>, back: &mut Vec<f64>) {
        front.clear();
        front.extend_from_slice(row);
        for transformer in &self.transformers {
            back.clear();
            transformer.transform(front, back);
            std::mem::swap(front, back);
        }
    }
}

impl Model for Chain {
    fn task(&self) -> Task {
        self.learner.task()
    }

    fn width(&self) -> usize {
        self.width
    }

    fn predict(&self, rows: &Features<'_>, out: &mut Predictions) -> Result<(), LearnError> {
        check_width(self.width, rows)?;
        if self.transformers.is_empty() {
            return self.learner.predict(rows, out);
        }
        let mut front = std::mem::take(&mut out.front);
        let mut back = std::mem::take(&mut out.back);
        let result = rows.rows().try_for_each(|row| {
            self.prepare(row, &mut front, &mut back);
            self.learner.predict(&Features::row(&front), out)
        });
        out.front = front;
        out.back = back;
        result
    }
}

impl Learner for Chain {
    fn class_limit(&self) -> u32 {
        self.learner.class_limit()
    }

    fn learn_weighted(&mut self, rows: &Features<'_>, labels: Labels<'_>, weight: f64) -> Result<(), LearnError> {
        check_width(self.width, rows)?;
        if self.transformers.is_empty() {
            return self.learner.learn_weighted(rows, labels, weight);
        }
        let mut room = std::mem::take(&mut self.room);
        let mut result = Ok(());
        for (index, row) in rows.rows().enumerate() {
            room.front.clear();
            room.front.extend_from_slice(row);
            let label = labels.of(index);
            let truth = match label {
                Labels::Classes(classes) => classes.first().map(|class| Truth::Class(*class)),
                Labels::Values(values) => values.first().map(|value| Truth::Value(*value)),
                Labels::None => None,
            };
            for transformer in &mut self.transformers {
                transformer.learn(&room.front, truth);
                room.back.clear();
                transformer.transform(&room.front, &mut room.back);
                std::mem::swap(&mut room.front, &mut room.back);
            }
            result = self.learner.learn_weighted(&Features::row(&room.front), label, weight);
            if result.is_err() {
                break;
            }
        }
        self.room = room;
        result
    }
}

impl Stateful for Chain {
    fn save(&self, to: &mut StateWriter) {
        self.transformers.iter().for_each(|transformer| transformer.save(to));
        self.learner.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        for transformer in &mut self.transformers {
            transformer.load(from)?;
        }
        self.learner.load(from)
    }

    fn size(&self) -> usize {
        self.transformers.iter().map(|transformer| transformer.size()).sum::<usize>() + self.learner.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_ends_with_its_only_learner() {
        let scaler = Component::StandardScaler(Default::default());
        let learner = Component::LogisticRegression(Default::default());
        assert!(Chain::new(&[scaler.clone(), learner.clone()], &Signature::numeric(2)).is_ok());
        assert!(Chain::new(std::slice::from_ref(&learner), &Signature::numeric(2)).is_ok());
        assert!(matches!(Chain::new(std::slice::from_ref(&scaler), &Signature::numeric(2)), Err(LearnError::Chain(_))));
        assert!(matches!(Chain::new(&[learner, scaler], &Signature::numeric(2)), Err(LearnError::Chain(_))));
        assert!(matches!(Chain::new(&[], &Signature::numeric(2)), Err(LearnError::Chain(_))));
    }

    #[test]
    fn rows_of_another_width_are_refused() {
        let mut chain = Chain::new(&[Component::LinearRegression(Default::default())], &Signature::numeric(2)).unwrap();
        let expected = Err(LearnError::Width { expected: 2, found: 1 });
        assert_eq!(chain.learn(&Features::row(&[1.0]), Labels::Values(&[1.0])), expected);
        assert_eq!(chain.predict(&Features::row(&[1.0]), &mut Predictions::default()), expected);
    }
}
