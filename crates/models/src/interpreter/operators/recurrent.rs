//! Recurrent layers, step by step, with gates in ONNX's order.

use super::classes::logistic;
use crate::ReadError;
use crate::graph::{Data, Fault, Tensor, volume};
use crate::interpreter::{Arguments, Make, Making, Operation};

pub(super) const OPERATORS: &[(&str, Make)] = &[
    ("GRU", |making| layer(making, Cell::Gated { reset_after: making.node.int("linear_before_reset") == Some(1) })),
    ("LSTM", |making| layer(making, Cell::Long)),
    ("RNN", |making| layer(making, Cell::Simple)),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Simple,
    Gated { reset_after: bool },
    Long,
}

impl Cell {
    fn gates(self) -> usize {
        match self {
            Self::Simple => 1,
            Self::Gated { .. } => 3,
            Self::Long => 4,
        }
    }

    fn activations(self) -> &'static [&'static str] {
        match self {
            Self::Simple => &["Tanh"],
            Self::Gated { .. } => &["Sigmoid", "Tanh"],
            Self::Long => &["Sigmoid", "Tanh", "Tanh"],
        }
    }
}

type Activation = fn(f64, f64, f64) -> f64;

fn activation(making: &Making<'_>, name: &str) -> Result<Activation, ReadError> {
    Ok(match name {
        "Sigmoid" => |x, _, _| logistic(x),
        "Tanh" => |x, _, _| x.tanh(),
        "Relu" => |x, _, _| x.max(0.0),
        "HardSigmoid" => |x, alpha, beta| (alpha * x + beta).clamp(0.0, 1.0),
        "Affine" => |x, alpha, beta| alpha * x + beta,
        "Softsign" => |x, _, _| x / (1.0 + x.abs()),
        "Softplus" => |x, _, _| x.exp().ln_1p(),
        "Elu" => |x, alpha, _| if x < 0.0 { alpha * (x.exp() - 1.0) } else { x },
        "LeakyRelu" => |x, alpha, _| if x < 0.0 { alpha * x } else { x },
        other => return Err(making.wrong(format!("has the activation {other:?}, which is not supported"))),
    })
}

/// The default coefficients, if the node has none.
fn coefficients(name: &str) -> (f64, f64) {
    match name {
        "HardSigmoid" => (0.2, 0.5),
        "Affine" => (1.0, 0.0),
        "LeakyRelu" => (0.01, 0.0),
        _ => (1.0, 0.0),
    }
}

/// An activation with its coefficients.
#[derive(Clone, Copy)]
struct Bend(Activation, f64, f64);

impl Bend {
    fn apply(self, x: f64) -> f64 {
        (self.0)(x, self.1, self.2)
    }
}

fn bends(making: &Making<'_>, cell: Cell, directions: usize) -> Result<Vec<Bend>, ReadError> {
    let given = making.node.texts("activations");
    let names: Vec<&str> = if given.is_empty() {
        cell.activations().iter().copied().cycle().take(cell.activations().len() * directions).collect()
    } else {
        given.iter().map(String::as_str).collect()
    };
    if names.len() != cell.activations().len() * directions {
        return Err(making.wrong(format!("has {} activations", names.len())));
    }
    // Coefficients are given only for the activations that have some, in their order.
    let (mut alphas, mut betas) =
        (making.node.floats("activation_alpha").iter(), making.node.floats("activation_beta").iter());
    let bend = |name: &str| {
        let (alpha, beta) = coefficients(name);
        let takes = ["HardSigmoid", "Affine", "LeakyRelu", "Elu"].contains(&name);
        let alpha = if takes { alphas.next().map_or(alpha, |x| f64::from(*x)) } else { alpha };
        let beta =
            if ["HardSigmoid", "Affine"].contains(&name) { betas.next().map_or(beta, |x| f64::from(*x)) } else { beta };
        Ok(Bend(activation(making, name)?, alpha, beta))
    };
    names.into_iter().map(bend).collect()
}

