//! From a pipeline document to a plan to a shard. Pure: no I/O, no clock, no threads.
//!
//! A [`Document`](document::Document) is what was written, a [`Plan`](plan::Plan) is what was meant (every name
//! resolved, every mistake found), a [`Shard`](shard::Shard) is what runs: a fold over the records of one
//! partition.
//!
//! ```
//! use gristmill::plan::Plan;
//!
//! let document = "
//! name: prices
//! input:
//!   file: {path: prices.csv}
//!   columns: {area: float64, rooms: int64, price: float64}
//! features: [area, rooms]
//! label: {column: price}
//! model: [standard_scaler, linear_regression]
//! evaluate: [mae]
//! ";
//! let plan = Plan::read("prices.yaml", document, &|_| None)?;
//! assert_eq!(plan.features.len(), 2);
//!
//! let mistaken = Plan::read("prices.yaml", &document.replace("rooms]", "romms]"), &|_| None);
//! assert!(mistaken.unwrap_err().to_string().contains("did you mean `rooms`?"));
//! # Ok::<(), gristmill::document::Problems>(())
//! ```

pub mod augment;
pub mod clean;
pub mod connect;
pub mod decision;
pub mod describe;
pub mod document;
mod doubts;
pub mod estimate;
mod expression;
pub mod label;
pub mod lookup;
pub mod output_query;
pub mod plan;
pub mod pretrained;
pub mod protocol;
pub mod report;
pub mod resources;
pub mod rows;
pub mod schema;
mod section;
pub mod shard;
pub mod spec;
pub mod timestamp;
pub mod watch;
