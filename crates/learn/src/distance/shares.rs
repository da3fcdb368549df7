//! Measures between two lists of counts: of bins, or of categories.

use super::tail;

/// The least share that a bin counts with in the population stability index, so that an empty one does not make it
/// infinite.
const LEAST_SHARE: f64 = 1e-4;
const LN_2: f64 = std::f64::consts::LN_2;

/// How often each bin occurred: in the reference and in the window.
pub(super) type Counts = [(u64, u64)];

fn sums(counts: &Counts) -> (f64, f64) {
    counts.iter().fold((0.0, 0.0), |(one, other), (here, there)| (one + *here as f64, other + *there as f64))
}

fn shares(counts: &Counts) -> impl Iterator<Item = (f64, f64)> {
    let (one, other) = sums(counts);
    counts.iter().map(move |(here, there)| (*here as f64 / one, *there as f64 / other))
}

/// The bins that occurred, less one.
fn degrees(counts: &Counts) -> f64 {
    counts.iter().filter(|(here, there)| here + there > 0).count().saturating_sub(1) as f64
}

/// 1/n + 1/m, by which differences without a cause shrink.
pub(super) fn spread(reference: f64, window: f64) -> f64 {
    1.0 / reference + 1.0 / window
}

/// The population stability index: the sum of (q - p) ln(q / p), each share at least 0.0001.
pub(super) fn psi(counts: &Counts) -> f64 {
    let term = |(here, there): (f64, f64)| {
        let (here, there) = (here.max(LEAST_SHARE), there.max(LEAST_SHARE));
        (there - here) * libm::log(there / here)
    };
    shares(counts).map(term).sum()
}

/// What the index exceeds without a change, with this probability.
///
/// Of many rows the index is Pearson's statistic times 1/n + 1/m (B. Yurdakul, "Statistical Properties of Population
/// Stability Index", Western Michigan University, 2018); of few it is larger. So the limit is as much below the index as
/// the limit of Pearson's statistic is below that, and holds where bins have few rows or none.
pub(super) fn psi_without_change(counts: &Counts, chance: f64) -> f64 {
    let (limit, statistic) = (chi_square_without_change(counts, chance), chi_square(counts));
    if statistic > 0.0 {
        return psi(counts) * limit / statistic;
    }
    let (one, other) = sums(counts);
    spread(one, other) * limit
}

/// The Jensen-Shannon distance: the root of the divergence in bits, 0 to 1.
pub(super) fn jensen_shannon(counts: &Counts) -> f64 {
    let part = |share: f64, middle: f64| if share > 0.0 { share * libm::log(share / middle) } else { 0.0 };
    let term = |(here, there): (f64, f64)| {
        let middle = 0.5 * (here + there);
        part(here, middle) + part(there, middle)
    };
    let divergence: f64 = shares(counts).map(term).sum();
    libm::sqrt((0.5 * divergence / LN_2).max(0.0))
}

/// What the distance exceeds without a change, with this probability: its square in proportion to Pearson's statistic, as
/// above. Source: M. L. Menéndez, J. A. Pardo, L. Pardo, M. C. Pardo, "The Jensen-Shannon Divergence", Journal of the
/// Franklin Institute 334 (1997).
pub(super) fn jensen_shannon_without_change(counts: &Counts, chance: f64) -> f64 {
    let (limit, statistic) = (chi_square_without_change(counts, chance), chi_square(counts));
    if statistic > 0.0 {
        return jensen_shannon(counts) * libm::sqrt(limit / statistic);
    }
    let (one, other) = sums(counts);
    libm::sqrt(spread(one, other) * limit / (8.0 * LN_2))
}

/// Pearson's statistic of the table of two rows; no correction for continuity.
pub(super) fn chi_square(counts: &Counts) -> f64 {
    let (one, other) = sums(counts);
    let term = |(here, there): &(u64, u64)| {
        let (here, there) = (*here as f64, *there as f64);
        let (expected_here, expected_there) =
            ((here + there) * one / (one + other), (here + there) * other / (one + other));
        let square = |x: f64| x * x;
        square(here - expected_here) / expected_here + square(there - expected_there) / expected_there
    };
    counts.iter().filter(|(here, there)| here + there > 0).map(term).sum()
}

/// What the statistic exceeds without a change, with this probability.
pub(super) fn chi_square_without_change(counts: &Counts, chance: f64) -> f64 {
    tail::chi_square_quantile(chance, degrees(counts))
}

/// How often something occurred among rows: a share, compared on the scale on which its variance is the same
/// everywhere. Source: F. J. Anscombe, "The Transformation of Poisson, Binomial and Negative-Binomial Data", Biometrika
/// 35 (1948).
fn angle(count: f64, rows: f64) -> f64 {
    libm::asin(libm::sqrt(((count + 0.375) / (rows + 0.75)).clamp(0.0, 1.0)))
}

/// What the difference of two shares exceeds without a change, with this probability: the window's share may be further
/// above the reference's than below, and of both limits it is the one on the side of the window. `one_sided`: only a
/// higher share is a change.
pub(super) fn share_without_change(
    (here, reference): (f64, f64),
    (there, window): (f64, f64),
    (chance, one_sided): (f64, bool),
) -> f64 {
    let chance = if one_sided { chance } else { chance / 2.0 };
    let apart = 0.5 * libm::sqrt(spread(reference, window)) * tail::normal_quantile(chance);
    let (share, upward) = (here / reference, one_sided || there / window >= here / reference);
    let limit = angle(here, reference) + if upward { apart } else { -apart };
    let sine = libm::sin(limit.clamp(0.0, std::f64::consts::FRAC_PI_2));
    // The count at the limit, back from the scale.
    let count = sine * sine * (window + 0.75) - 0.375;
    (count / window - share).abs()
}
