//! Sliding windows over space: convolutions and pooling, in any number of dimensions.

use super::arithmetic::places;
use crate::ReadError;
use crate::graph::{Data, Fault, Tensor, volume};
use crate::interpreter::{Arguments, Make, Making, Operation};

pub(super) const OPERATORS: &[(&str, Make)] = &[
    ("AveragePool", |making| pool(making, Pool::Average)),
    ("Conv", convolution),
    ("GlobalAveragePool", |_| Ok(global(|values| values.iter().sum::<f64>() / values.len() as f64))),
    ("GlobalMaxPool", |_| Ok(global(|values| values.iter().copied().fold(f64::NEG_INFINITY, f64::max)))),
    ("MaxPool", |making| pool(making, Pool::Largest)),
];

/// The node's attributes of windows; an omitted one has its default for the given dimensions.
#[derive(Debug, Clone)]
struct Settings {
    kernel: Vec<usize>,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    pads: Vec<usize>,
    automatic: String,
    ceil: bool,
}

/// One spatial dimension: the extent of windows, and where they begin.
#[derive(Debug, Clone, Copy)]
struct Dimension {
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    outputs: usize,
}

impl Settings {
    fn of(making: &Making<'_>) -> Result<Self, ReadError> {
        let list = |name: &str| -> Result<Vec<usize>, ReadError> {
            let small = |size: &i64| usize::try_from(*size).ok().filter(|size| *size <= 1 << 20);
            let sizes: Option<Vec<usize>> = making.node.ints(name).iter().map(small).collect();
            sizes.ok_or_else(|| making.wrong(format!("has {name} that cannot be")))
        };
        Ok(Self {
            kernel: list("kernel_shape")?,
            strides: list("strides")?,
            dilations: list("dilations")?,
            pads: list("pads")?,
            automatic: making.node.text("auto_pad").unwrap_or("NOTSET").to_string(),
            ceil: making.node.int("ceil_mode").unwrap_or(0) != 0,
        })
    }

    fn dimensions(&self, space: &[usize], kernel: &[usize]) -> Result<Vec<Dimension>, Fault> {
        let rank = space.len();
        let setting = |list: &[usize], place: usize, default| list.get(place).copied().unwrap_or(default);
        let dimension = |(place, (size, kernel)): (usize, (&usize, &usize))| {
            let (stride, dilation) = (setting(&self.strides, place, 1), setting(&self.dilations, place, 1));
            if *kernel == 0 || stride == 0 || dilation == 0 {
                return Err(Fault("a window of no size, or one that does not move".into()));
            }
            let reach = (kernel - 1) * dilation + 1;
            let (before, after) = match self.automatic.as_str() {
                "SAME_UPPER" | "SAME_LOWER" => {
                    let outputs = size.div_ceil(stride);
                    let total = (outputs.saturating_sub(1) * stride + reach).saturating_sub(*size);
                    let small = total / 2;
                    if self.automatic == "SAME_UPPER" { (small, total - small) } else { (total - small, small) }
                }
                "VALID" => (0, 0),
                _ => (setting(&self.pads, place, 0), setting(&self.pads, place + rank, 0)),
            };
            let room = (size + before + after)
                .checked_sub(reach)
                .ok_or_else(|| Fault(format!("a window of {reach} over {size} with {before} and {after} around it")))?;
            let steps = if self.ceil { room.div_ceil(stride) } else { room / stride };
            // The last window begins inside, or in the padding before.
            let inside = !self.ceil || steps * stride < size + before;
            let outputs = steps + usize::from(inside);
            Ok(Dimension { size: *size, kernel: *kernel, stride, dilation, before, outputs })
        };
        space.iter().zip(kernel).enumerate().map(dimension).collect()
    }
}

