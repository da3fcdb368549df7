//! Linear models that learn by one small step per row.

mod alma_classifier;
mod bayesian_linear_regression;
mod descent;
mod kernel;
mod linear_regression;
mod linear_svc;
mod linear_svr;
mod logistic_regression;
mod loss;
mod optimizer;
mod passive_aggressive;
mod perceptron;
mod softmax_regression;

/// The weighted sum of a row; a missing value is left out.
fn dot(weights: &[f64], row: &[f64]) -> f64 {
    let terms = weights.iter().zip(row).filter(|(_, x)| x.is_finite());
    terms.map(|(weight, x)| weight * x).sum()
}

pub use alma_classifier::{AlmaClassifier, AlmaClassifierSettings};
pub use bayesian_linear_regression::{BayesianLinearRegression, BayesianLinearRegressionSettings};
pub use kernel::{KernelSvc, KernelSvcSettings, KernelSvr, KernelSvrSettings};
pub use linear_regression::{LinearRegression, LinearRegressionSettings};
pub use linear_svc::{LinearSvc, LinearSvcSettings};
pub use linear_svr::{LinearSvr, LinearSvrSettings};
pub use logistic_regression::{LogisticRegression, LogisticRegressionSettings};
pub use loss::{BinaryLoss, EpsilonInsensitive, Hinge, Huber, LogLoss, Quantile, RegressionLoss};
pub use optimizer::{AdaGrad, Adam, FtrlProximal, Optimizer, Sgd};
pub use passive_aggressive::{
    Mode, PassiveAggressiveClassifier, PassiveAggressiveClassifierSettings, PassiveAggressiveRegressor,
    PassiveAggressiveRegressorSettings,
};
pub use perceptron::{Perceptron, PerceptronSettings};
pub use softmax_regression::{SoftmaxRegression, SoftmaxRegressionSettings};
