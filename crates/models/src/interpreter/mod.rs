//! Runs graphs, operator by operator: those of `ai.onnx.ml`, the plain ones around them, and those of neural networks.
//!
//! Every row is computed as if it were alone, so that its result does not depend on its batch; sums are in double
//! precision. Classical models are scored here. A library made for neural networks runs those, after a few rows have
//! been run here, which shows that every size in the graph is sound.

mod operators;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::ReadError;
use crate::graph::{Fault, Graph, ML, Model, Node, Tensor};

pub(crate) use operators::every as operators;

/// Limits on elements computed in one run, more for a file with more constants, and on elements held at a time: no file
/// can make a row take long.
const MOST_WORK: u64 = 1 << 31;
const MOST_WORK_OF_A_CONSTANT: u64 = 1 << 12;
const MOST_LIVE: u64 = 1 << 26;

/// The context in which an operator is built.
pub(crate) struct Making<'a> {
    pub(crate) node: &'a Node,
    pub(crate) model: &'a Model,
    /// The graph that contains the node.
    pub(crate) graph: &'a Graph,
}

/// The inputs of an operator in a run.
pub(crate) struct Arguments<'a> {
    inputs: &'a [Option<Arc<Tensor>>],
    work: &'a Work,
}

/// How much a run has computed, and its limits.
#[derive(Debug)]
struct Work {
    done: Cell<u64>,
    most: u64,
}

/// The implementation of an operator.
pub(crate) type Operation = Box<dyn Fn(&Arguments<'_>) -> Result<Vec<Tensor>, Fault> + Send + Sync>;
/// Builds an operator from its node, or returns why it cannot.
pub(crate) type Make = fn(&Making<'_>) -> Result<Operation, ReadError>;

impl Making<'_> {
    /// The version of the node's operator set; an old one if the file does not say.
    pub(crate) fn version(&self) -> i64 {
        let sets = &self.model.operator_sets;
        sets.iter().find(|(domain, _)| *domain == self.node.domain).map_or(1, |(_, version)| *version)
    }

    /// The error for an attribute value that is not supported, or does not fit.
    pub(crate) fn wrong(&self, what: impl fmt::Display) -> ReadError {
        let what = format!("{} {what}", self.node.shown());
        ReadError::unsupported(
            what,
            "leave that step out of the model, or let the model live in Python: `python: {path: …}`",
        )
    }
}

impl<'a> Arguments<'a> {
    /// The input at this place.
    pub(crate) fn get(&self, place: usize) -> Result<&'a Tensor, Fault> {
        self.maybe(place).ok_or_else(|| Fault(format!("input {place} is missing")))
    }

    /// The input at this place, if present.
    pub(crate) fn maybe(&self, place: usize) -> Option<&'a Tensor> {
        self.inputs.get(place)?.as_deref()
    }

    /// All inputs that are present.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a Tensor> {
        self.inputs.iter().flatten().map(|input| &**input)
    }

    /// Runs another graph as a part of this run.
    pub(crate) fn again(&self, program: &Program, inputs: Vec<Tensor>) -> Result<Vec<Arc<Tensor>>, Fault> {
        program.run_counted(inputs, self.work)
    }

    /// Charges work that is about to be done.
    pub(crate) fn work(&self, elements: usize) -> Result<(), Fault> {
        self.work.count(elements)
    }
}

impl Work {
    fn count(&self, elements: usize) -> Result<(), Fault> {
        self.done.set(self.done.get().saturating_add(elements as u64));
        if self.done.get() > self.most { Err("the graph asks for more than a row is worth".into()) } else { Ok(()) }
    }
}

struct Step {
    shown: String,
    run: Operation,
    /// Slots of values.
    inputs: Vec<Option<usize>>,
    outputs: Vec<Option<usize>>,
    /// Values that no later step needs.
    done: Vec<usize>,
}

/// A graph that is ready to run.
#[derive(Clone)]
pub(crate) struct Program(Arc<Steps>);

struct Steps {
    steps: Vec<Step>,
    constants: Vec<(usize, Arc<Tensor>)>,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    places: usize,
}

impl fmt::Debug for Program {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "a program of {} steps", self.0.steps.len())
    }
}

/// The slots of values, by name.
#[derive(Default)]
struct Slots<'a>(BTreeMap<&'a str, usize>, usize);

impl<'a> Slots<'a> {
    fn make(&mut self, name: &'a str) -> usize {
        self.0.insert(name, self.1);
        self.1 += 1;
        self.1 - 1
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.0.get(name).copied()
    }
}

