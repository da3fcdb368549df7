//! Convolutions and pooling. Keras has channels last, the graph's operators have them before the spatial dimensions.

use super::{Built, Layer};
use crate::ReadError;
use crate::graph::{Attribute, Data, Element, Tensor};
use crate::keras::builder::{Builder, Flow, ints, text};
use crate::keras::weights::WeightSet;

/// The permutations that move channels to the front, and back.
fn orders(rank: usize) -> (Vec<i64>, Vec<i64>) {
    let rank = rank as i64;
    let forward = [0, rank + 1].into_iter().chain(1..=rank).collect();
    let back = std::iter::once(0).chain(2..=rank + 1).chain([1]).collect();
    (forward, back)
}

/// How many windows fit along a dimension.
fn outputs(size: Option<usize>, reach: usize, stride: usize, same: bool) -> Option<usize> {
    let size = size?;
    if same { Some(size.div_ceil(stride)) } else { Some(size.checked_sub(reach)? / stride + 1) }
}

/// A layer over spatial dimensions: its dimensions, its channels, and how windows move.
struct Windows {
    space: Vec<Option<usize>>,
    size: Vec<usize>,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    padding: String,
}

impl Windows {
    fn of(layer: &Layer<'_>, input: &Flow, size: &str, strides: Option<usize>) -> Result<Self, ReadError> {
        layer.channels_last()?;
        let [space @ .., _] = input.shape.as_slice() else { return Err(layer.damaged("has no channels")) };
        let rank = space.len();
        let size = layer.sizes(size, rank, 1)?;
        // By default pooling windows move by their own size.
        let strides = match (layer.config.find("strides"), strides) {
            (None, None) => size.clone(),
            (_, default) => layer.sizes("strides", rank, default.unwrap_or(1))?,
        };
        let dilations = layer.sizes("dilation_rate", rank, 1)?;
        let all = [&size, &strides, &dilations];
        if all.iter().any(|list| list.len() != rank || list.contains(&0)) {
            return Err(layer.damaged("has windows that do not fit its input"));
        }
        Ok(Self { space: space.to_vec(), size, strides, dilations, padding: layer.text("padding", "valid")? })
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let list = |sizes: &[usize]| ints(&sizes.iter().map(|size| *size as i64).collect::<Vec<_>>());
        let mut all = vec![("kernel_shape", list(&self.size)), ("strides", list(&self.strides))];
        match self.padding.as_str() {
            "same" => all.push(("auto_pad", text("SAME_UPPER"))),
            // Later steps are not used: all padding is before the first step.
            "causal" => {
                let before =
                    self.size.iter().zip(&self.dilations).map(|(size, dilation)| ((size - 1) * dilation) as i64);
                let pads: Vec<i64> = before.chain(self.space.iter().map(|_| 0)).collect();
                all.push(("pads", ints(&pads)));
            }
            _ => {}
        }
        all
    }

    fn shape(&self, channels: Option<usize>) -> Vec<Option<usize>> {
        let windows = self.space.iter().zip(&self.size).zip(self.strides.iter().zip(&self.dilations));
        let same = self.padding != "valid";
        let sizes = windows
            .map(|((space, size), (stride, dilation))| outputs(*space, (size - 1) * dilation + 1, *stride, same));
        sizes.chain([channels]).collect()
    }
}

pub(super) fn convolution(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let windows = Windows::of(layer, input, "kernel_size", Some(1))?;
    let rank = windows.space.len();
    let mut all = layer.weights.of(layer.place, WeightSet::Own)?.into_iter();
    let kernel = all.next().ok_or_else(|| layer.damaged("has no kernel"))?;
    let groups = layer.number("groups", 1.0)?;
    let kernel = outputs_first(layer, &kernel, rank)?;
    let filters = kernel.shape().first().copied();
    let kernel = builder.constant(kernel, Element::Float);
    let (forward, back) = orders(rank);
    let image = builder.transposed(&input.name, &forward);
    let mut names = vec![image, kernel];
    if layer.flag("use_bias", true)? {
        let bias = all.next().ok_or_else(|| layer.damaged("has no bias"))?;
        names.push(builder.constant(bias, Element::Float));
    }
    let mut attributes = windows.attributes();
    let dilations: Vec<i64> = windows.dilations.iter().map(|size| *size as i64).collect();
    attributes.extend([("dilations", ints(&dilations)), ("group", Attribute::Int(groups as i64))]);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let made = builder.node("Conv", &names, &attributes);
    let made = builder.transposed(&made, &back);
    Ok(Flow::new(layer.activated(&made, builder)?, windows.shape(filters)))
}

/// Keras stores (space…, in, out), the operator needs (out, in, space…).
fn outputs_first(layer: &Layer<'_>, kernel: &Tensor, rank: usize) -> Result<Tensor, ReadError> {
    let wrong = || layer.damaged("has a kernel of another rank");
    let (&[ref space @ .., inputs, outputs], Data::Float(values)) = (kernel.shape(), kernel.data()) else {
        return Err(wrong());
    };
    if space.len() != rank {
        return Err(wrong());
    }
    let size: usize = space.iter().product();
    let at =
        |output: usize, input: usize, place: usize| values.get((place * inputs + input) * outputs + output).copied();
    let moved = (0..outputs).flat_map(|o| (0..inputs).flat_map(move |i| (0..size).filter_map(move |p| at(o, i, p))));
    let shape = [&[outputs, inputs], space].concat();
    Tensor::new(shape, Data::Float(moved.collect())).map_err(|fault| layer.damaged(&fault.0))
}

pub(super) fn pooled(layer: &Layer<'_>, inputs: &[Flow], operator: &str, builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let windows = Windows::of(layer, input, "pool_size", None)?;
    let (forward, back) = orders(windows.space.len());
    let image = builder.transposed(&input.name, &forward);
    let made = builder.node(operator, &[&image], &windows.attributes());
    Ok(Flow::new(builder.transposed(&made, &back), windows.shape(input.last())))
}

/// Over all spatial dimensions: one number for each channel.
fn over_space(layer: &Layer<'_>, input: &Flow, operator: &str, builder: &mut Builder) -> Built {
    layer.channels_last()?;
    let axes: Vec<i64> = (1..input.shape.len() as i64).collect();
    let keep = layer.flag("keepdims", false)?;
    let settings = [("axes", ints(&axes)), ("keepdims", Attribute::Int(i64::from(keep)))];
    let name = builder.node(operator, &[&input.name], &settings);
    let mut shape = if keep { vec![Some(1); axes.len()] } else { Vec::new() };
    shape.push(input.last());
    Ok(Flow::new(name, shape))
}

/// The mean of the steps that are not masked: NaN if there are none.
pub(super) fn global_average(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let Some(mask) = &input.mask else { return over_space(layer, input, "ReduceMean", builder) };
    let last = builder.list(&[-1]);
    let counts = builder.node("Unsqueeze", &[mask, &last], &[]);
    let kept = builder.node("Mul", &[&input.name, &counts], &[]);
    let steps = builder.list(&[1]);
    let keep = [("keepdims", Attribute::Int(0))];
    let sum = builder.node("ReduceSum", &[&kept, &steps], &keep);
    let count = builder.node("ReduceSum", &[&counts, &steps], &keep);
    Ok(Flow::new(builder.node("Div", &[&sum, &count], &[]), vec![input.last()]))
}

pub(super) fn global_largest(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    over_space(layer, layer.one(inputs)?, "ReduceMax", builder)
}
