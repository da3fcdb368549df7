//! The layout of elements: shapes, order, selection, and type.

use std::sync::Arc;

use super::arithmetic::places;
use crate::ReadError;
use crate::graph::{Attribute, Data, Fault, Tensor, volume};
use crate::interpreter::{Arguments, Make, Making, Operation};

pub(super) const OPERATORS: &[(&str, Make)] = &[
    ("Cast", cast),
    ("Concat", concat),
    ("Constant", constant),
    ("ConstantOfShape", constant_of_shape),
    ("Expand", |_| Ok(Box::new(expand))),
    ("Flatten", flatten),
    ("Gather", gather),
    ("Reshape", |_| Ok(Box::new(reshape))),
    ("Shape", |_| Ok(Box::new(shape))),
    ("Slice", slice),
    ("Squeeze", squeeze),
    ("Transpose", transpose),
    ("Unsqueeze", unsqueeze),
];

/// An axis counted from the front; negative ones are counted from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, Fault> {
    let from_front = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(from_front)
        .ok()
        .filter(|axis| *axis < rank)
        .ok_or_else(|| Fault(format!("axis {axis} of {rank} dimensions")))
}

/// Axes from the second input in newer versions, else from the attribute.
pub(super) fn axes(arguments: &Arguments<'_>, setting: &[i64]) -> Result<Vec<i64>, Fault> {
    match arguments.maybe(1) {
        Some(given) => Ok(given.ints()?.to_vec()),
        None => Ok(setting.to_vec()),
    }
}

fn cast(making: &Making<'_>) -> Result<Operation, ReadError> {
    // Before version 6 the type is written by name.
    let kind = match making.node.text("to") {
        Some("FLOAT") => 1,
        Some("INT64") => 7,
        Some("INT32") => 6,
        Some("DOUBLE") => 11,
        Some("STRING") => 8,
        Some("BOOL") => 9,
        _ => making.node.int("to").unwrap_or(0),
    };
    if !matches!(kind, 1..=9 | 11..=13) {
        return Err(making.wrong(format!("casts to the type number {kind}, which is not supported")));
    }
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        Ok(vec![Tensor::new(input.shape().to_vec(), converted(input.data(), kind)?)?])
    }))
}

fn converted(data: &Data, kind: i64) -> Result<Data, Fault> {
    fn parsed<T: std::str::FromStr>(texts: &[Arc<str>]) -> Result<Vec<T>, Fault> {
        texts.iter().map(|text| text.trim().parse().map_err(|_| Fault(format!("{text:?} is no number")))).collect()
    }
    let whole = |x: f64| if kind == 9 { i64::from(x != 0.0) } else { x as i64 };
    Ok(match (data, kind) {
        (Data::Float(values), 1) => Data::Float(values.clone()),
        (Data::Double(values), 1) => Data::Float(values.iter().map(|x| *x as f32).collect()),
        (Data::Int(values), 1) => Data::Float(values.iter().map(|x| *x as f32).collect()),
        (Data::Text(values), 1) => Data::Float(parsed(values)?),
        (Data::Float(values), 11) => Data::Double(values.iter().map(|x| f64::from(*x)).collect()),
        (Data::Double(values), 11) => Data::Double(values.clone()),
        (Data::Int(values), 11) => Data::Double(values.iter().map(|x| *x as f64).collect()),
        (Data::Text(values), 11) => Data::Double(parsed(values)?),
        (Data::Float(values), 8) => Data::Text(values.iter().map(|x| x.to_string().into()).collect()),
        (Data::Double(values), 8) => Data::Text(values.iter().map(|x| x.to_string().into()).collect()),
        (Data::Int(values), 8) => Data::Text(values.iter().map(|x| x.to_string().into()).collect()),
        (Data::Text(values), 8) => Data::Text(values.clone()),
        (Data::Float(values), _) => Data::Int(values.iter().map(|x| whole(f64::from(*x))).collect()),
        (Data::Double(values), _) => Data::Int(values.iter().map(|x| whole(*x)).collect()),
        (Data::Int(values), 9) => Data::Int(values.iter().map(|x| i64::from(*x != 0)).collect()),
        (Data::Int(values), _) => Data::Int(values.clone()),
        (Data::Text(values), _) => Data::Int(parsed(values)?),
    })
}

