//! Neural networks, run by rten: a library for them, in Rust, in this process.
//!
//! It never sees a file: it is given a new serialisation of the graph that was read and checked.

mod session;
mod write;

pub(crate) use session::Session;
pub use session::find_onnxruntime;

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rten::{ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::prelude::Layout;

use crate::ReadError;
use crate::graph::{Data, Element, Fault, Graph, ML, Model, Tensor};

/// The runtime of graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// This crate, and rten for networks.
    BuiltIn,
    /// ONNX Runtime, whose library [`find_onnxruntime`](crate::find_onnxruntime) has set.
    OnnxRuntime,
}

/// A compiled network.
#[derive(Clone)]
pub(crate) struct Network(Arc<Loaded>);

struct Loaded {
    model: rten::Model,
    inputs: Vec<NodeId>,
    outputs: Vec<NodeId>,
}

impl fmt::Debug for Network {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "a network of {} parameters", self.0.model.total_params())
    }
}

/// Whether rten runs a graph: it has operators that only networks have, and none that only classical models have.
pub(crate) fn is_network(graph: &Graph) -> bool {
    const NOT_HERE: [&str; 1] = ["Scan"];
    let classical = |operator: &str, domain: &str| domain == ML || NOT_HERE.contains(&operator);
    let wide = |element: Option<Element>| matches!(element, Some(Element::Double | Element::Text));
    let ports = graph.inputs.iter().chain(&graph.outputs).map(|port| port.element);
    let constants = graph.constants.iter().map(|constant| Some(constant.element));
    !graph.nodes.iter().any(|node| classical(&node.operator, &node.domain)) && !ports.chain(constants).any(wide)
}

/// Turns a panic of a library into an error.
fn guarded<T>(what: &str, run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(format!("{what} gave up on this graph")))
}

/// Compiles a graph; an operator that rten lacks is refused by its name.
pub(crate) fn network(model: &Model) -> Result<Network, ReadError> {
    let refused = |why: String| {
        let what = format!("the network cannot be run: {why}");
        ReadError::unsupported(what, "export it with standard operators (opset 13 to 20), or score it in Python")
    };
    let bytes = write::bytes(model).map_err(refused)?;
    let options = || ModelOptions::with_all_ops().load(bytes).map_err(|error| error.to_string());
    let loaded = guarded("rten", options).map_err(refused)?;
    let find = |name: &String| loaded.node_id(name).map_err(|error| refused(error.to_string()));
    let inputs = model.graph.inputs.iter().map(|port| find(&port.name)).collect::<Result<_, _>>()?;
    let outputs = model.graph.outputs.iter().map(|port| find(&port.name)).collect::<Result<_, _>>()?;
    Ok(Network(Arc::new(Loaded { model: loaded, inputs, outputs })))
}

thread_local! {
    /// Networks run on one thread: members have a thread for each shard, and rows must not wait for another's.
    static POOL: RefCell<Option<Arc<ThreadPool>>> = const { RefCell::new(None) };
}

fn pool() -> Arc<ThreadPool> {
    let new = || Arc::new(ThreadPool::with_num_threads(1));
    POOL.with_borrow_mut(|pool| Arc::clone(pool.get_or_insert_with(new)))
}

/// Runs a closure, such as a whole member, on a thread on which networks run in place. Elsewhere a thread beside the
/// caller's runs them, and passing rows over takes longer than a small network needs for a few of them.
pub fn at_home<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let home = Arc::new(ThreadPool::with_num_threads(1));
    home.run(|| {
        POOL.set(Some(Arc::clone(&home)));
        let done = work();
        // The thread ends with its pool, and must not hold it itself.
        POOL.take();
        done
    })
}

impl Network {
    /// Runs the graph once; returns its outputs in order.
    pub(crate) fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Arc<Tensor>>, Fault> {
        let values: Vec<Value> = inputs.into_iter().map(value).collect::<Result<_, _>>()?;
        let Loaded { model, inputs, outputs } = &*self.0;
        let given = inputs.iter().copied().zip(values.into_iter().map(ValueOrView::Value)).collect();
        let options = RunOptions::default().with_thread_pool(Some(pool()));
        let made = guarded("rten", || model.run(given, outputs, Some(options)).map_err(|error| error.to_string()))?;
        made.into_iter().map(|value| tensor(value).map(Arc::new)).collect()
    }
}

fn value(tensor: Tensor) -> Result<Value, Fault> {
    let (shape, data) = tensor.into_parts();
    match data {
        Data::Float(values) => Value::from_shape(&shape, values).map_err(|error| Fault(error.to_string())),
        Data::Int(values) => {
            let narrow = |x: i64| i32::try_from(x).map_err(|_| Fault(format!("{x} is larger than 32 bits hold")));
            let values: Vec<i32> = values.into_iter().map(narrow).collect::<Result<_, _>>()?;
            Value::from_shape(&shape, values).map_err(|error| Fault(error.to_string()))
        }
        other => Err(Fault(format!("{} is not for networks", other.kind()))),
    }
}

fn tensor(value: Value) -> Result<Tensor, Fault> {
    let shape = value.shape().to_vec();
    let data = match value {
        Value::FloatTensor(tensor) => Data::Float(tensor.into_data()),
        Value::Int32Tensor(tensor) => Data::Int(tensor.into_data().into_iter().map(i64::from).collect()),
        Value::Int8Tensor(tensor) => Data::Int(tensor.into_data().into_iter().map(i64::from).collect()),
        Value::UInt8Tensor(tensor) => Data::Int(tensor.into_data().into_iter().map(i64::from).collect()),
        _ => return Err("something that is no tensor came out".into()),
    };
    Tensor::new(shape, data)
}
