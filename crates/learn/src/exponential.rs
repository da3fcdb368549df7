//! The exponential function, the same to the last bit on every platform.

/// With a rounding error of at most 2^-52, as `libm`'s, but without its divisions and loops: this function is half of
/// the cost of a logistic regression.
///
/// x is k ln 2 + r with |r| ≤ ln 2 / 2, and e^x is 2^k e^r, with the Taylor series of e^r to the 13th power: the
/// truncation error is below 2^-57. Source of the reduction: P. T. P. Tang, "Table-Driven Implementation of the
/// Exponential Function in IEEE Floating-Point Arithmetic", ACM TOMS 15 (1989).
pub(crate) fn exp(x: f64) -> f64 {
    // The upper part of ln 2 has 32 bits, so that k times it is exact.
    const LN_2_UPPER: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOWER: f64 = 1.908_214_929_270_587_7e-10;
    // Adding 1.5 * 2^52 rounds to the nearest integer, which then is in the lowest bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    if !(-745.2..=709.8).contains(&x) {
        return beyond(x);
    }
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN_2_UPPER) - k * LN_2_LOWER;
    let power = (shifted.to_bits() as i32) as i64;
    let value = 1.0 + (r + r * r * tail(r));
    if (-1021..=1023).contains(&power) {
        return value * f64::from_bits(((power + 1023) as u64) << 52);
    }
    // In two steps: a large result overflows and a small one is rounded once, at the end.
    let half = power / 2;
    let scale = |power: i64| f64::from_bits(((power + 1023) as u64) << 52);
    value * scale(half) * scale(power - half)
}

/// (e^r - 1 - r) / r², in Estrin's order: products that do not depend on each other.
fn tail(r: f64) -> f64 {
    let square = r * r;
    let fourth = square * square;
    let low = (0.5 + r * (1.0 / 6.0)) + square * (1.0 / 24.0 + r * (1.0 / 120.0));
    let middle = (1.0 / 720.0 + r * (1.0 / 5_040.0)) + square * (1.0 / 40_320.0 + r * (1.0 / 362_880.0));
    let high =
        (1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0)) + square * (1.0 / 479_001_600.0 + r * (1.0 / 6_227_020_800.0));
    low + fourth * (middle + fourth * high)
}

fn beyond(x: f64) -> f64 {
    if x.is_nan() {
        f64::NAN
    } else if x > 0.0 {
        f64::INFINITY
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn within_one_unit_in_the_last_place() {
        let mut random = Random::new(3);
        let near = |_: u32| (random.uniform() - 0.5) * 4.0;
        let mut values: Vec<f64> = (0..200_000).map(near).collect();
        values.extend((0..200_000).map(|_| (random.uniform() - 0.5) * 1_416.0));
        values.extend([0.0, -0.0, 1.0, -1.0, 5e-324, 1e-17, 709.782_712_893_384, -708.5, -740.0, -745.133]);
        for x in values {
            let (ours, theirs) = (exp(x), libm::exp(x));
            let apart = ours.to_bits().abs_diff(theirs.to_bits());
            assert!(apart <= 1, "exp({x}) is {theirs:e}, not {ours:e}");
        }
    }

    #[test]
    fn the_ends() {
        assert_eq!([exp(f64::INFINITY), exp(710.0), exp(1e300)], [f64::INFINITY; 3]);
        assert_eq!([exp(f64::NEG_INFINITY), exp(-746.0), exp(-1e300)], [0.0; 3]);
        assert!(exp(f64::NAN).is_nan());
        assert_eq!(exp(0.0), 1.0);
    }
}
