//! The weights of a Keras model: HDF5, alone or within an archive.
//!
//! Read by name, never by traversal: a corrupted file may contain cycles.

use std::io::{Cursor, Read};

use hdf5_pure::{AttrValue, File, Group};

use super::damaged;
use crate::ReadError;
use crate::graph::{Data, Tensor, volume};

/// Larger members of an archive are refused.
const MOST_BYTES: u64 = 1 << 28;

/// One member of an archive, unpacked.
pub(super) fn member(archive: &[u8], name: &str) -> Result<Vec<u8>, ReadError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).map_err(|error| damaged(error.to_string()))?;
    let file = archive.by_name(name).map_err(|error| damaged(format!("{name}: {error}")))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| damaged(format!("{name}: {error}")))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(ReadError::unsupported(
            format!("{name} is larger than {MOST_BYTES} bytes"),
            "train a smaller model",
        ));
    }
    Ok(bytes)
}

/// How the weights of layers are addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    /// `model_weights/<layer>`, whose attribute `weight_names` lists them (`.h5`).
    ByLayer,
    /// `layers/<kind>_<number>/vars/<index>` (`.keras`).
    ByPath,
}

/// The location of a layer's weights.
#[derive(Debug, Clone, Default)]
pub(super) struct WeightPath {
    /// The layer of the outermost model.
    pub(super) layer: String,
    /// The layer itself, if it is within another.
    pub(super) inner: Option<String>,
    /// The folder of the layer.
    pub(super) path: String,
}

/// Selects weights of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WeightSet {
    /// All of a plain layer.
    Own,
    /// Those of the cell of a recurrent layer.
    Cell,
    /// Those of a wrapped layer.
    Wrapped,
    /// Those of a recurrent layer that runs forward, or backward, within a bidirectional one.
    Forward,
    Backward,
}

impl WeightSet {
    fn folder(self) -> &'static str {
        match self {
            Self::Own => "",
            Self::Cell => "/cell",
            Self::Wrapped => "/layer",
            Self::Forward => "/forward_layer/cell",
            Self::Backward => "/backward_layer/cell",
        }
    }
}

/// An open file of weights.
pub(super) struct Weights {
    file: File,
    store: Store,
}

/// At most this many weights of one layer are searched.
const MOST_WEIGHTS: usize = 64;

impl Weights {
    pub(super) fn open(bytes: Vec<u8>, store: Store) -> Result<Self, ReadError> {
        let file = File::from_bytes(bytes).map_err(|error| damaged(error.to_string()))?;
        Ok(Self { file, store })
    }

    /// A text attribute of the whole file.
    pub(super) fn root_text(&self, name: &str) -> Result<Option<String>, ReadError> {
        let attributes = self.file.root().attrs().map_err(|error| damaged(error.to_string()))?;
        Ok(attributes.into_iter().find(|(key, _)| key == name).and_then(|(_, value)| texts(value).into_iter().next()))
    }

    /// The weights of a layer, in the order in which the layer created them.
    pub(super) fn of(&self, place: &WeightPath, part: WeightSet) -> Result<Vec<Tensor>, ReadError> {
        match self.store {
            Store::ByLayer => self.by_layer(place, part),
            Store::ByPath => self.by_path(&format!("{}{}", place.path, part.folder())),
        }
    }

    fn by_path(&self, path: &str) -> Result<Vec<Tensor>, ReadError> {
        let mut all = Vec::new();
        for index in 0..MOST_WEIGHTS {
            match self.file.dataset(&format!("{path}/vars/{index}")) {
                Ok(dataset) => all.push(tensor(&dataset, path)?),
                Err(_) => break,
            }
        }
        Ok(all)
    }

    fn by_layer(&self, place: &WeightPath, part: WeightSet) -> Result<Vec<Tensor>, ReadError> {
        let path = format!("model_weights/{}", place.layer);
        let group = self.file.group(&path).map_err(|error| damaged(format!("{path}: {error}")))?;
        let mut names = names(&group)?;
        if let Some(inner) = &place.inner {
            names.retain(|name| name.split('/').any(|part| part == inner));
        }
        let half = names.len() / 2;
        let chosen = match part {
            WeightSet::Forward => names.get(..half).unwrap_or_default(),
            WeightSet::Backward => names.get(half..).unwrap_or_default(),
            WeightSet::Own | WeightSet::Cell | WeightSet::Wrapped => names.as_slice(),
        };
        let read = |name: &String| {
            let dataset = group.dataset(name).map_err(|error| damaged(format!("{path}/{name}: {error}")))?;
            tensor(&dataset, name)
        };
        chosen.iter().take(MOST_WEIGHTS).map(read).collect()
    }
}

fn texts(value: AttrValue) -> Vec<String> {
    match value.as_strings() {
        Some(texts) => texts.iter().map(ToString::to_string).collect(),
        // A layer without weights has an empty list of numbers instead of names.
        None => value.as_str().map(ToString::to_string).into_iter().collect(),
    }
}

/// The names of a group's weights; long lists are split into `weight_names0`, `weight_names1`, ….
fn names(group: &Group) -> Result<Vec<String>, ReadError> {
    let mut attributes = group.attrs().map_err(|error| damaged(error.to_string()))?;
    if let Some(all) = attributes.remove("weight_names") {
        return Ok(texts(all));
    }
    let parts = (0..).map_while(|part| attributes.remove(&format!("weight_names{part}")));
    Ok(parts.flat_map(texts).collect())
}

fn tensor(dataset: &hdf5_pure::Dataset, name: &str) -> Result<Tensor, ReadError> {
    let wrong = |why: String| damaged(format!("{name}: {why}"));
    let shape = dataset.shape().map_err(|error| wrong(error.to_string()))?;
    let shape: Option<Vec<usize>> = shape.into_iter().map(|size| usize::try_from(size).ok()).collect();
    let shape = shape.ok_or_else(|| wrong("a dimension that cannot be".into()))?;
    // The size is checked against the limit before anything is read.
    volume(&shape).map_err(|fault| wrong(fault.0))?;
    let values = dataset.read_f32().map_err(|error| wrong(error.to_string()))?;
    Tensor::new(shape, Data::Float(values)).map_err(|fault| wrong(fault.0))
}
