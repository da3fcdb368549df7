//! Decodes nodes into Rust values, with serde.

use std::fmt;

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor, value::StrDeserializer};

use super::{Node, NodeKind, Place, Problem};

/// What a checked document describes.
pub(super) fn decode<T: de::DeserializeOwned>(root: &Node) -> Result<T, Problem> {
    T::deserialize(Each(root)).map_err(|error: Refused| Problem::at(error.place.unwrap_or(root.place), error.message))
}

#[derive(Debug)]
struct Refused {
    message: String,
    place: Option<Place>,
}

impl Refused {
    fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), place: None }
    }
}

impl<'de> de::Deserializer<'de> for Each<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let result = match &self.0.kind {
            _ if self.0.is_null() => visitor.visit_unit(),
            NodeKind::Sequence(items) => visitor.visit_seq(de::value::SeqDeserializer::new(items.iter().map(Each))),
            NodeKind::Mapping(entries) => visitor.visit_map(de::value::MapDeserializer::new(
                entries.iter().map(|entry| (entry.key.as_str(), Each(&entry.value))),
            )),
            NodeKind::Scalar { text, plain: true, .. } => match (text.parse::<i64>(), text.parse::<f64>()) {
                _ if text == "true" => visitor.visit_bool(true),
                _ if text == "false" => visitor.visit_bool(false),
                (Ok(whole), _) => visitor.visit_i64(whole),
                (_, Ok(number)) => visitor.visit_f64(number),
                _ => visitor.visit_borrowed_str(text),
            },
            NodeKind::Scalar { text, .. } => visitor.visit_borrowed_str(text),
        };
        result.map_err(|error: Refused| error.at(self.0.place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// Text is any scalar: `positive: 1` and `positive: "1"` are the same.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0.text() {
            Some(text) => visitor.visit_borrowed_str(text).map_err(|error: Refused| error.at(self.0.place)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0.text().and_then(|text| text.parse().ok()) {
            Some(number) => visitor.visit_f64(number).map_err(|error: Refused| error.at(self.0.place)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let choice = match &self.0.kind {
            NodeKind::Scalar { text, .. } => Choice { name: text, settings: None, place: self.0.place },
            NodeKind::Mapping(entries) => match entries.as_slice() {
                [entry] => Choice { name: &entry.key, settings: Some(&entry.value), place: entry.key_place },
                _ => return Err(de::Error::custom("expected one name with its settings")),
            },
            NodeKind::Sequence(_) => return Err(de::Error::custom("expected a name, found a list")),
        };
        let place = choice.place;
        visitor.visit_enum(choice).map_err(|error: Refused| error.at(place))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 char bytes byte_buf unit unit_struct seq tuple tuple_struct
        map struct identifier ignored_any
    }
}

/// A node as a serde deserializer.
struct Each<'de>(&'de Node);

impl<'de> IntoDeserializer<'de, Refused> for Each<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A name with or without settings; without, all settings are their defaults.
struct Choice<'de> {
    name: &'de str,
    settings: Option<&'de Node>,
    place: Place,
}

impl<'de> de::EnumAccess<'de> for Choice<'de> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Refused> {
        let name: StrDeserializer<'de, Refused> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Choice<'de> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        match self.settings {
            Some(node) if !node.is_null() => Err(de::Error::custom(format!("`{}` has no settings", self.name))),
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        match self.settings {
            Some(node) => seed.deserialize(Each(node)),
            None => seed.deserialize(de::value::MapDeserializer::new(std::iter::empty::<(&str, Each<'de>)>())),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Refused> {
        Err(de::Error::custom("a list of settings is not used here"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Refused> {
        Err(de::Error::custom("settings of this form are not used here"))
    }
}
