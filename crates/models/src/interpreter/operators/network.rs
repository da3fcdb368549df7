//! Other operators of networks: activations, normalisations, and small ones.

use super::layout::{around, axis};
use super::windows::{along, pad, tile};
use crate::ReadError;
use crate::graph::{Data, Fault, Tensor, volume};
use crate::interpreter::{Arguments, Make, Making, Operation};

pub(super) const OPERATORS: &[(&str, Make)] = &[
    ("And", |_| logical(|a, b| a && b)),
    ("BatchNormalization", batch_normalization),
    ("Celu", |making| bent(making, &[("alpha", 1.0)], |x, [a, _]| x.max(0.0) + (a * ((x / a).exp() - 1.0)).min(0.0))),
    ("Cos", |making| bent(making, &[], |x, _| x.cos())),
    ("Dropout", |_| Ok(Box::new(|arguments: &Arguments<'_>| Ok(vec![arguments.get(0)?.clone()])))),
    ("Elu", |making| bent(making, &[("alpha", 1.0)], |x, [a, _]| if x < 0.0 { a * (x.exp() - 1.0) } else { x })),
    ("Gelu", gelu),
    ("HardSigmoid", |making| bent(making, &[("alpha", 0.2), ("beta", 0.5)], |x, [a, b]| (a * x + b).clamp(0.0, 1.0))),
    ("HardSwish", |making| bent(making, &[], |x, _| x * (x / 6.0 + 0.5).clamp(0.0, 1.0))),
    ("LayerNormalization", layer_normalization),
    ("Mish", |making| bent(making, &[], |x, _| x * x.exp().ln_1p().tanh())),
    ("Mod", |_| Ok(Box::new(remainder))),
    ("Or", |_| logical(|a, b| a || b)),
    ("PRelu", |_| Ok(Box::new(sloped))),
    ("Pad", pad),
    ("Range", |_| Ok(Box::new(range))),
    ("Round", |making| bent(making, &[], |x, _| x.round_ties_even())),
    ("Selu", |making| {
        bent(making, &[("alpha", 1.673_263_2), ("gamma", 1.050_701)], |x, [a, gamma]| {
            gamma * if x > 0.0 { x } else { a * (x.exp() - 1.0) }
        })
    }),
    ("Sin", |making| bent(making, &[], |x, _| x.sin())),
    ("Softplus", |making| bent(making, &[], |x, _| if x > 30.0 { x } else { x.exp().ln_1p() })),
    ("Softsign", |making| bent(making, &[], |x, _| x / (1.0 + x.abs()))),
    ("Split", split),
    ("ThresholdedRelu", |making| bent(making, &[("alpha", 1.0)], |x, [a, _]| if x > *a { x } else { 0.0 })),
    ("Tile", tile),
];

/// An activation with at most two attributes, each with its default.
fn bent(
    making: &Making<'_>,
    settings: &[(&str, f32)],
    bend: fn(f64, &[f64; 2]) -> f64,
) -> Result<Operation, ReadError> {
    let mut values = [0.0; 2];
    for (value, (name, default)) in values.iter_mut().zip(settings) {
        *value = f64::from(making.node.float(name).unwrap_or(*default));
    }
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let made = input.to_doubles()?.iter().map(|x| bend(*x, &values) as f32).collect();
        Ok(vec![Tensor::new(input.shape().to_vec(), Data::Float(made))?])
    }))
}

/// Exact, or by the hyperbolic tangent.
fn gelu(making: &Making<'_>) -> Result<Operation, ReadError> {
    match making.node.text("approximate").unwrap_or("none") {
        "tanh" => bent(making, &[], |x, _| {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh())
        }),
        _ => bent(making, &[], |x, _| 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2))),
    }
}

fn logical(combine: fn(bool, bool) -> bool) -> Result<Operation, ReadError> {
    Ok(Box::new(move |arguments| {
        let test = |x: i64, y: i64| i64::from(combine(x != 0, y != 0));
        Ok(vec![super::arithmetic::pair(arguments.get(0)?, arguments.get(1)?, |a, _| a, |a, _| a, test)?])
    }))
}

/// The sign is the divisor's, unless C's convention is requested.
fn remainder(arguments: &Arguments<'_>) -> Result<Vec<Tensor>, Fault> {
    let whole =
        |a: i64, b: i64| a.checked_rem_euclid(b).map_or(0, |rest| if b < 0 && rest != 0 { rest + b } else { rest });
    let (a, b) = (arguments.get(0)?, arguments.get(1)?);
    Ok(vec![super::arithmetic::pair(a, b, |a, b| a % b, |a, b| a % b, whole)?])
}

fn sloped(arguments: &Arguments<'_>) -> Result<Vec<Tensor>, Fault> {
    let (input, slope) = (arguments.get(0)?, arguments.get(1)?);
    let bend = |x: f32, slope: f32| if x < 0.0 { x * slope } else { x };
    Ok(vec![super::arithmetic::pair(input, slope, bend, |x, _| x, |x, _| x)?])
}

