//! Declares settings: each field with its description, and its default.

/// Declares settings: what a document may leave out has its default.
macro_rules! settings {
    (
        $(#[$doc:meta])*
        $settings:ident { $($(#[$about:meta])* $field:ident: $kind:ty = $default:expr),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $settings {
            $($(#[$about])* pub $field: $kind,)*
        }

        impl Default for $settings {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}
pub(crate) use settings;

/// Declares the settings of a component that fit together whatever they are.
macro_rules! component_settings {
    ($(#[$doc:meta])* $settings:ident { $($fields:tt)* }) => {
        $crate::settings::settings! { $(#[$doc])* $settings { $($fields)* } }

        impl $settings {
            /// Whether the settings fit together: they always do.
            pub fn check(&self) -> Result<(), String> {
                Ok(())
            }
        }
    };
}
pub(crate) use component_settings;

/// A value that has these fields from another one, and others of its own.
macro_rules! taken {
    ($from:ident, $($kind:tt)::+ { $($same:ident),* $(,)?; $($own:tt)* }) => {
        $($kind)::+ { $($same: $from.$same,)* $($own)* }
    };
}
pub(crate) use taken;

/// Declares the settings of an Adam optimizer, with one of its own where it has more.
macro_rules! adam {
    (
        $(#[$doc:meta])*
        $name:ident, lr: $lr:literal $($as_in:literal)? $(, $(#[$about:meta])* $field:ident = $default:literal)?
    ) => {
        $crate::settings::settings! {
            $(#[$doc])*
            $name {
                #[doc = concat!("The learning rate, above 0. Default ", $lr, $($as_in,)? ".")]
                #[schemars(extend("exclusiveMinimum" = 0))]
                lr: f64 = $lr,
                /// How much of the mean gradient is kept at each step, in [0, 1). Default 0.9.
                #[schemars(range(min = 0, max = 1))]
                beta_1: f64 = 0.9,
                /// How much of the mean squared gradient is kept at each step, in [0, 1). Default 0.999.
                #[schemars(range(min = 0, max = 1))]
                beta_2: f64 = 0.999,
                /// Added to the root against a division by 0. Default 1e-8.
                #[schemars(extend("exclusiveMinimum" = 0))]
                eps: f64 = 1e-8,
                $($(#[$about])* #[schemars(extend("minimum" = 0))] $field: f64 = $default,)?
            }
        }
    };
}
pub(crate) use adam;
