//! What documents say of what is watched.

use std::borrow::Cow;
use std::fmt;

use gristmill_learn::metric::Window;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// What an alarm does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is told, and nothing else.
    #[default]
    Alarm,
    /// The model that learns here starts over, untrained, with the next row of the shard; so do the watches of `score` and
    /// `error`.
    ResetModel,
    /// The model that is tried beside the one in force (`gristmill model shadow`) takes its place in this shard, from the
    /// next row on.
    PromoteCandidate,
}

/// What windows are compared with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reference {
    /// The window before.
    Previous,
    /// The first rows of the shard, so many of them.
    First(#[schemars(range(min = 1, max = 100_000_000))] u64),
    /// What was saved from training, in a JSON file: for each column `{rows: …, missing: …, values: […]}` with quantiles, or
    /// a sample, of its numbers, or `{counts: {NAME: …}, missing: …}` of its categories.
    File(String),
}

impl Default for Reference {
    fn default() -> Self {
        Self::First(10_000)
    }
}

/// Names of what is watched: one, or a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl Names {
    /// Of one name.
    pub fn one(name: &str) -> Self {
        Self(vec![name.to_string()])
    }
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => serializer.serialize_str(one),
            several => serializer.collect_seq(several),
        }
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name, or a list of names")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Names, E> {
                Ok(Names::one(name))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_any(Each)
    }
}

impl JsonSchema for Names {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Names".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "array"], "items": {"type": "string"}})
    }
}

/// Declares the settings of a measure: they are the same for all.
macro_rules! measures {
    ($($(#[$doc:meta])* $settings:ident, $at_least:literal, $floor:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $settings {
            /// What is watched: a column, a feature, `score` or `error`, or a list of them. Default: every feature that
            /// can be compared like this.
            pub of: Names,
            /// The rows that are compared with the reference, and then forgotten: so many of them (`1000`), or those of a
            /// stretch of event time (`1 day`), which is longer while it has less than 30 rows. Default 1000.
            pub window: Window,
            /// What they are compared with: `{first: ROWS}`, the first rows of each shard; `previous`, the window before;
            /// `{file: PATH}`, what was saved from training. Default `{first: 10000}`.
            pub reference: Reference,
            /// The size above which there is an alarm, above 0. Default: the size that a window without a change exceeds so
            /// seldom that `false_alarms` holds for all that the document watches together, and at least `at_least`.
            #[schemars(extend("exclusiveMinimum" = 0))]
            pub threshold: Option<f64>,
            #[doc = concat!("The least size that matters, 0 or more, where `threshold` is left out. Default ", $at_least, ".")]
            #[schemars(extend("minimum" = 0))]
            pub at_least: f64,
            /// The share of windows without a change in which something of all that is watched may raise an alarm, above 0
            /// and at most 0.5: each comparison has an equal part of it (Bonferroni's correction), since one in a hundred
            /// of each is many of a hundred. Rows must not depend on each other for it to hold. Default 0.01.
            #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 0.5))]
            pub false_alarms: f64,
            /// An alarm stays until the size is at most this share of the threshold, in [0, 1], so that one change is one
            /// alarm. Default 0.8.
            #[schemars(range(min = 0, max = 1))]
            pub clear_below: f64,
            /// A column, such as `country`: an alarm names the value of it whose rows have changed most, counted by their
            /// share. 100 values are told apart. Default: none.
            pub by: Option<String>,
            /// What an alarm does: `alarm`, `reset_model` or `promote_candidate`. Default `alarm`.
            pub then: Action,
        }

        impl Default for $settings {
            fn default() -> Self {
                Self {
                    of: Names::default(),
                    window: Window::Rows(1_000),
                    reference: Reference::default(),
                    threshold: None,
                    at_least: $floor,
                    false_alarms: 0.01,
                    clear_below: 0.8,
                    by: None,
                    then: Action::Alarm,
                }
            }
        }

        impl $settings {
            pub(crate) fn common(&self) -> Common<'_> {
                let Self { of, window, reference, threshold, at_least, false_alarms, clear_below, by, then } = self;
                Common {
                    of,
                    window: *window,
                    reference,
                    limit: Limit {
                        threshold: *threshold,
                        at_least: *at_least,
                        chance: *false_alarms,
                        clear_below: *clear_below,
                    },
                    by: by.as_deref(),
                    then: *then,
                }
            }
        }
    )*};
}

