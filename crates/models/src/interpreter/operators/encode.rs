//! Encoding categories as numbers and back, and selecting columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::layout::axis;
use crate::ReadError;
use crate::graph::{Attribute, Data, Fault, Node, Tensor, volume};
use crate::interpreter::{Arguments, Make, Making, Operation};

pub(super) const OPERATORS: &[(&str, Make)] = &[
    ("ArrayFeatureExtractor", |_| Ok(Box::new(extract))),
    ("CategoryMapper", category_mapper),
    ("LabelEncoder", label_encoder),
    ("OneHotEncoder", one_hot),
    // The keys of the maps are part of the signature; their contents remain a table.
    ("ZipMap", |_| Ok(Box::new(|arguments: &Arguments<'_>| Ok(vec![arguments.get(0)?.clone()])))),
];

/// Columns of the last dimension; a list is a row.
fn extract(arguments: &Arguments<'_>) -> Result<Vec<Tensor>, Fault> {
    let (input, indices) = (arguments.get(0)?, arguments.get(1)?.ints()?);
    let (rows, columns) = input.rows_and_columns();
    let chosen: Vec<usize> = indices.iter().map(|index| axis(*index, columns)).collect::<Result<_, _>>()?;
    let mut shape: Vec<usize> = input.shape().split_last().map(|(_, rest)| rest.to_vec()).unwrap_or_default();
    if shape.is_empty() {
        shape.push(1);
    }
    shape.push(chosen.len());
    volume(&shape)?;
    let data = input.data().pick((0..rows).flat_map(|row| chosen.iter().map(move |column| row * columns + column)));
    Ok(vec![Tensor::new(shape, data)?])
}

/// A lookup key: floats by their bits, so that NaN is found too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(u64),
    Int(i64),
    Text(Arc<str>),
}

fn number_key(x: f64) -> Key {
    // Zeros are equal, and so are all NaN.
    Key::Number(if x == 0.0 {
        0
    } else if x.is_nan() {
        f64::NAN.to_bits()
    } else {
        x.to_bits()
    })
}

fn keys(data: &Data) -> Vec<Key> {
    match data {
        Data::Float(values) => values.iter().map(|x| number_key(f64::from(*x))).collect(),
        Data::Double(values) => values.iter().map(|x| number_key(*x)).collect(),
        Data::Int(values) => values.iter().map(|x| Key::Int(*x)).collect(),
        Data::Text(values) => values.iter().map(|x| Key::Text(x.clone())).collect(),
    }
}

fn texts(values: &[String]) -> Data {
    Data::Text(values.iter().map(|text| Arc::from(text.as_str())).collect())
}

/// A list among a node's attributes: `keys_floats`, `keys_int64s`, `keys_strings`, `keys_tensor`.
fn list(node: &Node, name: &str) -> Option<Data> {
    let attribute = |kind: &str| node.attribute(&format!("{name}_{kind}"));
    Some(match (attribute("tensor"), attribute("strings"), attribute("int64s"), attribute("floats")) {
        (Some(Attribute::Tensor(tensor, _)), ..) => tensor.data().clone(),
        (_, Some(Attribute::Texts(values)), ..) => texts(values),
        (_, _, Some(Attribute::Ints(values)), _) => Data::Int(values.clone()),
        (_, _, _, Some(Attribute::Floats(values))) => Data::Float(values.clone()),
        _ => return None,
    })
}

/// The value for keys that are not in the list.
fn fallback(node: &Node, like: &Data) -> Data {
    match (like, node.attribute("default_tensor")) {
        (_, Some(Attribute::Tensor(tensor, _))) if tensor.len() == 1 => tensor.data().clone(),
        (Data::Text(_), _) => Data::Text(vec![node.text("default_string").unwrap_or("_Unused").into()]),
        (Data::Int(_), _) => Data::Int(vec![node.int("default_int64").unwrap_or(-1)]),
        (Data::Double(_), _) => Data::Double(vec![f64::from(node.float("default_float").unwrap_or(0.0))]),
        (Data::Float(_), _) => Data::Float(vec![node.float("default_float").unwrap_or(0.0)]),
    }
}

fn joined(mut values: Data, last: &Data) -> Option<Data> {
    match (&mut values, last) {
        (Data::Float(values), Data::Float(last)) => values.extend_from_slice(last),
        (Data::Double(values), Data::Double(last)) => values.extend_from_slice(last),
        (Data::Int(values), Data::Int(last)) => values.extend_from_slice(last),
        (Data::Text(values), Data::Text(last)) => values.extend_from_slice(last),
        _ => return None,
    }
    Some(values)
}

/// Maps each element by a list of keys and a list of values.
fn lookup(making: &Making<'_>, from: &Data, values: Data, unknown: &Data) -> Result<Operation, ReadError> {
    let known = keys(from);
    if known.len() != values.len() {
        return Err(making.wrong(format!("has {} keys and {} values", known.len(), values.len())));
    }
    let mut places = BTreeMap::new();
    known.into_iter().enumerate().for_each(|(place, key)| _ = places.entry(key).or_insert(place));
    let last = values.len();
    let values =
        joined(values, unknown).ok_or_else(|| making.wrong("has a default of another type than its values"))?;
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let found = keys(input.data()).into_iter().map(|key| places.get(&key).copied().unwrap_or(last));
        Ok(vec![Tensor::new(input.shape().to_vec(), values.pick(found))?])
    }))
}

