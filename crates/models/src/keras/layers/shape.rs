//! Layers that rearrange elements, mask steps, or do nothing after training.

use super::{Built, Layer, dense};
use crate::ReadError;
use crate::graph::Attribute;
use crate::keras::builder::{Builder, Flow};
use crate::keras::weights::WeightSet;

pub(super) fn same(layer: &Layer<'_>, inputs: &[Flow], _: &mut Builder) -> Built {
    layer.one(inputs).cloned()
}

fn known(layer: &Layer<'_>, input: &Flow) -> Result<Vec<usize>, ReadError> {
    input.known().ok_or_else(|| layer.refused("has an input of a size that is left open"))
}

pub(super) fn flatten(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    layer.channels_last()?;
    let input = layer.one(inputs)?;
    let width = known(layer, input)?.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    let width = width.ok_or_else(|| layer.damaged("is too wide"))?;
    Ok(Flow::new(builder.reshaped(&input.name, &[width]), vec![Some(width)]))
}

pub(super) fn reshape(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let asked = layer.config.get("target_shape")?.integers()?;
    let all = known(layer, input)?.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    let fixed = asked.iter().filter(|size| **size >= 0).try_fold(1_usize, |p, size| p.checked_mul(*size as usize));
    let (Some(all), Some(fixed)) = (all, fixed) else { return Err(layer.damaged("has a shape that cannot be")) };
    let size = |size: &i64| if *size < 0 { all.checked_div(fixed).unwrap_or(0) } else { *size as usize };
    let shape: Vec<usize> = asked.iter().map(size).collect();
    let name = builder.reshaped(&input.name, &shape);
    Ok(Flow::new(name, shape.into_iter().map(Some).collect()))
}

pub(super) fn permute(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    // Dimensions are numbered from 1; the batch's is 0.
    let order = layer.config.get("dims")?.integers()?;
    let all: Vec<i64> = std::iter::once(0).chain(order.iter().copied()).collect();
    let pick = |at: &i64| usize::try_from(at - 1).ok().and_then(|at| input.shape.get(at).copied());
    let shape: Option<Vec<Option<usize>>> = order.iter().map(pick).collect();
    let shape = shape.ok_or_else(|| layer.damaged("has an order that cannot be"))?;
    Ok(Flow::new(builder.transposed(&input.name, &all), shape))
}

pub(super) fn repeat(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let times = layer.config.get("n")?.count(1 << 20)?;
    let &[width] = input.shape.as_slice() else { return Err(layer.refused("repeats something that is no list")) };
    let axes = builder.list(&[1]);
    let wide = builder.node("Unsqueeze", &[&input.name, &axes], &[]);
    let copies = builder.list(&[1, times as i64, 1]);
    Ok(Flow::new(builder.node("Tile", &[&wide, &copies], &[]), vec![Some(times), width]))
}

/// Steps whose every number is the mask's value are masked, and become 0.
pub(super) fn masking(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let hidden = builder.scalar(layer.number("mask_value", 0.0)?);
    let same = builder.node("Equal", &[&input.name, &hidden], &[]);
    let same = builder.node("Cast", &[&same], &[("to", Attribute::Int(1))]);
    let all =
        builder.node("ReduceMin", &[&same], &[("axes", Attribute::Ints(vec![-1])), ("keepdims", Attribute::Int(1))]);
    let one = builder.scalar(1.0);
    let counts = builder.node("Sub", &[&one, &all], &[]);
    let name = builder.node("Mul", &[&input.name, &counts], &[]);
    let axes = builder.list(&[-1]);
    let mask = builder.node("Squeeze", &[&counts, &axes], &[]);
    Ok(Flow { name, shape: input.shape.clone(), mask: Some(mask) })
}

/// A dense layer for each step, which is equivalent to a dense layer.
pub(super) fn each_step(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let within = layer.config.get("layer")?;
    let class = within.get("class_name")?;
    let config = within.get("config")?;
    let inner = Layer { class: class.text()?, config: &config, place: layer.place, weights: layer.weights };
    match inner.class {
        "Dense" => dense::of_part(&inner, input, WeightSet::Wrapped, builder),
        "Dropout" | "Activation" => super::build(&inner, inputs, builder),
        other => Err(layer.refused(&format!("wraps a layer of the class {other}"))),
    }
}
