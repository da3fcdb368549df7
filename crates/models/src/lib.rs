//! Models trained elsewhere, run here: Keras, ONNX, XGBoost, LightGBM and CatBoost files are read and scored as their own
//! libraries score them, without those libraries.
//!
//! A file is foreign: [`read`] believes none of its numbers before it has checked them. Whatever the bytes are, it gives a
//! model that answers every row in bounded time, or an error that names the place and says what to do; it never panics.
//! Files above 256 MiB are refused; while a file is read, memory stays within a fixed multiple of its size (80 times for
//! lists of bytes in UBJSON, a few times for all that boosters write).
//!
//! ```
//! let file = br#"tree
//! version=v4
//! num_class=1
//! num_tree_per_iteration=1
//! max_feature_idx=0
//! objective=binary sigmoid:1
//! feature_names=amount
//! feature_infos=[0:900]
//!
//! Tree=0
//! num_leaves=2
//! num_cat=0
//! split_feature=0
//! threshold=100
//! decision_type=2
//! left_child=-1
//! right_child=-2
//! leaf_value=-1 2
//! is_linear=0
//! shrinkage=1
//!
//! end of trees
//! "#;
//! let model = gristmill_models::read(file)?;
//! let mut probability = Vec::new();
//! model.predict(&gristmill_learn::Features::new(&[40.0, 500.0], 1), &mut probability)?;
//! assert_eq!(probability, [0.2689414213699951, 0.8807970779778823]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod booster;
mod field;
mod foreign;
mod format;
mod graph;
mod interpreter;
mod keras;
mod linear;
mod link;
mod mistake;
mod network;
mod onnx;
mod refused;
mod rounds;
mod signature;
mod supported;
mod trees;

pub use foreign::{ForeignModel, OutputValues};
pub use format::{read, read_on, read_with};
pub use mistake::ReadError;
pub use network::{Runtime, at_home, find_onnxruntime};
pub use rounds::{BoostingRounds, DecidedBy, Rounds};
pub use signature::{Input, InputKind, Output, Signature};
pub use supported::{Kind, Supported, supported};
