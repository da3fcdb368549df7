//! The lengths of files and functions.

use super::{Problems, texts};

/// The most lines of a file.
const FILE: usize = 500;
/// The most lines of a function, from its first to its last: it is to fit a screen.
const FUNCTION: usize = 45;

pub(super) fn files() -> Result<Problems, String> {
    let lengths = all()?.into_iter().map(|(name, text)| (name, text.lines().count()));
    Ok(longer(lengths, FILE))
}

pub(super) fn functions() -> Result<Problems, String> {
    let all = all()?;
    let lengths = all.iter().flat_map(|(name, text)| {
        functions_of(text).into_iter().map(move |(function, lines)| (format!("{name} {function}"), lines))
    });
    Ok(longer(lengths, FUNCTION))
}

fn all() -> Result<Vec<(String, String)>, String> {
    Ok([texts("crates")?, texts("xtask")?, texts("benches")?].concat())
}

/// What has more lines than allowed.
fn longer(lengths: impl Iterator<Item = (String, usize)>, most: usize) -> Problems {
    let longer = lengths.filter(|(_, lines)| *lines > most);
    longer.map(|(name, lines)| format!("{name}: {lines} lines, more than {most}")).collect()
}

/// The functions of a file, with their numbers of lines: up to the brace with the indentation of the first line.
fn functions_of(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = name_of(line).filter(|_| !line.ends_with(['}', ';'])) else { continue };
        let indent = line.len() - line.trim_start().len();
        let ends = |line: &&str| {
            let (before, rest) = line.split_at_checked(indent).unwrap_or_default();
            before.trim().is_empty() && (rest == "}" || rest.starts_with(')') && rest.ends_with(';'))
        };
        let length = lines.iter().skip(at).position(ends).map_or(0, |length| length + 1);
        found.push((name, length));
    }
    found
}

/// The name of the function that a line starts.
fn name_of(line: &str) -> Option<&str> {
    let (before, behind) = line.split_once("fn ")?;
    let word = |word: &str| matches!(word, "pub" | "const" | "async" | "unsafe") || word.starts_with("pub(");
    let name = behind.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (before.split_whitespace().all(word) && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_end_where_their_brace_is() {
        let text = "impl A {\n    pub(crate) async fn a(\n        b: u8,\n    ) -> u8 {\n        if b { 1 }\n    }\n\n    fn c() {}\n}";
        assert_eq!(functions_of(text), [("a", 5)]);
        assert_eq!(functions_of("trait A {\n    fn a(\n        &self,\n    ) -> u8;\n    fn b();\n}"), [("a", 3)]);
    }

    #[test]
    fn what_is_longer_is_named() {
        let found = |lines: usize| longer([("a".to_string(), lines)].into_iter(), 45).concat();
        assert_eq!((found(45), found(46)), (String::new(), "a: 46 lines, more than 45".into()));
    }
}
