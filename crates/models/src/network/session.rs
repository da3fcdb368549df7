//! Graphs run by ONNX Runtime, whose library is loaded from a path that the caller sets.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{DynValue, Tensor as OrtTensor, TensorElementType};

use super::guarded;
use crate::ReadError;
use crate::graph::{Data, Element, Fault, Model, Tensor};

/// The path of the library, once set.
static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
static ENVIRONMENT: OnceLock<Result<Environment, String>> = OnceLock::new();

/// Sets the path of the library of ONNX Runtime, version 1.24 or later; once, before the first model that needs it is
/// read.
pub fn find_onnxruntime(library: PathBuf) {
    // The first call wins.
    let _ = LIBRARY.set(library);
}

fn environment() -> Result<&'static Environment, ReadError> {
    let load = || {
        let library = LIBRARY.get().ok_or("the environment variable `ORT_DYLIB_PATH` does not name its library")?;
        let said = |error: &dyn fmt::Display| format!("{} cannot be loaded: {error}", library.display());
        guarded("ONNX Runtime", || {
            let builder = ort::init_from(library).map_err(|error| said(&error))?;
            builder.with_telemetry(false).build().map_err(|error| said(&error))
        })
    };
    let hint = "`pip download onnxruntime` has it, as `onnxruntime/capi/libonnxruntime.so.…`; or leave out `runtime`";
    let loaded = ENVIRONMENT.get_or_init(load).as_ref();
    loaded.map_err(|why| ReadError::unsupported(format!("ONNX Runtime is not there: {why}"), hint))
}

/// A compiled graph.
#[derive(Clone)]
pub(crate) struct Session(Arc<Loaded>);

struct Loaded {
    /// The element type of each input, as in the file.
    inputs: Vec<(String, Element)>,
    outputs: Vec<String>,
    session: Mutex<ort::session::Session>,
}

impl fmt::Debug for Session {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "a session with outputs {}", self.0.outputs.join(", "))
    }
}

impl Session {
    /// Compiles a graph, for one thread.
    pub(crate) fn new(model: &Model) -> Result<Self, ReadError> {
        let refused = |why: String| {
            let what = format!("ONNX Runtime does not take this model: {why}");
            ReadError::unsupported(what, "leave out `runtime: onnxruntime`")
        };
        let environment = environment()?;
        let bytes = super::write::whole(model).map_err(refused)?;
        let made = guarded("ONNX Runtime", || {
            let said = |error: &dyn fmt::Display| error.to_string();
            let builder = ort::session::Session::builder(environment).map_err(|error| said(&error))?;
            let builder = builder.with_intra_threads(1).map_err(|error| said(&error))?;
            let builder = builder.with_optimization_level(GraphOptimizationLevel::All);
            let mut builder = builder.map_err(|error| said(&error))?;
            builder.commit_from_memory(&bytes).map_err(|error| said(&error))
        });
        let element = |element: Option<Element>| element.unwrap_or(Element::Float);
        let inputs = model.graph.inputs.iter().map(|port| (port.name.clone(), element(port.element))).collect();
        let outputs = model.graph.outputs.iter().map(|port| port.name.clone()).collect();
        Ok(Self(Arc::new(Loaded { inputs, outputs, session: Mutex::new(made.map_err(refused)?) })))
    }

    /// Runs the graph once; returns its outputs in order.
    pub(crate) fn run(&self, inputs: &[Tensor]) -> Result<Vec<Arc<Tensor>>, Fault> {
        let Loaded { inputs: ports, outputs, session } = &*self.0;
        let named = ports.iter().zip(inputs);
        let given = named.map(|((name, element), tensor)| Ok((name.clone(), value(tensor, *element)?)));
        let given = given.collect::<Result<Vec<(String, DynValue)>, Fault>>()?;
        let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
        let made = guarded("ONNX Runtime", || {
            let made = session.run(given).map_err(|error| error.to_string())?;
            let find = |name: &String| made.get(name).ok_or_else(|| format!("{name} was not made"));
            outputs.iter().map(|name| find(name).and_then(tensor)).collect::<Result<Vec<_>, String>>()
        });
        Ok(made?.into_iter().map(Arc::new).collect())
    }
}

fn value(tensor: &Tensor, element: Element) -> Result<DynValue, Fault> {
    let shape: Vec<usize> = tensor.shape().to_vec();
    let said = |error: ort::Error| Fault(error.to_string());
    Ok(match (tensor.data(), element) {
        (Data::Float(values), _) => OrtTensor::from_array((shape, values.clone())).map_err(said)?.into_dyn(),
        (Data::Double(values), _) => OrtTensor::from_array((shape, values.clone())).map_err(said)?.into_dyn(),
        (Data::Int(values), Element::Int32) => {
            let values: Vec<i32> = values.iter().map(|value| *value as i32).collect();
            OrtTensor::from_array((shape, values)).map_err(said)?.into_dyn()
        }
        (Data::Int(values), Element::Bool) => {
            let values: Vec<bool> = values.iter().map(|value| *value != 0).collect();
            OrtTensor::from_array((shape, values)).map_err(said)?.into_dyn()
        }
        (Data::Int(values), _) => OrtTensor::from_array((shape, values.clone())).map_err(said)?.into_dyn(),
        (Data::Text(values), _) => {
            // The placeholder for a text that no file contains has a character that terminates the library's texts.
            let values: Vec<String> = values.iter().map(|text| text.replace('\0', "")).collect();
            OrtTensor::from_string_array((shape, values.as_slice())).map_err(said)?.into_dyn()
        }
    })
}

fn tensor(value: &DynValue) -> Result<Tensor, String> {
    let said = |error: ort::Error| error.to_string();
    let sized =
        |shape: &[i64]| -> Vec<usize> { shape.iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect() };
    let element = value.dtype().tensor_type().ok_or("something that is no tensor came out")?;
    macro_rules! extracted {
        ($kind:ty, $data:expr) => {{
            let (shape, values) = value.try_extract_tensor::<$kind>().map_err(said)?;
            let data: fn(&[$kind]) -> Data = $data;
            (sized(shape), data(values))
        }};
    }
    let (shape, data) = match element {
        TensorElementType::Float32 => extracted!(f32, |values| Data::Float(values.to_vec())),
        TensorElementType::Float64 => extracted!(f64, |values| Data::Double(values.to_vec())),
        TensorElementType::Int64 => extracted!(i64, |values| Data::Int(values.to_vec())),
        TensorElementType::Int32 => {
            extracted!(i32, |values| Data::Int(values.iter().map(|value| i64::from(*value)).collect()))
        }
        TensorElementType::Bool => {
            extracted!(bool, |values| Data::Int(values.iter().map(|value| i64::from(*value)).collect()))
        }
        TensorElementType::String => {
            let (shape, texts) = value.try_extract_strings().map_err(said)?;
            (sized(shape), Data::Text(texts.into_iter().map(Arc::from).collect()))
        }
        other => return Err(format!("a tensor of {other} came out")),
    };
    Tensor::new(shape, data).map_err(|fault| fault.0)
}
