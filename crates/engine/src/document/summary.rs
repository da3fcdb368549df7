//! The first sentence of a description.

/// The first sentence, on one line. A sentence does not end within parentheses, nor after an initial.
pub(crate) fn summary(description: &str) -> String {
    let paragraph = description.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let ends = |at: &usize| {
        let sentence = paragraph.get(..*at).unwrap_or_default();
        let count = |sign: char| sentence.chars().filter(|c| *c == sign).count();
        let word = sentence.rsplit([' ', '(']).next().unwrap_or_default();
        let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
        count('(') == count(')') && !initial && !matches!(word, "e.g" | "i.e" | "vs" | "cf")
    };
    let end = paragraph.match_indices(". ").map(|(at, _)| at).find(ends).unwrap_or(paragraph.len());
    paragraph.get(..end).unwrap_or_default().trim_end_matches('.').to_string()
}
