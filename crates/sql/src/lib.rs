//! SQL expressions and streaming windows over Arrow batches.
//!
//! Items are expressions with names, each of which may use the columns and the items above it. What depends on its row
//! alone is evaluated a batch at a time; windows (`… OVER (PARTITION BY … ORDER BY …)`) are fed row by row, from state
//! that is saved and bounded. What a batch gives does not depend on how rows were cut into batches.
//!
//! The parser, the types, the functions and their evaluation are DataFusion's; the windows are our own. What this crate
//! cannot honour is refused when the items are compiled, with its place.
//!
//! ```
//! use std::sync::Arc;
//! use arrow_array::{ArrayRef, Float64Array, StringArray, TimestampMicrosecondArray, cast::AsArray, types::Float64Type};
//! use gristmill_sql::{Column, Item, Kind, Program, Setting, Windows};
//!
//! let columns = [("customer", Kind::Text), ("amount", Kind::Float), ("ts", Kind::Time)];
//! let columns = columns.map(|(name, kind)| Column { name: name.into(), kind, delay: None });
//! let setting = Setting { columns: columns.into(), time: Some(2), ..Setting::default() };
//! let mean = "avg(amount) OVER (PARTITION BY customer ORDER BY ts RANGE INTERVAL '1 hour' PRECEDING)";
//! let items = [Item::new("mean_1h", mean), Item::new("apart", "amount / mean_1h - 1")];
//! let program = Program::compile(&setting, &items)?;
//!
//! let hour = 3_600_000_000;
//! let ts = TimestampMicrosecondArray::from(vec![0, hour, 2 * hour]).with_timezone("UTC");
//! let rows: Vec<ArrayRef> = vec![
//!     Arc::new(StringArray::from(vec!["a", "a", "a"])),
//!     Arc::new(Float64Array::from(vec![1.0, 3.0, 5.0])),
//!     Arc::new(ts),
//! ];
//! let mut windows = Windows::new(&program);
//! let features = program.evaluate(&mut windows, &rows, 3);
//! assert!(features.failures.is_empty());
//! assert_eq!(features.columns[0].as_primitive::<Float64Type>().values(), &[1.0, 2.0, 4.0]);
//! assert_eq!(features.columns[1].as_primitive::<Float64Type>().values(), &[0.0, 0.5, 0.25]);
//! # Ok::<(), Vec<gristmill_sql::Mistake>>(())
//! ```

mod compile;
mod mistake;
mod program;
mod scalar;
mod window;

pub use compile::{Column, Item, Setting};
pub use mistake::Mistake;
pub use program::{Failure, Features, Program, Windows};
pub use window::value::Kind;
