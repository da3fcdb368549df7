//! Decodes one JSON object into the columns, without an intermediate tree.

use std::fmt;

use gristmill::connect::Framing;
use gristmill::plan::ColumnPlan;
use serde::de::{self, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::layout::{Keys, Layout};
use crate::column::{Builder, wrong_type};
use crate::{Decode, Table, Unreadable, decimal, packed, text};

/// A decoder of objects.
pub(crate) fn open(_: &[ColumnPlan], _: Option<&[String]>, _: Framing) -> Result<Box<dyn Decode>, String> {
    Ok(Box::new(Layout::default()))
}

impl Decode for Layout {
    fn read(&mut self, value: &[u8], table: &mut Table) -> Result<(), Unreadable> {
        object(text(value)?, table, self)
    }
}

/// Reads the object; keys that are not columns are skipped.
fn object(text: &str, table: &mut Table, layout: &mut Layout) -> Result<(), Unreadable> {
    if layout.shortcut(text, table).is_some() {
        return Ok(());
    }
    table.undo();
    let (mut wrong, keys) = (None, layout.otherwise());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = deserializer.deserialize_map(Object { table, keys, wrong: &mut wrong });
    let read = read.and_then(|()| deserializer.end());
    read.map_err(|error| match (wrong, error.classify()) {
        (Some(unreadable), _) => unreadable,
        (None, Category::Data) => Unreadable::new("not_an_object", not_an_object(text)),
        (None, _) => Unreadable::new("invalid_json", format!("not valid JSON: {error}{}", spread(text))),
    })
}

const LINES: &str =
    "a record is one object on one line: `jq -c '.[]'` writes an array so, `jq -c .` objects over many lines";

fn not_an_object(text: &str) -> String {
    let array = if text.trim_start().starts_with('[') { format!(": {LINES}") } else { String::new() };
    format!("the value is JSON, but not an object{array}")
}

/// A hint that a line may be a part of something larger.
fn spread(text: &str) -> String {
    if let Some(what) = packed(text.as_bytes()) {
        return format!("; it is no text, but {what}");
    }
    let part = ["{", "[", "}", "]", "},"].contains(&text.trim()) || text.trim_start().starts_with("[{");
    if part { format!("; {LINES}") } else { String::new() }
}

struct Object<'a> {
    table: &'a mut Table,
    /// Where the object's keys are recorded.
    keys: Option<&'a mut Keys>,
    wrong: &'a mut Option<Unreadable>,
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut next = 0;
        while let Some(column) =
            map.next_key_seed(Key { table: self.table, keys: self.keys.as_deref_mut(), guess: next })?
        {
            let Some(column) = column else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            next = column + 1;
            let Some(builder) = self.table.slot(column) else { continue };
            let mut message = None;
            let read = if builder.is_float() {
                float(map.next_value::<&RawValue>()?.get(), builder).map_err(|wrong| {
                    message = Some(wrong);
                    A::Error::custom("wrong type")
                })
            } else {
                map.next_value_seed(Value { builder, message: &mut message })
            };
            if let Some(message) = message {
                *self.wrong = Some(wrong_type(self.table.name(column), &message));
            }
            read?;
        }
        Ok(())
    }
}

/// A value for a column of floats, from its text: most numbers are plain, and are parsed in a fraction of the time.
fn float(text: &str, builder: &mut Builder) -> Result<(), String> {
    if let Some(number) = decimal::plain(text) {
        return builder.number(number);
    }
    let mut message = None;
    let value = Value { builder, message: &mut message };
    let read = value.deserialize(&mut serde_json::Deserializer::from_str(text));
    read.map_err(|error| {
        // Such as a number that no float represents; its offset within the value would not help.
        let words = || error.to_string().split(" at line").next().unwrap_or_default().to_string();
        message.unwrap_or_else(words)
    })
}

/// The column of a key; records mostly repeat their order, so the next column is tried first.
struct Key<'a> {
    table: &'a mut Table,
    keys: Option<&'a mut Keys>,
    guess: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Option<usize>, E> {
        let guessed = (self.table.name(self.guess) == key).then_some(self.guess);
        let found = guessed.or_else(|| self.table.columns.iter().position(|column| column.name == key));
        if found.is_none() {
            self.table.drift.unknown(key, 1);
        }
        if let Some(keys) = self.keys {
            keys.push((key.to_string(), found));
        }
        Ok(found)
    }
}

struct Value<'a> {
    builder: &'a mut Builder,
    message: &'a mut Option<String>,
}

impl Value<'_> {
    fn take<E: de::Error>(self, put: impl FnOnce(&mut Builder) -> Result<(), String>) -> Result<(), E> {
        put(self.builder).map_err(|message| {
            *self.message = Some(message);
            E::custom("wrong type")
        })
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Columns are flat.
fn nested(found: &str) -> String {
    format!(
        "expected one value, found {found}: what is nested is not read; write it flat, such as with `jq -c '. + {{city: .address.city}}'`"
    )
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.builder.missing();
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.take(|builder| builder.boolean(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.take(|builder| builder.whole(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.take(|builder| match i64::try_from(value) {
            Ok(value) => builder.whole(value),
            Err(_) => builder.number(value as f64),
        })
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.take(|builder| builder.number(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        self.take(|builder| builder.text(value))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.take(|_| Err(nested("a list")))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.take(|_| Err(nested("an object")))
    }
}
