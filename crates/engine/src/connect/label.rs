//! Where the truth is, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::{Choice, choice};
use super::{FileInput, Format, InputSpec, KafkaInput};
use crate::spec::{ColumnType, Entries, OnLimit, Size, Span};

/// Where the truth is: in a column of the row itself, or in records of their own, in a topic (`kafka`) or a file (`file`),
/// which are joined to their rows by `id` whenever they arrive.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Labels in a file of their own. It is read together with the input, in the order of both times.
    #[serde(default)]
    pub file: Option<FileInput>,
    /// Labels in a topic of their own, with as many partitions as the input's, and the same keys.
    #[serde(default)]
    pub kafka: Option<KafkaInput>,
    /// For labels of their own: how a record is written. Default for a file: by its name's ending.
    #[serde(default)]
    pub format: Option<Format>,
    /// For labels of their own: the columns of a record and their types.
    #[serde(default)]
    pub columns: Option<Entries<ColumnType>>,
    /// For labels of their own: the column that names the row, of the same type as the input's `id`.
    #[serde(default)]
    pub id: Option<String>,
    /// For labels of their own: the column of the time at which the label became known, which dates it in metrics and in the
    /// distribution of delays. A file is read in its order. Default for a topic: the time of the record.
    #[serde(default)]
    pub time: Option<String>,
    /// The column that holds the label. A row where it is missing is scored, not learned from.
    pub column: String,
    /// For labels in the row: how long after its row the label is known, by event time, as with frauds that are found days
    /// later: the row is scored at once and learned and evaluated when time has moved on so far, with the features it had.
    /// Windows that end at least so long before the row may look at the label. At the end of a file whose state is not kept
    /// nothing waits any longer. Default: known at once, and no feature may use it.
    #[serde(default)]
    pub delay: Option<Span>,
    /// For labels of their own, required: how long a row waits for its label, by event time. A label that comes by then is
    /// learned at once, with the features and the score the row was answered with; a second one with another value
    /// corrects it: the evaluation counts the last one, and the model learns it as one more example. A label whose row
    /// has not come yet waits as long.
    #[serde(default)]
    pub wait: Option<Span>,
    /// For labels of their own: what a row counts as that has none after `wait`, such as the class of payments that nobody
    /// complained about. Default: it is neither learned nor evaluated.
    #[serde(default)]
    pub otherwise: Option<String>,
    /// For labels of their own: how much memory the rows of a partition that wait, and the labels without a row, may take.
    /// Default `1 GB`.
    #[serde(default)]
    pub max_memory: Option<Size>,
    /// For labels of their own: what happens when they would take more. With `forget` (default) the earliest rows are
    /// forgotten without being learned or evaluated, and counted in the report.
    #[serde(default)]
    pub on_limit: Option<OnLimit>,
    /// For classes: the value of the positive class. Default `true` for a boolean column, `1` for a number.
    #[serde(default)]
    pub positive: Option<String>,
    /// For classes: the value of the other class. Without it, every value that is not `positive` is the other
    /// class, and decisions name it after the first such value seen; with it, a row with a third value is a dead
    /// letter.
    #[serde(default)]
    pub negative: Option<String>,
}

impl Label {
    /// The input of its own that is written; none: the label is in the row.
    pub(crate) fn source(&self) -> Choice<'_, dyn InputSpec> {
        choice!(self as dyn InputSpec: file, kafka)
    }

    /// What is written that only labels of their own have, by its key.
    pub(crate) fn of_their_own(&self) -> Vec<&'static str> {
        let written = [
            ("format", self.format.is_some()),
            ("columns", self.columns.is_some()),
            ("id", self.id.is_some()),
            ("time", self.time.is_some()),
            ("wait", self.wait.is_some()),
            ("otherwise", self.otherwise.is_some()),
            ("max_memory", self.max_memory.is_some()),
            ("on_limit", self.on_limit.is_some()),
        ];
        written.into_iter().filter(|(_, written)| *written).map(|(key, _)| key).collect()
    }
}
