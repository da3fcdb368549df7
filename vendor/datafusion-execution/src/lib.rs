//! In the place of DataFusion's crate of this name, which is the ground that its engine stands on: memory pools, files on
//! disk, object stores. `datafusion-functions` takes one trait from there, which stands in `datafusion-expr`.

#![forbid(unsafe_code)]

pub use datafusion_expr::registry::FunctionRegistry;
