//! Nearest neighbours for classes.

use super::window::Window;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, Truth};

component_settings! {
    /// k nearest neighbours: the classes of the most similar rows among the last ones.
    ///
    /// Predicts a probability for each class: the neighbours' votes, each by the inverse of its distance. Scale the columns
    /// first; over rows that lack values distances are those of `nan_euclidean_distances` of scikit-learn: over the columns
    /// that both have, scaled up; a row that shares none with any is answered by the shares of the classes. Memory: `window_size` rows. Source: `neighbors.KNNClassifier` of River with
    /// an exact window (`LazySearch`).
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, neighbors::KnnClassifierSettings};
    /// let mut model = KnnClassifierSettings { n_neighbors: 3, ..Default::default() }.build(&Signature::numeric(1));
    /// for (x, class) in [(1.0, 0), (2.0, 0), (9.0, 1), (11.0, 1)] {
    ///     model.learn(&Features::row(&[x]), Labels::Classes(&[class]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::row(&[10.0]), &mut out)?;
    /// assert_eq!(out.row(0), [0.125 / 2.125, 2.0 / 2.125]); // two at distance 1, one at 8
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    KnnClassifierSettings {
        /// The neighbours that are asked, 1 to 1,000. Default 5.
        #[schemars(range(min = 1, max = 1000))]
        n_neighbors: usize = 5,
        /// The rows that are remembered, 1 to 1,000,000; each costs 8 bytes a column, and time at every prediction.
        /// Default 1000.
        #[schemars(range(min = 1, max = 1_000_000))]
        window_size: usize = 1000,
        /// Whether nearer neighbours count more. Default true.
        weighted: bool = true,
    }
}

impl KnnClassifierSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> KnnClassifier {
        KnnClassifier {
            settings: self.clone(),
            classes: 0,
            window: Window::new(signature.width(), self.window_size.max(1)),
        }
    }
}

/// The model behind [`KnnClassifierSettings`].
#[derive(Debug, Clone)]
pub struct KnnClassifier {
    settings: KnnClassifierSettings,
    classes: usize,
    window: Window,
}

stateful!(KnnClassifier, "knn_classifier", 1: classes, window);

impl ByRow for KnnClassifier {
    facts!(Classification; width: window.width());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let nearest = self.window.nearest(row, self.settings.n_neighbors);
        // An identical row decides alone.
        let same = nearest.iter().any(|(distance, _)| *distance == 0.0) && self.settings.weighted;
        out.push_with(|votes| {
            votes.clear();
            votes.resize(self.classes, 0.0);
            if nearest.is_empty() {
                for class in self.window.labels() {
                    votes.iter_mut().skip(*class as usize).take(1).for_each(|vote| *vote += 1.0);
                }
            }
            for (distance, class) in nearest {
                let weight = match (self.settings.weighted, same) {
                    (false, _) => 1.0,
                    (true, false) => 1.0 / distance,
                    (true, true) => f64::from(u8::from(distance == 0.0)),
                };
                votes.iter_mut().skip(class as usize).take(1).for_each(|vote| *vote += weight);
            }
            crate::density::sum_to_one(votes);
        });
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, _: f64) {
        if let Some(class) = truth.and_then(Truth::class) {
            self.classes = self.classes.max(class as usize + 1);
            self.window.push(row, f64::from(class));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Features, Labels, Learner, Model};

    #[test]
    fn a_row_that_shares_no_column_is_answered_by_the_shares_of_the_classes() {
        let mut model = KnnClassifierSettings { n_neighbors: 1, ..Default::default() }.build(&Signature::numeric(2));
        for (row, class) in [([1.0, f64::NAN], 0), ([2.0, f64::NAN], 0), ([f64::NAN; 2], 1), ([3.0, f64::NAN], 1)] {
            model.learn(&Features::row(&row), Labels::Classes(&[class])).unwrap();
        }
        let mut out = Predictions::default();
        model.predict(&Features::new(&[f64::NAN, 7.0, 1.1, 7.0], 2), &mut out).unwrap();
        assert_eq!((out.row(0), out.row(1)), (&[0.5, 0.5][..], &[1.0, 0.0][..]));
    }
}
