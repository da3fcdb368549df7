//! Layers that shift and scale.

use super::{Built, Layer};
use crate::ReadError;
use crate::graph::Attribute;
use crate::keras::builder::{Builder, Flow};
use crate::keras::weights::WeightSet;

/// The axis, as a list or a number, which must be the last one.
fn last_axis(layer: &Layer<'_>, input: &Flow) -> Result<usize, ReadError> {
    let axis = match layer.config.find("axis") {
        None => -1,
        Some(axis) => match axis.integers() {
            Ok(list) if list.len() == 1 => list.first().copied().unwrap_or(-1),
            Ok(_) => return Err(layer.refused("normalises along several axes")),
            Err(_) => axis.number()? as i64,
        },
    };
    let rank = input.shape.len() as i64;
    if axis != -1 && axis != rank {
        return Err(layer.refused("normalises along another axis than the last"));
    }
    input.last().ok_or_else(|| layer.refused("does not know how wide its input is"))
}

/// x * factor + offset, by the last axis.
fn scaled(input: &Flow, factor: Vec<f32>, offset: Vec<f32>, builder: &mut Builder) -> Built {
    let (factor, offset) = (builder.floats(&[factor.len()], factor)?, builder.floats(&[offset.len()], offset)?);
    let product = builder.node("Mul", &[&input.name, &factor], &[]);
    Ok(Flow { name: builder.node("Add", &[&product, &offset], &[]), ..input.clone() })
}

/// By the means and variances from training; gamma and beta may be left out.
pub(super) fn batch(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let width = last_axis(layer, input)?;
    let epsilon = layer.number("epsilon", 1e-3)?;
    let mut all = layer.weights.of(layer.place, WeightSet::Own)?.into_iter();
    let mut next = |there: bool, default: f64| -> Result<Vec<f64>, ReadError> {
        if !there {
            return Ok(vec![default; width]);
        }
        let values = all.next().map(|tensor| tensor.to_doubles().unwrap_or_default()).unwrap_or_default();
        if values.len() == width { Ok(values) } else { Err(layer.damaged("has weights of another width")) }
    };
    let gamma = next(layer.flag("scale", true)?, 1.0)?;
    let beta = next(layer.flag("center", true)?, 0.0)?;
    let (mean, variance) = (next(true, 0.0)?, next(true, 1.0)?);
    let factor: Vec<f64> = gamma.iter().zip(&variance).map(|(gamma, v)| gamma / (v + epsilon).sqrt()).collect();
    let offset = beta.iter().zip(mean.iter().zip(&factor)).map(|(beta, (mean, factor))| (beta - mean * factor) as f32);
    let offset = offset.collect();
    scaled(input, factor.iter().map(|x| *x as f32).collect(), offset, builder)
}

/// (x - mean) / max(deviation, 1e-7), as computed by `adapt`.
pub(super) fn normalization(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let width = last_axis(layer, input)?;
    if layer.flag("invert", false)? {
        return Err(layer.refused("is inverted"));
    }
    let stored =
        |name: &str| layer.config.find(name).map(|field| field.numbers().or_else(|_| Ok(vec![field.number()?])));
    let given = (stored("mean").transpose()?, stored("variance").transpose()?);
    let (mean, variance) = match given {
        (Some(mean), Some(variance)) => (mean, variance),
        _ => {
            let mut all = layer.weights.of(layer.place, WeightSet::Own)?.into_iter();
            let mut next = || all.next().map(|tensor| tensor.to_doubles().unwrap_or_default()).unwrap_or_default();
            (next(), next())
        }
    };
    let wide = |values: Vec<f64>| match values.len() {
        1 => Ok(vec![values.first().copied().unwrap_or(0.0); width]),
        count if count == width => Ok(values),
        _ => Err(layer.damaged("has means of another width")),
    };
    let (mean, variance) = (wide(mean)?, wide(variance)?);
    let (mean, deviation): (Vec<f32>, Vec<f32>) =
        mean.iter().zip(&variance).map(|(mean, v)| (*mean as f32, v.sqrt().max(1e-7) as f32)).unzip();
    let (mean, deviation) = (builder.floats(&[width], mean)?, builder.floats(&[width], deviation)?);
    let shifted = builder.node("Sub", &[&input.name, &mean], &[]);
    Ok(Flow { name: builder.node("Div", &[&shifted, &deviation], &[]), ..input.clone() })
}

pub(super) fn layer(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let width = last_axis(layer, input)?;
    let mut all = layer.weights.of(layer.place, WeightSet::Own)?.into_iter();
    let mut next = |there: bool, default: f32| -> Result<Vec<f32>, ReadError> {
        if !there {
            return Ok(vec![default; width]);
        }
        let values = all.next().map(|tensor| tensor.to_floats().unwrap_or_default()).unwrap_or_default();
        if values.len() == width { Ok(values) } else { Err(layer.damaged("has weights of another width")) }
    };
    let (gamma, beta) = (next(layer.flag("scale", true)?, 1.0)?, next(layer.flag("center", true)?, 0.0)?);
    let (gamma, beta) = (builder.floats(&[width], gamma)?, builder.floats(&[width], beta)?);
    let epsilon = Attribute::Float(layer.number("epsilon", 1e-3)? as f32);
    let settings = [("axis", Attribute::Int(-1)), ("epsilon", epsilon)];
    let name = builder.node("LayerNormalization", &[&input.name, &gamma, &beta], &settings);
    Ok(Flow { name, ..input.clone() })
}

pub(super) fn rescaling(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let (factor, offset) = (layer.number("scale", 1.0)? as f32, layer.number("offset", 0.0)? as f32);
    scaled(input, vec![factor], vec![offset], builder)
}
