//! How many rounds of a boosted model count.

use std::fmt;

/// Which rounds of a boosted model are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounds {
    /// All rounds in the file.
    All,
    /// As many as early stopping found best, if the file says so.
    Best,
    /// This many, from the first.
    First(usize),
}

/// What decides how many rounds count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedBy {
    /// The framework's booster, which adds up all rounds in the file.
    Booster,
    /// The framework's scikit-learn classes, one of which saved the model: after early stopping they predict with the best.
    Wrapper,
    /// A setting.
    Setting,
}

/// The rounds of boosting in a file, and those that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoostingRounds {
    /// Those that are added up.
    pub used: usize,
    /// Those in the file.
    pub all: usize,
    /// As many as early stopping found best.
    pub best: Option<usize>,
    /// What decides.
    pub decided_by: DecidedBy,
}

impl BoostingRounds {
    /// Whether there is a choice: early stopping found a best round, or not all are added up.
    pub fn are_chosen(&self) -> bool {
        self.best.is_some() || self.used < self.all
    }

    /// As the framework that wrote the file predicts. `best`: the result of early stopping; `wrapper`: whether one of
    /// the scikit-learn classes saved the model.
    pub(crate) fn found(all: usize, best: Option<usize>, wrapper: bool) -> Option<Self> {
        // A booster that was cut after training keeps the mark of a round that it no longer has.
        let best = best.filter(|best| *best <= all);
        let (used, decided_by) = match best {
            Some(best) if wrapper => (best, DecidedBy::Wrapper),
            _ => (all, DecidedBy::Booster),
        };
        (all > 0).then_some(Self { used, all, best, decided_by })
    }
}

impl fmt::Display for BoostingRounds {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { used, all, best, decided_by } = self;
        match (decided_by, best) {
            (DecidedBy::Booster, Some(best)) if best < all => {
                write!(to, "all {all}; early stopping found {best} best, which `rounds: best` takes")
            }
            (DecidedBy::Booster, _) => write!(to, "all {all}"),
            (DecidedBy::Wrapper, _) => {
                write!(
                    to,
                    "{used} of {all}: the best by early stopping, as the scikit-learn class that saved it predicts"
                )
            }
            (DecidedBy::Setting, _) => write!(to, "{used} of {all}, as `rounds` says"),
        }
    }
}
