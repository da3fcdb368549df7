//! What columns were like in training, saved in a file.

use std::collections::BTreeMap;

use gristmill_learn::distance::{Comparison, Values};
use serde::Deserialize;

/// A column in training: numbers, or categories.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// How many values there were, without the missing ones. Default: as many as are given.
    #[serde(default)]
    rows: Option<u64>,
    #[serde(default)]
    missing: u64,
    /// Quantiles in equal steps, or a sample, of numbers.
    #[serde(default)]
    values: Vec<f64>,
    /// How often each category occurred.
    #[serde(default)]
    counts: BTreeMap<String, u64>,
}

impl Profile {
    /// Makes it the reference.
    pub(super) fn fix(&self, comparison: &mut Comparison, values: Values) {
        let rows = self.rows.unwrap_or(self.values.len() as u64);
        match values {
            Values::Numbers => comparison.fix_to_numbers(&self.values, rows, self.missing),
            Values::Categories => {
                let counts = self.counts.iter().map(|(name, count)| (name.as_str(), *count));
                comparison.fix_to_categories(counts, self.missing);
            }
        }
    }

    /// Why it cannot be the reference of such values.
    pub(crate) fn unfit(&self, values: Values) -> Option<&'static str> {
        match values {
            Values::Numbers if self.values.is_empty() => Some("has no `values` of it, and numbers are watched"),
            Values::Categories if self.counts.is_empty() => Some("has no `counts` of it, and categories are watched"),
            _ => None,
        }
    }
}

/// A file of profiles, by the name of the column.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profiles {
    pub(crate) each: BTreeMap<String, Profile>,
    /// Of its bytes: another file is another reference.
    pub(crate) digest: u128,
}

impl Profiles {
    /// Reads a file's bytes; an error says what is wrong with them.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let each = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        Ok(Self { each, digest: xxhash_rust::xxh3::xxh3_128(bytes) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_profiles() {
        let text =
            r#"{"price": {"rows": 1000, "missing": 3, "values": [1, 2.5, 4]}, "land": {"counts": {"DE": 7, "FR": 2}}}"#;
        let profiles = Profiles::read(text.as_bytes()).unwrap();
        let [price, land] = ["price", "land"].map(|name| &profiles.each[name]);
        assert_eq!((price.unfit(Values::Numbers), land.unfit(Values::Categories)), (None, None));
        assert!(price.unfit(Values::Categories).is_some() && land.unfit(Values::Numbers).is_some());
        for (wrong, why) in [("[1]", "invalid type"), (r#"{"a": {"value": [1]}}"#, "unknown field"), ("{", "EOF")] {
            let error = Profiles::read(wrong.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