/// For one window, the spatial indices of its elements, each with its index in the kernel; those outside are left out.
fn window<'a>(dimensions: &'a [Dimension], at: &'a [usize]) -> impl Iterator<Item = (usize, usize)> + 'a {
    let count = dimensions.iter().map(|dimension| dimension.kernel).product::<usize>();
    (0..count).filter_map(move |index| {
        let (mut rest, mut stride, mut place) = (index, 1, 0);
        for (dimension, at) in dimensions.iter().zip(at).rev() {
            let within = (rest % dimension.kernel) * dimension.dilation;
            rest /= dimension.kernel;
            let here = (at * dimension.stride + within).checked_sub(dimension.before)?;
            if here >= dimension.size {
                return None;
            }
            place += here * stride;
            stride *= dimension.size;
        }
        Some((place, index))
    })
}

/// All indices of a shape, in order.
fn positions(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let shape = shape.to_vec();
    (0..shape.iter().product::<usize>()).map(move |index| {
        let mut rest = index;
        let mut position: Vec<usize> = shape
            .iter()
            .rev()
            .map(|size| {
                let here = rest % size;
                rest /= size;
                here
            })
            .collect();
        position.reverse();
        position
    })
}

fn convolution(making: &Making<'_>) -> Result<Operation, ReadError> {
    let settings = Settings::of(making)?;
    let groups = usize::try_from(making.node.int("group").unwrap_or(1)).unwrap_or(0).max(1);
    Ok(Box::new(move |arguments| {
        let (input, weights) = (arguments.get(0)?, arguments.get(1)?);
        let ([rows, channels, space @ ..], [outputs, depth, kernel @ ..]) = (input.shape(), weights.shape()) else {
            return Err("images and kernels have a dimension for their channels".into());
        };
        if space.len() != kernel.len() || depth * groups != *channels || !outputs.is_multiple_of(groups) {
            return Err(Fault(format!("{:?} is not for kernels of {:?}", input.shape(), weights.shape())));
        }
        let dimensions = settings.dimensions(space, kernel)?;
        let out: Vec<usize> = dimensions.iter().map(|dimension| dimension.outputs).collect();
        let shape = [&[*rows, *outputs], out.as_slice()].concat();
        let kernel_size = volume(kernel)?;
        arguments.work(volume(&shape)?.saturating_mul(depth * kernel_size))?;
        let bias = arguments.maybe(2).map(Tensor::to_floats).transpose()?.unwrap_or_default();
        let (x, w) = (input.floats()?, weights.floats()?);
        let (space_size, per_group) = (volume(space)?, outputs / groups);
        let mut made = Vec::with_capacity(volume(&shape)?);
        let at = |values: &[f32], place: usize| f64::from(values.get(place).copied().unwrap_or(f32::NAN));
        for row in 0..*rows {
            for output in 0..*outputs {
                let first = row * channels + output / per_group * depth;
                for position in positions(&out) {
                    let mut sum = bias.get(output).copied().map_or(0.0, f64::from);
                    for (place, index) in window(&dimensions, &position) {
                        for channel in 0..*depth {
                            let weight = at(w, (output * depth + channel) * kernel_size + index);
                            sum += weight * at(x, (first + channel) * space_size + place);
                        }
                    }
                    made.push(sum as f32);
                }
            }
        }
        Ok(vec![Tensor::new(shape, Data::Float(made))?])
    }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pool {
    Average,
    Largest,
}

fn pool(making: &Making<'_>, kind: Pool) -> Result<Operation, ReadError> {
    let settings = Settings::of(making)?;
    let padded = making.node.int("count_include_pad").unwrap_or(0) != 0;
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let [rows, channels, space @ ..] = input.shape() else { return Err("images have channels".into()) };
        if space.len() != settings.kernel.len() {
            return Err(Fault(format!("{:?} is not for windows of {:?}", input.shape(), settings.kernel)));
        }
        let dimensions = settings.dimensions(space, &settings.kernel)?;
        let out: Vec<usize> = dimensions.iter().map(|dimension| dimension.outputs).collect();
        let shape = [&[*rows, *channels], out.as_slice()].concat();
        let kernel_size = volume(&settings.kernel)?;
        arguments.work(volume(&shape)?.saturating_mul(kernel_size))?;
        let (x, space_size) = (input.floats()?, volume(space)?);
        let mut made = Vec::with_capacity(volume(&shape)?);
        for image in 0..rows * channels {
            for position in positions(&out) {
                let places = window(&dimensions, &position).map(|(place, _)| image * space_size + place);
                let values = places.map(|place| x.get(place).copied().map_or(f64::NAN, f64::from));
                let (count, sum, most) = values.fold((0_usize, 0.0, f64::NEG_INFINITY), |(count, sum, most), x| {
                    (count + 1, sum + x, if x > most || x.is_nan() { x } else { most })
                });
                made.push(match kind {
                    Pool::Largest => most,
                    Pool::Average => sum / if padded { kernel_size } else { count } as f64,
                } as f32);
            }
        }
        Ok(vec![Tensor::new(shape, Data::Float(made))?])
    }))
}

