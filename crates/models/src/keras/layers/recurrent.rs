//! Recurrent layers: gates in the order of the graph's operators, and masked steps.

use super::{Built, Layer};
use crate::ReadError;
use crate::field::Field;
use crate::graph::{Attribute, Data, Tensor};
use crate::keras::builder::{Builder, Flow, text};
use crate::keras::weights::WeightSet;

/// A kind of cell: its operator, and for each of the operator's gates the corresponding one of Keras.
#[derive(Clone, Copy)]
pub(super) struct CellKind {
    operator: &'static str,
    gates: &'static [usize],
    /// Its activations: the recurrent one, then the others.
    recurrent: bool,
    states: usize,
}

pub(super) const SIMPLE: CellKind = CellKind { operator: "RNN", gates: &[0], recurrent: false, states: 1 };
pub(super) const GRU: CellKind = CellKind { operator: "GRU", gates: &[0, 1, 2], recurrent: true, states: 1 };
/// Keras stores input, forget, cell, output; the operator needs input, output, forget, cell.
pub(super) const LSTM: CellKind = CellKind { operator: "LSTM", gates: &[0, 3, 1, 2], recurrent: true, states: 2 };

/// The weights of a cell, as names of constants, with its settings.
struct Cell {
    kind: CellKind,
    units: usize,
    weights: [String; 3],
    settings: Vec<(&'static str, Attribute)>,
}

/// Weights by gate: (columns, gates * units) becomes (1, gates * units, columns), in the operator's order.
fn by_gate(layer: &Layer<'_>, matrix: &Tensor, kind: CellKind, units: usize) -> Result<Vec<f32>, ReadError> {
    let (&[columns, width], Data::Float(values)) = (matrix.shape(), matrix.data()) else {
        return Err(layer.damaged("has weights that are no matrix"));
    };
    if width != kind.gates.len() * units {
        return Err(layer.damaged("has weights of another width"));
    }
    let line = |gate: usize, unit: usize| {
        (0..columns).filter_map(move |column| values.get(column * width + gate * units + unit).copied())
    };
    Ok(kind.gates.iter().flat_map(|gate| (0..units).flat_map(move |unit| line(*gate, unit))).collect())
}

fn ordered(values: &[f32], kind: CellKind, units: usize) -> Vec<f32> {
    kind.gates.iter().flat_map(|gate| values.iter().skip(gate * units).take(units).copied()).collect()
}

impl Cell {
    fn of(layer: &Layer<'_>, kind: CellKind, part: WeightSet, builder: &mut Builder) -> Result<Self, ReadError> {
        let units = layer.config.get("units")?.count(1 << 16)?;
        let lines = kind.gates.len() * units;
        let mut all = layer.weights.of(layer.place, part)?.into_iter();
        let mut next = || all.next().ok_or_else(|| layer.damaged("has too few weights"));
        let (kernel, hidden) = (next()?, next()?);
        let inputs = kernel.shape().first().copied().unwrap_or(0);
        let mut bias = if layer.flag("use_bias", true)? { next()?.to_floats().unwrap_or_default() } else { Vec::new() };
        // A second row of biases is the recurrent one's.
        bias.resize(2 * lines, 0.0);
        let bias = [ordered(&bias, kind, units), ordered(bias.get(lines..).unwrap_or_default(), kind, units)].concat();
        let (kernel, hidden) = (by_gate(layer, &kernel, kind, units)?, by_gate(layer, &hidden, kind, units)?);
        let weights = [
            builder.floats(&[1, lines, inputs], kernel)?,
            builder.floats(&[1, lines, units], hidden)?,
            builder.floats(&[1, 2 * lines], bias)?,
        ];
        Ok(Self { kind, units, weights, settings: settings(layer, kind, units, builder.old)? })
    }

    /// All steps at once. Returns the states of all steps, (steps, rows, units), and the last one, (rows, units).
    fn run(&self, steps: &str, backward: bool, builder: &mut Builder) -> (String, String) {
        let [kernel, hidden, bias] = &self.weights;
        let mut settings = self.settings.clone();
        settings.push(("direction", text(if backward { "reverse" } else { "forward" })));
        let made = builder.nodes(self.kind.operator, &[steps, kernel, hidden, bias], &settings, 1 + self.kind.states);
        let (direction, first) = (builder.list(&[1]), builder.list(&[0]));
        let output = |place: usize| made.get(place).map_or("", String::as_str);
        let all = builder.node("Squeeze", &[output(0), &direction], &[]);
        (all, builder.node("Squeeze", &[output(1), &first], &[]))
    }

