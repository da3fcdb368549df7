//! One system of those that a section may name.

use super::System;
use crate::document::{Mistakes, Path, path};

/// What a section says under the keys of systems: exactly one may be written.
pub(crate) struct Choice<'a, T: ?Sized> {
    pub(crate) keys: &'static [System],
    pub(crate) written: Vec<(System, &'a T)>,
}

/// The choice between optional fields that are named after systems.
macro_rules! choice {
    ($section:ident as $spec:ty: $($key:ident),+) => {
        Choice {
            keys: &[$(stringify!($key)),+],
            written: [$($section.$key.as_ref().map(|spec| (stringify!($key), spec as &$spec))),+]
                .into_iter()
                .flatten()
                .collect(),
        }
    };
}

pub(super) use choice;

impl<'a, T: ?Sized> Choice<'a, T> {
    /// Whether none is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// The keys in words.
    pub(crate) fn keys(&self, colon: &str) -> String {
        let keys: Vec<String> = self.keys.iter().map(|key| format!("`{key}{colon}`")).collect();
        match keys.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => keys.concat(),
        }
    }

    /// All that are written, each with its place.
    pub(crate) fn all(&self, at: &Path) -> impl Iterator<Item = (&'a T, Path)> {
        self.written.iter().map(|(key, spec)| (*spec, [at.as_slice(), &path([*key])].concat()))
    }

    /// The one that is written, with its place. What is said if there is `none`, with help, or `several`, and where.
    pub(crate) fn one(
        &self,
        mistakes: &mut Mistakes<'_>,
        at: &Path,
        none: (&str, String),
        several: impl FnOnce(System, System) -> (Path, String),
    ) -> Option<(&'a T, Path)> {
        match self.written.as_slice() {
            [_] => return self.all(at).next(),
            [] => mistakes.wrong_with_help(at.clone(), none.0, none.1),
            [(first, _), (second, _), ..] => {
                let (at, message) = several(first, second);
                mistakes.wrong(at, message);
            }
        }
        None
    }
}