/// Compiles a graph; an unknown operator is refused by its name.
pub(crate) fn program(model: &Model, graph: &Graph) -> Result<Program, ReadError> {
    let known = operators();
    let mut places = Slots::default();
    let inputs = graph.inputs.iter().map(|input| places.make(&input.name)).collect();
    let constants: Vec<_> = graph.constants.iter().map(|one| (places.make(&one.name), one.tensor.clone())).collect();
    let mut steps = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let make = known.get(&(node.domain.as_str(), node.operator.as_str())).ok_or_else(|| unknown(node))?;
        let find = |name: &String| match (name.as_str(), places.find(name)) {
            ("", _) => Ok(None),
            (_, Some(place)) => Ok(Some(place)),
            (_, None) => Err(ReadError::Damaged {
                format: "ONNX",
                what: format!("{} takes {name:?}, which nothing before it makes", node.shown()),
            }),
        };
        let inputs = node.inputs.iter().map(find).collect::<Result<_, _>>()?;
        let run = make(&Making { node, model, graph })?;
        let outputs = node.outputs.iter().map(|name| (!name.is_empty()).then(|| places.make(name))).collect();
        steps.push(Step { shown: node.shown(), run, inputs, outputs, done: Vec::new() });
    }
    let outputs = graph.outputs.iter().map(|output| {
        places.find(&output.name).ok_or_else(|| ReadError::Damaged {
            format: "ONNX",
            what: format!("nothing makes the output {:?}", output.name),
        })
    });
    let outputs: Vec<usize> = outputs.collect::<Result<_, _>>()?;
    let mut all = Steps { steps, constants, inputs, outputs, places: places.1 };
    all.forget_early();
    Ok(Program(Arc::new(all)))
}

fn unknown(node: &Node) -> ReadError {
    let what = format!("the operator {} is not supported", node.shown());
    let instead = match node.domain.as_str() {
        "com.microsoft" => "text is not read: leave out the tokeniser, and compute its columns as features",
        ML => "leave that step out of the pipeline, and compute it as a feature",
        _ => {
            "`docs/reference/models.md` lists those that are; leave out the step that needs it, or let the model live in \
             Python: `python: {path: …}`"
        }
    };
    ReadError::unsupported(what, instead)
}

impl Steps {
    /// Determines for each step which values are not needed after it.
    fn forget_early(&mut self) {
        let mut needed: Vec<bool> = vec![false; self.places];
        let mark = |needed: &mut Vec<bool>, place: usize| {
            needed.get_mut(place).is_some_and(|needed| !std::mem::replace(needed, true))
        };
        self.outputs.iter().for_each(|place| _ = mark(&mut needed, *place));
        for step in self.steps.iter_mut().rev() {
            let used = step.outputs.iter().chain(&step.inputs).flatten();
            step.done = used.copied().filter(|place| mark(&mut needed, *place)).collect();
        }
    }
}

impl Program {
    /// Runs the graph once; returns its outputs in order.
    pub(crate) fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Arc<Tensor>>, Fault> {
        let constants: u64 = self.0.constants.iter().map(|(_, tensor)| tensor.len() as u64).sum();
        let most = MOST_WORK.saturating_add(constants.saturating_mul(MOST_WORK_OF_A_CONSTANT));
        self.run_counted(inputs, &Work { done: Cell::new(0), most })
    }

    fn run_counted(&self, inputs: Vec<Tensor>, work: &Work) -> Result<Vec<Arc<Tensor>>, Fault> {
        let all = &*self.0;
        let mut values: Vec<Option<Arc<Tensor>>> = vec![None; all.places];
        let put = |values: &mut Vec<Option<Arc<Tensor>>>, place: usize, tensor: Arc<Tensor>| {
            if let Some(value) = values.get_mut(place) {
                *value = Some(tensor);
            }
        };
        all.inputs.iter().zip(inputs).for_each(|(place, tensor)| put(&mut values, *place, Arc::new(tensor)));
        all.constants.iter().for_each(|(place, tensor)| put(&mut values, *place, tensor.clone()));
        let mut live: u64 = all.constants.iter().map(|(_, tensor)| tensor.len() as u64).sum();
        // Constants are held whatever a run does.
        let most = live.saturating_add(MOST_LIVE);
        for step in &all.steps {
            let get = |place: &Option<usize>| place.and_then(|place| values.get(place).cloned().flatten());
            let inputs: Vec<_> = step.inputs.iter().map(get).collect();
            let made = (step.run)(&Arguments { inputs: &inputs, work })
                .map_err(|Fault(why)| Fault(format!("{}: {why}", step.shown)))?;
            for (place, tensor) in step.outputs.iter().zip(made) {
                live += tensor.len() as u64;
                work.count(tensor.len())?;
                if let Some(place) = place {
                    put(&mut values, *place, Arc::new(tensor));
                }
            }
            for place in &step.done {
                let value = values.get_mut(*place).and_then(Option::take);
                live = live.saturating_sub(value.map_or(0, |value| value.len() as u64));
            }
            if live > most {
                return Err("the graph keeps more numbers at a time than a batch is worth".into());
            }
        }
        let output = |place: &usize| values.get(*place).cloned().flatten();
        all.outputs.iter().map(|place| output(place).ok_or_else(|| Fault("an output was not made".into()))).collect()
    }
}
