//! The topology of layers: sequential and functional models, and nested models.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::builder::{Builder, Flow};
use super::layers::{self, Layer};
use super::weights::{WeightPath, Weights};
use super::{damaged, refused};
use crate::ReadError;
use crate::field::Field;
use crate::graph::{Element, Graph, Port};

/// Models with more layers are refused.
const MOST_LAYERS: usize = 5_000;
/// The maximum depth of nested models.
const DEEPEST: usize = 8;

/// A tensor of the model: a layer, which of its calls, which of its outputs.
type Joint = (String, usize, usize);
/// The outputs of a model, with their names.
type Outputs = Result<Vec<(String, Flow)>, ReadError>;

/// The graph of a whole model.
pub(super) fn graph(config: &Field<'_>, weights: &Weights, old: bool) -> Result<Graph, ReadError> {
    let mut builder = Builder::new(old);
    let walk = Walk { weights, outer: None, path: String::new(), depth: 0 };
    let outputs = walk.model(config, None, &mut builder)?;
    for (name, flow) in outputs {
        let output = builder.node("Identity", &[&flow.name], &[]);
        builder
            .graph
            .nodes
            .iter_mut()
            .flat_map(|node| &mut node.outputs)
            .filter(|made| **made == output)
            .for_each(|made| made.clone_from(&name));
        let shape = std::iter::once(None).chain(flow.shape).collect();
        builder.graph.outputs.push(Port { name, element: Some(Element::Float), shape });
    }
    Ok(builder.graph)
}

/// The current position while models are traversed.
struct Walk<'a> {
    weights: &'a Weights,
    /// The layer of the outermost model that contains this model.
    outer: Option<String>,
    /// The folder of the model's weights.
    path: String,
    depth: usize,
}

