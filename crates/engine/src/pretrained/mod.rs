//! Pretrained models: they score, alone or as features of a model that learns here.

mod training_log;
mod versions;

pub use gristmill_models::at_home;
pub use training_log::{Learns, ShardModel, TrainingBatch, TrainingLog};
pub use versions::{Ask, Candidate, Version, Versions};

use std::cell::Cell;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arrow_array::ArrayRef;
use gristmill_learn::{Features, LearnError, Task};
use gristmill_models::{ForeignModel, Input, InputKind, Output, Runtime, Signature};

use crate::spec::{BoostingRounds, Feature, GraphRuntime, PythonModel, PythonOutput};

/// Reads model files: the bytes of a path, or an error.
pub type ModelFiles<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// How a document uses a model's file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// The runtime, if it is a graph.
    pub runtime: GraphRuntime,
    /// How many of its rounds count, if it was boosted; by default as its framework predicts.
    pub rounds: Option<BoostingRounds>,
}

/// Rows to be scored.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The model's inputs, row by row.
    pub rows: Features<'a>,
    /// The same as columns of their own types, if the model needs them.
    pub columns: &'a [ArrayRef],
    /// The shard that asks, and what its model has learned so far, if it learns.
    pub pupil: Option<ShardModel<'a>>,
}

/// Scores rows.
pub trait Scores: Send + Sync {
    /// Appends [`Output::width`] numbers for each row, which do not depend on neighbouring rows. [`LearnError::Model`]:
    /// it cannot score one of them.
    fn score(&self, asked: &Asked<'_>, out: &mut Vec<f64>) -> Result<(), LearnError>;

    /// Whether it may be unable to score some rows.
    fn may_refuse(&self) -> bool;

    /// Whether it needs [`Asked::columns`].
    fn takes_columns(&self) -> bool {
        false
    }

    /// The model as one that learns, if it does.
    fn as_learns(&self) -> Option<&dyn Learns> {
        None
    }
}

impl Scores for ForeignModel {
    fn score(&self, asked: &Asked<'_>, out: &mut Vec<f64>) -> Result<(), LearnError> {
        self.predict(&asked.rows, out)
    }

    fn may_refuse(&self) -> bool {
        Self::may_refuse(self)
    }
}

/// A model, its name, and its inputs and outputs.
#[derive(Clone)]
pub struct Pretrained {
    /// Its name: that of its file without the extension, or a given one.
    pub name: String,
    /// A digest of its bytes: XXH3, 128 bits.
    pub digest: u128,
    signature: Signature,
    model: Arc<dyn Scores>,
}

impl fmt::Debug for Pretrained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:032x}", self.name, self.digest)
    }
}

impl Pretrained {
    /// Reads the model in a file; an error says why that is impossible.
    pub fn read(path: &str, reading: Reading, files: ModelFiles<'_>) -> Result<Self, String> {
        let bytes = files(path)?;
        // Weights may be in files beside the model's: the digest covers everything that was read.
        let digest = Cell::new(xxhash_rust::xxh3::xxh3_128(&bytes));
        let beside = |name: &str| {
            let bytes = files(&Path::new(path).with_file_name(name).to_string_lossy())?;
            digest.set(digest.get().rotate_left(1) ^ xxhash_rust::xxh3::xxh3_128(&bytes));
            Ok(bytes)
        };
        let model = reading.model(&bytes, &beside)?;
        let name = Path::new(path).file_stem().map_or_else(|| path.into(), |stem| stem.to_string_lossy());
        Ok(Self::new(&name, digest.get(), model.signature().clone(), Arc::new(model)))
    }

    /// The model in the bytes of one file.
    pub fn from_bytes(name: &str, bytes: &[u8], reading: Reading) -> Result<Self, String> {
        let alone = |_: &str| Err("a model that is put in another's place is one file".to_string());
        let model = reading.model(bytes, &alone)?;
        Ok(Self::new(name, xxhash_rust::xxh3::xxh3_128(bytes), model.signature().clone(), Arc::new(model)))
    }

    /// The model in a Python module, which can score once its process is started elsewhere.
    pub fn in_python(python: &PythonModel, features: &[Feature], files: ModelFiles<'_>) -> Result<Self, String> {
        let digest = xxhash_rust::xxh3::xxh3_128(&files(&python.path)?);
        let output = match &python.output {
            PythonOutput::Probability => Output::Probability(["false".into(), "true".into()]),
            PythonOutput::Value => Output::Values(1),
            PythonOutput::Classes(classes) => Output::Probabilities(classes.clone()),
        };
        let input = |feature: &Feature| Input { name: feature.name.clone(), kind: InputKind::Number };
        let signature = Signature {
            format: "Python".into(),
            inputs: features.iter().map(input).collect(),
            output,
            made_of: python.path.clone(),
            rounds: None,
            objective: String::new(),
        };
        let stem = Path::new(&python.path).file_stem().map_or_else(|| "model".into(), |stem| stem.to_string_lossy());
        let name = python.name.as_deref().unwrap_or(&stem);
        Ok(Self::new(name, digest, signature, Arc::new(NotStarted)))
    }

