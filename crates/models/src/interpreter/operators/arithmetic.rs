//! Element-wise operators, with numpy's broadcasting.

use crate::graph::{Data, Fault, Tensor, volume};
use crate::interpreter::{Arguments, Make, Making, Operation};

pub(super) const OPERATORS: &[(&str, Make)] = &[
    ("Abs", |_| unary(f32::abs, f64::abs, Some(i64::wrapping_abs))),
    ("Add", |_| binary(|a, b| a + b, |a, b| a + b, i64::wrapping_add)),
    ("Ceil", |_| unary(f32::ceil, f64::ceil, None)),
    ("Clip", clip),
    ("Div", |_| binary(|a, b| a / b, |a, b| a / b, |a, b| a.checked_div(b).unwrap_or(0))),
    ("Equal", equal),
    ("Erf", |_| unary(|x| erf(f64::from(x)) as f32, erf, None)),
    ("Exp", |_| unary(f32::exp, f64::exp, None)),
    ("Floor", |_| unary(f32::floor, f64::floor, None)),
    ("Greater", |_| compare(|a, b| a > b)),
    ("GreaterOrEqual", |_| compare(|a, b| a >= b)),
    ("Identity", |_| Ok(Box::new(|arguments: &Arguments<'_>| Ok(vec![arguments.get(0)?.clone()])))),
    ("IsNaN", |_| Ok(Box::new(is_nan))),
    ("LeakyRelu", leaky_relu),
    ("Less", |_| compare(|a, b| a < b)),
    ("LessOrEqual", |_| compare(|a, b| a <= b)),
    ("Log", |_| unary(f32::ln, f64::ln, None)),
    ("Max", |_| several(larger, larger, i64::max)),
    ("Min", |_| several(|a, b| -larger(-a, -b), |a, b| -larger(-a, -b), i64::min)),
    ("Mul", |_| binary(|a, b| a * b, |a, b| a * b, i64::wrapping_mul)),
    ("Neg", |_| unary(|x| -x, |x| -x, Some(i64::wrapping_neg))),
    ("Not", |_| unary(|x| x, |x| x, Some(|x| i64::from(x == 0)))),
    ("Pow", |_| Ok(Box::new(power))),
    ("Reciprocal", |_| unary(f32::recip, f64::recip, None)),
    ("Relu", |_| unary(|x| larger(x, 0.0), |x| larger(x, 0.0), None)),
    ("Sigmoid", |_| unary(|x| 1.0 / (1.0 + (-x).exp()), |x| 1.0 / (1.0 + (-x).exp()), None)),
    ("Sign", |_| unary(|x| if x == 0.0 { 0.0 } else { x.signum() }, |x| if x == 0.0 { 0.0 } else { x.signum() }, None)),
    ("Sqrt", |_| unary(f32::sqrt, f64::sqrt, None)),
    ("Sub", |_| binary(|a, b| a - b, |a, b| a - b, i64::wrapping_sub)),
    ("Sum", |_| several(|a, b| a + b, |a, b| a + b, i64::wrapping_add)),
    ("Tanh", |_| unary(f32::tanh, f64::tanh, None)),
    ("Where", |_| Ok(Box::new(choose))),
];

/// The larger one; NaN if one of them is NaN.
fn larger<T: PartialOrd + Copy>(a: T, b: T) -> T {
    #[allow(clippy::eq_op)] // Only NaN differs from itself.
    let missing = a != a;
    if missing || a > b { a } else { b }
}

fn erf(x: f64) -> f64 {
    libm::erf(x)
}

type Change<T> = fn(T) -> T;
type Combine<T> = fn(T, T) -> T;

fn unary(single: Change<f32>, double: Change<f64>, whole: Option<Change<i64>>) -> Result<Operation, crate::ReadError> {
    Ok(Box::new(move |arguments: &Arguments<'_>| {
        let input = arguments.get(0)?;
        let data = match (input.data(), whole) {
            (Data::Float(values), _) => Data::Float(values.iter().map(|x| single(*x)).collect()),
            (Data::Double(values), _) => Data::Double(values.iter().map(|x| double(*x)).collect()),
            (Data::Int(values), Some(whole)) => Data::Int(values.iter().map(|x| whole(*x)).collect()),
            (other, _) => return Err(Fault(format!("{} has no meaning here", other.kind()))),
        };
        Ok(vec![Tensor::new(input.shape().to_vec(), data)?])
    }))
}

fn leaky_relu(making: &Making<'_>) -> Result<Operation, crate::ReadError> {
    let slope = making.node.float("alpha").unwrap_or(0.01);
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let values = input.floats()?.iter().map(|x| if *x < 0.0 { slope * x } else { *x }).collect();
        Ok(vec![Tensor::new(input.shape().to_vec(), Data::Float(values))?])
    }))
}

fn is_nan(arguments: &Arguments<'_>) -> Result<Vec<Tensor>, Fault> {
    let input = arguments.get(0)?;
    let values = input.to_doubles()?.iter().map(|x| i64::from(x.is_nan())).collect();
    Ok(vec![Tensor::new(input.shape().to_vec(), Data::Int(values))?])
}