/// Keras' conversion of class names to file names.
fn snake(class: &str) -> String {
    let letters: Vec<char> = class.chars().filter(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(at + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase() || (after.is_some_and(|after| after.is_lowercase()) && (before.is_alphanumeric()))
            });
        if begins && !name.ends_with('_') {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

impl Walk<'_> {
    /// Traverses a model, and returns its outputs with their names. Its inputs are given if it is a layer.
    fn model(&self, model: &Field<'_>, given: Option<Vec<Flow>>, builder: &mut Builder) -> Outputs {
        if self.depth > DEEPEST {
            return Err(refused(format!("models lie more than {DEEPEST} deep in each other")));
        }
        let class = model.get("class_name")?.text()?;
        let config = model.get("config")?;
        match class {
            "Sequential" => self.sequential(&config, given, builder),
            "Functional" | "Model" => self.functional(&config, given, builder),
            other => Err(refused(format!("the model is of the class {other}, which only its own code can run"))),
        }
    }

    /// A layer's place among the weights; kinds are counted within a model.
    fn place(&self, name: &str, class: &str, counts: &mut BTreeMap<String, usize>) -> WeightPath {
        let kind = snake(class);
        let count = counts.entry(kind.clone()).or_insert(0);
        let folder = if *count == 0 { kind } else { format!("{kind}_{count}") };
        *count += 1;
        let path =
            format!("{}layers/{folder}", if self.path.is_empty() { String::new() } else { format!("{}/", self.path) });
        match &self.outer {
            Some(outer) => WeightPath { layer: outer.clone(), inner: Some(name.to_string()), path },
            None => WeightPath { layer: name.to_string(), inner: None, path },
        }
    }

    fn layer(
        &self,
        layer: &Field<'_>,
        place: &WeightPath,
        inputs: &[Flow],
        builder: &mut Builder,
    ) -> Result<Flow, ReadError> {
        let class = layer.get("class_name")?.text()?;
        if ["Sequential", "Functional", "Model"].contains(&class) {
            let within = Walk {
                weights: self.weights,
                outer: Some(place.layer.clone()),
                path: place.path.clone(),
                depth: self.depth + 1,
            };
            let mut outputs = within.model(layer, Some(inputs.to_vec()), builder)?;
            return match (outputs.pop(), outputs.is_empty()) {
                (Some((_, flow)), true) => Ok(flow),
                _ => Err(refused(format!("the model {} within the model has several outputs", place.layer))),
            };
        }
        let config = layer.get("config")?;
        layers::build(&Layer { class, config: &config, place, weights: self.weights }, inputs, builder)
    }

    fn sequential(&self, config: &Field<'_>, given: Option<Vec<Flow>>, builder: &mut Builder) -> Outputs {
        let layers = layers_of(config)?;
        let mut flow = given.and_then(|given| given.into_iter().next());
        let mut counts = BTreeMap::new();
        let mut last = String::new();
        for layer in &layers {
            let class = layer.get("class_name")?.text()?;
            let settings = layer.get("config")?;
            let name = settings.find("name").map_or(Ok(""), |name| name.text())?;
            let place = self.place(name, class, &mut counts);
            let input = match flow.take() {
                Some(flow) => flow,
                None => input(&settings, name, builder)?,
            };
            flow = Some(if class == "InputLayer" { input } else { self.layer(layer, &place, &[input], builder)? });
            last = name.to_string();
        }
        flow.map(|flow| vec![(last, flow)]).ok_or_else(|| damaged("a model without layers"))
    }

    fn functional(&self, config: &Field<'_>, given: Option<Vec<Flow>>, builder: &mut Builder) -> Outputs {
        let layers = layers_of(config)?;
        let inputs = named_joints(&config.get("input_layers")?)?;
        let outputs = named_joints(&config.get("output_layers")?)?;
        let mut done: BTreeMap<Joint, Flow> = BTreeMap::new();
        let mut counts = BTreeMap::new();
        let mut calls = Vec::new();
        for layer in &layers {
            let class = layer.get("class_name")?.text()?;
            let settings = layer.get("config")?;
            let name = layer.find("name").map_or_else(|| settings.get("name"), Ok)?.text()?;
            let place = self.place(name, class, &mut counts);
            if class == "InputLayer" {
                let number = inputs.iter().position(|(_, (input, ..))| input == name);
                let called = number.and_then(|number| inputs.get(number)).map_or(name, |(called, _)| called);
                let flow = match (&given, number) {
                    (Some(given), Some(number)) => {
                        given.get(number).cloned().ok_or_else(|| damaged("an input is missing"))?
                    }
                    _ => input(&settings, called, builder)?,
                };
                done.insert((name.to_string(), 0, 0), flow);
                continue;
            }
            for (number, node) in layer.get("inbound_nodes")?.list()?.iter().enumerate() {
                let makes = (name.to_string(), number, 0);
                calls.push(Call { layer, place: place.clone(), makes, takes: calls_joints(node)? });
            }
        }
        // Inputs are in the order of the model, not of its layers.
        let order = |port: &Port| inputs.iter().position(|(called, _)| *called == port.name);
        builder.graph.inputs.sort_by_key(order);
        self.run_calls(calls, &mut done, builder)?;
        let output = |(called, joint): &(String, Joint)| {
            let flow =
                done.get(joint).cloned().ok_or_else(|| damaged(format!("nothing makes the output {}", joint.0)))?;
            Ok((called.clone(), flow))
        };
        outputs.iter().map(output).collect()
    }

    /// Builds the nodes of calls, each as soon as its inputs are available.
    fn run_calls(
        &self,
        mut calls: Vec<Call<'_>>,
        done: &mut BTreeMap<Joint, Flow>,
        builder: &mut Builder,
    ) -> Result<(), ReadError> {
        while !calls.is_empty() {
            let before = calls.len();
            let mut waiting = Vec::new();
            for call in calls {
                let flows: Option<Vec<Flow>> = call.takes.iter().map(|joint| done.get(joint).cloned()).collect();
                match flows {
                    Some(flows) => {
                        let flow = self.layer(call.layer, &call.place, &flows, builder)?;
                        done.insert(call.makes, flow);
                    }
                    None => waiting.push(call),
                }
            }
            if waiting.len() == before {
                return Err(damaged("its layers wait for each other"));
            }
            calls = waiting;
        }
        Ok(())
    }
}

/// A call of a layer.
struct Call<'a> {
    layer: &'a Field<'a>,
    place: WeightPath,
    makes: Joint,
    takes: Vec<Joint>,
}

fn layers_of<'a>(config: &Field<'a>) -> Result<Vec<Field<'a>>, ReadError> {
    let layers = config.get("layers")?.list()?;
    if layers.len() > MOST_LAYERS {
        return Err(refused(format!("the model has {} layers", layers.len())));
    }
    Ok(layers)
}