/// The weights of one direction.
struct Weights {
    input: Vec<f64>,
    hidden: Vec<f64>,
    bias: Vec<f64>,
    inputs: usize,
    units: usize,
}

impl Weights {
    /// For each gate and unit: the contribution of the input, and that of the state.
    fn gates(&self, x: &[f64], state: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let lines = self.input.len() / self.inputs.max(1);
        let dot = |weights: &[f64], values: &[f64], line: usize| -> f64 {
            weights.iter().skip(line * values.len()).zip(values).map(|(weight, x)| weight * x).sum()
        };
        let bias = |line: usize| self.bias.get(line).copied().unwrap_or(0.0);
        let from_input = (0..lines).map(|line| dot(&self.input, x, line) + bias(line)).collect();
        let from_state = (0..lines).map(|line| dot(&self.hidden, state, line) + bias(lines + line)).collect();
        (from_input, from_state)
    }
}

fn step(cell: Cell, weights: &Weights, bends: &[Bend], x: &[f64], state: &mut Vec<f64>, memory: &mut [f64]) {
    let (from_input, from_state) = weights.gates(x, state);
    let units = weights.units;
    let both = |gate: usize, unit: usize| -> f64 {
        let line = gate * units + unit;
        from_input.get(line).zip(from_state.get(line)).map_or(f64::NAN, |(a, b)| a + b)
    };
    let bend = |place: usize, x: f64| bends.get(place).map_or(f64::NAN, |bend| bend.apply(x));
    match cell {
        Cell::Simple => *state = (0..units).map(|unit| bend(0, both(0, unit))).collect(),
        Cell::Long => {
            // Gates: input, output, forget, cell.
            for (unit, (state, memory)) in state.iter_mut().zip(memory.iter_mut()).enumerate() {
                let (input, forget) = (bend(0, both(0, unit)), bend(0, both(2, unit)));
                *memory = forget * *memory + input * bend(1, both(3, unit));
                *state = bend(0, both(1, unit)) * bend(2, *memory);
            }
        }
        Cell::Gated { reset_after } => {
            // Gates: update, reset, hidden.
            let reset: Vec<f64> = (0..units).map(|unit| bend(0, both(1, unit))).collect();
            let hidden = |unit: usize| -> f64 {
                let line = 2 * units + unit;
                let own = from_input.get(line).copied().unwrap_or(f64::NAN);
                let past = if reset_after {
                    reset.get(unit).zip(from_state.get(line)).map_or(f64::NAN, |(reset, past)| reset * past)
                } else {
                    let weights_of = weights.hidden.iter().skip(line * units).take(units);
                    let sum: f64 = weights_of.zip(state.iter().zip(&reset)).map(|(w, (h, r))| w * h * r).sum();
                    sum + weights.bias.get(5 * units + unit).copied().unwrap_or(0.0)
                };
                bend(1, own + past)
            };
            let next = |(unit, old): (usize, &f64)| {
                let update = bend(0, both(0, unit));
                (1.0 - update) * hidden(unit) + update * old
            };
            *state = state.iter().enumerate().map(next).collect();
        }
    }
}

fn layer(making: &Making<'_>, cell: Cell) -> Result<Operation, ReadError> {
    let directions: &'static [bool] = match making.node.text("direction").unwrap_or("forward") {
        "forward" => &[false],
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        other => return Err(making.wrong(format!("runs in the direction {other:?}"))),
    };
    let bends = bends(making, cell, directions.len())?;
    for (setting, usual) in [("clip", false), ("input_forget", false), ("layout", false)] {
        let set = making.node.float(setting).is_some() || making.node.int(setting).unwrap_or(0) != 0;
        if set != usual {
            return Err(making.wrong(format!("has the setting {setting}, which is not supported")));
        }
    }
    Ok(Box::new(move |arguments| run(arguments, cell, directions, &bends)))
}