fn constant(making: &Making<'_>) -> Result<Operation, ReadError> {
    let node = making.node;
    let scalar = |data| Tensor::new(Vec::new(), data);
    let value = node.attributes.iter().find_map(|(name, attribute)| match (name.as_str(), attribute) {
        ("value", Attribute::Tensor(tensor, _)) => Some(Ok((**tensor).clone())),
        ("value_float", Attribute::Float(x)) => Some(scalar(Data::Float(vec![*x]))),
        ("value_int", Attribute::Int(x)) => Some(scalar(Data::Int(vec![*x]))),
        ("value_string", Attribute::Text(x)) => Some(scalar(Data::Text(vec![x.as_str().into()]))),
        ("value_floats", Attribute::Floats(x)) => Some(Ok(Tensor::flat(Data::Float(x.clone())))),
        ("value_ints", Attribute::Ints(x)) => Some(Ok(Tensor::flat(Data::Int(x.clone())))),
        ("value_strings", Attribute::Texts(x)) => {
            Some(Ok(Tensor::flat(Data::Text(x.iter().map(|x| x.as_str().into()).collect()))))
        }
        _ => None,
    });
    let value = value.and_then(Result::ok).ok_or_else(|| making.wrong("has no value that is supported"))?;
    Ok(Box::new(move |_| Ok(vec![value.clone()])))
}

fn constant_of_shape(making: &Making<'_>) -> Result<Operation, ReadError> {
    let value = match making.node.attribute("value") {
        Some(Attribute::Tensor(tensor, _)) => tensor.data().clone(),
        _ => Data::Float(vec![0.0]),
    };
    Ok(Box::new(move |arguments| {
        let shape = sizes(arguments.get(0)?)?;
        let count = volume(&shape)?;
        Ok(vec![Tensor::new(shape, value.pick(std::iter::repeat_n(0, count)))?])
    }))
}

fn sizes(shape: &Tensor) -> Result<Vec<usize>, Fault> {
    let size = |size: &i64| usize::try_from(*size).map_err(|_| Fault(format!("a dimension of {size}")));
    shape.ints()?.iter().map(size).collect()
}

fn expand(arguments: &Arguments<'_>) -> Result<Vec<Tensor>, Fault> {
    let input = arguments.get(0)?;
    let asked = sizes(arguments.get(1)?)?;
    let rank = asked.len().max(input.shape().len());
    let size = |shape: &[usize], place: usize| {
        (place + shape.len()).checked_sub(rank).and_then(|place| shape.get(place)).copied().unwrap_or(1)
    };
    let wide: Vec<usize> = (0..rank)
        .map(|place| match (size(input.shape(), place), size(&asked, place)) {
            (own, 1) => Ok(own),
            (own, asked) if own == asked || own == 1 => Ok(asked),
            (own, asked) => Err(Fault(format!("{own} cannot be stretched to {asked}"))),
        })
        .collect::<Result<_, _>>()?;
    volume(&wide)?;
    let data = input.data().pick(places(input.shape(), &wide));
    Ok(vec![Tensor::new(wide, data)?])
}

fn flatten(making: &Making<'_>) -> Result<Operation, ReadError> {
    let at = making.node.int("axis").unwrap_or(1);
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let rank = input.shape().len();
        let at = if at == rank as i64 { rank } else { axis(at, rank)? };
        let rows = input.shape().iter().take(at).product();
        let columns = input.shape().iter().skip(at).product();
        Ok(vec![input.reshaped(vec![rows, columns])?])
    }))
}

/// -1 is inferred, 0 copies the input's dimension.
fn reshape(arguments: &Arguments<'_>) -> Result<Vec<Tensor>, Fault> {
    let (input, asked) = (arguments.get(0)?, arguments.get(1)?.ints()?);
    let mut shape = Vec::with_capacity(asked.len());
    let mut rest = None;
    for (place, size) in asked.iter().enumerate() {
        match size {
            -1 if rest.replace(place).is_some() => return Err("two dimensions are left open".into()),
            -1 => shape.push(1),
            0 => shape.push(*input.shape().get(place).ok_or("a dimension is kept that there is not")?),
            size => shape.push(usize::try_from(*size).map_err(|_| Fault(format!("a dimension of {size}")))?),
        }
    }
    if let Some(place) = rest {
        let known = volume(&shape)?.max(1);
        shape.iter_mut().skip(place).take(1).for_each(|size| *size = input.len() / known);
    }
    Ok(vec![input.reshaped(shape)?])
}

fn shape(arguments: &Arguments<'_>) -> Result<Vec<Tensor>, Fault> {
    let shape = arguments.get(0)?.shape().iter().map(|size| *size as i64).collect();
    Ok(vec![Tensor::flat(Data::Int(shape))])
}