/// An input of the whole model.
fn input(settings: &Field<'_>, name: &str, builder: &mut Builder) -> Result<Flow, ReadError> {
    let shape = settings.find("batch_shape").or_else(|| settings.find("batch_input_shape"));
    let Some(shape) = shape else {
        return Err(refused(format!("the layer {name} does not say how wide its input is")));
    };
    let sizes = shape.list()?.iter().map(|size| size.count(1 << 24).ok()).collect::<Vec<_>>();
    let kind = settings.find("dtype").and_then(|kind| kind.text().ok().map(str::to_string)).unwrap_or_default();
    let element = if kind.starts_with("int") || kind.starts_with("uint") { Element::Int32 } else { Element::Float };
    builder.graph.inputs.push(Port { name: name.to_string(), element: Some(element), shape: sizes.clone() });
    Ok(Flow::new(name.to_string(), sizes.into_iter().skip(1).collect()))
}

/// `["name", 0, 0]`, or a list of such.
fn joints(field: &Field<'_>) -> Result<Vec<Joint>, ReadError> {
    let mut found = Vec::new();
    collect(field.value(), &mut found, 0);
    if found.is_empty() { Err(field.damaged("names no layer")) } else { Ok(found) }
}

/// The same with names: those of a dictionary, in the order of its keys, which is Keras' own; else the layers'.
fn named_joints(field: &Field<'_>) -> Result<Vec<(String, Joint)>, ReadError> {
    let Value::Object(dictionary) = field.value() else {
        return Ok(joints(field)?.into_iter().map(|joint| (joint.0.clone(), joint)).collect());
    };
    let mut found = Vec::new();
    for (name, _) in sorted(dictionary) {
        let below = joints(&field.get(name)?)?;
        let several = below.len() > 1;
        found.extend(below.into_iter().map(|joint| (if several { joint.0.clone() } else { name.clone() }, joint)));
    }
    if found.is_empty() { Err(field.damaged("names no layer")) } else { Ok(found) }
}

/// The inputs of a call: Keras 3 hides them in `keras_history`, Keras 2 lists them.
fn calls_joints(node: &Field<'_>) -> Result<Vec<Joint>, ReadError> {
    match node.find("args") {
        None => joints(node),
        Some(arguments) => {
            let mut found = Vec::new();
            histories(arguments.value(), &mut found, 0);
            if found.is_empty() { Err(node.damaged("takes nothing")) } else { Ok(found) }
        }
    }
}

/// The entries of a dictionary in the order in which Keras uses them.
fn sorted(dictionary: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = dictionary.iter().collect();
    entries.sort_by_key(|(name, _)| *name);
    entries
}

fn joint(value: &Value) -> Option<Joint> {
    let [name, node, tensor, ..] = value.as_array()?.as_slice() else { return None };
    let count = |value: &Value| value.as_u64().and_then(|count| usize::try_from(count).ok());
    Some((name.as_str()?.to_string(), count(node)?, count(tensor)?))
}

fn collect(value: &Value, found: &mut Vec<Joint>, depth: usize) {
    match joint(value) {
        Some(joint) => found.push(joint),
        None if depth < DEEPEST => {
            value.as_array().into_iter().flatten().for_each(|value| collect(value, found, depth + 1));
            let entries = value.as_object().into_iter().flat_map(sorted);
            entries.for_each(|(_, value)| collect(value, found, depth + 1));
        }
        None => {}
    }
}

fn histories(value: &Value, found: &mut Vec<Joint>, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    match value {
        Value::Object(object) => match object.get("keras_history").and_then(joint) {
            Some(joint) => found.push(joint),
            None => sorted(object).into_iter().for_each(|(_, value)| histories(value, found, depth + 1)),
        },
        Value::Array(values) => values.iter().for_each(|value| histories(value, found, depth + 1)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::snake;

    #[test]
    fn classes_have_kerass_file_names() {
        let cases = [
            ("Dense", "dense"),
            ("LSTM", "lstm"),
            ("SimpleRNN", "simple_rnn"),
            ("PReLU", "p_re_lu"),
            ("Conv1D", "conv1d"),
            ("GlobalAveragePooling1D", "global_average_pooling1d"),
            ("BatchNormalization", "batch_normalization"),
            ("TimeDistributed", "time_distributed"),
            ("ELU", "elu"),
            ("LeakyReLU", "leaky_re_lu"),
            ("DepthwiseConv2D", "depthwise_conv2d"),
        ];
        cases.iter().for_each(|(class, expected)| assert_eq!(snake(class), *expected));
    }
}
