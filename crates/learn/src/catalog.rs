//! The catalog of components. A new one costs its file and one line here.

use crate::drift::{self, Detector};
use crate::metric::{self, Metric, Segmented, Window, Windowed};
use crate::{
    Learner, Signature, Transformer, anomaly, bayes, calibrate, cluster, ensemble, linear, neighbors, neural,
    transform, tree,
};

/// A component built for a number of columns.
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

            /// The component for rows of these columns.
            pub fn build(&self, signature: &Signature) -> Built {
                match self {
                    $(Self::$transformer(settings) => Built::Transformer(Box::new(settings.build(signature))),)*
                    $(Self::$learner(settings) => Built::Learner(Box::new(settings.build(signature))),)*
                }
            }

            /// Whether the settings are consistent; the error names those that are not.
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
        MinMaxScaler: transform::MinMaxScalerSettings,
        MaxAbsScaler: transform::MaxAbsScalerSettings,
        RobustScaler: transform::RobustScalerSettings,
        AdaptiveStandardScaler: transform::AdaptiveStandardScalerSettings,
        OneHotEncoder: transform::OneHotEncoderSettings,
        OrdinalEncoder: transform::OrdinalEncoderSettings,
        FrequencyEncoder: transform::FrequencyEncoderSettings,
        TargetEncoder: transform::TargetEncoderSettings,
        FeatureHasher: transform::FeatureHasherSettings,
        QuantileBinning: transform::QuantileBinningSettings,
        PolynomialExtender: transform::PolynomialExtenderSettings,
        Imputer: transform::ImputerSettings,
        VarianceThreshold: transform::VarianceThresholdSettings,
        SelectKBest: transform::SelectKBestSettings,
    }
    learners {
        LinearRegression: linear::LinearRegressionSettings,
        LogisticRegression: linear::LogisticRegressionSettings,
        SoftmaxRegression: linear::SoftmaxRegressionSettings,
        Perceptron: linear::PerceptronSettings,
        PassiveAggressiveClassifier: linear::PassiveAggressiveClassifierSettings,
        PassiveAggressiveRegressor: linear::PassiveAggressiveRegressorSettings,
        AlmaClassifier: linear::AlmaClassifierSettings,
        BayesianLinearRegression: linear::BayesianLinearRegressionSettings,
        LinearSvc: linear::LinearSvcSettings,
        LinearSvr: linear::LinearSvrSettings,
        KernelSvc: linear::KernelSvcSettings,
        KernelSvr: linear::KernelSvrSettings,
        HoeffdingTreeClassifier: tree::HoeffdingTreeClassifierSettings,
        HoeffdingTreeRegressor: tree::HoeffdingTreeRegressorSettings,
        HoeffdingAdaptiveTreeClassifier: tree::HoeffdingAdaptiveTreeClassifierSettings,
        HoeffdingAdaptiveTreeRegressor: tree::HoeffdingAdaptiveTreeRegressorSettings,
        ExtremelyFastDecisionTreeClassifier: tree::ExtremelyFastDecisionTreeClassifierSettings,
        AdaptiveRandomForestClassifier: tree::AdaptiveRandomForestClassifierSettings,
        AdaptiveRandomForestRegressor: tree::AdaptiveRandomForestRegressorSettings,
        GradientBoostingClassifier: tree::GradientBoostingClassifierSettings,
        GradientBoostingRegressor: tree::GradientBoostingRegressorSettings,
        LeveragingBaggingClassifier: ensemble::LeveragingBaggingClassifierSettings,
        BaggingClassifier: ensemble::BaggingClassifierSettings,
        AdaBoostClassifier: ensemble::AdaBoostClassifierSettings,
        OneVsRest: ensemble::OneVsRestSettings,
        GaussianNb: bayes::GaussianNbSettings,
        MultinomialNb: bayes::MultinomialNbSettings,
        BernoulliNb: bayes::BernoulliNbSettings,
        KnnClassifier: neighbors::KnnClassifierSettings,
        KnnRegressor: neighbors::KnnRegressorSettings,
        MlpClassifier: neural::MlpClassifierSettings,
        MlpRegressor: neural::MlpRegressorSettings,
        Autoencoder: neural::AutoencoderSettings,
        KMeans: cluster::KMeansSettings,
        HalfSpaceTrees: anomaly::HalfSpaceTreesSettings,
        KnnAnomalyDetector: anomaly::KnnAnomalyDetectorSettings,
        PlattCalibration: calibrate::PlattCalibrationSettings,
        IsotonicCalibration: calibrate::IsotonicCalibrationSettings,
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
                    $(Self::$metric(settings) if settings.by.is_some() => {
                        let mut each = settings.clone();
                        each.by = None;
                        let each = Self::$metric(each);
                        Box::new(Segmented::new(Box::new(move || each.build())))
                    })*
                    $(Self::$metric(settings) => match settings.window {
                        Some(window) => {
                            let whole = settings.clone();
                            Box::new(Windowed::new(window, Box::new(move || Box::new(whole.whole()))))
                        }
                        None => Box::new(settings.whole()),
                    },)*
                }
            }

            /// Whether it is about probabilities as such: scores that are in the same order and decide the same are not the
            /// same to it.
            pub fn is_of_probabilities(&self) -> bool {
                matches!(self, Self::LogLoss(_) | Self::Brier(_) | Self::CalibrationError(_))
            }

            /// The column whose values are told apart, where it is shown by segment.
            pub fn by(&self) -> Option<&str> {
                match self {
                    $(Self::$metric(settings) => settings.by.as_deref(),)*
                }
            }

            /// How far back it looks, where it does not count all rows.
            pub fn window(&self) -> Option<Window> {
                match self {
                    $(Self::$metric(settings) => settings.window,)*
                }
            }

            /// The name under which reports show it, with the settings that differ from the defaults: `accuracy`,
            /// `accuracy[window=1000]`, `f1[average=macro]`.
            pub fn key(&self) -> String {
                let (name, differing) = match self {
                    $(Self::$metric(settings) => (<$path>::NAME, settings.differing()),)*
                };
                if differing.is_empty() { name.to_string() } else { format!("{name}[{}]", differing.join(",")) }
            }
        }
    };
}

