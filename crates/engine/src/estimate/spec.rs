//! What a document says of estimates.

use gristmill_learn::Component;
use gristmill_learn::estimate::{Calibrate, CbpeSettings, DleSettings, Estimated};
use gristmill_learn::metric::Window;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Metrics estimated before labels come: rows are taken in chunks, and what a metric will be over a chunk is estimated when the
/// chunk ends. Once the labels of a chunk are known, the estimate is compared with what the metric was, and so is the guess that
/// the metric is what it was over the labels known before.
///
/// Of classes the calibrated probabilities of a chunk say how often its predictions are right (CBPE); of numbers a second model
/// predicts the loss of each row (DLE); both as NannyML defines them. They learn from rows whose labels have become known, never
/// from later ones. Neither sees that rows which look alike have other labels than before: a report says how far estimates were
/// off. Nothing is estimated before 100 labels are known. Each shard estimates its own rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The metrics: for classes `roc_auc`, `average_precision`, `f1`, `precision`, `recall`, `specificity`, `accuracy`, for numbers
    /// `mae`, `mse`, `rmse`, `mape`, `msle`, `rmsle`. For anomaly detection the first two.
    #[schemars(length(min = 1))]
    pub metrics: Vec<Estimated>,
    /// How many rows are estimated together, from 10 to 100,000, or the stretch of event time, such as `1 day`; a stretch begins
    /// at a multiple of its length since 1970, and ends early at 100,000 rows. Default 1000.
    #[serde(default = "chunk")]
    pub chunk: Window,
    /// How many rows with labels estimates rest on, the newest ones: 100 to 1,000,000. More are less noisy, fewer follow a change
    /// faster. Default 2000.
    #[serde(default = "reference")]
    #[schemars(range(min = 100, max = 1_000_000))]
    pub reference: usize,
    /// For classes: when scores are calibrated before they count as probabilities. Default `auto`: where that brings them nearer
    /// to the shares of positive rows.
    #[serde(default)]
    pub calibrate: Calibrate,
    /// For numbers: the model that predicts losses. Default `adaptive_random_forest_regressor`.
    #[serde(default)]
    pub loss_model: Option<Box<Component>>,
}

fn chunk() -> Window {
    Window::Rows(1_000)
}

fn reference() -> usize {
    CbpeSettings::default().reference
}

impl Estimate {
    pub(super) fn of_classes(&self) -> CbpeSettings {
        CbpeSettings { reference: self.reference, calibrate: self.calibrate }
    }

    pub(super) fn of_numbers(&self) -> DleSettings {
        let default = DleSettings::default();
        DleSettings { model: self.loss_model.clone().unwrap_or(default.model), reference: self.reference }
    }
}