    /// Step by step: a masked step leaves the states unchanged.
    fn run_masked(
        &self,
        layer: &Layer<'_>,
        (steps, mask): (&str, &str),
        (count, width): (usize, usize),
        backward: bool,
        builder: &mut Builder,
    ) -> Result<(String, String), ReadError> {
        const MOST_STEPS: usize = 512;
        if count > MOST_STEPS {
            return Err(layer.refused(&format!("hides some of more than {MOST_STEPS} steps")));
        }
        let mut states = vec![self.zeros(steps, width, builder)?; self.kind.states];
        let counts = builder.transposed(mask, &[1, 0]);
        let last = builder.list(&[-1]);
        let counts = builder.node("Unsqueeze", &[&counts, &last], &[]);
        let mut all = vec![String::new(); count];
        for turn in 0..count {
            let at = if backward { count - 1 - turn } else { turn };
            let (step, counted) = (self.slice(steps, at, builder), self.slice(&counts, at, builder));
            let zero = builder.scalar(0.0);
            let counted = builder.node("Greater", &[&counted, &zero], &[]);
            let [kernel, hidden, bias] = &self.weights;
            let mut inputs = vec![step.as_str(), kernel, hidden, bias, ""];
            inputs.extend(states.iter().map(String::as_str));
            let made = builder.nodes(self.kind.operator, &inputs, &self.settings, 1 + self.kind.states);
            states = made
                .iter()
                .skip(1)
                .zip(&states)
                .map(|(new, old)| builder.node("Where", &[&counted, new, old], &[]))
                .collect();
            all.iter_mut().skip(at).take(1).for_each(|place| place.clone_from(states.first().unwrap_or(&step)));
        }
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let all = builder.node("Concat", &all, &[("axis", Attribute::Int(0))]);
        let first = builder.list(&[0]);
        let state = states.first().cloned().unwrap_or_default();
        Ok((all, builder.node("Squeeze", &[&state, &first], &[])))
    }

    /// Zeros of the batch's size: (1, rows, units).
    fn zeros(&self, steps: &str, width: usize, builder: &mut Builder) -> Result<String, ReadError> {
        let first = self.slice(steps, 0, builder);
        let nothing = builder.floats(&[width, self.units], vec![0.0; width * self.units])?;
        let finite = builder.node("IsNaN", &[&first], &[]);
        let zeros = builder.scalar(0.0);
        let clean = builder.node("Where", &[&finite, &zeros, &first], &[]);
        Ok(builder.node("MatMul", &[&clean, &nothing], &[]))
    }

