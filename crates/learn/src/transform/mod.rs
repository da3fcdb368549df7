//! Fitted preparation steps: scaling, encoding, imputation, selection.

mod adaptive_standard_scaler;
mod by_column;
mod feature_hasher;
mod frequency_encoder;
mod imputer;
mod max_abs_scaler;
mod min_max_scaler;
mod one_hot_encoder;
mod ordinal_encoder;
mod polynomial_extender;
mod quantile_binning;
mod quantiles;
mod robust_scaler;
mod select_k_best;
mod standard_scaler;
mod target_encoder;
mod variance_threshold;

pub use adaptive_standard_scaler::AdaptiveStandardScalerSettings;
pub use by_column::Columns;
pub use feature_hasher::{FeatureHasher, FeatureHasherSettings};
pub use frequency_encoder::{FrequencyEncoder, FrequencyEncoderSettings};
pub use imputer::{Fill, Imputer, ImputerSettings};
pub use max_abs_scaler::MaxAbsScalerSettings;
pub use min_max_scaler::MinMaxScalerSettings;
pub use one_hot_encoder::{OneHotEncoder, OneHotEncoderSettings};
pub use ordinal_encoder::{OrdinalEncoder, OrdinalEncoderSettings};
pub use polynomial_extender::{PolynomialExtender, PolynomialExtenderSettings};
pub use quantile_binning::QuantileBinningSettings;
pub use robust_scaler::RobustScalerSettings;
pub use select_k_best::{SelectKBest, SelectKBestSettings};
pub use standard_scaler::{StandardScaler, StandardScalerSettings};
pub use target_encoder::{TargetEncoder, TargetEncoderSettings};
pub use variance_threshold::VarianceThresholdSettings;

/// The category of a value; none if it is missing.
fn category(x: f64) -> Option<u64> {
    (x.is_finite() && x >= 0.0).then_some(x as u64)
}
