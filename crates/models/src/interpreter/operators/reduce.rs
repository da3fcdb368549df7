//! Reductions along an axis: sums, maxima, the first in order.

use std::cmp::Ordering;

use super::layout::{around, axes, axis};
use crate::ReadError;
use crate::graph::{Data, Fault, Tensor, volume};
use crate::interpreter::{Make, Making, Operation};

pub(super) const OPERATORS: &[(&str, Make)] = &[
    ("ArgMax", |making| arg(making, Ordering::Greater)),
    ("ArgMin", |making| arg(making, Ordering::Less)),
    ("LogSoftmax", |making| softmax(making, f64::ln)),
    ("LpNormalization", lp_normalization),
    ("ReduceL1", |making| reduce(making, |x| x.iter().map(|x| x.abs()).sum())),
    ("ReduceL2", |making| reduce(making, |x| x.iter().map(|x| x * x).sum::<f64>().sqrt())),
    ("ReduceLogSumExp", |making| reduce(making, log_sum_exp)),
    ("ReduceMax", |making| reduce(making, |x| x.iter().copied().fold(f64::NEG_INFINITY, f64::max))),
    ("ReduceMean", |making| reduce(making, |x| x.iter().sum::<f64>() / x.len() as f64)),
    ("ReduceMin", |making| reduce(making, |x| x.iter().copied().fold(f64::INFINITY, f64::min))),
    ("ReduceProd", |making| reduce(making, |x| x.iter().product())),
    ("ReduceSum", |making| reduce(making, |x| x.iter().sum())),
    ("ReduceSumSquare", |making| reduce(making, |x| x.iter().map(|x| x * x).sum())),
    ("Softmax", |making| softmax(making, |x| x)),
    ("TopK", top_k),
];

fn log_sum_exp(x: &[f64]) -> f64 {
    let most = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most.is_infinite() {
        return most;
    }
    most + x.iter().map(|x| (x - most).exp()).sum::<f64>().ln()
}

/// Sums are computed in double precision and rounded once.
fn reduce(making: &Making<'_>, fold: fn(&[f64]) -> f64) -> Result<Operation, ReadError> {
    let setting = making.node.ints("axes").to_vec();
    let keep = making.node.int("keepdims") != Some(0);
    let nothing = making.node.int("noop_with_empty_axes") == Some(1);
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let rank = input.shape().len();
        let asked = axes(arguments, &setting)?;
        if asked.is_empty() && nothing {
            return Ok(vec![input.clone()]);
        }
        let asked: Vec<usize> = asked.iter().map(|asked| axis(*asked, rank)).collect::<Result<_, _>>()?;
        let gone = |at: &usize| asked.is_empty() || asked.contains(at);
        let values = input.to_doubles()?;
        arguments.work(values.len())?;
        let kept: Vec<usize> =
            input.shape().iter().enumerate().map(|(at, size)| if gone(&at) { 1 } else { *size }).collect();
        let mut groups: Vec<Vec<f64>> = vec![Vec::new(); volume(&kept)?];
        for (index, value) in values.iter().enumerate() {
            let group = place_without(index, input.shape(), &kept);
            groups.iter_mut().skip(group).take(1).for_each(|group| group.push(*value));
        }
        let folded: Vec<f64> = groups.iter().map(|group| fold(group)).collect();
        let data = input.data().like(folded);
        let shape: Vec<usize> = if keep {
            kept
        } else {
            kept.iter().enumerate().filter(|(at, _)| !gone(at)).map(|(_, size)| *size).collect()
        };
        Ok(vec![Tensor::new(shape, data)?])
    }))
}

/// The index in `kept` of an element of `shape`; the shapes differ only in dimensions of 1.
fn place_without(index: usize, shape: &[usize], kept: &[usize]) -> usize {
    let (mut rest, mut stride, mut place) = (index, 1, 0);
    for (size, kept) in shape.iter().zip(kept).rev() {
        if *kept == *size {
            place += rest % size * stride;
            stride *= size;
        }
        rest /= size;
    }
    place
}

/// The first of equal ones wins, unless the last is requested; NaN never wins.
fn arg(making: &Making<'_>, wins: Ordering) -> Result<Operation, ReadError> {
    let at = making.node.int("axis").unwrap_or(0);
    let keep = making.node.int("keepdims") != Some(0);
    let last = making.node.int("select_last_index") == Some(1);
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let at = axis(at, input.shape().len())?;
        let (before, long, after) = around(input.shape(), at);
        let values = input.to_doubles()?;
        let mut found = Vec::with_capacity(before * after);
        for block in 0..before {
            for rest in 0..after {
                let value =
                    |index: usize| values.get((block * long + index) * after + rest).copied().unwrap_or(f64::NAN);
                let better = |index: usize, best: usize| match value(index).partial_cmp(&value(best)) {
                    Some(Ordering::Equal) => last,
                    Some(order) => order == wins,
                    None => value(best).is_nan() && !value(index).is_nan(),
                };
                let best = (0..long).fold(0, |best, index| if better(index, best) { index } else { best });
                found.push(best as i64);
            }
        }
        let mut shape = input.shape().to_vec();
        shape.iter_mut().skip(at).take(1).for_each(|size| *size = 1);
        if !keep {
            shape.remove(at);
        }
        Ok(vec![Tensor::new(shape, Data::Int(found))?])
    }))
}

