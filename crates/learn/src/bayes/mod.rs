//! Naive Bayes: classes by their prior and by columns assumed independent.

mod bernoulli_nb;
mod gaussian_nb;
mod multinomial_nb;

pub use bernoulli_nb::{BernoulliNb, BernoulliNbSettings};
pub use gaussian_nb::{GaussianNb, GaussianNbSettings};
pub use multinomial_nb::{MultinomialNb, MultinomialNbSettings};

/// Grows the list to this many classes.
fn grow<Class>(classes: &mut Vec<Class>, count: usize, fresh: impl FnMut() -> Class) {
    if classes.len() < count {
        classes.resize_with(count, fresh);
    }
}

/// The probability of each class, from the logarithm of its joint probability with the row; an unseen class has none.
fn answer<Class>(votes: &mut Vec<f64>, classes: &[Class], log_joint: impl Fn(&Class) -> Option<f64>) {
    votes.clear();
    votes.extend(classes.iter().map(|class| log_joint(class).unwrap_or(f64::NEG_INFINITY)));
    crate::density::from_logarithms(votes);
    crate::density::sum_to_one(votes);
}
