//! Import cycles: files that cannot be understood one after the other. A module and its submodules are one tree, in
//! which imports go both ways.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use super::{Problems, texts};

/// A path: of a module within its crate, or of an item.
type Path = Vec<String>;

/// The files of one crate by their modules, each with the paths that it imports.
struct Imports(BTreeMap<Path, Vec<Path>>);

pub(super) fn circles() -> Result<Problems, String> {
    let mut problems = Vec::new();
    for folder in super::crates()? {
        let circles = Imports::of(&folder)?.circles().into_iter();
        problems.extend(circles.map(|files| format!("{folder}: these files import each other: {}", files.join(", "))));
    }
    Ok(problems)
}

impl Imports {
    fn of(folder: &str) -> Result<Self, String> {
        let within = |(name, text): (String, String)| {
            let path = name.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".rs")?;
            let mut module: Path = path.split('/').map(str::to_string).collect();
            module.pop_if(|last| matches!(last.as_str(), "mod" | "lib" | "main"));
            Some((module, named(&code(&text))))
        };
        Ok(Self(texts(folder)?.into_iter().filter_map(within).collect()))
    }

    /// The file that a module's path leads to; for a re-export, the file that defines the item.
    fn leads_to(&self, from: &[String], path: &Path, most: usize) -> Option<Path> {
        let path = absolute(from, path);
        let file = (0..=path.len()).rev().find_map(|length| self.0.get_key_value(path.get(..length)?))?;
        let (module, paths) = file;
        let Some(item) = path.get(module.len()).filter(|_| most > 0) else { return Some(module.clone()) };
        let handed = |other: &&Path| other.last() == Some(item) && absolute(module, other) != path;
        let further = paths.iter().find(handed).and_then(|other| self.leads_to(module, other, most - 1));
        further.or_else(|| Some(module.clone()))
    }

    /// The files that each file imports, except those of its own module tree.
    fn edges(&self) -> BTreeMap<&Path, BTreeSet<Path>> {
        let edges = self.0.iter().map(|(module, paths)| {
            let found = paths.iter().filter_map(|path| self.leads_to(module, path, 5));
            (module, found.filter(|other| !other.starts_with(module) && !module.starts_with(other)).collect())
        });
        edges.collect()
    }

    /// The files of each cycle.
    fn circles(&self) -> BTreeSet<Vec<String>> {
        let edges = self.edges();
        let reached = |from: &Path| {
            let (mut reached, mut open) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(next) = open.pop() {
                let fresh = edges.get(&next).into_iter().flatten().filter(|other| reached.insert((*other).clone()));
                open.extend(fresh.cloned());
            }
            reached
        };
        let all: BTreeMap<&Path, BTreeSet<Path>> = edges.keys().map(|module| (*module, reached(module))).collect();
        let both = |one: &Path, other: &Path| all.get(one).is_some_and(|reached| reached.contains(other));
        let of = |one: &&Path| -> Vec<String> {
            all.keys().filter(|other| both(one, other) && both(other, one)).map(|file| file.join("/")).collect()
        };
        all.keys().map(of).filter(|circle| !circle.is_empty()).collect()
    }
}

/// A path from the crate's root.
fn absolute(from: &[String], path: &Path) -> Path {
    let mut found = from.to_vec();
    for part in path {
        match part.as_str() {
            "crate" => found.clear(),
            "super" => _ = found.pop(),
            "self" => {}
            _ => found.push(part.clone()),
        }
    }
    found
}

/// The text without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| matches!(pair, ["#[cfg(test)]", next] if next.starts_with("mod ")));
    let lines = lines.iter().take(tests.unwrap_or(lines.len()));
    lines.filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

/// Words, `::`, and all other characters one by one.
fn tokens(code: &str) -> Vec<&str> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut rest) = (Vec::new(), code);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if word(first) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
            _ if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        let (token, behind) = rest.split_at(length);
        found.extend(Some(token).filter(|token| !token.trim().is_empty()));
        rest = behind;
    }
    found
}

/// The paths that code names from its crate, from a parent module, or in a `use`.
fn named(code: &str) -> Vec<Path> {
    let tokens = tokens(code);
    let (mut rest, mut found) = (tokens.iter().copied().peekable(), Vec::new());
    while let Some(token) = rest.next() {
        match token {
            "use" => tree(&mut rest, &[], &mut found),
            "crate" | "super" | "self" if rest.peek() == Some(&"::") => {
                rest.next();
                tree(&mut rest, &[token.to_string()], &mut found);
            }
            _ => {}
        }
    }
    found
}

/// A path, or several that branch in braces.
fn tree<'a>(rest: &mut Peekable<impl Iterator<Item = &'a str>>, before: &[String], found: &mut Vec<Path>) {
    let mut path = before.to_vec();
    while let Some(token) = rest.next_if(|token| !matches!(*token, "," | "}" | ";")) {
        if token == "{" {
            while rest.peek().is_some_and(|token| *token != "}") {
                tree(rest, &path, found);
                if rest.next_if_eq(&",").is_none() {
                    break;
                }
            }
            rest.next_if_eq(&"}");
            return;
        }
        path.push(token.to_string());
        if rest.next_if_eq(&"::").is_none() {
            break;
        }
    }
    if rest.next_if_eq(&"as").is_some() {
        rest.next();
    }
    found.push(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crate_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let module = |name: &str| name.split('/').filter(|part| !part.is_empty()).map(str::to_string).collect();
        let files = files.iter().map(|(name, text)| (module(name), named(&code(text))));
        Imports(files.collect()).circles().into_iter().collect()
    }

    #[test]
    fn a_circle_is_found_however_it_is_written() {
        let none: [Vec<String>; 0] = [];
        assert_eq!(crate_of(&[("a", "use crate::b::B;"), ("b", "")]), none);
        assert_eq!(crate_of(&[("a", "use crate::b::B;"), ("b", "fn f() -> super::a::A { }")]), [["a", "b"]]);
        // Through a module's re-export, in a list, under another name.
        let handed =
            [("", ""), ("c", "pub use d::{E as F, D};"), ("c/d", "use crate::g::G;"), ("g", "use crate::{c::D, x};")];
        assert_eq!(crate_of(&handed), [["c/d", "g"]]);
        // Within a tree of modules, in tests and in comments it is none.
        assert_eq!(crate_of(&[("a", "use b::B;"), ("a/b", "use super::A;")]), none);
        assert_eq!(
            crate_of(&[
                ("a", "use crate::b::B;"),
                ("b", "// crate::a::A\n#[cfg(test)]\nmod tests { use crate::a::A; }")
            ]),
            none
        );
    }
}
