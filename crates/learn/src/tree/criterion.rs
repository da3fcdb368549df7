//! The merit of a split of classes. Source: `tree.split_criterion` of River.

/// What is gained by a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SplitCriterion {
    /// The information gained, in bits.
    #[default]
    InfoGain,
    /// The Gini impurity lost.
    Gini,
    /// The Hellinger distance between the branches' distributions of two classes; robust where one is rare.
    Hellinger,
}

/// Weights of classes.
pub(super) type Distribution = Vec<f64>;

/// Σ d log2 d and Σ d over the weights above 0.
fn entropy_terms(distribution: &[f64]) -> (f64, f64) {
    let weights = distribution.iter().filter(|weight| **weight > 0.0);
    weights.fold((0.0, 0.0), |(terms, sum), weight| (terms + weight * libm::log2(*weight), sum + weight))
}

/// The entropy of the classes, times their weight.
fn entropy_weight(distribution: &[f64]) -> f64 {
    let (terms, sum) = entropy_terms(distribution);
    if sum > 0.0 { sum * libm::log2(sum) - terms } else { 0.0 }
}

fn sum(distribution: &[f64]) -> f64 {
    distribution.iter().sum()
}

impl SplitCriterion {
    /// The impurity of a leaf, before it is split.
    pub(super) fn mixed(self, before: &[f64]) -> f64 {
        let all = sum(before);
        if self == Self::InfoGain && all > 0.0 { entropy_weight(before) / all } else { 0.0 }
    }

    /// The merit of a split of a leaf with impurity `mixed` into these branches; minus infinity if fewer than two
    /// branches get more than `least_share` of the weight.
    pub(super) fn merit(self, mixed: f64, branches: &[Distribution], least_share: f64) -> f64 {
        let total: f64 = branches.iter().map(|branch| sum(branch)).sum();
        let large = branches.iter().filter(|branch| sum(branch) / total > least_share).count();
        if large < 2 || total <= 0.0 {
            return f64::NEG_INFINITY;
        }
        match self {
            Self::InfoGain => {
                let after: f64 = branches.iter().map(|branch| entropy_weight(branch)).sum();
                mixed - after / total
            }
            Self::Gini => {
                let impure = |branch: &Distribution| {
                    let weight = sum(branch);
                    let squares = |class: &f64| if weight > 0.0 { (class / weight) * (class / weight) } else { 0.0 };
                    weight / total * (1.0 - branch.iter().map(squares).sum::<f64>())
                };
                1.0 - branches.iter().map(impure).sum::<f64>()
            }
            Self::Hellinger => hellinger(branches),
        }
    }

    /// The range of the merit, for Hoeffding's bound.
    pub(super) fn range(self, classes: usize) -> f64 {
        match self {
            Self::Gini => 1.0,
            Self::InfoGain | Self::Hellinger => libm::log2(classes.max(2) as f64),
        }
    }
}

fn hellinger(branches: &[Distribution]) -> f64 {
    let of = |class: usize| {
        let weight = move |branch: &Distribution| branch.get(class).copied().unwrap_or(0.0);
        (branches.iter().map(weight).sum::<f64>(), weight)
    };
    let ((negatives, negative), (positives, positive)) = (of(0), of(1));
    if negatives <= 0.0 || positives <= 0.0 {
        return 0.0;
    }
    let apart = |branch: &Distribution| {
        let difference = (negative(branch) / negatives).sqrt() - (positive(branch) / positives).sqrt();
        difference * difference
    };
    branches.iter().map(apart).sum::<f64>().sqrt()
}

/// The error that the mean of `weight` observations within `range` exceeds with probability `delta`: W. Hoeffding,
/// "Probability Inequalities for Sums of Bounded Random Variables", 1963.
pub(super) fn hoeffding_bound(range: f64, delta: f64, weight: f64) -> f64 {
    (range * range * libm::log(1.0 / delta) / (2.0 * weight)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merits_by_hand() {
        let merit = |criterion: SplitCriterion, branches: [[f64; 2]; 2]| {
            let before = [branches[0][0] + branches[1][0], branches[0][1] + branches[1][1]];
            let merit = criterion.merit(criterion.mixed(&before), &branches.map(|branch| branch.to_vec()), 0.01);
            (merit * 1e12).round() / 1e12
        };
        let (pure, even) = ([[5.0, 0.0], [0.0, 5.0]], [[5.0, 5.0], [5.0, 5.0]]);
        assert_eq!((merit(SplitCriterion::InfoGain, pure), merit(SplitCriterion::InfoGain, even)), (1.0, 0.0));
        assert_eq!((merit(SplitCriterion::Gini, pure), merit(SplitCriterion::Gini, even)), (1.0, 0.5));
        assert_eq!(merit(SplitCriterion::Hellinger, even), 0.0);
        assert!((merit(SplitCriterion::Hellinger, pure) - 2.0_f64.sqrt()).abs() < 1e-11);
        assert_eq!(merit(SplitCriterion::InfoGain, [[5.0, 5.0], [0.0, 0.0]]), f64::NEG_INFINITY);
        assert!((hoeffding_bound(1.0, 1e-7, 200.0) - 0.200_737).abs() < 1e-6);
    }
}