fn squeeze(making: &Making<'_>) -> Result<Operation, ReadError> {
    let setting = making.node.ints("axes").to_vec();
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let rank = input.shape().len();
        let mut gone = vec![false; rank];
        let asked = axes(arguments, &setting)?;
        for (at, size) in input.shape().iter().enumerate() {
            let named = asked.iter().any(|asked| axis(*asked, rank) == Ok(at));
            if named && *size != 1 {
                return Err(Fault(format!("dimension {at} is {size}, not 1")));
            }
            gone.iter_mut().skip(at).take(1).for_each(|gone| *gone = named || (asked.is_empty() && *size == 1));
        }
        let shape = input.shape().iter().zip(&gone).filter(|(_, gone)| !**gone).map(|(size, _)| *size).collect();
        Ok(vec![input.reshaped(shape)?])
    }))
}

fn unsqueeze(making: &Making<'_>) -> Result<Operation, ReadError> {
    let setting = making.node.ints("axes").to_vec();
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let asked = axes(arguments, &setting)?;
        let rank = input.shape().len() + asked.len();
        let new: Vec<usize> = asked.iter().map(|asked| axis(*asked, rank)).collect::<Result<_, _>>()?;
        let mut old = input.shape().iter();
        let shape = (0..rank).map(|at| if new.contains(&at) { 1 } else { old.next().copied().unwrap_or(1) }).collect();
        Ok(vec![input.reshaped(shape)?])
    }))
}

fn transpose(making: &Making<'_>) -> Result<Operation, ReadError> {
    let setting = making.node.ints("perm").to_vec();
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let rank = input.shape().len();
        let order: Vec<usize> = match setting.as_slice() {
            [] => (0..rank).rev().collect(),
            order => order.iter().map(|at| axis(*at, rank)).collect::<Result<_, _>>()?,
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..rank) {
            return Err(Fault(format!("{order:?} is no order of {rank} dimensions")));
        }
        let strides: Vec<usize> = (0..rank).map(|at| input.shape().iter().skip(at + 1).product()).collect();
        let pick = |from: &[usize]| order.iter().filter_map(|at| from.get(*at).copied()).collect::<Vec<usize>>();
        let (shape, strides) = (pick(input.shape()), pick(&strides));
        let place = |index: usize| {
            let mut rest = index;
            shape.iter().zip(&strides).rev().fold(0, |sum, (size, stride)| {
                let here = rest % size;
                rest /= size;
                sum + here * stride
            })
        };
        let data = input.data().pick((0..input.len()).map(place));
        Ok(vec![Tensor::new(shape.clone(), data)?])
    }))
}

/// A shape as the dimensions before an axis, the axis, and those after it.
pub(super) fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    let before = shape.iter().take(axis).product();
    let after = shape.iter().skip(axis + 1).product();
    (before, shape.get(axis).copied().unwrap_or(1), after)
}

fn concat(making: &Making<'_>) -> Result<Operation, ReadError> {
    let at = making.node.int("axis").unwrap_or(1);
    Ok(Box::new(move |arguments| {
        let all: Vec<&Tensor> = arguments.all().collect();
        let first = all.first().ok_or("there are no inputs")?;
        let at = axis(at, first.shape().len())?;
        let same = |tensor: &&&Tensor| {
            let (a, b) = (tensor.shape(), first.shape());
            a.len() == b.len() && a.iter().zip(b).enumerate().all(|(place, (a, b))| place == at || a == b)
        };
        if let Some(other) = all.iter().find(|tensor| !same(tensor)) {
            return Err(Fault(format!("shapes {:?} and {:?} do not fit together", first.shape(), other.shape())));
        }
        let (before, _, after) = around(first.shape(), at);
        let mut shape = first.shape().to_vec();
        let long: usize = all.iter().map(|tensor| around(tensor.shape(), at).1).sum();
        shape.iter_mut().skip(at).take(1).for_each(|size| *size = long);
        volume(&shape)?;
        Ok(vec![Tensor::new(shape, joined(&all, before, at, after)?)?])
    }))
}