/// The settings of a measure, whichever it is.
pub(crate) struct Common<'a> {
    pub(crate) of: &'a Names,
    pub(crate) window: Window,
    pub(crate) reference: &'a Reference,
    pub(crate) limit: Limit,
    pub(crate) by: Option<&'a str>,
    pub(crate) then: Action,
}

/// When an alarm is raised and cleared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// The size above which it is raised, if the document says so.
    pub threshold: Option<f64>,
    /// The least size that matters otherwise.
    pub at_least: f64,
    /// How likely a window without a change may exceed the limit.
    pub chance: f64,
    /// The share of the limit at which it is cleared.
    pub clear_below: f64,
}

measures! {
    /// The population stability index of what is watched: the sum of (q - p) ln(q / p) over the tenths of the reference's
    /// numbers, or over categories.
    ///
    /// Shares below 0.0001 count as so many. Memory of numbers: about 110 KB for each that is watched, with the window before
    /// as reference 8 bytes for each value of a window more; of categories the names of the first 1,000. Source of the
    /// limit: B. Yurdakul, "Statistical Properties of Population Stability Index", 2018; of 0.1, the size that is held to be
    /// of some importance, the practice of credit scoring.
    Psi, "0.1", 0.1;
    /// The Kolmogorov-Smirnov distance of numbers: how far apart their distribution functions are at most, 0 to 1.
    ///
    /// That of SciPy's `ks_2samp` to within 0.001, whatever the number of rows. Memory: about 110 KB for each that is
    /// watched, with the window before as reference 8 bytes for each value of a window more. Source of the limit: N.
    /// Smirnov, 1948.
    KolmogorovSmirnov, "0.1", 0.1;
    /// The Wasserstein distance of numbers, in units of the reference's standard deviation: how far a value has to be moved
    /// on average to make one distribution of the other.
    ///
    /// That of SciPy's `wasserstein_distance` to within 0.001 standard deviations. Memory: about 110 KB for each that is
    /// watched, with the window before as reference 8 bytes for each value of a window more. Source of the limit: E. del
    /// Barrio, E. Giné, C. Matrán, 1999.
    Wasserstein, "0.1", 0.1;
    /// Pearson's chi-square statistic of categories; of numbers over the tenths of the reference, but for whole numbers
    /// each is a category.
    ///
    /// It grows with the rows of a window: of large ones it tells changes that are too small to matter, and
    /// `jensen_shannon` does not. Memory: the names of the first 1,000 categories. Source: K. Pearson, 1900.
    ChiSquare, "0", 0.0;
    /// The Jensen-Shannon distance of categories, or of numbers over the tenths of the reference: the root of the
    /// divergence in bits, 0 to 1.
    ///
    /// That of SciPy's `jensenshannon` with base 2. Memory of numbers: about 110 KB for each that is watched; of categories
    /// the names of the first 1,000. Source: J. Lin, "Divergence Measures Based on the Shannon Entropy", IEEE Transactions
    /// on Information Theory 37 (1991).
    JensenShannon, "0.1", 0.1;
    /// The share of values that are missing: how far it is from that of the reference.
    ///
    /// Infinite numbers, and those beyond 1e140, are missing. Memory: 32 bytes. Source of the limit: F. J. Anscombe, 1948.
    Missing, "0.01", 0.01;
    /// The share of values whose category the reference does not have.
    ///
    /// Of a reference with rare categories, so many are to be expected as occurred once in it (I. J. Good, "The Population
    /// Frequencies of Species and the Estimation of Population Parameters", Biometrika 40, 1953). For texts, booleans and
    /// whole numbers. Memory: the names of the first 1,000 categories.
    NewCategories, "0", 0.0;
    /// The share of rows that a rule of `clean` changes, flags or refuses: how far it is from that of the reference.
    ///
    /// Here `of` names rules, as `outliers`, or one of several as the report does; by default each rule is watched. With a
    /// `grace` the rules that look at records as they arrive cannot be watched. Memory: 32 bytes.
    Rules, "0.01", 0.01;
}
