//! Models trained elsewhere, in the place where a pipeline's own model would be.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use gristmill_learn::{
    Features, Labels, LearnError, Learner, Model, Predictions, StateError, StateReader, StateWriter, Stateful, Task,
};
use gristmill_models::{ForeignModel, Output, Signature};

/// Reads the files of models: the bytes of a path, or why there are none.
pub type ModelFiles<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// A model that was read from a file.
#[derive(Debug, Clone)]
pub struct Foreign {
    /// The file, as the document names it.
    pub path: String,
    /// A number for its bytes: XXH3, 128 bits.
    pub digest: u128,
    model: ForeignModel,
}

impl Foreign {
    /// Reads the model; an error says why it cannot be.
    pub fn read(path: &str, files: ModelFiles<'_>) -> Result<Self, String> {
        let bytes = files(path)?;
        // Weights may lie in files beside the model's: the digest is of all that was read.
        let digest = Cell::new(xxhash_rust::xxh3::xxh3_128(&bytes));
        let beside = |name: &str| {
            let bytes = files(&Path::new(path).with_file_name(name).to_string_lossy())?;
            digest.set(digest.get().rotate_left(1) ^ xxhash_rust::xxh3::xxh3_128(&bytes));
            Ok(bytes)
        };
        let model = gristmill_models::read_with(&bytes, &beside).map_err(|error| error.to_string())?;
        Ok(Self { path: path.to_string(), digest: digest.get(), model })
    }

    /// Whether there may be rows that it cannot answer.
    pub fn may_refuse(&self) -> bool {
        self.model.may_refuse()
    }

    /// What goes in and what comes out.
    pub fn signature(&self) -> &Signature {
        self.model.signature()
    }

    /// What it predicts; nothing where it gives several values, or margins, of which a pipeline has no use.
    pub fn task(&self) -> Option<Task> {
        match self.signature().output {
            Output::Probability(_) => Some(Task::BinaryClassification),
            Output::Probabilities(_) => Some(Task::Classification),
            Output::Distances(_) => Some(Task::Clustering),
            Output::Values(1) => Some(Task::Regression),
            Output::Values(_) | Output::Margin(_) | Output::Margins(_) => None,
        }
    }

    /// The model in the place of one that learns here.
    pub(crate) fn learner(self: &Arc<Self>) -> Box<dyn Learner> {
        Box::new(Frozen(self.clone()))
    }
}

/// A model that never learns. Its state is which model it is: another file needs another state.
struct Frozen(Arc<Foreign>);

impl Model for Frozen {
    fn task(&self) -> Task {
        self.0.task().unwrap_or(Task::Regression)
    }

    fn width(&self) -> usize {
        self.0.signature().inputs.len()
    }

    fn predict(&self, rows: &Features<'_>, out: &mut Predictions) -> Result<(), LearnError> {
        let width = self.0.signature().output.width().max(1);
        let mut numbers = Vec::new();
        self.0.model.predict(rows, &mut numbers)?;
        numbers.chunks_exact(width).for_each(|row| out.push_row(row.iter().copied()));
        Ok(())
    }
}

impl Learner for Frozen {
    fn learn_weighted(&mut self, _: &Features<'_>, _: Labels<'_>, _: f64) -> Result<(), LearnError> {
        Ok(())
    }

    fn takes_nominal(&self) -> bool {
        true
    }
}

const NAME: &str = "model file";

impl Stateful for Frozen {
    fn save(&self, to: &mut StateWriter) {
        to.begin(NAME, 1);
        to.text(&format!("{:032x}", self.0.digest));
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin(NAME, 1)?;
        // The plan's fingerprint holds the digest: a snapshot of another model's is not loaded.
        from.text().map(|_| ())
    }

    fn size(&self) -> usize {
        0
    }
}