    fn slice(&self, steps: &str, at: usize, builder: &mut Builder) -> String {
        let (from, to, axis) = (builder.list(&[at as i64]), builder.list(&[at as i64 + 1]), builder.list(&[0]));
        builder.node("Slice", &[steps, &from, &to, &axis], &[])
    }
}

/// The operator of an activation, with its alpha and beta if it takes them; some differ in Keras 2.
fn activation(name: &str, old: bool) -> Option<(&'static str, Option<(f32, f32)>)> {
    Some(match name {
        "sigmoid" => ("Sigmoid", None),
        "tanh" => ("Tanh", None),
        "relu" => ("Relu", None),
        "softsign" => ("Softsign", None),
        "softplus" => ("Softplus", None),
        "linear" => ("Affine", Some((1.0, 0.0))),
        "hard_sigmoid" => ("HardSigmoid", Some((if old { 0.2 } else { 1.0 / 6.0 }, 0.5))),
        _ => return None,
    })
}

/// The activations that differ from the operator's defaults, and the variant of the reset gate.
fn settings(
    layer: &Layer<'_>,
    kind: CellKind,
    units: usize,
    old: bool,
) -> Result<Vec<(&'static str, Attribute)>, ReadError> {
    let mut names = Vec::new();
    let (mut alphas, mut betas) = (Vec::new(), Vec::new());
    let mut add = |name: &str| -> Result<(), ReadError> {
        let found = activation(name, old);
        let refused = || layer.refused(&format!("has the activation {name:?}, which is not supported"));
        let (operator, line) = found.ok_or_else(refused)?;
        names.push(operator.to_string());
        alphas.extend(line.map(|(alpha, _)| alpha));
        betas.extend(line.map(|(_, beta)| beta));
        Ok(())
    };
    let own = layer.text("activation", "tanh")?;
    if kind.recurrent {
        add(&layer.text("recurrent_activation", "sigmoid")?)?;
    }
    (0..kind.states).try_for_each(|_| add(&own))?;
    let mut settings = vec![("hidden_size", Attribute::Int(units as i64))];
    if kind.operator == "GRU" {
        let after = layer.flag("reset_after", true)?;
        settings.push(("linear_before_reset", Attribute::Int(i64::from(after))));
    }
    let usual: &[&str] = match kind.operator {
        "LSTM" => &["Sigmoid", "Tanh", "Tanh"],
        "GRU" => &["Sigmoid", "Tanh"],
        _ => &["Tanh"],
    };
    if names != usual {
        settings.push(("activations", Attribute::Texts(names)));
        if !alphas.is_empty() {
            settings.push(("activation_alpha", Attribute::Floats(alphas)));
            settings.push(("activation_beta", Attribute::Floats(betas)));
        }
    }
    Ok(settings)
}

/// The results of one direction: for all steps in input order, and at its end.
struct Ran {
    all: String,
    last: String,
    units: usize,
}

fn ran(
    layer: &Layer<'_>,
    input: &Flow,
    kind: CellKind,
    (part, backward): (WeightSet, bool),
    builder: &mut Builder,
) -> Result<Ran, ReadError> {
    for (setting, what) in [("stateful", "keeps its state between batches"), ("return_state", "gives its state")] {
        if layer.flag(setting, false)? {
            return Err(layer.refused(what));
        }
    }
    let cell = Cell::of(layer, kind, part, builder)?;
    let steps = builder.transposed(&input.name, &[1, 0, 2]);
    let (all, last) = match (&input.mask, input.shape.as_slice()) {
        (None, _) => cell.run(&steps, backward, builder),
        (Some(mask), [Some(count), Some(width)]) => {
            cell.run_masked(layer, (&steps, mask), (*count, *width), backward, builder)?
        }
        _ => return Err(layer.refused("hides steps of a sequence whose length is left open")),
    };
    Ok(Ran { all, last, units: cell.units })
}

/// All steps, rows first: the steps in reverse order where Keras leaves them so.
fn sequence(all: &str, turned: bool, builder: &mut Builder) -> String {
    let rows_first = builder.transposed(all, &[1, 0, 2]);
    if !turned {
        return rows_first;
    }
    let (from, to) = (builder.list(&[-1]), builder.list(&[i64::MIN + 1]));
    let (axis, step) = (builder.list(&[1]), builder.list(&[-1]));
    builder.node("Slice", &[&rows_first, &from, &to, &axis, &step], &[])
}

pub(super) fn plain(layer: &Layer<'_>, inputs: &[Flow], kind: CellKind, builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let backward = layer.flag("go_backwards", false)?;
    let ran = ran(layer, input, kind, (WeightSet::Cell, backward), builder)?;
    if !layer.flag("return_sequences", false)? {
        return Ok(Flow::new(ran.last, vec![Some(ran.units)]));
    }
    let steps = input.shape.first().copied().flatten();
    let name = sequence(&ran.all, backward, builder);
    Ok(Flow::new(name, vec![steps, Some(ran.units)]).masked_as(input))
}

/// The layer of each direction: Keras 2 stores one and derives the other from it.
fn directions<'a>(layer: &Layer<'a>) -> Result<Field<'a>, ReadError> {
    if layer.config.find("backward_layer").is_some() {
        let (one, other) = (layer.config.get("layer")?, layer.config.get("backward_layer")?);
        let class = |field: &Field<'_>| field.get("class_name").and_then(|class| class.text().map(str::to_string));
        let units = |field: &Field<'_>| field.get("config").and_then(|config| config.get("units")?.count(1 << 16));
        if class(&one)? != class(&other)? || units(&one)? != units(&other)? {
            return Err(layer.refused("runs another layer backward than forward"));
        }
    }
    layer.config.get("layer")
}

pub(super) fn bidirectional(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let input = layer.one(inputs)?;
    let within = directions(layer)?;
    let (class, config) = (within.get("class_name")?, within.get("config")?);
    let kind = match class.text()? {
        "SimpleRNN" => SIMPLE,
        "GRU" => GRU,
        "LSTM" => LSTM,
        other => return Err(layer.refused(&format!("wraps a layer of the class {other}"))),
    };
    let inner = Layer { class: layer.class, config: &config, place: layer.place, weights: layer.weights };
    let forward = ran(&inner, input, kind, (WeightSet::Forward, false), builder)?;
    let backward = ran(&inner, input, kind, (WeightSet::Backward, true), builder)?;
    let sequences = inner.flag("return_sequences", false)?;
    let (one, other) = if sequences {
        (sequence(&forward.all, false, builder), sequence(&backward.all, false, builder))
    } else {
        (forward.last, backward.last)
    };
    let mode = layer.text("merge_mode", "concat")?;
    let (name, units) = match mode.as_str() {
        "concat" => (builder.node("Concat", &[&one, &other], &[("axis", Attribute::Int(-1))]), 2 * forward.units),
        "sum" => (builder.node("Add", &[&one, &other], &[]), forward.units),
        "mul" => (builder.node("Mul", &[&one, &other], &[]), forward.units),
        "ave" => {
            let (sum, two) = (builder.node("Add", &[&one, &other], &[]), builder.scalar(2.0));
            (builder.node("Div", &[&sum, &two], &[]), forward.units)
        }
        other => return Err(layer.refused(&format!("merges its directions by {other:?}"))),
    };
    let mut shape = vec![Some(units)];
    if sequences {
        shape.insert(0, input.shape.first().copied().flatten());
    }
    let flow = Flow::new(name, shape);
    Ok(if sequences { flow.masked_as(input) } else { flow })
}
