//! Reads ONNX files (`onnx.proto`): what is needed to run a model, as a graph.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::wire::{Value, Wire, damaged};
use super::{Attribute, Constant, Data, Element, Graph, Model, Node, Port, Tensor, volume};
use crate::ReadError;

/// The maximum depth of nested graphs: the body of a loop in the body of a loop.
const DEEPEST: usize = 8;

/// Reads another file in the same folder: its bytes, or an error.
pub(crate) type Beside<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// Whether bytes begin as an ONNX model does: with the version of the format, or a field that only ONNX has.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    let mut wire = Wire::new(bytes);
    let mut known = false;
    // A file that is cut off somewhere later is still ONNX, and is refused with a better message.
    for _ in 0..64 {
        match wire.next() {
            Ok(Some((1 | 5, Value::Varint(_)))) => known = true,
            Ok(Some((2 | 3 | 4 | 6 | 7 | 8 | 14 | 20 | 25, Value::Bytes(_)))) => known = true,
            Ok(Some(_)) => return false,
            Ok(None) | Err(_) => break,
        }
    }
    known && bytes.first().is_some_and(|first| matches!(first, 0x08 | 0x12 | 0x3a | 0x42))
}

struct ProtobufReader<'a> {
    beside: Beside<'a>,
    /// The last external file: many tensors share one.
    last: RefCell<Option<(String, Vec<u8>)>>,
}

