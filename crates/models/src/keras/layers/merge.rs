//! Layers of several inputs.

use super::{Built, Layer};
use crate::graph::Attribute;
use crate::keras::builder::{Builder, Flow};

/// The shape of inputs that are combined element by element: dimensions of 1 are broadcast.
fn together(layer: &Layer<'_>, inputs: &[Flow]) -> Built {
    let [first, rest @ ..] = inputs else { return Err(layer.damaged("has no inputs")) };
    let mut flow = first.clone();
    for other in rest {
        if other.shape.len() != flow.shape.len() {
            return Err(layer.refused("takes inputs of different numbers of dimensions"));
        }
        for (size, other) in flow.shape.iter_mut().zip(&other.shape) {
            if *size == Some(1) {
                *size = *other;
            }
        }
        flow.mask = flow.mask.filter(|mask| other.mask.as_ref() == Some(mask));
    }
    Ok(flow)
}

pub(super) fn folded(layer: &Layer<'_>, inputs: &[Flow], operator: &str, builder: &mut Builder) -> Built {
    let flow = together(layer, inputs)?;
    let mut names = inputs.iter().map(|input| input.name.clone());
    let first = names.next().unwrap_or_default();
    let name = names.fold(first, |so_far, next| builder.node(operator, &[&so_far, &next], &[]));
    Ok(Flow { name, ..flow })
}

pub(super) fn average(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let sum = folded(layer, inputs, "Add", builder)?;
    let count = builder.scalar(inputs.len() as f64);
    Ok(Flow { name: builder.node("Div", &[&sum.name, &count], &[]), ..sum })
}

pub(super) fn concatenate(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let [first, ..] = inputs else { return Err(layer.damaged("has no inputs")) };
    let rank = first.shape.len() as i64 + 1;
    let asked = layer.number("axis", -1.0)? as i64;
    let axis = if asked < 0 { asked + rank } else { asked };
    let place = usize::try_from(axis - 1).ok().filter(|place| *place < first.shape.len());
    let place = place.ok_or_else(|| layer.refused("joins along the batch"))?;
    let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    let name = builder.node("Concat", &names, &[("axis", Attribute::Int(axis))]);
    let long: Option<usize> = inputs.iter().map(|input| input.shape.get(place).copied().flatten()).sum();
    let mut shape = first.shape.clone();
    shape.iter_mut().skip(place).take(1).for_each(|size| *size = long);
    Ok(Flow::new(name, shape))
}
