//! Filling what is missing.

use std::collections::BTreeMap;

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::batch::Given;
use super::by_key::ByKey;
use super::recent::Recent;
use super::{Batch, Known, Rule, RuleError, Settings};
use crate::rows::Cell;
use crate::spec::{ColumnType, Size};
use crate::timestamp;

/// Fills missing values with what was learned from the values before. A value that is missing before any was there stays
/// missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Impute {
    /// The columns; records may lack them.
    #[schemars(length(min = 1))]
    pub of: Vec<String>,
    /// With what: `mean`, `median`, `mode`, `last` or `{constant: VALUE}`.
    pub with: Fill,
    /// Whether it is learned from all values (default) or from those of the same record key: `key`.
    #[serde(default)]
    pub by: By,
    /// For `median`: of how many of the last values. Default 1,000.
    #[serde(default = "a_thousand")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub window: u64,
    /// With `by: key`: how much memory keys may take, in each partition; beyond that those that have been silent for
    /// longest are forgotten. Default `64 MB`.
    #[serde(default = "usual_limit")]
    pub limit: Size,
}

fn a_thousand() -> u64 {
    1_000
}

pub(super) fn usual_limit() -> Size {
    Size(64 << 20)
}

/// What a missing value is filled with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fill {
    /// The mean of all values before; in a column of whole numbers it is rounded.
    Mean,
    /// The median of the last values; in a column of whole numbers it is rounded.
    Median,
    /// The value that was there most often, of the first 1,000 different ones; of several the one that was first to be.
    Mode,
    /// The value that was there last.
    Last,
    /// This value.
    Constant(String),
}

/// What values are compared with, or learned from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// All values of the partition.
    #[default]
    All,
    /// The values of the same record key.
    Key,
}

/// More distinct values than this are not counted for the mode.
const MOST: usize = 1_000;

impl Settings for Impute {
    fn every(_: bool) -> Vec<Self> {
        let fill = |of: &str, with, by, window| Self { of: vec![of.into()], with, by, window, limit: usual_limit() };
        vec![
            fill("x", Fill::Median, By::All, 5),
            fill("y", Fill::Mean, By::Key, 1_000),
            fill("note", Fill::Mode, By::All, 1_000),
        ]
    }

    fn subject(&self) -> String {
        self.of.join(", ")
    }

    fn takes_absence(&self) -> &[String] {
        &self.of
    }

    fn build(&self, known: &Known<'_>) -> Result<Box<dyn Rule>, RuleError> {
        let columns = known.find_to_change(&self.of, &["impute", "of"])?;
        let mut keys = Vec::new();
        for (place, column) in columns.iter().enumerate() {
            let Some(kind) = known.kind(*column) else { continue };
            let place = place.to_string();
            let number = matches!(kind, ColumnType::Int64(_) | ColumnType::Float64(_));
            if matches!(self.with, Fill::Mean | Fill::Median) && !number {
                let message =
                    format!("`{}` is `{}`: only numbers have a mean or a median", known.name(*column), kind.name());
                return Err(RuleError::new(
                    &["impute", "of", &place],
                    message,
                    "use `mode`, `last` or `{constant: …}`",
                ));
            }
            let seen = match &self.with {
                Fill::Mean => Seen::Mean(0, 0.0),
                Fill::Median => Seen::Median(Recent::new(usize::try_from(self.window).unwrap_or(usize::MAX))),
                Fill::Mode => Seen::Mode(Mode::default()),
                Fill::Last => Seen::Last(None),
                Fill::Constant(text) => Seen::Constant(constant(text, kind).ok_or_else(|| {
                    let message =
                        format!("`{text}` cannot be in `{}`, a column of type `{}`", known.name(*column), kind.name());
                    RuleError::new(&["impute", "with"], message, "")
                })?),
            };
            keys.push(ByKey::new(seen, self.limit.bytes()));
        }
        Ok(Box::new(Filled { columns, key: known.by_key(self.by == By::Key, "impute")?, keys }))
    }
}

fn constant(text: &str, kind: &ColumnType) -> Option<Given> {
    match kind {
        ColumnType::Boolean(_) => text.parse().ok().map(Given::Boolean),
        ColumnType::Int64(_) => text.parse::<i64>().ok().map(|value| Given::Number(value as f64)),
        ColumnType::Float64(_) => text.parse().ok().filter(|value: &f64| value.is_finite()).map(Given::Number),
        ColumnType::String(_) => Some(Given::Text(text.into())),
        ColumnType::Timestamp(_) => timestamp::parse(text).map(Given::Time),
    }
}

