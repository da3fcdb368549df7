//! The rules of the house: import directions and cycles, lengths, names, generated documents, forbidden serde
//! attributes, one build.

mod imports;
mod lengths;
mod systems;
mod words;

use std::fs;

use crate::sources::texts;
use crate::{Done, builds, docs, events, root};

/// Violations, each as a message.
type Problems = Vec<String>;

/// Which of our crates each crate may use.
const DIRECTIONS: [(&str, &[&str]); 9] = [
    ("learn", &[]),
    ("sql", &["gristmill_learn"]),
    ("models", &["gristmill_learn"]),
    ("engine", &["gristmill_learn", "gristmill_models", "gristmill_sql"]),
    ("formats", &["gristmill"]),
    ("connect", &["gristmill_learn", "gristmill", "gristmill_formats"]),
    ("runtime", &["gristmill_learn", "gristmill", "gristmill_formats", "gristmill_connect"]),
    ("simulator", &["gristmill_learn", "gristmill", "gristmill_formats", "gristmill_connect", "gristmill_runtime"]),
    ("cli", &["gristmill_learn", "gristmill_models", "gristmill", "gristmill_connect", "gristmill_runtime"]),
];
/// Folders of `learn` that never import each other; they meet only through the traits at the root.
const SIBLINGS: [&str; 4] = ["transform", "linear", "metric", "baseline"];

pub(crate) fn run() -> Done {
    let lengths = [lengths::files()?, lengths::functions()?].concat();
    let problems = [
        lengths,
        imports::circles()?,
        directions()?,
        siblings()?,
        attributes()?,
        systems::problems()?,
        events::nameless()?,
        words::problems()?,
        builds::shared()?,
        generated()?,
    ]
    .concat();
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!("not tidy:\n{}", problems.join("\n")))
}

/// The folders of our crates' sources.
fn crates() -> Result<Vec<String>, String> {
    let entries = fs::read_dir(root().join("crates")).map_err(|error| error.to_string())?;
    let folders = entries.filter_map(|entry| Some(format!("crates/{}/src", entry.ok()?.file_name().to_string_lossy())));
    Ok(folders.chain(["xtask/src".to_string()]).collect())
}

fn directions() -> Result<Problems, String> {
    const OURS: [(&str, &str); 8] = [
        ("learn", "gristmill_learn"),
        ("sql", "gristmill_sql"),
        ("models", "gristmill_models"),
        ("engine", "gristmill"),
        ("formats", "gristmill_formats"),
        ("connect", "gristmill_connect"),
        ("runtime", "gristmill_runtime"),
        ("simulator", "gristmill_simulator"),
    ];
    let mut problems = Vec::new();
    for (folder, allowed) in DIRECTIONS {
        for (name, text) in texts(&format!("crates/{folder}/src"))? {
            for (of, ours) in OURS.iter().filter(|(of, ours)| *of != folder && !allowed.contains(ours)) {
                let used = text.lines().any(|line| {
                    let code = line.trim_start();
                    !code.starts_with("//") && code.contains(&format!("{ours}::"))
                });
                if used {
                    problems.push(format!("{name}: `{folder}` may not use `{of}`"));
                }
            }
        }
    }
    Ok(problems)
}

fn siblings() -> Result<Problems, String> {
    let mut problems = Vec::new();
    for room in SIBLINGS {
        for (name, text) in texts(&format!("crates/learn/src/{room}"))? {
            for other in SIBLINGS.iter().filter(|other| **other != room) {
                let imported = text
                    .lines()
                    .any(|line| !line.trim_start().starts_with("//") && line.contains(&format!("crate::{other}")));
                if imported {
                    problems.push(format!("{name}: `{room}` may not import its sibling `{other}`"));
                }
            }
        }
    }
    Ok(problems)
}

/// `flatten` and `untagged` lose the location of an error.
fn attributes() -> Result<Problems, String> {
    let mut problems = Vec::new();
    for (name, text) in texts("crates")? {
        for (number, line) in text.lines().enumerate() {
            let serde = line.trim_start().starts_with("#[serde(");
            if serde && (line.contains("flatten") || line.contains("untagged")) {
                problems.push(format!("{name}:{}: serde's flatten and untagged lose the place of errors", number + 1));
            }
        }
    }
    Ok(problems)
}

fn generated() -> Result<Problems, String> {
    let mut problems = Vec::new();
    for (path, text) in docs::pages()? {
        if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
            problems.push(format!("{name} is out of date: run `cargo xtask docs`"));
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_house_is_in_order() {
        assert_eq!(super::run(), Ok(()));
    }
}
