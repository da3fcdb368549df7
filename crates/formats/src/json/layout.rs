//! Fast path for objects with the layout of an earlier one: the same keys in the same order, plain values. They are
//! parsed in half the time of a general parser; any other object is left to that parser.

use gristmill::rows::SchemaDrift;

use crate::Table;
use crate::column::Builder;
use crate::decimal;

/// The keys of an object in their order, and the column of each.
pub(super) type Keys = Vec<(String, Option<usize>)>;

/// The layout of an object.
#[derive(Default)]
pub(super) struct Layout {
    keys: Keys,
    /// How many objects had other layouts.
    others: u64,
}

impl Layout {
    /// Reads an object with this layout; otherwise nothing has changed, except values of the incomplete row.
    pub(super) fn shortcut(&self, text: &str, table: &mut Table) -> Option<()> {
        let mut rest = text.strip_prefix('{')?;
        for (place, (key, column)) in self.keys.iter().enumerate() {
            if place > 0 {
                rest = spaced(rest.strip_prefix(',')?);
            }
            rest = rest.strip_prefix('"')?.strip_prefix(key.as_str())?.strip_prefix("\":")?;
            rest = value(spaced(rest), column.and_then(|column| table.slot(column)))?;
        }
        if rest != "}" || self.keys.is_empty() {
            return None;
        }
        self.count_unknown(&mut table.drift);
        Some(())
    }

    fn count_unknown(&self, drift: &mut SchemaDrift) {
        let unknown = self.keys.iter().filter(|(_, column)| column.is_none());
        unknown.for_each(|(key, _)| drift.unknown(key, 1));
    }

    /// Where the layout of an object that differs is to be recorded. Layouts that keep differing are recorded less and
    /// less often: after as many again as there were.
    pub(super) fn otherwise(&mut self) -> Option<&mut Keys> {
        self.others += 1;
        self.others.is_power_of_two().then(|| {
            self.keys.clear();
            &mut self.keys
        })
    }
}

/// The text after a space, if there is one.
fn spaced(text: &str) -> &str {
    text.strip_prefix(' ').unwrap_or(text)
}

/// Adds the value at the beginning of the text to its column, if it has one; returns the text after the value.
fn value<'a>(text: &'a str, builder: Option<&mut Builder>) -> Option<&'a str> {
    let put = |put: &dyn Fn(&mut Builder) -> Result<(), String>| builder.map_or(Ok(()), put).ok();
    match text.as_bytes().first()? {
        b'-' | b'0'..=b'9' => {
            let (number, rest) = decimal::leading(text)?;
            match number {
                decimal::Number::Whole(whole) => put(&|builder| builder.whole(whole))?,
                decimal::Number::Fraction(fraction) => put(&|builder| builder.number(fraction))?,
            }
            Some(rest)
        }
        b'"' => {
            let text = text.strip_prefix('"')?;
            let end = text.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < b' ')?;
            let (text, rest) = text.split_at_checked(end)?;
            let rest = rest.strip_prefix('"')?;
            put(&|builder| builder.text(text))?;
            Some(rest)
        }
        b't' => text.strip_prefix("true").filter(|_| put(&|builder| builder.boolean(true)).is_some()),
        b'f' => text.strip_prefix("false").filter(|_| put(&|builder| builder.boolean(false)).is_some()),
        b'n' => {
            let missing = |builder: &mut Builder| {
                builder.missing();
                Ok(())
            };
            text.strip_prefix("null").filter(|_| put(&missing).is_some())
        }
        _ => None,
    }
}