/// Passes each field of a message to a function, in order.
fn fields(bytes: &[u8], mut take: impl FnMut(u64, Value<'_>) -> Result<(), ReadError>) -> Result<(), ReadError> {
    let mut wire = Wire::new(bytes);
    while let Some((number, value)) = wire.next()? {
        take(number, value)?;
    }
    Ok(())
}

/// Reads a model; tensors stored in external files are requested by file name.
pub(crate) fn read(bytes: &[u8], beside: Beside<'_>) -> Result<Model, ReadError> {
    let reader = ProtobufReader { beside, last: RefCell::new(None) };
    let mut model = Model::default();
    let (mut producer, mut version, mut graph) = (String::new(), String::new(), None);
    fields(bytes, |number, value| {
        match number {
            2 => producer = value.text()?,
            3 => version = value.text()?,
            7 => graph = Some(reader.graph(value.bytes()?, 0)?),
            8 => model.operator_sets.push(operator_set(value.bytes()?)?),
            25 => {
                let what = "the model defines functions of its own";
                return Err(ReadError::unsupported(what, "export it with functions inlined: `onnx.inliner`"));
            }
            _ => {}
        }
        Ok(())
    })?;
    model.graph = graph.ok_or_else(|| damaged("it holds no graph"))?;
    let sets = model.operator_sets.iter().map(|(domain, version)| {
        if domain.is_empty() { format!("operators {version}") } else { format!("{domain} {version}") }
    });
    let sets: Vec<String> = sets.collect();
    let by = [producer, version].join(" ");
    model.format = [format!("ONNX, {}", sets.join(", ")), format!("by {}", by.trim())].join(", ");
    Ok(model)
}

fn operator_set(bytes: &[u8]) -> Result<(String, i64), ReadError> {
    let (mut domain, mut version) = (String::new(), 1);
    fields(bytes, |number, value| {
        match number {
            1 => domain = value.text()?,
            2 => version = value.int()?,
            _ => {}
        }
        Ok(())
    })?;
    // The standard set has two names.
    Ok((if domain == "ai.onnx" { String::new() } else { domain }, version))
}

impl ProtobufReader<'_> {
    fn graph(&self, bytes: &[u8], depth: usize) -> Result<Graph, ReadError> {
        if depth > DEEPEST {
            return Err(damaged(format!("graphs lie more than {DEEPEST} deep in each other")));
        }
        let mut graph = Graph::default();
        fields(bytes, |number, value| {
            match number {
                1 => graph.nodes.push(self.node(value.bytes()?, depth)?),
                5 => {
                    let (name, tensor, element) = self.tensor(value.bytes()?)?;
                    graph.constants.push(Constant { name, tensor: Arc::new(tensor), element });
                }
                11 => graph.inputs.push(port(value.bytes()?)?),
                12 => graph.outputs.push(port(value.bytes()?)?),
                15 => return Err(ReadError::unsupported("the model has sparse tensors", "export it with dense ones")),
                _ => {}
            }
            Ok(())
        })?;
        // Files before version 4 of the format repeat their constants as inputs.
        let constants: BTreeSet<&str> = graph.constants.iter().map(|constant| constant.name.as_str()).collect();
        graph.inputs.retain(|input| !constants.contains(input.name.as_str()));
        Ok(graph)
    }

    fn node(&self, bytes: &[u8], depth: usize) -> Result<Node, ReadError> {
        let mut node = Node::default();
        fields(bytes, |number, value| {
            match number {
                1 => node.inputs.push(value.text()?),
                2 => node.outputs.push(value.text()?),
                3 => node.name = value.text()?,
                4 => node.operator = value.text()?,
                5 => {
                    if let Some(attribute) = self.attribute(value.bytes()?, depth)? {
                        node.attributes.push(attribute);
                    }
                }
                7 => node.domain = value.text()?,
                _ => {}
            }
            Ok(())
        })?;
        if node.domain == "ai.onnx" {
            node.domain.clear();
        }
        Ok(node)
    }

    /// Attributes without a type, as some old writers leave them, have the type of their content.
    fn attribute(&self, bytes: &[u8], depth: usize) -> Result<Option<(String, Attribute)>, ReadError> {
        let (mut name, mut kind, mut one) = (String::new(), None, None);
        let (mut floats, mut ints, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        fields(bytes, |number, value| {
            match number {
                1 => name = value.text()?,
                2 => one = Some(Attribute::Float(value.float()?)),
                3 => one = Some(Attribute::Int(value.int()?)),
                4 => one = Some(Attribute::Text(lossy(value.bytes()?))),
                5 => {
                    let (_, tensor, element) = self.tensor(value.bytes()?)?;
                    one = Some(Attribute::Tensor(Arc::new(tensor), element));
                }
                6 => one = Some(Attribute::Graph(Box::new(self.graph(value.bytes()?, depth + 1)?))),
                7 => value.floats(&mut floats)?,
                8 => value.ints(&mut ints)?,
                9 => texts.push(lossy(value.bytes()?)),
                20 => kind = Some(value.int()?),
                _ => {}
            }
            Ok(())
        })?;
        let attribute = match (kind, one) {
            (Some(1), None) => Attribute::Float(0.0),
            (Some(2), None) => Attribute::Int(0),
            (Some(3), None) => Attribute::Text(String::new()),
            (Some(6), _) => Attribute::Floats(floats),
            (Some(7), _) => Attribute::Ints(ints),
            (Some(8), _) => Attribute::Texts(texts),
            (_, Some(one)) => one,
            _ if !floats.is_empty() => Attribute::Floats(floats),
            _ if !ints.is_empty() => Attribute::Ints(ints),
            _ if !texts.is_empty() => Attribute::Texts(texts),
            _ => return Ok(None),
        };
        Ok(Some((name, attribute)))
    }

    fn tensor(&self, bytes: &[u8]) -> Result<(String, Tensor, Element), ReadError> {
        let mut raw = RawTensor::default();
        fields(bytes, |number, value| {
            match number {
                1 => value.ints(&mut raw.dimensions)?,
                2 => raw.kind = value.int()?,
                4 => value.floats(&mut raw.floats)?,
                5 | 7 | 11 => value.ints(&mut raw.ints)?,
                6 => raw.texts.push(lossy(value.bytes()?).into()),
                8 => raw.name = value.text()?,
                9 => raw.bytes = Some(value.bytes()?.to_vec()),
                10 => value.doubles(&mut raw.doubles)?,
                13 => raw.external.push(pair(value.bytes()?)?),
                14 => raw.elsewhere = value.int()? == 1,
                _ => {}
            }
            Ok(())
        })?;
        if raw.elsewhere {
            raw.bytes = Some(self.external(&raw)?);
        }
        raw.tensor()
    }

    /// The bytes of a tensor in an external file.
    fn external(&self, raw: &RawTensor) -> Result<Vec<u8>, ReadError> {
        let text = |key: &str| raw.external.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        let number = |key: &str| text(key).map(|value| value.parse::<usize>());
        let Some(file) = text("location") else { return Err(damaged(format!("tensor {} lies nowhere", raw.name))) };
        // A file may name its neighbours, and no other file on this machine.
        if file.is_empty() || file.starts_with('.') || file.contains(['/', '\\', ':', '\0']) {
            let what = format!("tensor {} lies in {file:?}, which is no plain file name", raw.name);
            return Err(ReadError::unsupported(what, "export the model as one file"));
        }
        let mut last = self.last.borrow_mut();
        if last.as_ref().is_none_or(|(name, _)| name != file) {
            let bytes = (self.beside)(file).map_err(|why| {
                let what = format!("tensor {} lies in the file {file}, and {why}", raw.name);
                ReadError::unsupported(what, "put it beside the model, or export the model as one file")
            })?;
            *last = Some((file.to_string(), bytes));
        }
        let bytes = last.as_ref().map_or(&[][..], |(_, bytes)| bytes);
        let cut = || damaged(format!("tensor {} lies outside of the file {file}", raw.name));
        let from = number("offset").transpose().map_err(|_| cut())?.unwrap_or(0);
        let rest = bytes.get(from..).ok_or_else(cut)?;
        let length = number("length").transpose().map_err(|_| cut())?.unwrap_or(rest.len());
        rest.get(..length).map(<[u8]>::to_vec).ok_or_else(cut)
    }
}

/// Some writers store bytes in text fields.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn pair(bytes: &[u8]) -> Result<(String, String), ReadError> {
    let (mut key, mut text) = (String::new(), String::new());
    fields(bytes, |number, value| {
        match number {
            1 => key = value.text()?,
            2 => text = value.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, text))
}

/// A tensor as stored in the file.
#[derive(Debug, Default)]
struct RawTensor {
    name: String,
    kind: i64,
    dimensions: Vec<i64>,
    floats: Vec<f32>,
    ints: Vec<i64>,
    doubles: Vec<f64>,
    texts: Vec<Arc<str>>,
    bytes: Option<Vec<u8>>,
    external: Vec<(String, String)>,
    elsewhere: bool,
}

/// The element type for its number; none for those that are not supported.
fn element(kind: i64) -> Option<Element> {
    match kind {
        1 | 10 | 16 => Some(Element::Float),
        2..=6 | 12 => Some(Element::Int32),
        7 | 13 => Some(Element::Int64),
        8 => Some(Element::Text),
        9 => Some(Element::Bool),
        11 => Some(Element::Double),
        _ => None,
    }
}

impl RawTensor {
    fn tensor(self) -> Result<(String, Tensor, Element), ReadError> {
        let name = self.name.clone();
        let wrong = |why: String| damaged(format!("tensor {name}: {why}"));
        let shape: Option<Vec<usize>> = self.dimensions.iter().map(|size| usize::try_from(*size).ok()).collect();
        let shape = shape.ok_or_else(|| wrong(format!("the dimensions {:?}", self.dimensions)))?;
        volume(&shape).map_err(|fault| wrong(fault.0))?;
        let Some(element) = element(self.kind) else {
            let what = format!("tensor {name} has elements of the type number {}", self.kind);
            return Err(ReadError::unsupported(what, "export the model with float, double, int or string tensors"));
        };
        let data = self.data()?;
        let tensor = Tensor::new(shape, data).map_err(|fault| wrong(fault.0))?;
        Ok((self.name, tensor, element))
    }

    fn data(&self) -> Result<Data, ReadError> {
        fn all<const N: usize, T>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
            bytes.as_chunks().0.iter().map(|chunk| number(*chunk)).collect()
        }
        let half = |bits: u16| half(bits);
        Ok(match (self.kind, self.bytes.as_deref()) {
            (1, Some(bytes)) => Data::Float(all(bytes, f32::from_le_bytes)),
            (1, None) => Data::Float(self.floats.clone()),
            (10, Some(bytes)) => Data::Float(all(bytes, |two| half(u16::from_le_bytes(two)))),
            (10, None) => Data::Float(self.ints.iter().map(|bits| half(*bits as u16)).collect()),
            (16, Some(bytes)) => Data::Float(all(bytes, |two| bfloat(u16::from_le_bytes(two)))),
            (16, None) => Data::Float(self.ints.iter().map(|bits| bfloat(*bits as u16)).collect()),
            (11, Some(bytes)) => Data::Double(all(bytes, f64::from_le_bytes)),
            (11, None) => Data::Double(self.doubles.clone()),
            (2, Some(bytes)) => Data::Int(all(bytes, |one| u8::from_le_bytes(one).into())),
            (3, Some(bytes)) => Data::Int(all(bytes, |one| i8::from_le_bytes(one).into())),
            (4, Some(bytes)) => Data::Int(all(bytes, |two| u16::from_le_bytes(two).into())),
            (5, Some(bytes)) => Data::Int(all(bytes, |two| i16::from_le_bytes(two).into())),
            (6, Some(bytes)) => Data::Int(all(bytes, |four| i32::from_le_bytes(four).into())),
            (12, Some(bytes)) => Data::Int(all(bytes, |four| u32::from_le_bytes(four).into())),
            (7 | 13, Some(bytes)) => Data::Int(all(bytes, i64::from_le_bytes)),
            (9, Some(bytes)) => Data::Int(all(bytes, |one| i64::from(u8::from_le_bytes(one) != 0))),
            // Narrow numbers are stored as wide ones, and negative ones as the complement of 64 bits.
            (_, None) if self.kind != 8 => Data::Int(self.ints.clone()),
            _ => Data::Text(self.texts.clone()),
        })
    }
}

