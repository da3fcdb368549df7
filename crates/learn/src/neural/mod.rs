//! Neural networks that learn in small batches of rows.

mod autoencoder;
mod layer;
mod mlp_classifier;
mod mlp_regressor;
mod network;

pub use autoencoder::{Autoencoder, AutoencoderSettings};
pub use layer::{Activation, AdamOptimizer, AdamWOptimizer, NeuralOptimizer, SgdOptimizer};
pub use mlp_classifier::{MlpClassifier, MlpClassifierSettings};
pub use mlp_regressor::{MlpRegressor, MlpRegressorSettings};
