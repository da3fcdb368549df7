//! Activations: by name within other layers, and as layers.

use super::{Built, Layer};
use crate::ReadError;
use crate::graph::Attribute;
use crate::keras::builder::{Builder, Flow};
use crate::keras::weights::WeightSet;

/// Activations that are an operator of their own.
const OPERATORS: [(&str, &str); 5] =
    [("relu", "Relu"), ("sigmoid", "Sigmoid"), ("tanh", "Tanh"), ("softplus", "Softplus"), ("exponential", "Exp")];

/// Applies the activation of a name; some names have other meanings in Keras 2.
pub(super) fn apply(layer: &Layer<'_>, name: &str, x: &str, builder: &mut Builder) -> Result<String, ReadError> {
    let number = |value: f64| Attribute::Float(value as f32);
    if let Some((_, operator)) = OPERATORS.iter().find(|(known, _)| *known == name) {
        return Ok(builder.node(operator, &[x], &[]));
    }
    Ok(match name {
        "linear" => x.to_string(),
        "softmax" => builder.node("Softmax", &[x], &[("axis", Attribute::Int(-1))]),
        "elu" => builder.node("Elu", &[x], &[("alpha", number(1.0))]),
        "leaky_relu" => builder.node("LeakyRelu", &[x], &[("alpha", number(0.2))]),
        "hard_sigmoid" => {
            let slope = if builder.old { 0.2 } else { 1.0 / 6.0 };
            builder.node("HardSigmoid", &[x], &[("alpha", number(slope)), ("beta", number(0.5))])
        }
        other => composed(other, x, builder)
            .ok_or_else(|| layer.refused(&format!("has the activation {other:?}, which is not supported")))?,
    })
}

/// Activations composed of several operators; none for another name.
fn composed(name: &str, x: &str, builder: &mut Builder) -> Option<String> {
    let number = |value: f64| Attribute::Float(value as f32);
    let (by, with) = match name {
        "log_softmax" => {
            let shares = builder.node("Softmax", &[x], &[("axis", Attribute::Int(-1))]);
            return Some(builder.node("Log", &[&shares], &[]));
        }
        "relu6" => {
            let (least, most) = (builder.scalar(0.0), builder.scalar(6.0));
            let above = builder.node("Max", &[x, &least], &[]);
            return Some(builder.node("Min", &[&above, &most], &[]));
        }
        "softsign" => {
            let (size, one) = (builder.node("Abs", &[x], &[]), builder.scalar(1.0));
            let more = builder.node("Add", &[&size, &one], &[]);
            return Some(builder.node("Div", &[x, &more], &[]));
        }
        "selu" => {
            let bent = builder.node("Elu", &[x], &[("alpha", number(1.673_263_242_354_377_2))]);
            (bent, builder.scalar(1.050_700_987_355_480_5))
        }
        "swish" | "silu" => (x.to_string(), builder.node("Sigmoid", &[x], &[])),
        "mish" => {
            let soft = builder.node("Softplus", &[x], &[]);
            (x.to_string(), builder.node("Tanh", &[&soft], &[]))
        }
        "gelu" => {
            let root = builder.scalar(std::f64::consts::FRAC_1_SQRT_2);
            let scaled = builder.node("Mul", &[x, &root], &[]);
            let bent = builder.node("Erf", &[&scaled], &[]);
            let (one, half) = (builder.scalar(1.0), builder.scalar(0.5));
            let raised = builder.node("Add", &[&bent, &one], &[]);
            (builder.node("Mul", &[x, &raised], &[]), half)
        }
        "hard_silu" | "hard_swish" => {
            let settings = [("alpha", number(1.0 / 6.0)), ("beta", number(0.5))];
            (x.to_string(), builder.node("HardSigmoid", &[x], &settings))
        }
        _ => return None,
    };
    Some(builder.node("Mul", &[&by, &with], &[]))
}

pub(super) fn named(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let name = layer.activated(&input.name, builder)?;
    Ok(Flow { name, ..input.clone() })
}

pub(super) fn softmax(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let axis = layer.number("axis", -1.0)? as i64;
    let name = builder.node("Softmax", &[&input.name], &[("axis", Attribute::Int(axis))]);
    Ok(Flow { name, ..input.clone() })
}

pub(super) fn elu(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let alpha = Attribute::Float(layer.number("alpha", 1.0)? as f32);
    Ok(Flow { name: builder.node("Elu", &[&input.name], &[("alpha", alpha)]), ..input.clone() })
}

pub(super) fn leaky(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let slope = layer.number("negative_slope", layer.number("alpha", 0.3)?)?;
    let slope = Attribute::Float(slope as f32);
    Ok(Flow { name: builder.node("LeakyRelu", &[&input.name], &[("alpha", slope)]), ..input.clone() })
}

/// One slope for each element, or one for all along shared axes.
pub(super) fn sloped(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let [slopes] = layer.weights::<1>(WeightSet::Own)?;
    let slopes = builder.constant(slopes, crate::graph::Element::Float);
    // Avoids the operator of this name, whose broadcasting differs between versions.
    let zero = builder.scalar(0.0);
    let above = builder.node("Max", &[&input.name, &zero], &[]);
    let below = builder.node("Min", &[&input.name, &zero], &[]);
    let bent = builder.node("Mul", &[&below, &slopes], &[]);
    Ok(Flow { name: builder.node("Add", &[&above, &bent], &[]), ..input.clone() })
}

pub(super) fn thresholded(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let theta = builder.scalar(layer.number("theta", 1.0)?);
    let (above, zero) = (builder.node("Greater", &[&input.name, &theta], &[]), builder.scalar(0.0));
    Ok(Flow { name: builder.node("Where", &[&above, &input.name, &zero], &[]), ..input.clone() })
}

/// `max_value` as an upper bound, x from the threshold on, and a slope below it.
pub(super) fn rectified(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let (slope, threshold) = (layer.number("negative_slope", 0.0)?, layer.number("threshold", 0.0)?);
    let mut name = if slope == 0.0 && threshold == 0.0 {
        builder.node("Relu", &[&input.name], &[])
    } else {
        let (theta, factor) = (builder.scalar(threshold), builder.scalar(slope));
        let below = builder.node("Sub", &[&input.name, &theta], &[]);
        let below = builder.node("Mul", &[&below, &factor], &[]);
        let inside = builder.node("GreaterOrEqual", &[&input.name, &theta], &[]);
        builder.node("Where", &[&inside, &input.name, &below], &[])
    };
    if let Some(most) = layer.config.find("max_value") {
        let most = builder.scalar(most.number()?);
        name = builder.node("Min", &[&name, &most], &[]);
    }
    Ok(Flow { name, ..input.clone() })
}