/// Half precision (IEEE 754 binary16).
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (bits >> 15, i32::from((bits >> 10) & 0x1f), f32::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f32.powi(exponent - 15),
    };
    if sign == 1 { -size } else { size }
}

fn bfloat(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

fn port(bytes: &[u8]) -> Result<Port, ReadError> {
    let mut port = Port { name: String::new(), element: None, shape: Vec::new() };
    let mut kind = None;
    fields(bytes, |number, value| {
        match number {
            1 => port.name = value.text()?,
            2 => fields(value.bytes()?, |number, value| {
                // Only tensors have a type and a shape of their own.
                if number != 1 {
                    return Ok(());
                }
                fields(value.bytes()?, |number, value| {
                    match number {
                        1 => kind = Some(value.int()?),
                        2 => port.shape = shape(value.bytes()?)?,
                        _ => {}
                    }
                    Ok(())
                })
            })?,
            _ => {}
        }
        Ok(())
    })?;
    if let Some(kind) = kind {
        let Some(element) = element(kind) else {
            let what = format!("{} is of the type number {kind}", port.name);
            return Err(ReadError::unsupported(what, "export the model with float, double, int or string inputs"));
        };
        port.element = Some(element);
    }
    Ok(port)
}

fn shape(bytes: &[u8]) -> Result<Vec<Option<usize>>, ReadError> {
    let mut shape = Vec::new();
    fields(bytes, |number, value| {
        if number == 1 {
            let mut size = None;
            fields(value.bytes()?, |number, value| {
                if number == 1 {
                    // 0 and negative sizes mean dynamic dimensions.
                    size = usize::try_from(value.int()?).ok().filter(|size| *size > 0);
                }
                Ok(())
            })?;
            shape.push(size);
        }
        Ok(())
    })?;
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_becomes_single() {
        let cases =
            [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x0001, 5.960_464_5e-8), (0x7c00, f32::INFINITY)];
        cases.iter().for_each(|(bits, expected)| assert_eq!(half(*bits), *expected, "{bits:x}"));
        assert_eq!(bfloat(0x3f80), 1.0);
    }
}
