//! Checks files that are read or written: none is both, and none is written twice.

use std::path::{self, PathBuf};

use super::Checker;
use crate::document::{Path, path};
use crate::plan::Plan;
use crate::spec::Step;

impl Plan {
    /// The files that it reads: what each is, and its path as written.
    pub fn files_read(&self) -> Vec<(String, &str)> {
        let input = self.input.file().filter(|path| *path != "-");
        let input = input.map(|path| ("the file of the input".to_string(), path));
        let tables = self
            .lookups
            .iter()
            .filter_map(|table| Some((format!("the file of the table `{}`", table.name), table.source.file()?)));
        let labels = self.labels().and_then(|labels| labels.input.file()).filter(|path| *path != "-");
        let labels = labels.map(|path| ("the file of the labels".to_string(), path));
        input.into_iter().chain(labels).chain(tables).collect()
    }

    /// The files that it writes: their place in the document, and their paths as written.
    pub fn files_written(&self) -> Vec<(Path, &str)> {
        let outputs = self.outputs.iter().map(|output| (path(["outputs", &output.name]), &output.target));
        let letters = self.dead_letters.iter().map(|target| (path(["dead_letters"]), target));
        outputs.chain(letters).filter_map(|(at, target)| Some((at, target.file()?))).collect()
    }
}

impl Checker<'_> {
    /// A file that is written is neither read nor written by another. Only the text of paths is compared here: links
    /// and the working directory are checked elsewhere.
    pub(super) fn files(&mut self, plan: &Plan) {
        let mut known: Vec<(String, PathBuf)> =
            plan.files_read().into_iter().map(|(what, path)| (what, plain(path))).collect();
        known.extend(self.pipeline.model.iter().filter_map(|step| match step {
            Step::File(file) => Some(("the file of the model".to_string(), plain(&file.path))),
            Step::Python(python) => Some(("the file of the model".to_string(), plain(&python.path))),
            Step::Component(_) => None,
        }));
        for (at, file) in plan.files_written() {
            let file = plain(file);
            if let Some((what, _)) = known.iter().find(|(_, other)| *other == file) {
                self.wrong_with_help(at, format!("this would write into {what}"), "give it a file of its own");
            } else {
                known.push((format!("the file of `{}`", at.join(".")), file));
            }
        }
    }
}

/// A normalised path: `./a` and `b/../a` are `a`.
fn plain(path: &str) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path::Path::new(path).components() {
        match part {
            path::Component::CurDir => {}
            path::Component::ParentDir if plain.file_name().is_some() => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}
