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