/// The sizes of a layer's inputs and outputs.
struct Sizes {
    steps: usize,
    rows: usize,
    inputs: usize,
    units: usize,
    /// Of all gates.
    lines: usize,
}

impl Sizes {
    /// The sizes of arguments that match each other and are supported.
    fn of(arguments: &Arguments<'_>, cell: Cell, count: usize) -> Result<Self, Fault> {
        let (input, weights, hidden) =
            (arguments.get(0)?.shape(), arguments.get(1)?.shape(), arguments.get(2)?.shape());
        let (&[steps, rows, inputs], &[_, lines, _], &[_, _, units]) = (input, weights, hidden) else {
            return Err("a layer's input and weights have three dimensions".into());
        };
        if weights != [count, cell.gates() * units, inputs] || hidden != [count, lines, units] {
            return Err(Fault(format!("{input:?} is not for weights of {weights:?}")));
        }
        let lengths = arguments.maybe(4).map(Tensor::ints).transpose()?.unwrap_or_default();
        if lengths.iter().any(|length| *length != steps as i64) {
            return Err("rows of different lengths are not supported".into());
        }
        if arguments.maybe(7).is_some() {
            return Err("peepholes are not supported".into());
        }
        arguments.work((steps * rows).saturating_mul(count * lines).saturating_mul(inputs + units))?;
        volume(&[steps, count, rows, units])?;
        Ok(Self { steps, rows, inputs, units, lines })
    }
}

fn run(arguments: &Arguments<'_>, cell: Cell, directions: &[bool], bends: &[Bend]) -> Result<Vec<Tensor>, Fault> {
    let count = directions.len();
    let Sizes { steps, rows, inputs, units, lines } = Sizes::of(arguments, cell, count)?;
    let doubles = |place: usize| arguments.maybe(place).map(Tensor::to_doubles).transpose();
    let given = |place: usize| arguments.get(place).and_then(Tensor::to_doubles);
    let (x, w, r) = (given(0)?, given(1)?, given(2)?);
    let bias = doubles(3)?.unwrap_or_else(|| vec![0.0; count * 2 * lines]);
    let (starts, memories) = (doubles(5)?, doubles(6)?);
    let part =
        |values: &[f64], size: usize, place: usize| values.iter().skip(size * place).take(size).copied().collect();
    let mut all = vec![0.0; steps * count * rows * units];
    let (mut last, mut cells) = (Vec::new(), Vec::new());
    for (direction, backward) in directions.iter().enumerate() {
        let weights = Weights {
            input: part(&w, lines * inputs, direction),
            hidden: part(&r, lines * units, direction),
            bias: part(&bias, 2 * lines, direction),
            inputs,
            units,
        };
        let own: Vec<Bend> = bends.iter().skip(direction * cell.activations().len()).copied().collect();
        for row in 0..rows {
            let start = |values: &Option<Vec<f64>>| -> Vec<f64> {
                values.as_ref().map_or_else(|| vec![0.0; units], |values| part(values, units, direction * rows + row))
            };
            let (mut state, mut memory) = (start(&starts), start(&memories));
            for turn in 0..steps {
                let at = if *backward { steps - 1 - turn } else { turn };
                let x: Vec<f64> = part(&x, inputs, at * rows + row);
                step(cell, &weights, &own, &x, &mut state, &mut memory);
                let to = ((at * count + direction) * rows + row) * units;
                all.iter_mut().skip(to).zip(&state).for_each(|(to, x)| *to = *x);
            }
            last.extend(state);
            cells.extend(memory);
        }
    }
    let floats = |values: Vec<f64>| Data::Float(values.into_iter().map(|x| x as f32).collect());
    let ends = [last, cells].into_iter().take(if cell == Cell::Long { 2 } else { 1 });
    let ends = ends.map(|values| Tensor::new(vec![count, rows, units], floats(values)));
    std::iter::once(Tensor::new(vec![steps, count, rows, units], floats(all))).chain(ends).collect()
}
