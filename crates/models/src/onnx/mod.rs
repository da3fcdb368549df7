//! A graph as a model: rows are its inputs, and one of its outputs is the prediction.

mod inputs;
mod label;
mod meaning;
mod outputs;
mod range;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::sync::Arc;

use gristmill_learn::{Features, LearnError};

use crate::foreign::{Body, ForeignModel, OutputValues};
use crate::graph::{Data, Fault, Model, Tensor, onnx};
use crate::interpreter::{self, Program};
use crate::network::{self, Network};
use crate::{Input, ReadError, Runtime, Signature};
use inputs::Feed;
use outputs::Pick;

pub(crate) use crate::graph::onnx::{Beside, looks_like};

/// The number of rows computed together: memory stays constant for any batch.
const BLOCK: usize = 64;
/// A library is given more at a time if rows are short, since each call costs as much as some rows: that many numbers.
const NUMBERS: usize = 1 << 15;
const MOST_ROWS: usize = 512;

/// The engine that runs a graph.
#[derive(Debug, Clone)]
enum Engine {
    Classical(Program),
    Network(Network),
    OnnxRuntime(network::Session),
}

/// A compiled graph, with its mapping to rows and predictions.
#[derive(Debug, Clone)]
pub(crate) struct GraphModel {
    engine: Engine,
    feeds: Vec<Feed>,
    /// Names of the graph's outputs, in order.
    outputs: Vec<String>,
    pick: Pick,
    /// Whether it may be unable to score some rows.
    pub(crate) may_refuse: bool,
    /// Whether rows must be run one by one: the graph was written for a batch of one.
    alone: bool,
}

/// Reads an ONNX file.
pub(crate) fn read(bytes: &[u8], beside: Beside<'_>, runtime: Runtime) -> Result<ForeignModel, ReadError> {
    model(&onnx::read(bytes, beside)?, runtime)
}

/// Compiles a graph.
pub(crate) fn model(model: &Model, runtime: Runtime) -> Result<ForeignModel, ReadError> {
    let graph = &model.graph;
    let feeds = inputs::feeds(graph)?;
    let columns: Vec<Input> = feeds.iter().flat_map(Feed::columns).collect();
    let outputs = graph.outputs.iter().map(|output| output.name.clone()).collect();
    let may_refuse = feeds.iter().any(Feed::takes_whole_numbers) || inputs::looks_up(graph);
    let engine = Engine::Classical(interpreter::program(model, graph)?);
    let mut ready = GraphModel { engine, feeds, outputs, pick: Pick::default(), may_refuse, alone: false };
    let tried = ready.probe()?;
    let (pick, output) = outputs::choose(graph, &tried)?;
    ready.pick = pick;
    // The library allocates what a graph requests: it is given only graphs that the interpreter has run before.
    let (ready, run_by) = match runtime {
        Runtime::BuiltIn => {
            let fast = network::is_network(graph).then(|| network::network(model).ok()).flatten();
            let fast = fast.map(|network| GraphModel { engine: Engine::Network(network), ..ready.clone() });
            let same = |fast: &mut GraphModel| fast.probe().is_ok_and(|again| widths(&again) == widths(&tried));
            let fast = fast.and_then(|mut fast| same(&mut fast).then_some(fast));
            let run_by = if fast.is_some() { "rten" } else { "gristmill" };
            (fast.unwrap_or(ready), run_by)
        }
        Runtime::OnnxRuntime => {
            let mut other = GraphModel { engine: Engine::OnnxRuntime(network::Session::new(model)?), ..ready };
            let theirs = other.probe()?;
            other.pick.align(&tried, &theirs);
            (other, "ONNX Runtime")
        }
    };
    let parameters: usize = graph.constants.iter().map(|constant| constant.tensor.len()).sum();
    let signature = Signature {
        format: model.format.clone(),
        objective: outputs::objective(graph),
        made_of: format!("{} operators ({}), {parameters} constants, run by {run_by}", graph.nodes.len(), kinds(model)),
        rounds: None,
        inputs: columns,
        output,
    };
    Ok(ForeignModel { signature, body: Body::Graph(ready) })
}

/// The operators of a graph, the most frequent first.
fn kinds(model: &Model) -> String {
    const SHOWN: usize = 12;
    let mut counted: Vec<(usize, &str)> = Vec::new();
    for node in &model.graph.nodes {
        match counted.iter_mut().find(|(_, operator)| *operator == node.operator) {
            Some((count, _)) => *count += 1,
            None => counted.push((1, &node.operator)),
        }
    }
    counted.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let shown = counted.iter().take(SHOWN);
    let mut shown: Vec<String> =
        shown.map(|(count, name)| if *count == 1 { name.to_string() } else { format!("{count} {name}") }).collect();
    if counted.len() > SHOWN {
        shown.push("…".into());
    }
    shown.join(", ")
}

impl GraphModel {
    fn width(&self) -> usize {
        self.feeds.iter().map(Feed::width).sum()
    }

