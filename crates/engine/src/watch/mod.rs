//! Watching: whether what comes in, what the model makes of it, and how wrong it is, are still as they were.
//!
//! Each watch is a fold over the rows of its shard, as the model is: windows are cut by rows or by event time, and never by
//! a clock. An alarm is an event, and leaves the shard as decisions do, so that it is told exactly once where they are.

mod alarm;
mod compare;
mod detect;
mod grade;
mod plan;
mod profile;
mod section;
mod segments;
mod spec;
mod taken;
mod watched;
mod watcher;

pub(crate) use grade::error_of;
pub(crate) use plan::{Comparing, Kind, Source};
pub use plan::{Subject, WatchPlan};
pub(crate) use profile::Profiles;
pub(crate) use section::{Seen, Watching};
pub(crate) use spec::Common;
pub use spec::{
    Action, ChiSquare, JensenShannon, KolmogorovSmirnov, Limit, Missing, Names, NewCategories, Psi, Reference, Rules,
    Wasserstein,
};
pub(crate) use taken::{Moment, Taken};
pub use watched::{Of, Watched};

use gristmill_learn::distance::Measure;
use gristmill_learn::drift::{
    AdwinSettings, DdmSettings, EddmSettings, HddmASettings, HddmWSettings, KswinSettings, PageHinkleySettings,
};
use gristmill_learn::metric::Window;
use gristmill_learn::{DetectorKind, drift};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What compares, or detects.
pub(crate) enum Means<'a> {
    /// A distance between a window and a reference.
    Measure(Measure, Common<'a>),
    /// The same, of shares of rows for which rules fire.
    Rules(Common<'a>),
    /// A detector of change.
    Detector(DetectorKind, &'a Of),
}

/// Every watch: its name in documents and its settings.
macro_rules! watches {
    (
        measures { $($measure:ident = $measure_name:literal,)* }
        detectors { $($detector:ident = $detector_name:literal: $settings:ty,)* }
    ) => {
        /// A watch: `{name: settings}`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        #[allow(missing_docs, reason = "the settings say what a watch does")]
        pub enum Watch {
            $($measure($measure),)*
            Rules(Rules),
            $($detector(Watched<$settings>),)*
        }

        impl Watch {
            /// The name in documents.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$measure(_) => $measure_name,)*
                    Self::Rules(_) => "rules",
                    $(Self::$detector(_) => $detector_name,)*
                }
            }

            pub(crate) fn means(&self) -> Means<'_> {
                match self {
                    $(Self::$measure(settings) => Means::Measure(Measure::$measure, settings.common()),)*
                    Self::Rules(settings) => Means::Rules(settings.common()),
                    $(Self::$detector(watched) => {
                        Means::Detector(DetectorKind::$detector(watched.detector.clone()), &watched.of)
                    })*
                }
            }

            /// The same of one thing alone.
            pub(crate) fn of_one(&self, name: &str) -> Self {
                let mut one = self.clone();
                let of = match &mut one {
                    $(Self::$measure(settings) => &mut settings.of,)*
                    Self::Rules(settings) => &mut settings.of,
                    $(Self::$detector(watched) => &mut watched.of.of,)*
                };
                *of = Names::one(name);
                one
            }

            /// Every detector, with the defaults.
            fn detectors() -> Vec<Self> {
                vec![$(Self::$detector(Watched::default()),)*]
            }
        }
    };
}

watches! {
    measures {
        Psi = "psi",
        KolmogorovSmirnov = "kolmogorov_smirnov",
        Wasserstein = "wasserstein",
        ChiSquare = "chi_square",
        JensenShannon = "jensen_shannon",
        Missing = "missing",
        NewCategories = "new_categories",
    }
    detectors {
        Adwin = "adwin": AdwinSettings,
        Ddm = "ddm": DdmSettings,
        Eddm = "eddm": EddmSettings,
        HddmA = "hddm_a": HddmASettings,
        HddmW = "hddm_w": HddmWSettings,
        PageHinkley = "page_hinkley": PageHinkleySettings,
        Kswin = "kswin": KswinSettings,
    }
}

impl Watch {
    /// Every watch, in the ways in which it works: what laws, saved states and simulated schedules go through. They are
    /// about the numbers `x` and `y`, the text `note`, the key `card`, a label of two classes and a model that learns.
    /// `rules`: rules of `clean`, if there are any to be watched.
    pub fn every(rules: Option<&str>) -> Vec<Self> {
        let of = |names: &[&str]| Names(names.iter().map(|name| (*name).to_string()).collect());
        let some = |names: &[&str], window, reference| {
            let threshold = Some(0.2);
            Psi { of: of(names), window: Window::Rows(window), reference, threshold, ..Psi::default() }
        };
        macro_rules! like {
            ($kind:ident, $names:expr, $window:expr, $reference:expr $(, $field:ident: $value:expr)*) => {{
                let Psi { of, window, reference, threshold, .. } = some($names, $window, $reference);
                Self::$kind($kind { of, window, reference, threshold, $($field: $value,)* ..$kind::default() })
            }};
        }
        let (first, by) = (|rows| Reference::First(rows), || Some("card".to_string()));
        let mut every = vec![
            like!(Psi, &["x", "score"], 5, first(7), by: by()),
            like!(KolmogorovSmirnov, &["x", "error"], 4, Reference::Previous, then: Action::ResetModel),
            like!(Wasserstein, &["y"], 3, first(6), by: by()),
            like!(ChiSquare, &["note"], 6, first(6), by: by()),
            like!(JensenShannon, &["note", "x"], 4, Reference::Previous, clear_below: 0.5),
            like!(Missing, &["x", "y", "note"], 3, first(5), by: by()),
            like!(NewCategories, &["note"], 4, first(4)),
        ];
        if let Self::Wasserstein(timed) = every.get(2).cloned().unwrap_or(Self::Wasserstein(Wasserstein::default())) {
            every.push(Self::Wasserstein(Wasserstein { window: Window::Time(2_000_000), of: of(&["x"]), ..timed }));
        }
        every.extend(rules.map(|rule| like!(Rules, &[rule], 5, first(6))));
        every.extend(Self::detectors().into_iter().map(Self::quick));
        every
    }

    /// A detector that has something to say of a few rows.
    fn quick(mut self) -> Self {
        let quiet = |of: &mut Of| of.quiet = 4;
        match &mut self {
            Self::Adwin(Watched { of, detector }) => {
                quiet(of);
                (detector.clock, detector.grace_period, detector.delta, detector.min_window_length) = (1, 2, 0.9, 1);
                of.of = Names(vec!["error".into(), "y".into()]);
            }
            Self::Ddm(Watched { of, detector }) => {
                quiet(of);
                detector.warm_start = 3;
                of.then = Action::ResetModel;
            }
            Self::Eddm(Watched { of, detector }) => {
                quiet(of);
                detector.warm_start = 2;
            }
            Self::Kswin(Watched { of, detector }) => {
                quiet(of);
                (detector.window_size, detector.stat_size, detector.alpha) = (6, 3, 0.9);
                of.of = Names(vec!["x".into(), "score".into()]);
            }
            Self::PageHinkley(Watched {
                of,
                detector: drift::PageHinkleySettings { min_instances, threshold, .. },
            }) => {
                quiet(of);
                (*min_instances, *threshold) = (2, 1.0);
            }
            Self::HddmA(Watched { of, detector }) => {
                quiet(of);
                detector.drift_confidence = 0.9;
            }
            Self::HddmW(Watched { of, .. }) => quiet(of),
            _ => {}
        }
        self
    }
}

#[cfg(test)]
mod tests;
