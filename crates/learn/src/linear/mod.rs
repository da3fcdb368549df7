//! Linear models trained by stochastic gradient descent.

mod descent;
mod linear_regression;
mod logistic_regression;

pub use descent::Optimizer;
pub use linear_regression::{LinearRegression, LinearRegressionSettings};
pub use logistic_regression::{LogLoss, LogisticLoss, LogisticRegression, LogisticRegressionSettings};