fn joined(all: &[&Tensor], before: usize, at: usize, after: usize) -> Result<Data, Fault> {
    fn parts<'a, T: Clone + 'a>(
        all: &[&'a Tensor],
        values: impl Fn(&'a Data) -> Option<&'a [T]>,
        before: usize,
        length: impl Fn(&Tensor) -> usize,
    ) -> Result<Vec<T>, Fault> {
        let mut joined = Vec::new();
        for block in 0..before {
            for tensor in all {
                let length = length(tensor);
                let values = values(tensor.data()).ok_or("inputs of several types")?;
                joined.extend_from_slice(values.get(block * length..(block + 1) * length).unwrap_or_default());
            }
        }
        Ok(joined)
    }
    let length = |tensor: &Tensor| around(tensor.shape(), at).1 * after;
    Ok(match all.first().map(|tensor| tensor.data()) {
        Some(Data::Double(_)) => {
            Data::Double(parts(all, |data| if let Data::Double(x) = data { Some(x) } else { None }, before, length)?)
        }
        Some(Data::Int(_)) => {
            Data::Int(parts(all, |data| if let Data::Int(x) = data { Some(x) } else { None }, before, length)?)
        }
        Some(Data::Text(_)) => {
            Data::Text(parts(all, |data| if let Data::Text(x) = data { Some(x) } else { None }, before, length)?)
        }
        _ => Data::Float(parts(all, |data| if let Data::Float(x) = data { Some(x) } else { None }, before, length)?),
    })
}

/// The elements at these places of a dimension.
fn along(data: &Data, (before, long, after): (usize, usize, usize), chosen: &[usize]) -> Data {
    let place = |block: usize| {
        chosen.iter().flat_map(move |index| (0..after).map(move |rest| (block * long + index) * after + rest))
    };
    data.pick((0..before).flat_map(place))
}

fn gather(making: &Making<'_>) -> Result<Operation, ReadError> {
    let at = making.node.int("axis").unwrap_or(0);
    Ok(Box::new(move |arguments| {
        let (input, indices) = (arguments.get(0)?, arguments.get(1)?);
        let at = axis(at, input.shape().len())?;
        let (before, long, after) = around(input.shape(), at);
        let chosen: Vec<usize> = indices.ints()?.iter().map(|index| axis(*index, long)).collect::<Result<_, _>>()?;
        let shape = input.shape();
        let shape: Vec<usize> =
            shape.iter().take(at).chain(indices.shape()).chain(shape.iter().skip(at + 1)).copied().collect();
        volume(&shape)?;
        Ok(vec![Tensor::new(shape, along(input.data(), (before, long, after), &chosen))?])
    }))
}

fn slice(making: &Making<'_>) -> Result<Operation, ReadError> {
    let node = making.node;
    let settings = [node.ints("starts").to_vec(), node.ints("ends").to_vec(), node.ints("axes").to_vec()];
    Ok(Box::new(move |arguments| {
        let given = |place: usize, setting: &Vec<i64>| match arguments.maybe(place) {
            Some(tensor) => tensor.ints().map(<[i64]>::to_vec),
            None => Ok(setting.clone()),
        };
        let [starts, ends, axes] = &settings;
        let (starts, ends, axes, steps) = (given(1, starts)?, given(2, ends)?, given(3, axes)?, given(4, &Vec::new())?);
        let mut result = arguments.get(0)?.clone();
        for (index, (start, end)) in starts.iter().zip(&ends).enumerate() {
            let at = axis(axes.get(index).copied().unwrap_or(index as i64), result.shape().len())?;
            result = cut(&result, at, *start, *end, steps.get(index).copied().unwrap_or(1))?;
        }
        Ok(vec![result])
    }))
}

/// The slice between two places along an axis.
fn cut(input: &Tensor, at: usize, start: i64, end: i64, step: i64) -> Result<Tensor, Fault> {
    let (before, long, after) = around(input.shape(), at);
    let long_signed = long as i64;
    let held = |place: i64, least: i64, most: i64| {
        if place < 0 { place.saturating_add(long_signed) } else { place }.clamp(least, most)
    };
    let chosen: Vec<usize> = match step {
        0 => return Err("a step of 0".into()),
        1.. => {
            let (from, to) = (held(start, 0, long_signed), held(end, 0, long_signed));
            (from..to).step_by(step as usize).map(|place| place as usize).collect()
        }
        _ => {
            let (from, to) = (held(start, -1, long_signed - 1), held(end, -1, long_signed - 1));
            let step = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
            (to + 1..=from).rev().step_by(step).map(|place| place as usize).collect()
        }
    };
    let mut shape = input.shape().to_vec();
    shape.iter_mut().skip(at).take(1).for_each(|size| *size = chosen.len());
    Tensor::new(shape, along(input.data(), (before, long, after), &chosen))
}
