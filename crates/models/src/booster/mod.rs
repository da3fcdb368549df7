//! Readers of the boosting libraries' own formats.

pub(crate) mod catboost;
pub(crate) mod lightgbm;
pub(crate) mod ubjson;
pub(crate) mod xgboost;

use crate::ReadError;

/// More inputs or outputs than this are treated as damage.
const MOST_COLUMNS: usize = 1 << 20;

/// An error within one tree, before its file is known.
enum InTree {
    /// What is wrong with the tree.
    New(String),
    /// An error that already names its place.
    Known(ReadError),
}

impl From<String> for InTree {
    fn from(what: String) -> Self {
        Self::New(what)
    }
}

impl InTree {
    fn at(self, format: &'static str, tree: usize) -> ReadError {
        match self {
            Self::New(what) => ReadError::Damaged { format, what: format!("tree {tree} {what}") },
            Self::Known(error) => error,
        }
    }
}

/// One entry of a list with one item per node of a tree.
fn entry<T: Copy>(list: &[T], node: i64, name: &str) -> Result<T, InTree> {
    let found = usize::try_from(node).ok().and_then(|node| list.get(node)).copied();
    found.ok_or_else(|| InTree::New(format!("has no entry {node} in `{name}`, which has {}", list.len())))
}
