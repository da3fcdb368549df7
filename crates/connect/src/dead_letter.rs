//! Rejected records, byte for byte, with the reason.
//!
//! In a topic they keep key, value, headers and timestamp, and gain Kafka Connect's `__connect.errors.*` headers. In a
//! file each is one JSON object, bytes in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gristmill::rows::{Header, Partition, Position, RawRecord, RawRows, Refusal, Stage};
use gristmill::shard::Released;
use serde_json::{Value, json};

use crate::source::SourceError;

/// A dead letter and where it is stored.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Where it is stored: `dead-0 offset 5`, `line 7`.
    pub at: String,
    /// The letter.
    pub letter: DeadLetter,
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At the first dead letter.
    First,
    /// After the last letter that was replayed, where the system remembers it.
    AfterReplayed,
}

/// The dead letters in a target.
pub trait DeadLetters {
    /// The next letter; nothing at the end.
    fn next(&mut self) -> Result<Option<Listed>, SourceError>;
    /// Remembers that all letters that were read have been replayed, where the system can.
    fn remember(&mut self) -> Result<(), SourceError>;
}

/// Gives records back to the input that they came from.
pub trait Resend {
    /// Sends a record as it was.
    fn send(&mut self, letter: &DeadLetter) -> Result<(), SourceError>;
    /// Returns when everything that was sent is safe.
    fn flush(&mut self) -> Result<(), SourceError>;
}

const PREFIX: &str = "__connect.errors.";

/// A rejected record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its partition.
    pub partition: Partition,
    /// Its position there.
    pub position: Position,
    /// Its timestamp in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its own headers.
    pub headers: Vec<Header>,
    /// The stage in which it was rejected, in Kafka Connect's terms.
    pub stage: String,
    /// The code of the reason.
    pub reason: String,
    /// The reason in words.
    pub message: String,
}

impl DeadLetter {
    /// The dead letter for a rejected record.
    pub fn new(partition: &Partition, record: &RawRecord<'_>, refusal: &Refusal) -> Self {
        let stage = match refusal.stage {
            Stage::Decode => "VALUE_CONVERTER",
            Stage::Clean | Stage::Features | Stage::Label | Stage::Score => "TRANSFORMATION",
        };
        Self {
            partition: partition.clone(),
            position: record.position,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.to_vec(),
            stage: stage.into(),
            reason: refusal.reason.into(),
            message: refusal.message.clone(),
        }
    }

    /// The dead letters of a step, in the order in which their records arrived or were released, which does not depend
    /// on how they were cut.
    pub fn of(raw: &RawRows, refusals: &[Refusal], waited: &Released) -> Vec<Self> {
        let letter =
            |raw: &RawRows, refusal: &Refusal| Some(Self::new(&raw.partition, &raw.get(refusal.record)?, refusal));
        let mut letters: Vec<(usize, Self)> = Vec::new();
        let arrived = refusals.iter().filter_map(|refusal| Some((refusal.record, letter(raw, refusal)?)));
        letters.extend(arrived);
        let by = |refusal: &Refusal| waited.by.get(refusal.record).copied();
        let turned = waited.raw.iter().flat_map(|raw| {
            waited.refusals.iter().filter_map(|refusal| Some((refusal.record, by(refusal)?, letter(raw, refusal)?)))
        });
        let mut turned: Vec<(usize, usize, Self)> = turned.collect();
        turned.sort_by_key(|(record, ..)| *record);
        letters.extend(turned.into_iter().map(|(_, by, letter)| (by, letter)));
        letters.sort_by_key(|(record, _)| *record);
        letters.into_iter().map(|(_, letter)| letter).collect()
    }

    /// The place of the record, for messages.
    pub fn place(&self) -> String {
        self.partition.place(self.position)
    }

    /// The headers with its origin and the reason.
    pub fn error_headers(&self) -> [(String, String); 6] {
        [
            ("topic", self.partition.topic.to_string()),
            ("partition", self.partition.number.to_string()),
            ("offset", self.position.to_string()),
            ("stage", self.stage.clone()),
            ("exception.class.name", self.reason.clone()),
            ("exception.message", self.message.clone()),
        ]
        .map(|(name, value)| (format!("{PREFIX}{name}"), value))
    }

