//! Nested graphs, run once for each element of a list.

use crate::ReadError;
use crate::graph::{Attribute, Data, Fault, Tensor};
use crate::interpreter::{Make, Making, Operation, Program, program};

pub(super) const OPERATORS: &[(&str, Make)] = &[("Scan", scan)];

/// States pass through the body in turn; its other outputs are stacked. Forward, along the first dimension.
fn scan(making: &Making<'_>) -> Result<Operation, ReadError> {
    let node = making.node;
    let Some(Attribute::Graph(body)) = node.attribute("body") else { return Err(making.wrong("has no body")) };
    let listed = usize::try_from(node.int("num_scan_inputs").unwrap_or(0)).unwrap_or(0);
    let elsewhere = ["scan_input_axes", "scan_output_axes", "scan_input_directions", "scan_output_directions"];
    if elsewhere.iter().any(|name| node.ints(name).iter().any(|setting| *setting != 0)) {
        return Err(making.wrong("goes backwards or along another dimension than the first, which is not supported"));
    }
    let states = body.inputs.len().checked_sub(listed).filter(|_| listed > 0);
    let states = states.filter(|states| *states <= body.outputs.len());
    let states = states.ok_or_else(|| making.wrong("has a body that does not fit its inputs"))?;
    let ready = program(making.model, body)?;
    Ok(Box::new(move |arguments| {
        let inputs: Vec<&Tensor> = arguments.all().collect();
        let (carried, lists) = inputs.split_at_checked(states).ok_or("inputs are missing")?;
        let length = lists.first().and_then(|list| list.shape().first()).copied().ok_or("there is no list")?;
        if lists.iter().any(|list| list.shape().first() != Some(&length)) {
            return Err("the lists are of different lengths".into());
        }
        turns(&ready, carried.iter().map(|state| (*state).clone()).collect(), lists, length, arguments)
    }))
}

fn turns(
    body: &Program,
    mut states: Vec<Tensor>,
    lists: &[&Tensor],
    length: usize,
    arguments: &crate::interpreter::Arguments<'_>,
) -> Result<Vec<Tensor>, Fault> {
    let mut stacked: Vec<Vec<Tensor>> = Vec::new();
    for turn in 0..length {
        let mut inputs = std::mem::take(&mut states);
        let count = inputs.len();
        for list in lists {
            let shape: Vec<usize> = list.shape().iter().skip(1).copied().collect();
            let size = list.len() / length;
            inputs.push(Tensor::new(shape, list.data().pick(turn * size..(turn + 1) * size))?);
        }
        let mut made = arguments.again(body, inputs)?.into_iter().map(|tensor| (*tensor).clone());
        states.extend(made.by_ref().take(count));
        stacked.push(made.collect());
    }
    let outputs = stacked.first().map_or(0, Vec::len);
    let mut all = states;
    for output in 0..outputs {
        let parts: Vec<&Tensor> = stacked.iter().filter_map(|turn| turn.get(output)).collect();
        all.push(stack(&parts)?);
    }
    Ok(all)
}

/// Stacks tensors of one shape along a new first dimension.
fn stack(parts: &[&Tensor]) -> Result<Tensor, Fault> {
    let inner = parts.first().map(|part| part.shape()).unwrap_or_default();
    let mut shape = vec![parts.len()];
    shape.extend_from_slice(inner);
    let data = match parts.first().map(|part| part.data()) {
        Some(Data::Int(_)) => Data::Int(parts.iter().map(|part| part.ints()).collect::<Result<Vec<_>, _>>()?.concat()),
        Some(Data::Double(_)) => {
            Data::Double(parts.iter().map(|part| part.to_doubles()).collect::<Result<Vec<_>, _>>()?.concat())
        }
        _ => Data::Float(parts.iter().map(|part| part.floats()).collect::<Result<Vec<_>, _>>()?.concat()),
    };
    Tensor::new(shape, data)
}
