//! Naive Bayes: classes by their prior and by columns taken as independent.

mod bernoulli_nb;
mod gaussian_nb;
mod multinomial_nb;

pub use bernoulli_nb::{BernoulliNb, BernoulliNbSettings};
pub use gaussian_nb::{GaussianNb, GaussianNbSettings};
pub use multinomial_nb::{MultinomialNb, MultinomialNbSettings};

/// Turns logarithms of joint probabilities into probabilities; minus infinity is none.
fn normalise(votes: &mut [f64]) {
    let most = votes.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        votes.iter_mut().for_each(|vote| *vote = 0.0);
        return;
    }
    votes.iter_mut().for_each(|vote| *vote = crate::exponential::exp(*vote - most));
    let sum: f64 = votes.iter().sum();
    votes.iter_mut().for_each(|vote| *vote /= sum);
}
