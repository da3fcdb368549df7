//! The columns of a record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The type of a column: its name, or `{name: {…}}` with settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ColumnType {
    /// `true` or `false`.
    Boolean(ColumnSettings),
    /// A whole number of 64 bits.
    Int64(ColumnSettings),
    /// A number.
    Float64(ColumnSettings),
    /// Text.
    String(ColumnSettings),
    /// A point in time: RFC 3339 (`2018-04-01T00:00:31Z`), or without a zone (`2018-04-01 00:00:31`) taken as UTC.
    Timestamp(TimestampSettings),
}

/// Settings of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnSettings {
    /// Whether records may lack the column; a record that lacks it has a missing value there. Default false: a
    /// record that lacks a column which the pipeline uses is a dead letter.
    pub optional: bool,
}

/// Settings of a column of time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimestampSettings {
    /// Whether records may lack the column. Default false.
    pub optional: bool,
    /// What a number counts since 1970-01-01T00:00:00Z. Without it a number is not a time.
    pub unit: Option<EpochUnit>,
}

/// What a number counts since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EpochUnit {
    /// Seconds; fractions allowed.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// By magnitude: below 1e11 seconds, below 1e14 milliseconds, else microseconds. Text of 8, 12 or 14 digits that spell
    /// a date of the years 1900 to 2100, with or without a time of day, is that date (`20240229`); as a JSON number it is
    /// refused, since it may be either.
    Auto,
}

impl ColumnType {
    /// Whether records may lack the column.
    pub fn optional(&self) -> bool {
        match self {
            Self::Boolean(settings) | Self::Int64(settings) | Self::Float64(settings) | Self::String(settings) => {
                settings.optional
            }
            Self::Timestamp(settings) => settings.optional,
        }
    }

    /// The type, as SQL expressions have it.
    pub(crate) fn sql(&self) -> gristmill_sql::Kind {
        match self {
            Self::Boolean(_) => gristmill_sql::Kind::Boolean,
            Self::Int64(_) => gristmill_sql::Kind::Int,
            Self::Float64(_) => gristmill_sql::Kind::Float,
            Self::String(_) => gristmill_sql::Kind::Text,
            Self::Timestamp(_) => gristmill_sql::Kind::Time,
        }
    }

    /// The name of the type.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "boolean",
            Self::Int64(_) => "int64",
            Self::Float64(_) => "float64",
            Self::String(_) => "string",
            Self::Timestamp(_) => "timestamp",
        }
    }
}