/// One number for each channel.
fn global(fold: fn(&[f64]) -> f64) -> Operation {
    Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let [rows, channels, space @ ..] = input.shape() else { return Err("images have channels".into()) };
        let values = input.to_doubles()?;
        let size = volume(space)?.max(1);
        let made = values.chunks_exact(size).map(|image| fold(image) as f32).collect();
        let shape = [&[*rows, *channels], vec![1; space.len()].as_slice()].concat();
        Ok(vec![Tensor::new(shape, Data::Float(made))?])
    })
}

/// The padding at the beginning of each dimension, then at the end of each.
fn pads(arguments: &Arguments<'_>, setting: &[i64], rank: usize) -> Result<Vec<usize>, Fault> {
    let given = arguments.maybe(1).map(|pads| pads.ints().map(<[i64]>::to_vec)).transpose()?;
    let mut pads = given.unwrap_or_else(|| setting.to_vec());
    if let Some(axes) = arguments.maybe(3) {
        let (named, mut all) = (axes.ints()?, vec![0; 2 * rank]);
        for (place, axis) in named.iter().enumerate() {
            let axis = super::layout::axis(*axis, rank)?;
            for (from, to) in [(place, axis), (place + named.len(), axis + rank)] {
                let size = pads.get(from).copied().unwrap_or(0);
                all.iter_mut().skip(to).take(1).for_each(|pad| *pad = size);
            }
        }
        pads = all;
    }
    if pads.len() != 2 * rank || pads.iter().any(|pad| !(0..=1 << 20).contains(pad)) {
        return Err(Fault(format!("{rank} dimensions cannot be padded by {pads:?}")));
    }
    Ok(pads.into_iter().map(|pad| pad as usize).collect())
}

/// Pads a tensor.
pub(super) fn pad(making: &Making<'_>) -> Result<Operation, ReadError> {
    let mode = making.node.text("mode").unwrap_or("constant").to_string();
    if !["constant", "reflect", "edge"].contains(&mode.as_str()) {
        return Err(making.wrong(format!("pads by {mode:?}, which is not supported")));
    }
    let setting = making.node.ints("pads").to_vec();
    let filling = making.node.float("value").unwrap_or(0.0);
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let rank = input.shape().len();
        let pads = pads(arguments, &setting, rank)?;
        let fill = match arguments.maybe(2) {
            Some(fill) => fill.to_doubles()?.first().copied().unwrap_or(0.0),
            None => f64::from(filling),
        };
        let ends = pads.iter().zip(pads.iter().skip(rank));
        let shape: Vec<usize> =
            input.shape().iter().zip(ends).map(|(size, (before, behind))| size + before + behind).collect();
        volume(&shape)?;
        let values = input.to_doubles()?;
        let from = |position: Vec<usize>| {
            let mut place = 0;
            for ((here, pad), size) in position.iter().zip(&pads).zip(input.shape()) {
                place = place * size + inside(&mode, *here as i64 - *pad as i64, *size)?;
            }
            values.get(place).copied()
        };
        let padded = positions(&shape).map(|position| from(position).unwrap_or(fill));
        let data = match input.data() {
            Data::Int(_) => Data::Int(padded.map(|x| x as i64).collect()),
            Data::Double(_) => Data::Double(padded.collect()),
            _ => Data::Float(padded.map(|x| x as f32).collect()),
        };
        Ok(vec![Tensor::new(shape, data)?])
    }))
}

