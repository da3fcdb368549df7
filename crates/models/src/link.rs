//! Converts the sum over a model's parts to what its framework calls the prediction.

/// The function from sums to predictions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Link {
    /// As they are.
    Identity,
    /// The logistic function of each, after a factor.
    Logistic(f64),
    /// Each one's exponential divided by the sum of all.
    Softmax,
    /// The exponential of each.
    Exponential,
    /// ln(1 + e^x) of each.
    Softplus,
    /// 1 above zero, else 0.
    Hinge,
    /// The square, with the sign kept.
    SignedSquare,
    /// A mean, and the logarithm of a standard deviation, which becomes a variance.
    MeanAndVariance,
}

impl Link {
    /// Turns the sums of one row into its prediction.
    pub(crate) fn apply(self, row: &mut [f64]) {
        match self {
            Self::Identity => {}
            Self::Logistic(factor) => each(row, |x| 1.0 / (1.0 + (-factor * x).exp())),
            Self::Softmax => softmax(row),
            Self::Exponential => each(row, f64::exp),
            Self::Softplus => each(row, |x| x.exp().ln_1p()),
            Self::Hinge => each(row, |x| f64::from(u8::from(x > 0.0))),
            Self::SignedSquare => each(row, |x| x * x.abs()),
            Self::MeanAndVariance => row.iter_mut().skip(1).for_each(|x| *x = (2.0 * *x).exp()),
        }
    }

    /// The same in single precision, step by step, as in frameworks that compute in it.
    pub(crate) fn apply_single(self, row: &mut [f64]) {
        match self {
            // XGBoost clamps before the exponential overflows (`common::Sigmoid`).
            Self::Logistic(factor) => {
                each(row, |x| f64::from(1.0 / (1.0 + (-factor as f32 * x as f32).min(88.7).exp())))
            }
            Self::Softmax => softmax_single(row),
            Self::Exponential => each(row, |x| f64::from((x as f32).exp())),
            Self::Identity | Self::Softplus | Self::Hinge | Self::SignedSquare | Self::MeanAndVariance => {
                self.apply(row);
                each(row, |x| f64::from(x as f32));
            }
        }
    }
}

fn each(row: &mut [f64], change: impl Fn(f64) -> f64) {
    row.iter_mut().for_each(|x| *x = change(*x));
}

fn softmax(row: &mut [f64]) {
    let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    each(row, |x| (x - most).exp());
    let sum: f64 = row.iter().sum();
    each(row, |x| x / sum);
}

fn softmax_single(row: &mut [f64]) {
    let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max) as f32;
    each(row, |x| f64::from((x as f32 - most).exp()));
    // XGBoost adds in double precision and divides in single.
    let sum = row.iter().sum::<f64>() as f32;
    each(row, |x| f64::from(x as f32 / sum));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_become_predictions() {
        let cases: [(Link, &[f64], &[f64]); 8] = [
            (Link::Identity, &[-2.0], &[-2.0]),
            (Link::Logistic(1.0), &[0.0, 800.0, -800.0], &[0.5, 1.0, 0.0]),
            (Link::Softmax, &[1000.0, 1000.0], &[0.5, 0.5]),
            (Link::Exponential, &[0.0], &[1.0]),
            (Link::Softplus, &[0.0], &[std::f64::consts::LN_2]),
            (Link::Hinge, &[0.0, 0.1], &[0.0, 1.0]),
            (Link::SignedSquare, &[-3.0, 2.0], &[-9.0, 4.0]),
            (Link::MeanAndVariance, &[-3.0, 0.0], &[-3.0, 1.0]),
        ];
        for (link, sums, expected) in cases {
            let mut row = sums.to_vec();
            link.apply(&mut row);
            assert_eq!(row, expected, "{link:?}");
        }
    }
}
