//! What the tests of mistakes in documents share.

use gristmill::document::Problems;

/// Expects exactly these problems of a document in which something was replaced by `to`: line, column, words.
pub(crate) fn problems_are(problems: &Problems, to: &str, expected: &[(usize, usize, &str)]) {
    let found: Vec<(usize, usize, String)> = problems
        .list()
        .iter()
        .map(|problem| {
            let (line, column) = problems.line_and_column(problem.place.start);
            (line, column, format!("{} {}", problem.message, problem.help.as_deref().unwrap_or_default()))
        })
        .collect();
    assert_eq!(found.len(), expected.len(), "{to}\n{problems}");
    for ((line, column, words), (expected_line, expected_column, expected_words)) in found.iter().zip(expected) {
        assert!(words.contains(expected_words), "`{to}`: expected `{expected_words}`\n{problems}");
        assert_eq!((line, column), (expected_line, expected_column), "`{to}`\n{problems}");
    }
}