fn range(arguments: &Arguments<'_>) -> Result<Vec<Tensor>, Fault> {
    let number = |place: usize| -> Result<f64, Fault> {
        arguments.get(place)?.to_doubles()?.first().copied().ok_or_else(|| "a number is missing".into())
    };
    let (from, to, step) = (number(0)?, number(1)?, number(2)?);
    let count = ((to - from) / step).ceil().max(0.0);
    if !count.is_finite() || count > 1e7 {
        return Err(Fault(format!("{count} numbers in a row")));
    }
    let values = (0..count as usize).map(|index| from + index as f64 * step);
    let data = match arguments.get(0)?.data() {
        Data::Int(_) => Data::Int(values.map(|x| x as i64).collect()),
        Data::Double(_) => Data::Double(values.collect()),
        _ => Data::Float(values.map(|x| x as f32).collect()),
    };
    Ok(vec![Tensor::flat(data)])
}

/// By channel, with the mean and variance from training.
fn batch_normalization(making: &Making<'_>) -> Result<Operation, ReadError> {
    let epsilon = f64::from(making.node.float("epsilon").unwrap_or(1e-5));
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let channels = input.shape().get(1).copied().ok_or("images have channels")?;
        let list = |place: usize| -> Result<Vec<f64>, Fault> {
            let values = arguments.get(place)?.to_doubles()?;
            if values.len() == channels {
                Ok(values)
            } else {
                Err(Fault(format!("{} numbers for {channels} channels", values.len())))
            }
        };
        let (scale, bias, mean, variance) = (list(1)?, list(2)?, list(3)?, list(4)?);
        let factor: Vec<f64> = scale.iter().zip(&variance).map(|(scale, v)| scale / (v + epsilon).sqrt()).collect();
        let wide = |values: &[f64]| along(values, 1, input.shape());
        let (factor, mean, bias) = (wide(&factor), wide(&mean), wide(&bias));
        let values = input.to_doubles()?;
        let made = values.iter().zip(&factor).zip(mean.iter().zip(&bias));
        let made = made.map(|((x, factor), (mean, bias))| ((x - mean) * factor + bias) as f32).collect();
        Ok(vec![Tensor::new(input.shape().to_vec(), Data::Float(made))?])
    }))
}

/// Over all elements from an axis to the end.
fn layer_normalization(making: &Making<'_>) -> Result<Operation, ReadError> {
    let at = making.node.int("axis").unwrap_or(-1);
    let epsilon = f64::from(making.node.float("epsilon").unwrap_or(1e-5));
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let at = axis(at, input.shape().len())?;
        let inner = input.shape().get(at..).unwrap_or_default();
        let size = volume(inner)?.max(1);
        let wide = |place: usize, default: f64| -> Result<Vec<f64>, Fault> {
            let Some(tensor) = arguments.maybe(place) else { return Ok(vec![default; size]) };
            let values = tensor.to_doubles()?;
            if values.len() == size || values.len() == 1 {
                Ok(values.into_iter().cycle().take(size).collect())
            } else {
                Err("a scale of another size".into())
            }
        };
        let (scale, bias) = (wide(1, 1.0)?, wide(2, 0.0)?);
        let mut made = Vec::with_capacity(input.len());
        for row in input.to_doubles()?.chunks_exact(size) {
            let mean = row.iter().sum::<f64>() / size as f64;
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / size as f64;
            let spread = (variance + epsilon).sqrt();
            let normal = row.iter().zip(scale.iter().zip(&bias));
            made.extend(normal.map(|(x, (scale, bias))| ((x - mean) / spread * scale + bias) as f32));
        }
        Ok(vec![Tensor::new(input.shape().to_vec(), Data::Float(made))?])
    }))
}

/// Parts along an axis, of given sizes or as many as there are outputs.
fn split(making: &Making<'_>) -> Result<Operation, ReadError> {
    let at = making.node.int("axis").unwrap_or(0);
    let setting = making.node.ints("split").to_vec();
    let parts = making.node.outputs.len().max(1);
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let at = axis(at, input.shape().len())?;
        let (before, long, after) = around(input.shape(), at);
        let mut sizes = arguments
            .maybe(1)
            .map(|sizes| sizes.ints().map(<[i64]>::to_vec))
            .transpose()?
            .unwrap_or_else(|| setting.clone());
        if sizes.is_empty() {
            let each = long.div_ceil(parts);
            sizes = (0..parts).map(|part| long.saturating_sub(part * each).min(each) as i64).collect();
        }
        let sizes: Option<Vec<usize>> = sizes.iter().map(|size| usize::try_from(*size).ok()).collect();
        let sizes =
            sizes.filter(|sizes| sizes.iter().try_fold(0_usize, |sum, size| sum.checked_add(*size)) == Some(long));
        let sizes = sizes.ok_or_else(|| Fault(format!("{long} cannot be split so")))?;
        let mut from = 0;
        let mut made = Vec::with_capacity(sizes.len());
        for size in sizes {
            let mut shape = input.shape().to_vec();
            shape.iter_mut().skip(at).take(1).for_each(|length| *length = size);
            let block = |block: usize| (block * long + from) * after..(block * long + from + size) * after;
            made.push(Tensor::new(shape, input.data().pick((0..before).flat_map(block)))?);
            from += size;
        }
        Ok(made)
    }))
}
