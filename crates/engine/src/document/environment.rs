//! `${VARIABLE}` and `${VARIABLE:-default}` in scalars. A value is text, or a number; one that fills a whole scalar may be
//! a list or a mapping, where the schema expects one.

use super::{Node, NodeKind, Problem};

/// Looks a variable up; the engine itself never reads the process's environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Substitutes every variable; returns the problems.
pub(super) fn fill(node: &mut Node, environment: Environment<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    visit(node, environment, &mut problems);
    problems
}

fn visit(node: &mut Node, environment: Environment<'_>, problems: &mut Vec<Problem>) {
    match &mut node.kind {
        NodeKind::Sequence(items) => items.iter_mut().for_each(|item| visit(item, environment, problems)),
        NodeKind::Mapping(entries) => {
            entries.iter_mut().for_each(|entry| visit(&mut entry.value, environment, problems));
        }
        NodeKind::Scalar { text, plain, variable } if text.contains("${") => match expand(text, environment) {
            Ok(filled) => {
                *variable = *plain && is_one(text);
                *text = filled;
            }
            Err(message) => problems.push(Problem::at(node.place, message)),
        },
        NodeKind::Scalar { .. } => {}
    }
}

/// Whether a text is one variable, and nothing else.
fn is_one(text: &str) -> bool {
    text.strip_prefix("${").and_then(|rest| rest.split_once('}')).is_some_and(|(_, rest)| rest.is_empty())
}

fn expand(text: &str, environment: Environment<'_>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let (inside, tail) = after.split_once('}').ok_or("`${` without a closing `}`")?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let value = environment(name).filter(|value| !(value.is_empty() && default.is_some()));
        match value.or_else(|| default.map(str::to_string)) {
            Some(value) => filled.push_str(&value),
            None => {
                return Err(format!("the environment has no variable `{name}`: set it, or write ${{{name}:-default}}"));
            }
        }
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let environment = |name: &str| match name {
            "HOST" => Some("kafka".to_string()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let filled = expand(text, &environment);
        match expected {
            Ok(expected) => assert_eq!(filled.as_deref(), Ok(expected)),
            Err(expected) => assert!(filled.clone().is_err_and(|error| error.contains(expected)), "{filled:?}"),
        }
    }

    #[test]
    fn variables() {
        check("plain", Ok("plain"));
        check("${HOST}:9092", Ok("kafka:9092"));
        check("${NONE:-localhost}:${PORT:-9092}", Ok("localhost:9092"));
        check("${EMPTY:-x}${EMPTY}", Ok("x"));
        check("${NONE}", Err("no variable `NONE`"));
        check("${HOST", Err("closing"));
    }
}
