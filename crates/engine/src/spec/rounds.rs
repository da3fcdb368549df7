//! How many rounds of a boosted model count, as documents write it.

use std::fmt;

use gristmill_models::Rounds;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// `best`, `all`, or a number of rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoostingRounds(pub Rounds);

impl Serialize for BoostingRounds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Rounds::All => serializer.serialize_str("all"),
            Rounds::Best => serializer.serialize_str("best"),
            Rounds::First(count) => serializer.serialize_u64(count as u64),
        }
    }
}

impl<'de> Deserialize<'de> for BoostingRounds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = BoostingRounds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`best`, `all` or a number of rounds from 1 on")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<BoostingRounds, E> {
                match text {
                    "all" => Ok(BoostingRounds(Rounds::All)),
                    "best" => Ok(BoostingRounds(Rounds::Best)),
                    other => match other.parse() {
                        Ok(count) => self.visit_u64(count),
                        Err(_) => {
                            Err(E::custom(format!("`{other}` is neither `best` nor `all` nor a number of rounds")))
                        }
                    },
                }
            }

            fn visit_u64<E: Error>(self, count: u64) -> Result<BoostingRounds, E> {
                let count = usize::try_from(count).ok().filter(|count| *count > 0);
                let count = count.ok_or_else(|| E::custom("`rounds` is a number from 1 on"))?;
                Ok(BoostingRounds(Rounds::First(count)))
            }

            fn visit_i64<E: Error>(self, count: i64) -> Result<BoostingRounds, E> {
                self.visit_u64(count.try_into().unwrap_or_default())
            }
        }
        deserializer.deserialize_any(Words)
    }
}

impl JsonSchema for BoostingRounds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BoostingRounds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "integer"], "pattern": "^(best|all)$", "minimum": 1})
    }
}
