//! Nearest neighbours for values.

use super::window::Window;
use crate::state::stateful;
use crate::traits::ByRow;
use crate::{Predictions, Signature, Task, Truth};

/// k nearest neighbours: the mean of the most similar rows among the last ones.
///
/// Predicts a number; 0 before the first row. Scale the columns first; a missing value counts as equal. Memory:
/// `window_size` rows. Source: `neighbors.KNNRegressor` of River with an exact window (`LazySearch`).
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
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KnnRegressorSettings {
    /// The neighbours that are asked, 1 to 1,000. Default 5.
    #[schemars(range(min = 1, max = 1000))]
    pub n_neighbors: usize,
    /// The rows that are remembered, 1 to 1,000,000; each costs 8 bytes a column, and time at every prediction.
    /// Default 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub window_size: usize,
    /// How the neighbours' values become one: `mean`, `median` or `weighted_mean` (by the inverse of the distance).
    /// Default `mean`.
    pub aggregation_method: Neighbourhood,
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

impl Default for KnnRegressorSettings {
    fn default() -> Self {
        Self { n_neighbors: 5, window_size: 1000, aggregation_method: Neighbourhood::Mean }
    }
}

impl KnnRegressorSettings {
    /// Whether the settings fit together: they always do.
    pub fn check(&self) -> Result<(), String> {
        Ok(())
    }

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
    fn task(&self) -> Task {
        Task::Regression
    }

    fn width(&self) -> usize {
        self.window.width()
    }

    fn predict_row(&self, row: &[f64], out: &mut Predictions) {
        let nearest = self.window.nearest(row, self.settings.n_neighbors);
        if nearest.is_empty() {
            return out.push(0.0);
        }
        if let Some((_, same)) = nearest.iter().find(|(distance, _)| *distance == 0.0) {
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