/// The shape that both broadcast to.
fn stretched(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Fault> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], place: usize| {
        (place + shape.len()).checked_sub(rank).and_then(|place| shape.get(place)).copied().unwrap_or(1)
    };
    (0..rank)
        .map(|place| match (size(a, place), size(b, place)) {
            (a, b) if a == b => Ok(a),
            (1, other) | (other, 1) => Ok(other),
            _ => Err(Fault(format!("shapes {a:?} and {b:?} do not fit together"))),
        })
        .collect()
}

/// For each element of `shape`, its index in a tensor of the shape `from`.
pub(super) fn places(from: &[usize], shape: &[usize]) -> impl Iterator<Item = usize> + use<> {
    let mut strides = vec![0; shape.len()];
    let mut stride = 1;
    for (place, size) in strides.iter_mut().rev().zip(from.iter().rev()) {
        *place = if *size == 1 { 0 } else { stride };
        stride *= size;
    }
    let sizes = shape.to_vec();
    let mut counter = vec![0; shape.len()];
    let mut at = 0;
    let all = shape.iter().product::<usize>();
    (0..all).map(move |_| {
        let here = at;
        for ((count, size), stride) in counter.iter_mut().zip(&sizes).zip(&strides).rev() {
            *count += 1;
            at += stride;
            if *count < *size {
                break;
            }
            at -= stride * *count;
            *count = 0;
        }
        here
    })
}

/// Combines two lists of elements into one of the shape.
fn combined<T: Copy, R>(
    (a, from_a): (&[T], &[usize]),
    (b, from_b): (&[T], &[usize]),
    shape: &[usize],
    combine: impl Fn(T, T) -> R,
) -> Vec<R> {
    if from_a == shape && from_b == shape {
        return a.iter().zip(b).map(|(a, b)| combine(*a, *b)).collect();
    }
    if from_a == shape && !b.is_empty() && shape.ends_with(from_b) {
        return a.iter().zip(b.iter().cycle()).map(|(a, b)| combine(*a, *b)).collect();
    }
    let pairs = places(from_a, shape).zip(places(from_b, shape));
    pairs.filter_map(|(x, y)| Some(combine(*a.get(x)?, *b.get(y)?))).collect()
}

pub(super) fn pair(
    a: &Tensor,
    b: &Tensor,
    single: impl Fn(f32, f32) -> f32,
    double: impl Fn(f64, f64) -> f64,
    whole: impl Fn(i64, i64) -> i64,
) -> Result<Tensor, Fault> {
    let shape = stretched(a.shape(), b.shape())?;
    volume(&shape)?;
    let data = match (a.data(), b.data()) {
        (Data::Float(x), Data::Float(y)) => Data::Float(combined((x, a.shape()), (y, b.shape()), &shape, single)),
        (Data::Double(x), Data::Double(y)) => Data::Double(combined((x, a.shape()), (y, b.shape()), &shape, double)),
        (Data::Int(x), Data::Int(y)) => Data::Int(combined((x, a.shape()), (y, b.shape()), &shape, whole)),
        (a, b) => return Err(Fault(format!("{} and {} do not go together", a.kind(), b.kind()))),
    };
    Tensor::new(shape, data)
}

fn binary(single: Combine<f32>, double: Combine<f64>, whole: Combine<i64>) -> Result<Operation, crate::ReadError> {
    Ok(Box::new(move |arguments| Ok(vec![pair(arguments.get(0)?, arguments.get(1)?, single, double, whole)?])))
}

/// An operator with two inputs or more, folded from the left.
fn several(single: Combine<f32>, double: Combine<f64>, whole: Combine<i64>) -> Result<Operation, crate::ReadError> {
    Ok(Box::new(move |arguments| {
        let mut all = arguments.all();
        let first = all.next().ok_or("there are no inputs")?.clone();
        Ok(vec![all.try_fold(first, |so_far, next| pair(&so_far, next, single, double, whole))?])
    }))
}

fn compare(test: fn(f64, f64) -> bool) -> Result<Operation, crate::ReadError> {
    Ok(Box::new(move |arguments| Ok(vec![compared(arguments, |a, b| i64::from(test(a, b)))?])))
}

fn compared(arguments: &Arguments<'_>, test: impl Fn(f64, f64) -> i64) -> Result<Tensor, Fault> {
    let (a, b) = (arguments.get(0)?, arguments.get(1)?);
    let shape = stretched(a.shape(), b.shape())?;
    volume(&shape)?;
    let (x, y) = (a.to_doubles()?, b.to_doubles()?);
    Tensor::new(shape.clone(), Data::Int(combined((&x, a.shape()), (&y, b.shape()), &shape, test)))
}

fn equal(_: &Making<'_>) -> Result<Operation, crate::ReadError> {
    Ok(Box::new(|arguments| {
        let (a, b) = (arguments.get(0)?, arguments.get(1)?);
        let (Data::Text(x), Data::Text(y)) = (a.data(), b.data()) else {
            return Ok(vec![compared(arguments, |a, b| i64::from(a == b))?]);
        };
        let shape = stretched(a.shape(), b.shape())?;
        volume(&shape)?;
        let (x, y): (Vec<&str>, Vec<&str>) = (x.iter().map(|x| &**x).collect(), y.iter().map(|y| &**y).collect());
        let same = combined((&x, a.shape()), (&y, b.shape()), &shape, |a, b| i64::from(a == b));
        Ok(vec![Tensor::new(shape, Data::Int(same))?])
    }))
}