metrics! {
    Accuracy: metric::AccuracySettings,
    BalancedAccuracy: metric::BalancedAccuracySettings,
    Precision: metric::PrecisionSettings,
    Recall: metric::RecallSettings,
    F1: metric::F1Settings,
    Kappa: metric::KappaSettings,
    KappaTemporal: metric::KappaTemporalSettings,
    Mcc: metric::MccSettings,
    ConfusionMatrix: metric::ConfusionMatrixSettings,
    LogLoss: metric::LogLossSettings,
    Brier: metric::BrierSettings,
    CalibrationError: metric::CalibrationErrorSettings,
    RocAuc: metric::RocAucSettings,
    AveragePrecision: metric::AveragePrecisionSettings,
    PrecisionAt: metric::PrecisionAtSettings,
    Mae: metric::MaeSettings,
    Rmse: metric::RmseSettings,
    Mape: metric::MapeSettings,
    Smape: metric::SmapeSettings,
    R2: metric::R2Settings,
    Pinball: metric::PinballSettings,
    Silhouette: metric::SilhouetteSettings,
}

macro_rules! detectors {
    ($($detector:ident: $path:path),* $(,)?) => {
        /// A detector of change, as a document writes it.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        #[allow(missing_docs, reason = "each variant is documented by its settings")]
        pub enum DetectorKind {
            $($detector($path),)*
        }

        impl DetectorKind {
            /// One of each, with the defaults.
            pub fn every() -> Vec<Self> {
                vec![$(Self::$detector(Default::default()),)*]
            }

            /// The detector.
            pub fn build(&self) -> Box<dyn Detector> {
                match self {
                    $(Self::$detector(settings) => Box::new(settings.build()),)*
                }
            }
        }
    };
}

detectors! {
    Adwin: drift::AdwinSettings,
    Ddm: drift::DdmSettings,
    Eddm: drift::EddmSettings,
    HddmA: drift::HddmASettings,
    HddmW: drift::HddmWSettings,
    PageHinkley: drift::PageHinkleySettings,
    Kswin: drift::KswinSettings,
}
