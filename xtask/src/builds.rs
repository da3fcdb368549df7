//! `cargo run` and `cargo xtask test` share one build: a dependency is compiled once where both select the same
//! features of it. One that differs is compiled a second time, and so is everything that depends on it.

use std::collections::BTreeSet;

use crate::{cargo, output, read, root};

/// What cargo writes if a replacing crate has a version that nothing requires.
const UNUSED: &str = "[[patch.unused]]";

/// Every compiled crate with its features, as cargo prints it.
fn compiled(arguments: &[&str]) -> Result<BTreeSet<String>, String> {
    let mut tree = cargo(&["tree", "--locked", "--prefix", "none", "--format", "{p} [{f}]"]);
    let text = output(tree.args(arguments))?;
    let lines = text.lines().map(|line| line.trim_end_matches(" (*)").trim());
    Ok(lines.filter(|line| !line.is_empty()).map(ToString::to_string).collect())
}

/// The dependencies of the command that the tests would compile with other features, and crates that replace nothing.
pub(crate) fn shared() -> Result<Vec<String>, String> {
    let command = compiled(&["--package", "gristmill-cli", "--edges", "normal,build"])?;
    let tests = compiled(&["--workspace", "--edges", "normal,build,dev"])?;
    let lock = read(&root().join("Cargo.lock"))?;
    let unused = lock.contains(UNUSED).then(|| {
        "Cargo.lock: a crate of vendor/ stands in nothing's place any more; give it the version of those beside it"
            .into()
    });
    Ok(different(&command, &tests).into_iter().chain(unused).collect())
}

fn different(command: &BTreeSet<String>, tests: &BTreeSet<String>) -> Vec<String> {
    let say = |line: &String| {
        let name = line.split(' ').next().unwrap_or_default();
        let other = tests.iter().find(|other| other.split(' ').next() == Some(name)).map_or("nothing", String::as_str);
        format!("{line}: the tests build {other}, so both compile it; ask the same features of it in crates/cli")
    };
    command.difference(tests).map(say).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tests_would_compile_again_is_found() {
        let set = |lines: &[&str]| lines.iter().map(ToString::to_string).collect();
        let command = set(&["a v1.0.0 []", "b v1.0.0 [std]"]);
        let tests = set(&["a v1.0.0 [std]", "b v1.0.0 [std]", "c v1.0.0 []"]);
        let found = different(&command, &tests);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.iter().any(|one| one.contains("a v1.0.0 []: the tests build a v1.0.0 [std]")), "{found:?}");
        assert!(different(&tests, &tests).is_empty());
    }
}