/// Over one axis from version 13 on; before, over all elements from the axis to the end.
fn softmax(making: &Making<'_>, finish: fn(f64) -> f64) -> Result<Operation, ReadError> {
    let old = making.version() < 13;
    let at = making.node.int("axis").unwrap_or(if old { 1 } else { -1 });
    Ok(along(at, old, move |row| {
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|x| (x - most).exp()).sum();
        row.iter_mut().for_each(|x| *x = finish((*x - most).exp() / sum));
    }))
}

/// Scales to a length of one, by the sum or the root of the squares; zeros stay as they are.
fn lp_normalization(making: &Making<'_>) -> Result<Operation, ReadError> {
    let length: fn(&[f64]) -> f64 = match making.node.int("p").unwrap_or(2) {
        1 => |row| row.iter().map(|x| x.abs()).sum(),
        2 => |row| row.iter().map(|x| x * x).sum::<f64>().sqrt(),
        other => return Err(making.wrong(format!("has p = {other}, which is neither 1 nor 2"))),
    };
    let at = making.node.int("axis").unwrap_or(-1);
    Ok(along(at, false, move |row| {
        let length = length(row);
        if length != 0.0 {
            row.iter_mut().for_each(|x| *x /= length);
        }
    }))
}

/// Changes the elements along an axis; `to_end`: all from the axis to the end at once.
fn along(at: i64, to_end: bool, change: impl Fn(&mut [f64]) + Send + Sync + 'static) -> Operation {
    Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let at = axis(at, input.shape().len())?;
        let (before, mut long, mut after) = around(input.shape(), at);
        if to_end {
            (long, after) = (long * after, 1);
        }
        let mut values = input.to_doubles()?;
        let mut row = Vec::with_capacity(long);
        for block in 0..before {
            for rest in 0..after {
                let first = block * long * after + rest;
                row.clear();
                row.extend(values.iter().skip(first).step_by(after.max(1)).take(long));
                change(&mut row);
                let places = values.iter_mut().skip(first).step_by(after.max(1));
                places.zip(&row).for_each(|(place, x)| *place = *x);
            }
        }
        let data = match input.data() {
            Data::Float(_) => Data::Float(values.iter().map(|x| *x as f32).collect()),
            _ => Data::Double(values),
        };
        Ok(vec![Tensor::new(input.shape().to_vec(), data)?])
    })
}

/// The first k in order, the lower index first of equal ones; k may be an attribute or an input.
fn top_k(making: &Making<'_>) -> Result<Operation, ReadError> {
    let node = making.node;
    let setting = node.int("k");
    let at = node.int("axis").unwrap_or(-1);
    let largest = node.int("largest") != Some(0);
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let asked = match arguments.maybe(1) {
            Some(count) => count.ints()?.first().copied(),
            None => setting,
        };
        let at = axis(at, input.shape().len())?;
        let (before, long, after) = around(input.shape(), at);
        let count = asked.and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= long);
        let count = count.ok_or_else(|| Fault(format!("the first {asked:?} of {long} are asked for")))?;
        let values = input.to_doubles()?;
        arguments.work(values.len().saturating_mul(16))?;
        let mut indices = vec![0_i64; before * count * after];
        let mut places = vec![0; before * count * after];
        for block in 0..before {
            for rest in 0..after {
                let place = |index: usize| (block * long + index) * after + rest;
                let value = |index: &usize| values.get(place(*index)).copied().unwrap_or(f64::NAN);
                let mut order: Vec<usize> = (0..long).collect();
                let compare = |a: &usize, b: &usize| {
                    let order = value(a).total_cmp(&value(b));
                    if largest { order.reverse() } else { order }.then(a.cmp(b))
                };
                order.sort_unstable_by(compare);
                for (rank, index) in order.iter().take(count).enumerate() {
                    let to = (block * count + rank) * after + rest;
                    indices.iter_mut().skip(to).take(1).for_each(|found| *found = *index as i64);
                    places.iter_mut().skip(to).take(1).for_each(|found| *found = place(*index));
                }
            }
        }
        let mut shape = input.shape().to_vec();
        shape.iter_mut().skip(at).take(1).for_each(|size| *size = count);
        let chosen = Tensor::new(shape.clone(), input.data().pick(places.into_iter()))?;
        Ok(vec![chosen, Tensor::new(shape, Data::Int(indices))?])
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_along_any_axes() {
        let groups = |shape: &[usize], kept: &[usize]| {
            (0..shape.iter().product()).map(|index| place_without(index, shape, kept)).collect::<Vec<_>>()
        };
        assert_eq!(groups(&[2, 3], &[2, 1]), [0, 0, 0, 1, 1, 1]);
        assert_eq!(groups(&[2, 3], &[1, 3]), [0, 1, 2, 0, 1, 2]);
        assert_eq!(groups(&[2, 1, 2], &[1, 1, 2]), [0, 1, 0, 1]);
    }

    #[test]
    fn logarithms_of_sums_do_not_overflow() {
        assert_eq!(log_sum_exp(&[1000.0, 1000.0]), 1000.0 + std::f64::consts::LN_2);
        assert_eq!(log_sum_exp(&[f64::NEG_INFINITY]), f64::NEG_INFINITY);
    }
}
