//! Every component there is. A new one costs its file and one line here.

use crate::metric::{self, Metric, Windowed};
use crate::{Learner, Transformer, linear, transform};

/// A component made ready for a number of columns.
pub enum Built {
    /// A preparation step.
    Transformer(Box<dyn Transformer>),
    /// A model that learns.
    Learner(Box<dyn Learner>),
}

macro_rules! components {
    (transformers { $($transformer:ident: $transform_path:path),* $(,)? } learners { $($learner:ident: $learn_path:path),* $(,)? }) => {
        /// A step of a model as a document writes it: its name, and its settings where they differ from the defaults.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        #[allow(missing_docs, reason = "each variant is documented by its settings")]
        pub enum Component {
            $($transformer($transform_path),)*
            $($learner($learn_path),)*
        }

        impl Component {
            /// One of each, with the defaults: what laws, schema and reference iterate.
            pub fn every() -> Vec<Self> {
                vec![$(Self::$transformer(Default::default()),)* $(Self::$learner(Default::default()),)*]
            }

            /// The component for rows of `width` columns.
            pub fn build(&self, width: usize) -> Built {
                match self {
                    $(Self::$transformer(settings) => Built::Transformer(Box::new(settings.build(width))),)*
                    $(Self::$learner(settings) => Built::Learner(Box::new(settings.build(width))),)*
                }
            }

            /// Whether the settings fit together; the error says which do not.
            pub fn check(&self) -> Result<(), String> {
                match self {
                    $(Self::$transformer(settings) => settings.check(),)*
                    $(Self::$learner(settings) => settings.check(),)*
                }
            }

            /// Whether it is a learner, which ends a model.
            pub fn is_learner(&self) -> bool {
                match self {
                    $(Self::$transformer(_) => false,)*
                    $(Self::$learner(_) => true,)*
                }
            }
        }
    };
}

components! {
    transformers {
        StandardScaler: transform::StandardScalerSettings,
    }
    learners {
        LinearRegression: linear::LinearRegressionSettings,
        LogisticRegression: linear::LogisticRegressionSettings,
    }
}

macro_rules! metrics {
    ($($metric:ident: $path:path),* $(,)?) => {
        /// A measure of how good predictions are, as a document writes it.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        #[allow(missing_docs, reason = "each variant is documented by its settings")]
        pub enum MetricKind {
            $($metric($path),)*
        }

        impl MetricKind {
            /// One of each, with the defaults.
            pub fn every() -> Vec<Self> {
                vec![$(Self::$metric(Default::default()),)*]
            }

            /// The metric, empty.
            pub fn build(&self) -> Box<dyn Metric> {
                match self {
                    $(Self::$metric(settings) => match settings.window {
                        Some(window) => Box::new(Windowed::new(window, Box::new(move || Box::new(<$path>::whole())))),
                        None => Box::new(<$path>::whole()),
                    },)*
                }
            }

            /// The name under which reports show it: `accuracy`, `accuracy[window=1000]`.
            pub fn key(&self) -> String {
                match self {
                    $(Self::$metric(settings) => match settings.window {
                        Some(window) => format!("{}[window={window}]", <$path>::NAME),
                        None => <$path>::NAME.to_string(),
                    },)*
                }
            }
        }
    };
}

metrics! {
    Accuracy: metric::AccuracySettings,
    Precision: metric::PrecisionSettings,
    Recall: metric::RecallSettings,
    F1: metric::F1Settings,
    RocAuc: metric::RocAucSettings,
    LogLoss: metric::LogLossSettings,
    Mae: metric::MaeSettings,
    Rmse: metric::RmseSettings,
}