    /// The same model, scored by something else.
    #[must_use]
    pub fn answered_by(&self, model: Arc<dyn Scores>) -> Self {
        Self { model, ..self.clone() }
    }

    /// A model of whatever kind.
    pub fn new(name: &str, digest: u128, signature: Signature, model: Arc<dyn Scores>) -> Self {
        Self { name: name.to_string(), digest, signature, model }
    }

    /// What scores rows.
    pub fn model(&self) -> &dyn Scores {
        self.model.as_ref()
    }

    /// Its inputs and outputs.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Its task; none if it returns several values, which a pipeline cannot use.
    pub fn task(&self) -> Option<Task> {
        match self.signature().output {
            Output::Probability(_) | Output::Margin(_) => Some(Task::BinaryClassification),
            Output::Probabilities(_) | Output::Margins(_) => Some(Task::Classification),
            Output::AnomalyScore => Some(Task::AnomalyDetection),
            Output::Distances(_) => Some(Task::Clustering),
            Output::Values(1) => Some(Task::Regression),
            Output::Values(_) => None,
        }
    }

    /// Whether its numbers are decision values: not probabilities, and a single one has a threshold of 0.
    pub fn decides_at_zero(&self) -> bool {
        matches!(self.signature().output, Output::Margin(_) | Output::Margins(_) | Output::AnomalyScore)
    }

    /// Why it cannot replace another; none if its inputs and outputs are the same.
    pub fn unlike(&self, other: &Self) -> Option<String> {
        let (mine, theirs) = (self.signature(), other.signature());
        if mine.output != theirs.output {
            return Some(format!("it gives other answers:\n{mine}\nand not those of {}:\n{theirs}", other.name));
        }
        let (ours, others) = (mine.inputs.len(), theirs.inputs.len());
        if ours != others {
            return Some(format!("it takes {ours} inputs, and {} takes {others}", other.name));
        }
        let moved = mine.inputs.iter().zip(&theirs.inputs).filter(|(mine, theirs)| mine.name != theirs.name);
        let moved = moved.map(|(mine, _)| mine).find(|mine| theirs.inputs.iter().any(|other| other.name == mine.name));
        if let Some(moved) = moved {
            let message = format!("its input `{}` stands at another place than that of {}", moved.name, other.name);
            return Some(message + ": train it with its columns in the same order");
        }
        let apart = mine.inputs.iter().zip(&theirs.inputs).find(|(mine, theirs)| mine.kind != theirs.kind);
        apart.map(|(mine, theirs)| {
            format!("its input `{}` is of another kind, or has other categories, than `{}`", mine.name, theirs.name)
        })
    }
}

impl Reading {
    fn model(self, bytes: &[u8], beside: &dyn Fn(&str) -> Result<Vec<u8>, String>) -> Result<ForeignModel, String> {
        let runtime = match self.runtime {
            GraphRuntime::BuiltIn => Runtime::BuiltIn,
            GraphRuntime::OnnxRuntime => Runtime::OnnxRuntime,
        };
        let model = gristmill_models::read_on(bytes, beside, runtime);
        let limited = model.and_then(|model| match self.rounds {
            Some(BoostingRounds(rounds)) => model.with_rounds(rounds),
            None => Ok(model),
        });
        limited.map_err(|error| error.to_string())
    }
}

/// A model in Python before its process is started.
struct NotStarted;

impl Scores for NotStarted {
    fn score(&self, _: &Asked<'_>, _: &mut Vec<f64>) -> Result<(), LearnError> {
        Err(LearnError::Outside("its process was not started".into()))
    }

    fn may_refuse(&self) -> bool {
        true
    }
}

/// A model in a plan, and the mapping of its inputs.
#[derive(Debug, Clone)]
pub struct Scoring {
    /// For each input of the model its index among the features.
    pub inputs: Vec<usize>,
    /// The model that the document names.
    pub model: Arc<Pretrained>,
    /// How to start it, if it is in Python.
    pub python: Option<PythonModel>,
    /// How its file, and those of its replacements, are used.
    pub reading: Reading,
}