/// The exponent may have another type than the base, whose type the result has.
fn power(arguments: &Arguments<'_>) -> Result<Vec<Tensor>, Fault> {
    let (base, exponent) = (arguments.get(0)?, arguments.get(1)?);
    let shape = stretched(base.shape(), exponent.shape())?;
    volume(&shape)?;
    let (x, y) = (base.to_doubles()?, exponent.to_doubles()?);
    let powers = combined((&x, base.shape()), (&y, exponent.shape()), &shape, raised);
    Ok(vec![Tensor::new(shape, base.data().like(powers))?])
}

fn raised(base: f64, exponent: f64) -> f64 {
    if exponent == 2.0 { base * base } else { base.powf(exponent) }
}

fn clip(making: &Making<'_>) -> Result<Operation, crate::ReadError> {
    let (least, most) = (making.node.float("min"), making.node.float("max"));
    Ok(Box::new(move |arguments| {
        let bound = |place, setting: Option<f32>, open: f64| -> Result<f64, Fault> {
            match arguments.maybe(place) {
                Some(given) => Ok(given.to_doubles()?.first().copied().unwrap_or(open)),
                None => Ok(setting.map_or(open, f64::from)),
            }
        };
        let (least, most) = (bound(1, least, f64::NEG_INFINITY)?, bound(2, most, f64::INFINITY)?);
        let input = arguments.get(0)?;
        let held = |x: f64| {
            if x < least {
                least
            } else if x > most {
                most
            } else {
                x
            }
        };
        let data = match input.data() {
            Data::Float(values) => Data::Float(values.iter().map(|x| held(f64::from(*x)) as f32).collect()),
            Data::Double(values) => Data::Double(values.iter().map(|x| held(*x)).collect()),
            Data::Int(values) => Data::Int(values.iter().map(|x| held(*x as f64) as i64).collect()),
            Data::Text(_) => return Err("text has no bounds".into()),
        };
        Ok(vec![Tensor::new(input.shape().to_vec(), data)?])
    }))
}

fn choose(arguments: &Arguments<'_>) -> Result<Vec<Tensor>, Fault> {
    let (test, yes, no) = (arguments.get(0)?, arguments.get(1)?, arguments.get(2)?);
    let shape = stretched(&stretched(test.shape(), yes.shape())?, no.shape())?;
    let tests: Vec<bool> =
        places(test.shape(), &shape).map(|at| test.ints().is_ok_and(|t| t.get(at) != Some(&0))).collect();
    volume(&shape)?;
    let wide = |from: &Tensor| from.data().pick(places(from.shape(), &shape));
    fn mixed<T: Clone>(tests: &[bool], yes: &[T], no: &[T]) -> Vec<T> {
        tests.iter().zip(yes.iter().zip(no)).map(|(test, (yes, no))| if *test { yes } else { no }.clone()).collect()
    }
    let data = match (wide(yes), wide(no)) {
        (Data::Float(a), Data::Float(b)) => Data::Float(mixed(&tests, &a, &b)),
        (Data::Double(a), Data::Double(b)) => Data::Double(mixed(&tests, &a, &b)),
        (Data::Int(a), Data::Int(b)) => Data::Int(mixed(&tests, &a, &b)),
        (Data::Text(a), Data::Text(b)) => Data::Text(mixed(&tests, &a, &b)),
        (a, b) => return Err(Fault(format!("{} and {} do not go together", a.kind(), b.kind()))),
    };
    Ok(vec![Tensor::new(shape, data)?])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shapes_are_stretched_as_numpy_does() {
        type Shape = &'static [usize];
        let cases: [(Shape, Shape, Option<Shape>); 5] = [
            (&[2, 3], &[3], Some(&[2, 3])),
            (&[2, 1], &[1, 3], Some(&[2, 3])),
            (&[], &[4], Some(&[4])),
            (&[2], &[3], None),
            (&[4, 1, 2], &[5, 1], Some(&[4, 5, 2])),
        ];
        for (a, b, expected) in cases {
            assert_eq!(stretched(a, b).ok().as_deref(), expected, "{a:?} {b:?}");
        }
        assert_eq!(places(&[2, 1], &[2, 3]).collect::<Vec<_>>(), [0, 0, 0, 1, 1, 1]);
        assert_eq!(places(&[3], &[2, 3]).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2]);
        let column = Tensor::new(vec![2, 1], Data::Float(vec![1.0, 2.0])).unwrap();
        let row = Tensor::new(vec![1, 2], Data::Float(vec![10.0, 20.0])).unwrap();
        let sum = pair(&column, &row, |a, b| a + b, |a, _| a, |a, _| a).unwrap();
        assert_eq!(sum.data(), &Data::Float(vec![11.0, 21.0, 12.0, 22.0]));
    }
}
