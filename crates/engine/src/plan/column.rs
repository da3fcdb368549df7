//! What a plan knows of a column of its input.

use crate::spec::ColumnType;

/// A column of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnPlan {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// What a record must contain of it.
    pub need: Need,
}

/// What a record must contain of a column, or else it is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Nothing: it may be absent.
    Nothing,
    /// It must be present, if only as `null`: a missing value that the model accepts.
    Presence,
    /// It must have a value: an identity and a time are indispensable.
    Value,
}
