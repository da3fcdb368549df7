//! The lengths of files and functions.

use std::collections::BTreeMap;

use super::{Problems, texts};

/// Longer files need a reason on the list, and the list may only shrink.
const FILE: usize = 500;
/// Files that are longer, and the length they may not exceed.
const LONGER_FILES: [(&str, usize); 0] = [];

/// The same for functions, from their first line to their last: a function is to fit a screen.
const FUNCTION: usize = 45;
/// Functions that are longer, by file and name.
const LONGER_FUNCTIONS: [(&str, usize); 17] = [
    ("crates/cli/tests/acting.rs topics_are_exactly_once_beside_a_web_server", 60),
    ("crates/cli/tests/connections.rs the_setting_that_is_missing_is_named", 67),
    ("crates/cli/tests/dirty.rs every_record_ends_in_one_place_for_one_reason", 57),
    ("crates/cli/tests/pretrained.rs a_learner_behind_it_corrects_it", 49),
    ("crates/cli/tests/lookup.rs a_topic_is_a_table_that_may_change_between_runs", 84),
    ("crates/cli/tests/rights.rs every_right_that_is_missing_is_named_and_granted", 46),
    ("crates/cli/tests/swap.rs under_load_with_three_members_and_kills_every_decision_says_what_made_it", 99),
    ("crates/cli/tests/torture.rs torture", 74),
    ("crates/engine/tests/mistakes.rs mistakes_of_sense", 52),
    ("crates/engine/tests/shard.rs rows_within_the_grace_are_taken_in_the_order_of_time", 48),
    ("crates/learn/tests/memory.rs documented", 48),
    ("crates/learn/tests/parity_table.rs ours_is_what_the_references_have_or_better", 62),
    ("crates/models/tests/onnxruntime.rs every_graph_answers_the_same", 51),
    ("crates/sql/src/compile/mod.rs function", 59),
    ("crates/sql/src/scalar/syntax.rs parts", 65),
    ("crates/sql/tests/handbook.rs measure", 46),
    ("crates/sql/tests/times.rs text_is_taken_for_something_else_only_where_that_was_asked_for", 54),
];

pub(super) fn files() -> Result<Problems, String> {
    let lengths = all()?.into_iter().map(|(name, text)| (name, text.lines().count()));
    Ok(compared(lengths.collect(), FILE, &LONGER_FILES, 20))
}

pub(super) fn functions() -> Result<Problems, String> {
    // Of several with one name the longest.
    let mut lengths = BTreeMap::new();
    for (name, text) in all()? {
        for (function, lines) in functions_of(&text) {
            let longest = lengths.entry(format!("{name} {function}")).or_insert(0);
            *longest = lines.max(*longest);
        }
    }
    Ok(compared(lengths.into_iter().collect(), FUNCTION, &LONGER_FUNCTIONS, 5))
}

fn all() -> Result<Vec<(String, String)>, String> {
    Ok([texts("crates")?, texts("xtask")?, texts("benches")?].concat())
}

/// What is longer than allowed, and list entries that are no longer needed.
fn compared(lengths: Vec<(String, usize)>, most: usize, longer: &[(&str, usize)], spare: usize) -> Problems {
    let listed = |name: &str| longer.iter().find(|(longer, _)| *longer == name).map(|(_, most)| *most);
    let too_long = lengths.iter().filter_map(|(name, lines)| match listed(name) {
        Some(most) if *lines > most => Some(format!("{name}: {lines} lines, it may have {most}")),
        Some(held) if lines + spare < held && *lines > most => {
            Some(format!("{name}: now {lines} lines; shrink its entry in the list"))
        }
        None if *lines > most => Some(format!("{name}: {lines} lines, more than {most}")),
        _ => None,
    });
    let needless = longer.iter().filter(|(name, _)| !lengths.iter().any(|(held, lines)| held == name && *lines > most));
    too_long.chain(needless.map(|(name, _)| format!("{name}: take it off the list"))).collect()
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
    fn a_list_may_only_shrink() {
        let found = |lines: usize| compared(vec![("a".into(), lines)], 45, &[("a", 60)], 5).concat();
        assert_eq!(found(60), "");
        assert_eq!(found(57), "");
        assert!(
            found(61).contains("may have 60") && found(50).contains("shrink") && found(45).contains("off the list")
        );
        assert!(compared(vec![("b".into(), 46)], 45, &[], 5).concat().contains("more than 45"));
    }
}