    /// Reads a dead letter from a record of a dead-letter topic; none if the record does not name its origin.
    pub fn from_record(record: &RawRecord<'_>) -> Option<Self> {
        // The last of several headers of one name counts: a record rejected twice has two sets.
        let header = |name: &str| {
            let name = format!("{PREFIX}{name}");
            let found = record.headers.iter().rev().find(|(key, _)| *key == name)?;
            Some(String::from_utf8_lossy(found.1.as_deref().unwrap_or_default()).into_owned())
        };
        let own = record.headers.iter().filter(|(name, _)| !name.starts_with(PREFIX));
        Some(Self {
            partition: Partition::new(&header("topic")?, header("partition")?.parse().ok()?),
            position: header("offset")?.parse().ok()?,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: own.cloned().collect(),
            stage: header("stage").unwrap_or_default(),
            reason: header("exception.class.name").unwrap_or_default(),
            message: header("exception.message").unwrap_or_default(),
        })
    }

    /// As one JSON object; bytes in base64.
    pub fn to_json(&self) -> Value {
        let bytes = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| STANDARD.encode(bytes));
        let headers: Vec<Value> =
            self.headers.iter().map(|(name, value)| json!({"name": name, "value": bytes(value)})).collect();
        let position =
            self.position.as_number().map_or_else(|| json!(self.position.to_string()), |number| json!(number));
        json!({
            "topic": &*self.partition.topic, "partition": self.partition.number, "offset": position,
            "timestamp": self.timestamp, "stage": self.stage, "reason": self.reason, "message": self.message,
            "key": bytes(&self.key), "value": bytes(&self.value), "headers": headers,
        })
    }

    /// Parses [`Self::to_json`]; the error says what is missing.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_string);
        let number = |key: &str| value.get(key).and_then(Value::as_i64);
        let bytes = |value: Option<&Value>| match value.and_then(Value::as_str) {
            Some(text) => STANDARD.decode(text).map(Some).map_err(|error| format!("not base64: {error}")),
            None => Ok(None),
        };
        let mut headers = Vec::new();
        for header in value.get("headers").and_then(Value::as_array).into_iter().flatten() {
            let name = header.get("name").and_then(Value::as_str).ok_or("a header has no name")?;
            headers.push((name.to_string(), bytes(header.get("value"))?));
        }
        let partition =
            number("partition").and_then(|number| i32::try_from(number).ok()).ok_or("it has no partition")?;
        let position = value.get("offset").and_then(|offset| match offset.as_u64() {
            Some(number) => Some(Position::number(number)),
            None => offset.as_str()?.parse().ok(),
        });
        Ok(Self {
            partition: Partition::new(&text("topic").ok_or("it has no topic")?, partition),
            position: position.ok_or("it has no offset")?,
            timestamp: number("timestamp"),
            key: bytes(value.get("key"))?,
            value: bytes(value.get("value"))?,
            headers,
            stage: text("stage").unwrap_or_default(),
            reason: text("reason").unwrap_or_default(),
            message: text("message").unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> DeadLetter {
        DeadLetter {
            partition: Partition::new("t", 3),
            position: Position::number(77),
            timestamp: Some(5),
            key: Some(vec![0, 255]),
            value: None,
            headers: vec![("h".into(), Some(vec![1])), ("empty".into(), None)],
            stage: "VALUE_CONVERTER".into(),
            reason: "invalid_json".into(),
            message: "not valid JSON".into(),
        }
    }

    #[test]
    fn there_and_back_as_json() {
        let letter = letter();
        assert_eq!(DeadLetter::from_json(&letter.to_json()), Ok(letter));
        assert_eq!(DeadLetter::from_json(&json!({"topic": "t"})), Err("it has no partition".into()));
    }

    #[test]
    fn there_and_back_as_a_record() {
        let letter = letter();
        let mut headers = letter.headers.clone();
        headers.extend(letter.error_headers().map(|(name, value)| (name, Some(value.into_bytes()))));
        let record = RawRecord {
            position: Position::START,
            timestamp: letter.timestamp,
            key: letter.key.as_deref(),
            value: letter.value.as_deref(),
            headers: &headers,
        };
        assert_eq!(DeadLetter::from_record(&record), Some(letter));
    }
}
