//! Densities of several normal columns, up to a common factor: for most rows without a logarithm.

use std::f64::consts::FRAC_1_PI;

/// The common factor of the densities of some columns: a positive number, or its logarithm if the number itself would
/// overflow or underflow.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scale {
    Number(f64),
    Logarithm(f64),
}

impl Default for Scale {
    fn default() -> Self {
        Self::Number(1.0)
    }
}

/// Products of two numbers in this range are finite and not 0.
const IN_RANGE: std::ops::RangeInclusive<f64> = 1e-125..=1e125;

impl Scale {
    /// The product of 1/sqrt(2 pi variance) over columns, each given as 1/(2 variance); one that is 0 is left out.
    pub(crate) fn of(inverse: &[f64]) -> Self {
        let factor = |inverse: &f64| if *inverse > 0.0 { inverse * FRAC_1_PI } else { 1.0 };
        // Two halves that do not depend on each other.
        let (pairs, rest) = inverse.as_chunks::<2>();
        let halves = pairs.iter().fold((1.0, 1.0), |(one, two), pair| (one * factor(&pair[0]), two * factor(&pair[1])));
        let (one, two) = (halves.0, halves.1 * rest.iter().map(factor).product::<f64>());
        if IN_RANGE.contains(&one) && IN_RANGE.contains(&two) {
            Self::Number((one * two).sqrt())
        } else {
            Self::Logarithm(0.5 * inverse.iter().map(|inverse| libm::log(factor(inverse))).sum::<f64>())
        }
    }

    pub(crate) fn logarithm(self) -> f64 {
        match self {
            Self::Number(number) => libm::log(number),
            Self::Logarithm(logarithm) => logarithm,
        }
    }

    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Logarithm(_) => None,
        }
    }
}

/// The sum of squared distances, each divided by twice its variance.
#[inline]
pub(crate) fn distance(values: &[f64], mean: &[f64], inverse: &[f64]) -> f64 {
    let columns = values.iter().zip(mean).zip(inverse);
    columns.map(|((x, mean), inverse)| (x - mean) * (x - mean) * inverse).sum()
}

/// Turns distances into densities up to a common factor: `factor` is the initial factor of a class's density, 0 for an
/// impossible class. False if they exceed the range of floats.
pub(crate) fn in_proportion(votes: &mut [f64], factor: impl Fn(usize) -> Option<f64>) -> bool {
    let nearest = votes.iter().copied().fold(f64::INFINITY, f64::min);
    let mut sum = 0.0;
    for (class, vote) in votes.iter_mut().enumerate() {
        let Some(factor) = factor(class) else { return false };
        // The nearest needs no exponential.
        *vote = factor * if *vote == nearest { 1.0 } else { crate::exponential::exp(nearest - *vote) };
        sum += *vote;
    }
    nearest < f64::INFINITY && sum > 0.0 && sum < f64::INFINITY
}

/// Turns logarithms of densities into densities up to a common factor; minus infinity is 0.
pub(crate) fn from_logarithms(votes: &mut [f64]) {
    let most = votes.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let density = |vote: f64| if most > f64::NEG_INFINITY { crate::exponential::exp(vote - most) } else { 0.0 };
    votes.iter_mut().for_each(|vote| *vote = density(*vote));
}

/// Scales numbers to a sum of 1; if the sum is not above 0 all of them become 0.
pub(crate) fn sum_to_one(votes: &mut [f64]) {
    let sum: f64 = votes.iter().sum();
    votes.iter_mut().for_each(|vote| *vote = if sum > 0.0 { *vote / sum } else { 0.0 });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() <= 1e-12 * other.abs().max(1e-3)
    }

    #[test]
    fn a_scale_is_a_number_where_it_fits_and_always_has_a_logarithm() {
        let by_hand = |inverse: &[f64]| {
            let known = inverse.iter().filter(|inverse| **inverse > 0.0);
            known.map(|inverse| 0.5 * libm::log(inverse / std::f64::consts::PI)).sum::<f64>()
        };
        for (inverse, fits) in [
            (vec![], true),
            (vec![0.0, 0.5, 3.0], true),
            (vec![0.0; 7], true),
            (vec![1e-60, 1e60, 2.0, 0.5, 9.0], true),
            (vec![1e-90; 8], false),
            (vec![1e200, 1e200], false),
            (vec![f64::MIN_POSITIVE], false),
        ] {
            let scale = Scale::of(&inverse);
            assert_eq!(scale.number().is_some(), fits, "{inverse:?}");
            assert!(near(scale.logarithm(), by_hand(&inverse)), "{inverse:?}");
        }
    }

    #[test]
    fn in_proportion_and_from_logarithms_agree() {
        let mut random = Random::new(5);
        for _ in 0..2_000 {
            let distances: Vec<f64> = (0..4).map(|_| 50.0 * random.uniform()).collect();
            let factors: Vec<f64> =
                (0..4).map(|_| if random.uniform() < 0.2 { 0.0 } else { random.uniform() }).collect();
            let mut direct = distances.clone();
            let logarithms = distances.iter().zip(&factors).map(|(distance, factor)| libm::log(*factor) - distance);
            let mut by_logarithms: Vec<f64> = logarithms.collect();
            assert_eq!(
                in_proportion(&mut direct, |class| factors.get(class).copied()),
                factors.iter().any(|f| *f > 0.0)
            );
            from_logarithms(&mut by_logarithms);
            sum_to_one(&mut direct);
            sum_to_one(&mut by_logarithms);
            assert!(
                direct.iter().zip(&by_logarithms).all(|(one, other)| near(*one, *other)),
                "{direct:?} {by_logarithms:?}"
            );
        }
    }

    #[test]
    fn what_numbers_cannot_hold_is_refused() {
        let of = |distances: &[f64], factor: Option<f64>| in_proportion(&mut distances.to_vec(), |_| factor);
        assert!(of(&[1e6, 2e6], Some(1e-300)));
        for (distances, factor) in [
            (&[][..], Some(1.0)),
            (&[f64::INFINITY, f64::INFINITY], Some(1.0)),
            (&[f64::NAN, 1.0], Some(1.0)),
            (&[1.0, 2.0], Some(0.0)),
            (&[1.0, 1.0], Some(f64::MAX)),
            (&[1.0, 2.0], None),
        ] {
            assert!(!of(distances, factor), "{distances:?} {factor:?}");
        }
    }
}
