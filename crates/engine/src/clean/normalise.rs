//! Text in one form.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::batch::Given;
use super::{Batch, Known, Rule, RuleError, Settings, stateless};
use crate::rows::Cell;
use crate::spec::ColumnType;

/// Brings text into one form, so that ` Köln`, `KÖLN` and `Köln` are one category. Empty text becomes missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Normalise {
    /// The columns of text.
    #[schemars(length(min = 1))]
    pub of: Vec<String>,
    /// Whether white space at both ends goes, and each run of it within becomes one space. Default true.
    #[serde(default = "yes")]
    pub trim: bool,
    /// Upper or lower case: `lower`, `upper` or `keep` (default).
    #[serde(default)]
    pub case: Case,
    /// The form of Unicode (UAX #15): `nfc` (default), `nfkc` or `keep`.
    #[serde(default)]
    pub unicode: Unicode,
}

fn yes() -> bool {
    true
}

/// Upper or lower case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// As it was written.
    #[default]
    Keep,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
}

/// A form of Unicode, by UAX #15.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unicode {
    /// Composed: an `ö` of two characters becomes one of one character.
    #[default]
    Nfc,
    /// Composed, and what only looks different is made the same: `ﬁ` becomes `fi`, a full-width `Ａ` becomes `A`.
    Nfkc,
    /// As it was written.
    Keep,
}

impl Settings for Normalise {
    fn every(_: bool) -> Vec<Self> {
        vec![Self { of: vec!["note".into()], trim: true, case: Case::Upper, unicode: Unicode::Nfc }]
    }

    fn subject(&self) -> String {
        self.of.join(", ")
    }

    fn remembers(&self) -> bool {
        false
    }

    fn build(&self, known: &Known<'_>) -> Result<Box<dyn Rule>, RuleError> {
        let columns = known.find_to_change(&self.of, &["normalise", "of"])?;
        for (place, column) in columns.iter().enumerate() {
            if !matches!(known.kind(*column), Some(ColumnType::String(_))) {
                let (name, place) = (known.name(*column), place.to_string());
                let message = format!("`{name}` is not text: only text has a form");
                return Err(RuleError::new(&["normalise", "of", &place], message, "leave it out"));
            }
        }
        Ok(Box::new(Form { columns, settings: self.clone() }))
    }
}

impl Normalise {
    fn form(&self, text: &str) -> String {
        let text: Cow<'_, str> = match self.unicode {
            Unicode::Nfc => text.nfc().collect::<String>().into(),
            Unicode::Nfkc => text.nfkc().collect::<String>().into(),
            Unicode::Keep => text.into(),
        };
        let text = match self.case {
            Case::Lower => text.to_lowercase().into(),
            Case::Upper => text.to_uppercase().into(),
            Case::Keep => text,
        };
        if self.trim { text.split_whitespace().collect::<Vec<_>>().join(" ") } else { text.into_owned() }
    }
}

#[derive(Debug, Clone)]
struct Form {
    columns: Vec<usize>,
    settings: Normalise,
}

impl Rule for Form {
    fn apply(&mut self, batch: &mut Batch<'_>) {
        let standing = batch.standing();
        for column in &self.columns {
            let changed = |row: &usize| {
                let Cell::String(text) = batch.cell(*column, *row) else { return None };
                let formed = self.settings.form(text);
                let given = if formed.is_empty() { Given::Missing } else { Given::Text(formed.clone()) };
                (formed.is_empty() || formed != text).then_some((*row, given))
            };
            let changes: Vec<_> = standing.iter().filter_map(changed).collect();
            batch.change(*column, &changes);
        }
    }
}

stateless!(Form);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let form = |case, unicode, trim, text: &str| Normalise { of: Vec::new(), trim, case, unicode }.form(text);
        for (case, unicode, trim, text, expected) in [
            (Case::Lower, Unicode::Nfc, true, "  KO\u{308}LN  am\tRhein ", "köln am rhein"),
            (Case::Keep, Unicode::Nfkc, true, "ﬁne Ａ", "fine A"),
            (Case::Upper, Unicode::Keep, false, " straße ", " STRASSE "),
            (Case::Keep, Unicode::Keep, true, " \u{a0} ", ""),
        ] {
            assert_eq!(form(case, unicode, trim, text), expected, "{text:?}");
        }
    }
}
