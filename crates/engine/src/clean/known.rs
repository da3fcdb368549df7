//! The environment that rules are checked in: the columns, and their roles.

use super::Then;
use crate::document::with_nearest;
use crate::spec::ColumnType;

/// The columns that a rule may name. Those that earlier rules have flagged follow those of the input.
pub(crate) struct Known<'a> {
    pub(crate) columns: &'a [(String, ColumnType)],
    pub(crate) id: Option<usize>,
    pub(crate) key: Option<usize>,
    pub(crate) time: Option<usize>,
    /// How long rows are buffered for reordering, in microseconds.
    pub(crate) grace: Option<i64>,
    pub(crate) label: Option<usize>,
}

/// Why a rule does not fit the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleError {
    /// Where in the rule's settings.
    pub(crate) at: Vec<String>,
    /// Bytes of the text there, if only a part of it is wrong.
    pub(crate) within: Option<(usize, usize)>,
    /// The bytes of the whole text there.
    pub(crate) length: usize,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl RuleError {
    pub(crate) fn new(at: &[&str], message: impl Into<String>, help: &str) -> Self {
        let at = at.iter().map(ToString::to_string).collect();
        Self { at, within: None, length: 0, message: message.into(), help: (!help.is_empty()).then(|| help.into()) }
    }
}

impl Known<'_> {
    pub(crate) fn kind(&self, column: usize) -> Option<&ColumnType> {
        self.columns.get(column).map(|(_, kind)| kind)
    }

    pub(crate) fn name(&self, column: usize) -> &str {
        self.columns.get(column).map_or("", |(name, _)| name)
    }

    /// The numbers of columns that are named.
    pub(crate) fn find(&self, names: &[String], at: &[&str]) -> Result<Vec<usize>, RuleError> {
        if names.is_empty() {
            return Err(RuleError::new(at, "no column is named", ""));
        }
        let find = |(place, name): (usize, &String)| {
            self.columns.iter().position(|(column, _)| column == name).ok_or_else(|| {
                let known: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
                let message = with_nearest(format!("no column `{name}`"), name, known.iter().copied());
                let place = place.to_string();
                RuleError::new(
                    &[at, &[&place]].concat(),
                    message,
                    &format!("columns of the input: {}", known.join(", ")),
                )
            })
        };
        names.iter().enumerate().map(find).collect()
    }

    /// The same for columns whose values a rule changes.
    pub(crate) fn find_to_change(&self, names: &[String], at: &[&str]) -> Result<Vec<usize>, RuleError> {
        let found = self.find(names, at)?;
        let roles = [(self.id, "`id`"), (self.key, "`key`"), (self.time, "`time`"), (self.label, "the label")];
        for (place, column) in found.iter().enumerate() {
            if let Some((_, role)) = roles.iter().find(|(role, _)| *role == Some(*column)) {
                let place = place.to_string();
                let message = format!("`{}` is {role}: it must stay as it was written", self.name(*column));
                return Err(RuleError::new(&[at, &[&place]].concat(), message, "leave it out, or refuse such records"));
            }
        }
        Ok(found)
    }

    /// The column of the record key, if a rule learns by key.
    pub(crate) fn by_key(&self, wanted: bool, rule: &str) -> Result<Option<usize>, RuleError> {
        match (wanted, self.key) {
            (false, _) => Ok(None),
            (true, Some(key)) => Ok(Some(key)),
            (true, None) => {
                let help = "name the column of the record key: `key: …` under `input`";
                Err(RuleError::new(&[rule, "by"], "the input has no `key` to learn by", help))
            }
        }
    }

    /// The column that a rule flags: it was declared before the rule was built.
    pub(crate) fn flag(&self, then: &Then) -> Option<usize> {
        let Then::Flag(flag) = then else { return None };
        self.columns.iter().position(|(name, _)| name == flag)
    }

    /// The same for a rule about whole records. `what`: what has no value that it could change.
    pub(crate) fn flag_alone(&self, then: &Then, rule: &str, what: &str) -> Result<Option<usize>, RuleError> {
        if matches!(then, Then::SetMissing | Then::Clip) {
            let message = format!("{what} as a whole: it has no value to change");
            return Err(RuleError::new(&[rule, "then"], message, "use `dead_letter` or `{flag: NAME}`"));
        }
        Ok(self.flag(then))
    }

    pub(crate) fn time(&self, rule: &str) -> Result<usize, RuleError> {
        let help = "name the column of event time: `time: …` under `input`";
        self.time
            .ok_or_else(|| RuleError::new(&[rule], format!("`{rule}` is about event time, and there is none"), help))
    }
}
