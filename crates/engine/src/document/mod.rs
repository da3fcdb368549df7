//! The text of a pipeline: YAML with the place of every value, so that each mistake can be shown where it is.
//!
//! Text → [`Node`]s with places → `${VARIABLES}` filled in → renamed keys refused → checked against the JSON Schema (all mistakes at
//! once) → decoded into the [`spec`](crate::spec). The schema that editors use is the schema that checks.

mod check;
mod decode;
mod environment;
mod mistakes;
mod nearest;
mod node;
mod other;
mod parse;
mod problem;
mod renamed;
mod set;
mod summary;

pub use environment::Environment;
pub(crate) use mistakes::Mistakes;
pub use nearest::nearest;
pub(crate) use nearest::with_nearest;
pub use node::{Node, NodeKind, Place};
pub use problem::{Argument, Problem, Problems};
pub(crate) use summary::summary;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// The path of a value in a document: its keys and indices.
pub type Path = Vec<String>;

/// Makes a [`Path`] of keys.
pub fn path<const N: usize>(keys: [&str; N]) -> Path {
    keys.iter().map(|key| key.to_string()).collect()
}

/// The syntactic mistakes, to which semantic ones are added.
#[derive(Debug)]
pub struct MistakesOfForm(check::Found);

impl MistakesOfForm {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.problems.is_empty()
    }

    /// Adds semantic mistakes, except those that only follow from syntactic ones.
    pub fn add(&mut self, more: Vec<Problem>) {
        let new: Vec<Problem> = more.into_iter().filter(|problem| !self.0.explains(problem)).collect();
        self.0.problems.extend(new);
    }

    /// All of them.
    pub fn into_list(self) -> Vec<Problem> {
        self.0.problems
    }
}

/// A document as written, with the place of every value.
#[derive(Debug, Clone)]
pub struct Document {
    name: String,
    text: String,
    arguments: Vec<Argument>,
    root: Node,
    /// Values that are not as they were meant, and keys of earlier versions.
    torn: Vec<Problem>,
    schema: &'static Value,
}

impl Document {
    /// Parses YAML that is to follow a JSON Schema, replaces what arguments `key.path=value` say, and fills in the environment's variables.
    pub fn parse(
        name: &str,
        text: &str,
        changes: &[String],
        environment: Environment<'_>,
        schema: &'static Value,
    ) -> Result<Self, Problems> {
        let arguments = Argument::behind(text, changes);
        let report = |problems| Problems::new(name, text, problems).with_arguments(&arguments);
        let parsed = parse::parse(text);
        if let Some(problem) = other::other(text, parsed.as_ref().ok().map(|(root, _)| root), schema) {
            return Err(report(vec![problem]));
        }
        let (mut root, mut torn) = parsed.map_err(|problem| report(vec![problem]))?;
        let mut problems: Vec<Problem> =
            arguments.iter().filter_map(|argument| set::apply(&mut root, argument).err()).collect();
        problems.extend(environment::fill(&mut root, environment));
        torn.extend(renamed::rename(&mut root));
        if problems.is_empty() {
            Ok(Self { name: name.into(), text: text.into(), arguments, root, torn, schema })
        } else {
            Err(report(problems))
        }
    }

    /// What it describes, as far as it can be read, and every mistake of form found on the way.
    pub fn read<T: DeserializeOwned>(&self) -> (Option<T>, MistakesOfForm) {
        let mut root = self.root.clone();
        let mut found = check::check(&mut root, self.schema);
        found.problems.splice(0..0, self.torn.iter().cloned());
        match decode::decode(&root) {
            Ok(pipeline) => (Some(pipeline), MistakesOfForm(found)),
            Err(problem) => {
                // What the schema has found need not be repeated in serde's words.
                if found.problems.is_empty() {
                    found.problems.push(problem);
                }
                (None, MistakesOfForm(found))
            }
        }
    }

    /// The place of the value at `path`: the value itself, or its nearest ancestor that exists.
    pub fn place(&self, path: &[String]) -> Place {
        self.root.place(path)
    }

    /// These problems, ready to be shown with their lines.
    pub fn report(&self, problems: Vec<Problem>) -> Problems {
        Problems::new(&self.name, &self.text, problems).with_arguments(&self.arguments)
    }
}
