//! Online machine learning: transformers, learners and metrics that process one row at a time.
//!
//! Every component is a deterministic fold over the rows it has seen. Its state can be saved and loaded to the last bit
//! ([`Stateful`]), it does not depend on how rows were cut into batches, and it handles missing values. These
//! guarantees are the [`laws`], run on every [`Component`].
//!
//! Names, parameters, defaults and arithmetic follow [River](https://riverml.xyz), so that results can be compared.
//!
//! ```
//! use gristmill_learn::{Chain, Component, Features, Labels, Learner, Model, Predictions, Signature};
//!
//! let mut model = Chain::new(
//!     &[Component::StandardScaler(Default::default()), Component::LogisticRegression(Default::default())],
//!     &Signature::numeric(1),
//! )?;
//! let mut out = Predictions::default();
//! for step in 0..2000_u32 {
//!     let x = f64::from(step % 10);
//!     let row = [x];
//!     let features = Features::row(&row);
//!     out.clear();
//!     model.predict(&features, &mut out)?;                              // test ...
//!     model.learn(&features, Labels::Classes(&[u32::from(x > 5.0)]))?;  // ... then train
//! }
//! out.clear();
//! model.predict(&Features::row(&[9.0]), &mut out)?;
//! assert!(out.values()[0] > 0.7);
//! # Ok::<(), gristmill_learn::LearnError>(())
//! ```

pub mod anomaly;
pub mod baseline;
pub mod bayes;
pub mod calibrate;
mod catalog;
mod chain;
pub mod cluster;
mod density;
pub mod distance;
pub mod drift;
pub mod ensemble;
pub mod estimate;
mod exponential;
mod features;
pub mod interval;
pub mod laws;
pub mod linear;
pub mod metric;
pub mod neighbors;
pub mod neural;
pub mod random;
mod settings;
mod state;
mod traits;
pub mod transform;
pub mod tree;

pub use catalog::{Built, Component, DetectorKind, MetricKind};
pub use chain::Chain;
pub use features::{Features, Kind, Labels, Predictions, Signature};
pub use state::{StateError, StateReader, StateWriter, Stateful};
pub use traits::{ByRow, LearnError, Learner, MAX_CLASSES, Merge, Model, Prediction, Task, Transformer, Truth};
