//! The settings shared by trees and their ensembles.

/// Declares the settings of a tree, or of a component made of trees, that grows by Hoeffding's bound.
macro_rules! tree_settings {
    (
        $(#[$doc:meta])*
        $settings:ident of $which:literal, at most $size:literal
        { $($before:tt)* } grace_period: $grace_period:literal, max_depth: $max_depth:literal,
        { $($between:tt)* } delta: $delta:literal,
        { $($behind:tt)* } max_size: $max_size:literal,
        { $($last:tt)* }
    ) => {
        $crate::settings::component_settings! {
            $(#[$doc])*
            $settings {
                $($before)*
                #[doc = concat!("The weight of rows between two attempts to split a leaf, above 0. Default ", $grace_period, ".")]
                #[schemars(extend("exclusiveMinimum" = 0))]
                grace_period: f64 = f64::from($grace_period),
                #[doc = concat!("How deep ", $which, " may grow, 1 to 1,000. Default ", $max_depth, ".")]
                #[schemars(range(min = 1, max = 1000))]
                max_depth: usize = $max_depth,
                $($between)*
                #[doc = concat!("The chance of a wrong split, in (0, 1). Default ", $delta, ".")]
                #[schemars(range(min = 0, max = 1))]
                delta: f64 = $delta,
                /// The bound below which two columns count as equally good, 0 or above. Default 0.05.
                #[schemars(extend("minimum" = 0))]
                tau: f64 = 0.05,
                $($behind)*
                #[doc = concat!($size, ", in MiB, above 0. Default ", $max_size, ".")]
                #[schemars(extend("exclusiveMinimum" = 0))]
                max_size: f64 = f64::from($max_size),
                $($last)*
            }
        }
    };
}
pub(super) use tree_settings;

/// Declares the settings of an adaptive random forest.
macro_rules! forest_settings {
    (
        $(#[$doc:meta])*
        $settings:ident { $($own:tt)* } { $($between:tt)* } { $($behind:tt)* } max_size: $max_size:literal
    ) => {
        $crate::tree::settings::tree_settings! {
            $(#[$doc])*
            $settings of "each tree", at most "The most memory of each tree"
            {
                /// The number of trees, 1 to 1,000. Default 10.
                #[schemars(range(min = 1, max = 1000))]
                n_models: usize = 10,
                /// How many columns each leaf looks at: `sqrt`, `sqrt_plus_one` (MOA's), `log2` or `all`. Default `sqrt`.
                max_features: $crate::tree::MaxFeatures = Default::default(),
                /// How often a tree learns a row on average, 0 to 100. Default 6.
                #[schemars(range(min = 0, max = 100))]
                lambda_value: f64 = 6.0,
                $($own)*
                /// What finds that a tree has drifted. Default `{adwin: {delta: 0.001}}`.
                drift_detector: $crate::DetectorKind = $crate::tree::forest::adwin(0.001),
                /// What finds that a tree may be drifting. Default `{adwin: {delta: 0.01}}`.
                warning_detector: $crate::DetectorKind = $crate::tree::forest::adwin(0.01),
            } grace_period: 50, max_depth: 1000,
            { $($between)* } delta: 0.01,
            { $($behind)* } max_size: $max_size,
            {
                /// The seed of everything random. Default 42.
                seed: u64 = 42,
            }
        }
    };
}
pub(super) use forest_settings;

/// Declares the settings of a Hoeffding adaptive tree with such leaves, and how it begins.
macro_rules! adaptive_tree_settings {
    ($(#[$doc:meta])* $settings:ident of $tree:ident, $name:literal, $leaf:ty) => {
        $crate::settings::component_settings! {
            $(#[$doc])*
            $settings {
                #[doc = concat!("How the tree grows: the settings of `", $name, "`.")]
                tree: $tree = Default::default(),
                /// Whether each row is learned as often as a Poisson number of mean 1 has it, at least once. Default true.
                bootstrap_sampling: bool = true,
                /// The rows that a branch and its alternate must have answered before they are compared. Default 300.
                drift_window_threshold: f64 = 300.0,
                /// What finds that a branch has drifted. Default `{adwin: {delta: 0.002}}`.
                drift_detector: $crate::DetectorKind = $crate::tree::forest::adwin(0.002),
                /// The chance of taking a worse alternate, in (0, 1). Default 0.05.
                #[schemars(range(min = 0, max = 1))]
                switch_significance: f64 = 0.05,
                /// The seed of the sampling. Default 42.
                seed: u64 = 42,
            }
        }

        impl $settings {
            fn adaptive(&self, signature: &$crate::Signature) -> $crate::tree::adaptive_tree::AdaptiveTree<$leaf> {
                let adaption = $crate::settings::taken!(self, $crate::tree::adaptive_tree::Adaption {
                    bootstrap_sampling, drift_window_threshold, switch_significance;
                    drift_detector: self.drift_detector.clone(),
                });
                $crate::tree::adaptive_tree::AdaptiveTree::new(self.tree.growth(), signature.kinds(), adaption, self.seed)
            }
        }
    };
}
pub(super) use adaptive_tree_settings;
