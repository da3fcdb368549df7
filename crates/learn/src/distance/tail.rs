//! Tails of distributions: how likely a value at least so large is, and the value for a probability.

use std::f64::consts::SQRT_2;

/// The probability that a standard normal number is above `x`.
pub(crate) fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(x / SQRT_2)
}

/// The number that a standard normal one exceeds with this probability.
pub(crate) fn normal_quantile(tail: f64) -> f64 {
    solve(tail, normal, -40.0, 40.0)
}

/// The probability that a chi-square number of so many degrees of freedom is above `x`. Source: M. Abramowitz, I. A.
/// Stegun, "Handbook of Mathematical Functions", 1964, 26.4.19, with the incomplete gamma function by 6.5.29 and 6.5.31.
pub(crate) fn chi_square(x: f64, degrees: f64) -> f64 {
    if x <= 0.0 || degrees <= 0.0 {
        return 1.0;
    }
    let (a, x) = (degrees / 2.0, x / 2.0);
    let front = libm::exp(a * libm::log(x) - x - libm::lgamma(a));
    if x < a + 1.0 { 1.0 - front * series(a, x) } else { front * fraction(a, x) }.clamp(0.0, 1.0)
}

/// The number that a chi-square one exceeds with this probability.
pub(crate) fn chi_square_quantile(tail: f64, degrees: f64) -> f64 {
    // Far above what a tail of 1e-100 needs.
    let high = degrees + 1_000.0 + 40.0 * libm::sqrt(2.0 * degrees);
    solve(tail, |x| chi_square(x, degrees), 0.0, high)
}

/// The number that Kolmogorov's statistic, the distance times the root of the rows, exceeds with this probability.
/// Source: N. Smirnov, "Table for Estimating the Goodness of Fit of Empirical Distributions", Annals of Mathematical
/// Statistics 19 (1948).
pub(crate) fn kolmogorov_quantile(tail: f64) -> f64 {
    solve(tail, kolmogorov, 0.0, 10.0)
}

/// The probability that Kolmogorov's statistic is above `x`.
pub(crate) fn kolmogorov(x: f64) -> f64 {
    // Below, it is 1 to the last digit, and the terms hardly become smaller.
    if x < 0.18 {
        return 1.0;
    }
    let term = |k: i32| {
        let k = f64::from(k);
        let size = libm::exp(-2.0 * k * k * x * x);
        if k % 2.0 == 1.0 { size } else { -size }
    };
    (2.0 * (1..=100).rev().map(term).sum::<f64>()).clamp(0.0, 1.0)
}

/// The lower incomplete gamma function, without its front.
fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum) = (1.0 / a, 1.0 / a);
    for step in 1..10_000 {
        term *= x / (a + f64::from(step));
        sum += term;
        if term < sum * 1e-16 {
            break;
        }
    }
    sum
}

/// The upper one, by Lentz's method.
fn fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1e300, 1.0 / b);
    let mut value = d;
    for step in 1..10_000 {
        let step = f64::from(step);
        let up = -step * (step - a);
        b += 2.0;
        let not_0 = |x: f64| if x.abs() < 1e-300 { 1e-300 } else { x };
        d = 1.0 / not_0(up * d + b);
        c = not_0(b + up / c);
        value *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// Where a falling function is `tail`, by bisection.
fn solve(tail: f64, above: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if above(middle) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
    }

    /// SciPy 1.17.1: `stats.norm.isf`, `stats.chi2.isf`, `stats.chi2.sf`, `special.kolmogi`, `special.kolmogorov`.
    #[test]
    fn values_of_the_reference() {
        for (tail, expected) in NORMAL {
            close(normal_quantile(tail), expected);
        }
        for (tail, degrees, expected) in CHI_SQUARE {
            close(chi_square_quantile(tail, degrees), expected);
        }
        for (x, degrees, expected) in CHI_SQUARE_TAIL {
            close(chi_square(x, degrees), expected);
        }
        for (tail, expected) in KOLMOGOROV {
            close(kolmogorov_quantile(tail), expected);
        }
        for (x, expected) in KOLMOGOROV_TAIL {
            close(kolmogorov(x), expected);
        }
    }

    const NORMAL: [(f64, f64); 4] = [
        (0.1, 1.2815515655446004),
        (0.01, 2.3263478740408408),
        (0.0005, 3.2905267314918945),
        (1e-06, 4.753424308822899),
    ];

    const CHI_SQUARE: [(f64, f64, f64); 5] = [
        (0.01, 1.0, 6.634896601021217),
        (0.01, 9.0, 21.665994333461928),
        (0.0005, 9.0, 29.66580810359614),
        (1e-05, 30.0, 75.02343243887012),
        (0.01, 999.0, 1105.9169575045823),
    ];

    const CHI_SQUARE_TAIL: [(f64, f64, f64); 5] = [
        (0.1, 1.0, 0.7518296340458492),
        (9.4, 6.0, 0.15230041506789654),
        (478.0, 6.0, 4.602765536764523e-100),
        (25.0, 29.0, 0.6782474740416906),
        (1100.0, 999.0, 0.013818467525532353),
    ];

    const KOLMOGOROV: [(f64, f64); 4] = [
        (0.05, 1.3580986393225507),
        (0.01, 1.6276236115189504),
        (0.0005, 2.0364245186215966),
        (1e-06, 2.6933861344527097),
    ];

    const KOLMOGOROV_TAIL: [(f64, f64); 4] = [
        (0.3, 0.9999906941986655),
        (0.8, 0.5441424115741981),
        (1.36, 0.049485876755377876),
        (3.0, 3.045995948942526e-08),
    ];
}
