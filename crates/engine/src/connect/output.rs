//! Where decisions and dead letters go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FileTarget, Format, Http, KafkaTarget, Stdout, TargetPlan, TargetSpec};
use crate::document::{Mistakes, Path, path};
use crate::spec::Feature;

/// How dead letters are asked for.
pub(crate) const ADD_DEAD_LETTERS: &str = "`dead_letters: {file: {path: dead.ndjson}}`, or `{kafka: {topic: …}}`";

/// The targets that there are, in the order of the reference: one line each. Those for dead letters keep a record byte for byte.
macro_rules! targets {
    (
        decisions: {$($(#[doc = $doc:literal])+ $key:ident: $spec:ty,)+}
        dead_letters: {$($(#[doc = $letter_doc:literal])+ $letter_key:ident: $letter_spec:ty,)+}
    ) => {
        /// Where decisions go: `kafka`, `file`, `stdout` or `http`, which ones, and what of them.
        #[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct Output {
            $($(#[doc = $doc])+
            pub $key: Option<$spec>,)+
            /// Only decisions that meet this condition: an SQL expression over columns, features, `score`, `prediction`, `model`
            /// and `probability['class']`. Where it is NULL, since a value is missing or cannot be computed, the decision is not
            /// taken. Default: all.
            pub when: Option<String>,
            /// How decisions are written: `json`, or `csv` with the fields of `select`, whose files begin with a line of their
            /// names. Default: `json`.
            pub format: Option<Format>,
            /// What is written: names as in `when`, or `{name: SQL expression}`. What is missing or cannot be computed is `null`.
            /// Default: the whole decision.
            pub select: Vec<Feature>,
        }

        impl Output {
            pub(crate) fn written(&self) -> Targets<'_> {
                let all = [$(self.$key.as_ref().map(|spec| (stringify!($key), spec as &dyn TargetSpec))),+];
                Targets { written: all.into_iter().flatten().collect(), allowed: &[$(stringify!($key)),+] }
            }
        }

        /// Where dead letters go: `kafka` or `file`.
        #[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct Target {
            $($(#[doc = $letter_doc])+
            pub $letter_key: Option<$letter_spec>,)+
        }

        impl Target {
            pub(crate) fn written(&self) -> Targets<'_> {
                let all = [$(self.$letter_key.as_ref().map(|spec| (stringify!($letter_key), spec as &dyn TargetSpec))),+];
                Targets { written: all.into_iter().flatten().collect(), allowed: &[$(stringify!($letter_key)),+] }
            }
        }
    };
}

targets! {
    decisions: {
        /// To a topic, under the input record's key.
        kafka: KafkaTarget,
        /// To a file, one JSON object a line.
        file: FileTarget,
        /// To standard output, one JSON object a line.
        stdout: Stdout,
        /// To a web server, one request for each decision.
        http: Http,
    }
    dead_letters: {
        /// To a topic, byte for byte, with Kafka Connect's `__connect.errors.*` headers.
        kafka: KafkaTarget,
        /// To a file, one JSON object a line, bytes in base64.
        file: FileTarget,
    }
}

/// Possible targets, as written.
pub(crate) struct Targets<'a> {
    written: Vec<(&'static str, &'a dyn TargetSpec)>,
    allowed: &'static [&'static str],
}

impl Targets<'_> {
    /// The one target that is written.
    pub(crate) fn plan(&self, mistakes: &mut Mistakes<'_>, at: &Path) -> Option<TargetPlan> {
        let plans: Vec<TargetPlan> = self
            .written
            .iter()
            .map(|(key, target)| target.plan(mistakes, &[at.as_slice(), &path([*key])].concat()))
            .collect();
        let names: Vec<String> = self.allowed.iter().map(|key| format!("`{key}`")).collect();
        let (last, others) = names.split_last()?;
        let allowed = format!("{} or {last}", others.join(", "));
        match plans.as_slice() {
            [target] => Some(target.clone()),
            [] => {
                mistakes.wrong_with_help(at.clone(), "it says not where to", format!("add one of {allowed}"));
                None
            }
            _ => {
                mistakes.wrong(at.clone(), format!("it is exactly one of {allowed}; for two, write two outputs"));
                None
            }
        }
    }
}
