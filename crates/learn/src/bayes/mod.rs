//! Naive Bayes: classes by their prior and by columns assumed independent.

mod bernoulli_nb;
mod gaussian_nb;
mod multinomial_nb;
mod naive_bayes;

pub use bernoulli_nb::BernoulliNbSettings;
pub use gaussian_nb::GaussianNbSettings;
pub use multinomial_nb::MultinomialNbSettings;
pub use naive_bayes::NaiveBayes;
