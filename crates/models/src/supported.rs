//! Everything that is supported: for the reference, and to look up before an export.

use crate::graph::ML;
use crate::{interpreter, keras};

/// The kind of a supported element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A layer of Keras.
    KerasLayer,
    /// An operator of ONNX' standard set.
    Operator,
    /// An operator of `ai.onnx.ml`, the set of classical models.
    ClassicalOperator,
}

/// A supported element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supported {
    /// Its kind.
    pub kind: Kind,
    /// Its name, as in its format.
    pub name: &'static str,
}

/// Every layer and operator that is read; all others are refused by their names.
///
/// ```
/// assert!(gristmill_models::supported().iter().any(|one| one.name == "Dense"));
/// ```
pub fn supported() -> Vec<Supported> {
    let layers = keras::layers().map(|name| Supported { kind: Kind::KerasLayer, name });
    let operators = interpreter::operators().into_keys().map(|(set, name)| {
        let kind = if set == ML { Kind::ClassicalOperator } else { Kind::Operator };
        Supported { kind, name }
    });
    layers.chain(operators).collect()
}