/// The index within a dimension that an index within or beside it is filled from; none if it is filled with a constant.
fn inside(mode: &str, place: i64, size: usize) -> Option<usize> {
    let last = size as i64 - 1;
    let inside = match mode {
        // An empty dimension has no edge.
        "edge" => place.max(0).min(last),
        "reflect" if place < 0 => -place,
        "reflect" if place > last => 2 * last - place,
        _ => place,
    };
    usize::try_from(inside).ok().filter(|inside| *inside < size)
}

/// Repeats a tensor along its dimensions.
pub(super) fn tile(_: &Making<'_>) -> Result<Operation, ReadError> {
    Ok(Box::new(|arguments| {
        let (input, repeats) = (arguments.get(0)?, arguments.get(1)?.ints()?);
        if repeats.len() != input.shape().len() {
            return Err(Fault(format!("{:?} cannot be repeated {repeats:?} times", input.shape())));
        }
        let size =
            |(size, times): (&usize, &i64)| usize::try_from(*times).ok().and_then(|times| size.checked_mul(times));
        let shape: Option<Vec<usize>> = input.shape().iter().zip(repeats).map(size).collect();
        let shape = shape.ok_or("a dimension that cannot be")?;
        volume(&shape)?;
        let place = |position: Vec<usize>| {
            position.iter().zip(input.shape()).fold(0, |place, (at, size)| place * size + at % size)
        };
        let data = input.data().pick(positions(&shape).map(place));
        Ok(vec![Tensor::new(shape, data)?])
    }))
}

/// Values along one dimension, broadcast over all others of a shape.
pub(super) fn along(values: &[f64], dimension: usize, shape: &[usize]) -> Vec<f64> {
    let own: Vec<usize> = shape.iter().enumerate().map(|(at, size)| if at == dimension { *size } else { 1 }).collect();
    places(&own, shape).map(|place| values.get(place).copied().unwrap_or(f64::NAN)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn windows_reach_as_far_as_they_are_told() {
        let settings = |automatic: &str, strides: &[usize], ceil| Settings {
            kernel: vec![3],
            strides: strides.to_vec(),
            dilations: Vec::new(),
            pads: Vec::new(),
            automatic: automatic.into(),
            ceil,
        };
        let outputs =
            |settings: Settings, size| settings.dimensions(&[size], &[3]).unwrap()[..].first().unwrap().outputs;
        assert_eq!(outputs(settings("NOTSET", &[1], false), 5), 3);
        assert_eq!(outputs(settings("SAME_UPPER", &[2], false), 5), 3);
        assert_eq!(outputs(settings("VALID", &[2], false), 6), 2);
        assert_eq!(outputs(settings("VALID", &[2], true), 6), 3);
        assert!(settings("VALID", &[1], false).dimensions(&[2], &[3]).is_err());
        let same = settings("SAME_UPPER", &[1], false).dimensions(&[3], &[3]).unwrap();
        assert_eq!(window(&same, &[0]).collect::<Vec<_>>(), [(0, 1), (1, 2)]);
    }

    #[test]
    fn what_is_padded_is_filled_from_within() {
        let filled = |mode: &str, size: usize| [-2, -1, 0, 2, 3].map(|place| inside(mode, place, size));
        assert_eq!(filled("constant", 3), [None, None, Some(0), Some(2), None]);
        assert_eq!(filled("edge", 3), [Some(0), Some(0), Some(0), Some(2), Some(2)]);
        assert_eq!(filled("reflect", 3), [Some(2), Some(1), Some(0), Some(2), Some(1)]);
        assert_eq!(filled("edge", 0), [None; 5]);
    }
}