/// What was learned from earlier values.
#[derive(Debug, Clone)]
enum Seen {
    Mean(u64, f64),
    Median(Recent),
    Mode(Mode),
    Last(Option<Given>),
    Constant(Given),
}

/// The count of each value, and the most frequent one.
#[derive(Debug, Clone, Default)]
struct Mode {
    counts: BTreeMap<String, u64>,
    most: Option<(Given, u64)>,
}

impl Seen {
    fn learn(&mut self, cell: Cell<'_>) {
        match self {
            Self::Mean(count, mean) => {
                *count += 1;
                *mean += (cell.number() - *mean) / *count as f64;
            }
            Self::Median(recent) => recent.push(cell.number()),
            Self::Mode(Mode { counts, most }) => {
                let value = cell.text();
                if counts.len() >= MOST && !counts.contains_key(value.as_ref()) {
                    return;
                }
                let count = counts.entry(value.into_owned()).or_default();
                *count += 1;
                if most.as_ref().is_none_or(|(_, most)| *count > *most) {
                    *most = Some((cell.into(), *count));
                }
            }
            Self::Last(last) => *last = Some(cell.into()),
            Self::Constant(_) => {}
        }
    }

    fn fill(&self) -> Option<Given> {
        match self {
            Self::Mean(count, mean) => (*count > 0).then_some(Given::Number(*mean)),
            Self::Median(recent) => recent.quantile(0.5).map(Given::Number),
            Self::Mode(mode) => mode.most.as_ref().map(|(value, _)| value.clone()),
            Self::Last(last) => last.clone(),
            Self::Constant(value) => Some(value.clone()),
        }
    }
}

impl Stateful for Seen {
    fn save(&self, to: &mut StateWriter) {
        match self {
            Self::Mean(count, mean) => {
                count.save(to);
                mean.save(to);
            }
            Self::Median(recent) => recent.save(to),
            Self::Mode(Mode { counts, most }) => {
                counts.save(to);
                let (value, count) = most.clone().unwrap_or((Given::Missing, 0));
                value.save(to);
                count.save(to);
            }
            Self::Last(last) => last.clone().unwrap_or(Given::Missing).save(to),
            Self::Constant(_) => {}
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let there = |value: Given| Some(value).filter(|value| *value != Given::Missing);
        match self {
            Self::Mean(count, mean) => {
                count.load(from)?;
                mean.load(from)
            }
            Self::Median(recent) => recent.load(from),
            Self::Mode(Mode { counts, most }) => {
                counts.load(from)?;
                let value = there(Given::read(from)?);
                let count = from.u64()?;
                *most = value.map(|value| (value, count));
                Ok(())
            }
            Self::Last(last) => {
                *last = there(Given::read(from)?);
                Ok(())
            }
            Self::Constant(_) => Ok(()),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Median(recent) => recent.size(),
            Self::Mode(mode) => mode.counts.keys().map(|value| value.len() + 64).sum(),
            Self::Last(Some(Given::Text(text))) => text.len(),
            _ => 0,
        }
    }
}

#[derive(Debug, Clone)]
struct Filled {
    columns: Vec<usize>,
    key: Option<usize>,
    /// For each column.
    keys: Vec<ByKey<Seen>>,
}

impl Rule for Filled {
    fn apply(&mut self, batch: &mut Batch<'_>) {
        let standing = batch.standing();
        for (column, keys) in self.columns.iter().zip(&mut self.keys) {
            let mut changes = Vec::new();
            for row in &standing {
                let cell = batch.cell(*column, *row);
                let key = self.key.map(|key| batch.cell(key, *row).text()).unwrap_or_default();
                if cell.is_missing() {
                    changes.extend(keys.with(&key, |seen| seen.fill()).map(|value| (*row, value)));
                } else {
                    keys.with(&key, |seen| seen.learn(cell));
                }
            }
            batch.change(*column, &changes);
        }
    }

    fn forgotten(&self) -> u64 {
        self.keys.iter().map(ByKey::forgotten).sum()
    }
}

impl Stateful for Filled {
    fn save(&self, to: &mut StateWriter) {
        to.begin("impute", 1);
        self.keys.iter().for_each(|keys| keys.save(to));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("impute", 1)?;
        self.keys.iter_mut().try_for_each(|keys| keys.load(from))
    }

    fn size(&self) -> usize {
        self.keys.iter().map(Stateful::size).sum()
    }
}
