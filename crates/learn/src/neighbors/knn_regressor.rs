//! Nearest neighbours for values.

use super::window::Window;
use crate::features::is_complete;
use crate::settings::component_settings;
use crate::state::stateful;
use crate::traits::{ByRow, facts};
use crate::{Predictions, Signature, Truth};

component_settings! {
    /// k nearest neighbours: the mean of the most similar rows among the last ones.
    ///
    /// Predicts a number; 0 before the first row. Scale the columns first; over rows that lack values
    /// distances are those of `nan_euclidean_distances` of scikit-learn: over the columns that both have, scaled up; a row that
    /// shares none with any is answered by the mean. Memory: `window_size` rows. Source: `neighbors.KNNRegressor` of River with an exact window (`LazySearch`).
    ///
    /// ```
    /// use gristmill_learn::{Features, Labels, Learner, Model, Predictions, Signature, neighbors::KnnRegressorSettings};
    /// let mut model = KnnRegressorSettings { n_neighbors: 2, ..Default::default() }.build(&Signature::numeric(1));
    /// for x in [1.0, 2.0, 9.0, 11.0] {
    ///     model.learn(&Features::row(&[x]), Labels::Values(&[10.0 * x]))?;
    /// }
    /// let mut out = Predictions::default();
    /// model.predict(&Features::row(&[10.0]), &mut out)?;
    /// assert_eq!(out.values(), [100.0]);
    /// # Ok::<(), gristmill_learn::LearnError>(())
    /// ```
    KnnRegressorSettings {
        /// The neighbours that are asked, 1 to 1,000. Default 5.
        #[schemars(range(min = 1, max = 1000))]
        n_neighbors: usize = 5,
        /// The rows that are remembered, 1 to 1,000,000; each costs 8 bytes a column, and time at every prediction.
        /// Default 1000.
        #[schemars(range(min = 1, max = 1_000_000))]
        window_size: usize = 1000,
        /// How the neighbours' values become one: `mean`, `median` or `weighted_mean` (by the inverse of the distance).
        /// Default `mean`.
        aggregation_method: Neighbourhood = Neighbourhood::Mean,
    }
}

/// How the neighbours' values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Neighbourhood {
    /// Their mean.
    #[default]
    Mean,
    /// Their median.
    Median,
    /// Their mean, nearer ones counting more.
    WeightedMean,
}

impl KnnRegressorSettings {
    /// The model for rows of these columns.
    pub fn build(&self, signature: &Signature) -> KnnRegressor {
        KnnRegressor { settings: self.clone(), window: Window::new(signature.width(), self.window_size.max(1)) }
    }
}

/// The model behind [`KnnRegressorSettings`].
#[derive(Debug, Clone)]
pub struct KnnRegressor {
    settings: KnnRegressorSettings,
    window: Window,
}

stateful!(KnnRegressor, "knn_regressor", 1: window);

impl ByRow for KnnRegressor {
    facts!(Regression; width: window.width());

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let nearest = self.window.nearest(row, self.settings.n_neighbors);
        if nearest.is_empty() {
            let labels = self.window.labels();
            return out.push(labels.iter().sum::<f64>() / labels.len().max(1) as f64);
        }
        // An identical row decides alone; equal values in the columns that two rows share do not make them identical.
        let same = nearest.iter().find(|(distance, _)| *distance == 0.0);
        if let Some((_, same)) = same.filter(|_| is_complete(row)) {
            return out.push(*same);
        }
        let mut values: Vec<f64> = nearest.iter().map(|(_, value)| *value).collect();
        out.push(match self.settings.aggregation_method {
            Neighbourhood::Mean => values.iter().sum::<f64>() / values.len() as f64,
            Neighbourhood::Median => {
                values.sort_by(f64::total_cmp);
                let at = |place: usize| values.get(place).copied().unwrap_or(0.0);
                let half = values.len() / 2;
                if values.len() % 2 == 1 { at(half) } else { 0.5 * (at(half - 1) + at(half)) }
            }
            Neighbourhood::WeightedMean if same.is_some() => {
                let equal = || nearest.iter().filter(|(distance, _)| *distance == 0.0).map(|(_, value)| value);
                equal().sum::<f64>() / equal().count() as f64
            }
            Neighbourhood::WeightedMean => {
                let weights = nearest.iter().map(|(distance, _)| 1.0 / distance);
                let sum: f64 = nearest.iter().map(|(distance, value)| value / distance).sum();
                sum / weights.sum::<f64>()
            }
        });
    }

    fn learn_row(&mut self, row: &[f64], truth: Option<Truth>, _: f64) {
        if let Some(Truth::Value(value)) = truth {
            self.window.push(row, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Features, Labels, Learner, Model};

    const NAN: f64 = f64::NAN;
    const ROWS: [[f64; 3]; 5] = [[0.0, 0.0, 0.0], [3.0, NAN, 1.0], [NAN, NAN, 5.0], [2.0, 2.0, NAN], [NAN, 4.0, NAN]];

    fn predicted(method: Neighbourhood, row: [f64; 3]) -> f64 {
        let settings =
            KnnRegressorSettings { n_neighbors: 2, aggregation_method: method, ..KnnRegressorSettings::default() };
        let mut model = settings.build(&Signature::numeric(3));
        for (row, value) in ROWS.iter().zip([10.0, 20.0, 30.0, 40.0, 50.0]) {
            model.learn(&Features::row(row), Labels::Values(&[value])).unwrap();
        }
        let mut out = Predictions::default();
        model.predict(&Features::row(&row), &mut out).unwrap();
        out.values()[0]
    }

    /// The result of scikit-learn 1.9.1's `KNNImputer(n_neighbors=2)` for a missing label.
    #[test]
    fn neighbours_of_rows_that_lack_values_are_those_of_the_reference() {
        for (row, mean, weighted) in [
            ([1.0, 1.0, NAN], 25.0, 25.0),
            ([NAN, 1.0, 2.0], 30.0, 30.0),
            ([NAN, NAN, 0.0], 15.0, 10.0),
            ([5.0, NAN, NAN], 30.0, 28.0),
            ([NAN, NAN, NAN], 30.0, 30.0),
        ] {
            assert!((predicted(Neighbourhood::Mean, row) - mean).abs() < 1e-12, "{row:?}");
            assert!((predicted(Neighbourhood::WeightedMean, row) - weighted).abs() < 1e-12, "{row:?}");
        }
    }

    #[test]
    fn a_row_without_values_is_nobody_s_neighbour() {
        let mut model = KnnRegressorSettings { n_neighbors: 1, ..Default::default() }.build(&Signature::numeric(1));
        for (x, value) in [(NAN, 100.0), (4.0, 1.0)] {
            model.learn(&Features::row(&[x]), Labels::Values(&[value])).unwrap();
        }
        let mut out = Predictions::default();
        model.predict(&Features::row(&[9.0]), &mut out).unwrap();
        assert_eq!(out.values(), [1.0]);
    }
}
