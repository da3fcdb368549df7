//! Naive Bayes: classes by their prior and by columns taken as independent.

mod bernoulli_nb;
mod gaussian_nb;
mod multinomial_nb;

pub use bernoulli_nb::{BernoulliNb, BernoulliNbSettings};
pub use gaussian_nb::{GaussianNb, GaussianNbSettings};
pub use multinomial_nb::{MultinomialNb, MultinomialNbSettings};

/// Turns logarithms of joint probabilities into probabilities; minus infinity is none.
fn normalise(votes: &mut [f64]) {
    crate::density::from_logarithms(votes);
    crate::density::sum_to_one(votes);
}
