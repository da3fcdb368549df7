//! The sources of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use crate::root;

/// The Rust sources beneath a folder, in order.
pub(crate) fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

pub(crate) fn texts(folder: &str) -> Result<Vec<(String, String)>, String> {
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        Ok((name, text))
    };
    sources(&root().join(folder))?.into_iter().map(read).collect()
}
