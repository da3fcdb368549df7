//! How many categories of a text feature are distinguished, and by what.

use std::fmt;

use gristmill_learn::tree::CATEGORIES;
use gristmill_learn::{Chain, Component};

use super::Plan;
use crate::shard::MOST_CATEGORIES;

/// What distinguishes categories, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Apart {
    /// A column for each, up to a setting.
    OneHot(usize),
    /// The trees of the model.
    Trees,
    /// The numbers that a pipeline gives them.
    Numbers,
}

impl Apart {
    /// The number of categories.
    pub(crate) fn most(self) -> u64 {
        match self {
            Self::OneHot(most) => most.min(MOST_CATEGORIES) as u64,
            Self::Trees => CATEGORIES as u64,
            Self::Numbers => MOST_CATEGORIES as u64,
        }
    }

    /// What to do if a column has more.
    pub(crate) fn advice(self, column: &str) -> String {
        match self {
            Self::OneHot(_) => "Raise it, or put `target_encoder` or `feature_hasher` in its place".into(),
            Self::Trees => {
                "Leave out what identifies a record, or put `target_encoder` or `feature_hasher` before the \
                            model"
                    .into()
            }
            Self::Numbers => format!(
                "Leave out what identifies a record, or make fewer of them by an expression, such as `substr({column}, 1, 3)`"
            ),
        }
    }
}

impl fmt::Display for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.most();
        match self {
            Self::OneHot(_) => write!(
                f,
                "`one_hot_encoder` tells the first {most} apart (`max_categories`), and further ones look alike"
            ),
            Self::Trees => write!(f, "the model tells the first {most} apart, and further ones count as missing"),
            Self::Numbers => write!(f, "a pipeline tells the first {most} apart, and further ones count as missing"),
        }
    }
}

impl Plan {
    /// What distinguishes the categories of its features.
    pub(crate) fn told_apart(&self) -> Apart {
        if Chain::new(&self.model, &self.signature).is_ok_and(|chain| chain.takes_categories()) {
            return Apart::Trees;
        }
        let first = self.model.iter().find_map(|step| match step {
            Component::OneHotEncoder(settings) => Some(Apart::OneHot(settings.max_categories)),
            Component::OrdinalEncoder(_)
            | Component::FrequencyEncoder(_)
            | Component::TargetEncoder(_)
            | Component::FeatureHasher(_) => Some(Apart::Numbers),
            _ => None,
        });
        first.unwrap_or(Apart::Numbers)
    }
}
