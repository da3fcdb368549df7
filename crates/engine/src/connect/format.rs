//! How records are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The formats that there are: one line each, with the name in texts, the key in a document, and the endings of files.
macro_rules! formats {
    ($($(#[doc = $doc:literal])+ $name:ident: $shown:literal, $key:literal, $endings:expr,)+) => {
        /// How a record is written.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Format {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Format {
            /// Its key in a document.
            pub fn key(self) -> &'static str {
                match self {
                    $(Self::$name => $key,)+
                }
            }

            /// Its name in texts.
            pub fn shown(self) -> &'static str {
                match self {
                    $(Self::$name => $shown,)+
                }
            }

            /// The format that the ending of a file's name tells, also of a compressed file.
            pub fn of_name(file: &str) -> Option<Self> {
                let name = file.to_lowercase();
                let bare = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
                let ends = |endings: &[&str]| endings.iter().any(|ending| bare.ends_with(ending));
                $(if ends(&$endings) {
                    return Some(Self::$name);
                })+
                None
            }

            /// What to add where no format is named.
            pub(crate) fn choice() -> String {
                let choices = [$(concat!("`format: ", $key, "`")),+];
                format!("add {} beside it", choices.join(" or "))
            }
        }
    };
}

formats! {
    /// One JSON object.
    Json: "JSON", "json", [".ndjson", ".jsonl", ".json"],
    /// Comma-separated values (RFC 4180). A file begins with a line of column names, unless `header: false`; a Kafka
    /// record holds the values of `columns` in their order.
    Csv: "CSV", "csv", [".csv"],
}