fn label_encoder(making: &Making<'_>) -> Result<Operation, ReadError> {
    let node = making.node;
    // Version 1 has one list, whose indices are the numbers; it maps in either direction.
    let classes = node.texts("classes_strings");
    if !classes.is_empty() {
        return both_ways(making, &texts(classes), &Data::Int((0..classes.len() as i64).collect()));
    }
    let (Some(from), Some(values)) = (list(node, "keys"), list(node, "values")) else {
        return Err(making.wrong("has no keys and values of a supported type"));
    };
    let unknown = fallback(node, &values);
    lookup(making, &from, values, &unknown)
}

fn both_ways(making: &Making<'_>, names: &Data, numbers: &Data) -> Result<Operation, ReadError> {
    let there = lookup(making, names, numbers.clone(), &fallback(making.node, numbers))?;
    let back = lookup(making, numbers, names.clone(), &fallback(making.node, names))?;
    Ok(Box::new(move |arguments| match arguments.get(0)?.data() {
        Data::Text(_) => there(arguments),
        _ => back(arguments),
    }))
}

fn category_mapper(making: &Making<'_>) -> Result<Operation, ReadError> {
    let (names, numbers) =
        (texts(making.node.texts("cats_strings")), Data::Int(making.node.ints("cats_int64s").to_vec()));
    both_ways(making, &names, &numbers)
}

/// A column for each category; rows with other categories are all zeros.
fn one_hot(making: &Making<'_>) -> Result<Operation, ReadError> {
    let names = making.node.texts("cats_strings");
    let known = if names.is_empty() { Data::Int(making.node.ints("cats_int64s").to_vec()) } else { texts(names) };
    let zeros = making.node.int("zeros").unwrap_or(1) != 0;
    let width = known.len();
    let places: BTreeMap<Key, usize> = keys(&known).into_iter().enumerate().map(|(at, key)| (key, at)).collect();
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let mut shape = input.shape().to_vec();
        shape.push(width);
        let mut hot = vec![0.0; volume(&shape)?];
        // Numbers are categories by their integer part.
        let elements = match input.data() {
            Data::Float(values) => keys(&Data::Int(values.iter().map(|x| *x as i64).collect())),
            Data::Double(values) => keys(&Data::Int(values.iter().map(|x| *x as i64).collect())),
            other => keys(other),
        };
        for (row, key) in elements.iter().enumerate() {
            match places.get(key) {
                Some(at) => hot.iter_mut().skip(row * width + at).take(1).for_each(|x| *x = 1.0),
                None if zeros => {}
                None => return Err(Fault(format!("{key:?} is none of the {width} categories"))),
            }
        }
        Ok(vec![Tensor::new(shape, Data::Float(hot))?])
    }))
}