    /// Runs a few made-up rows, to find the outputs, and whether rows affect each other.
    fn probe(&mut self) -> Result<Vec<Vec<Arc<Tensor>>>, ReadError> {
        const ROWS: usize = 3;
        let width = self.width();
        let values: Vec<f64> =
            (0..ROWS).flat_map(|row| self.feeds.iter().flat_map(move |feed| feed.example(row))).collect();
        let rows = Features::new(&values, width);
        let failed = |fault: Fault| {
            let what = format!("the graph cannot be run: {}", fault.0);
            ReadError::unsupported(what, "check the file with the tool that wrote it")
        };
        let singly = |this: &Self| -> Result<Vec<Vec<Arc<Tensor>>>, Fault> {
            rows.rows().map(|row| this.run(&Features::row(row))).collect()
        };
        let one_by_one = singly(self);
        self.alone = one_by_one.is_err();
        let one_by_one = if self.alone { singly(self) } else { one_by_one }.map_err(failed)?;
        let together = self.run(&rows);
        let same = |together: &[Arc<Tensor>]| {
            together.iter().enumerate().all(|(output, tensor)| {
                let parts = one_by_one.iter().filter_map(|outputs| outputs.get(output)).map(|part| part.data());
                equal_parts(tensor.data(), parts)
            })
        };
        self.alone |= !together.is_ok_and(|together| same(&together));
        Ok(one_by_one)
    }

    /// All outputs for some rows at once.
    fn run(&self, rows: &Features<'_>) -> Result<Vec<Arc<Tensor>>, Fault> {
        let inputs = |rows: &Features<'_>| -> Result<Vec<Tensor>, Fault> {
            let mut from = 0;
            let feed = |feed: &Feed| {
                from += feed.width();
                feed.tensor(rows, from - feed.width())
            };
            self.feeds.iter().map(feed).collect()
        };
        match &self.engine {
            Engine::Classical(program) => program.run(inputs(rows)?),
            // The library's batches of one differ from others in the last bits: it is given none.
            Engine::Network(network) if rows.len() == 1 && !self.alone => {
                let twice = [rows.values(), rows.values()].concat();
                let outputs = network.run(inputs(&Features::new(&twice, rows.width()))?)?;
                outputs.iter().map(|output| first_half(output).map(Arc::new)).collect()
            }
            Engine::Network(network) => network.run(inputs(rows)?),
            Engine::OnnxRuntime(session) => session.run(&inputs(rows)?),
        }
    }

    /// All outputs, block by block.
    fn blocks(
        &self,
        rows: &Features<'_>,
        mut take: impl FnMut(usize, &[Arc<Tensor>]) -> Result<(), Fault>,
    ) -> Result<(), LearnError> {
        let width = self.width();
        if rows.width() != width {
            return Err(LearnError::Width { expected: width, found: rows.width() });
        }
        let block = match self.engine {
            _ if self.alone => 1,
            Engine::Classical(_) => BLOCK,
            // It sums some graphs in another order for many rows: a score would depend on neighbouring rows.
            Engine::OnnxRuntime(_) => 1,
            Engine::Network(_) => (NUMBERS / width.max(1)).clamp(BLOCK, MOST_ROWS),
        };
        for rows in rows.blocks(block) {
            let outputs = self.run(&rows).and_then(|outputs| take(rows.len(), &outputs));
            outputs.map_err(|fault| LearnError::Model(fault.0))?;
        }
        Ok(())
    }

    /// Appends the prediction of each row.
    pub(crate) fn predict(&self, rows: &Features<'_>, out: &mut Vec<f64>) -> Result<(), LearnError> {
        self.blocks(rows, |rows, outputs| self.pick.take(rows, outputs, out))
    }

    /// Every output by its name, row by row.
    pub(crate) fn outputs(&self, rows: &Features<'_>) -> Result<Vec<(String, OutputValues)>, LearnError> {
        let mut answers: Vec<(String, OutputValues)> = Vec::new();
        self.blocks(rows, |_, outputs| {
            for (place, (name, tensor)) in self.outputs.iter().zip(outputs).enumerate() {
                let answer = match tensor.data() {
                    Data::Text(texts) => OutputValues::Texts(texts.iter().map(|text| text.to_string()).collect()),
                    _ => OutputValues::Numbers(tensor.to_doubles()?),
                };
                match answers.get_mut(place) {
                    Some((_, so_far)) => so_far.extend(answer),
                    None => answers.push((name.clone(), answer)),
                }
            }
            Ok(())
        })?;
        Ok(answers)
    }
}

/// How many numbers each output gives for a row.
fn widths(tried: &[Vec<Arc<Tensor>>]) -> Vec<usize> {
    tried.first().into_iter().flatten().map(|output| output.len()).collect()
}

/// The output for the first of two rows.
fn first_half(tensor: &Tensor) -> Result<Tensor, Fault> {
    match tensor.shape() {
        [2, rest @ ..] => {
            let shape = [&[1], rest].concat();
            Tensor::new(shape, tensor.data().pick(0..tensor.len() / 2))
        }
        shape => Err(Fault(format!("an output of shape {shape:?} came out for two rows"))),
    }
}

/// Whether a tensor is the concatenation of its parts, to the bit.
fn equal_parts<'a>(whole: &Data, parts: impl Iterator<Item = &'a Data>) -> bool {
    fn bits(data: &Data) -> Vec<u64> {
        match data {
            Data::Float(values) => values.iter().map(|x| u64::from(x.to_bits())).collect(),
            Data::Double(values) => values.iter().map(|x| x.to_bits()).collect(),
            Data::Int(values) => values.iter().map(|x| *x as u64).collect(),
            Data::Text(_) => Vec::new(),
        }
    }
    match whole {
        Data::Text(whole) => {
            let parts = parts.flat_map(|part| if let Data::Text(texts) = part { texts.clone() } else { Vec::new() });
            whole.iter().cloned().eq(parts)
        }
        _ => bits(whole) == parts.flat_map(bits).collect::<Vec<u64>>(),
    }
}
