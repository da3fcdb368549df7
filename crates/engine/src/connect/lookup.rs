//! Where tables are that rows are looked up in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Format, LookupFile, LookupSource, LookupSpec, LookupTopic};
use crate::document::{Mistakes, Path, path};
use crate::spec::{ColumnType, Entries};

/// The systems that a table may be in: one line each.
macro_rules! lookups {
    ($($(#[doc = $doc:literal])+ $key:ident: $spec:ty,)+) => {
        /// A table: `file` or `kafka`, and its columns. Each row gains its columns as `NAME.COLUMN`, for features and conditions;
        /// they are missing where the table has no row for it. It is read whole before the first record. A change of it is taken
        /// when a run begins; what was computed before keeps the values that it had.
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Lookup {
            $($(#[doc = $doc])+
            #[serde(default)]
            pub $key: Option<$spec>,)+
            /// How a row is written. Default for a file: by its name's ending.
            #[serde(default)]
            pub format: Option<Format>,
            /// The columns and their types.
            pub columns: Entries<ColumnType>,
            /// The column of the table that is its key. Default for a file: the column named as `on`; for a topic: the record's
            /// key.
            #[serde(default)]
            pub key: Option<String>,
            /// The column of the input that is looked up: it matches where both are the same as text.
            pub on: String,
            /// The column of the table that says from when a row holds: each record finds the row that held at its event time.
            /// Default: the last row of a key holds always.
            #[serde(default)]
            pub time: Option<String>,
        }

        impl Lookup {
            /// Every place that is written, by its key: there should be one.
            fn written(&self) -> Vec<(&'static str, &dyn LookupSpec)> {
                let all = [$(self.$key.as_ref().map(|spec| (stringify!($key), spec as &dyn LookupSpec))),+];
                all.into_iter().flatten().collect()
            }
        }

        /// Their keys.
        const KEYS: &[&str] = &[$(stringify!($key)),+];
    };
}

lookups! {
    /// A table in a file.
    file: LookupFile,
    /// A table in a topic: of each key the last record, as a compacted topic keeps it. A record without a value takes its
    /// key out.
    kafka: LookupTopic,
}

impl Lookup {
    /// The one place that is written.
    pub(crate) fn source(&self, mistakes: &mut Mistakes<'_>, at: &Path) -> Option<LookupSource> {
        match self.written().as_slice() {
            [(key, source)] => Some(source.plan(mistakes, &[at.as_slice(), &path([*key])].concat())),
            [] => {
                let keys: Vec<String> = KEYS.iter().map(|key| format!("`{key}:`")).collect();
                let help = format!("add {}", keys.join(" or "));
                mistakes.wrong_with_help(at.clone(), "the table says not where from", help);
                None
            }
            [(first, _), (second, _), ..] => {
                mistakes.wrong(at.clone(), format!("a table is in a `{first}` or in `{second}`, not in both"));
                None
            }
        }
    }
}
