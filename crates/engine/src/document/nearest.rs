//! Finds the name that was probably meant.

/// The candidate nearest to `name` by edit distance, if it is near enough to be a typing error.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let distances = candidates.iter().map(|candidate| (distance(&wanted, &candidate.to_lowercase()), *candidate));
    let slip = distances.min().filter(|(edits, candidate)| {
        let length = name.chars().count().max(candidate.chars().count());
        *edits <= 1.max(length / 3) && *edits < length
    });
    // `scaler` for `standard_scaler`: not a typing error, but clear all the same.
    let part = || candidates.iter().find(|candidate| wanted.len() >= 4 && candidate.to_lowercase().contains(&wanted));
    slip.map(|(_, candidate)| candidate).or_else(|| part().copied())
}

/// The message, and which of the candidates was probably meant.
pub(crate) fn with_nearest<'a>(message: String, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, candidates) {
        Some(meant) => format!("{message}; did you mean `{meant}`?"),
        None => message,
    }
}

/// The number of edits from one to the other, with a swap of neighbours as one (optimal string alignment).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    let mut last = None;
    for (i, a) in from.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let replaced = cell(&row, j) + usize::from(a != *b);
            let mut best = replaced.min(cell(&row, j + 1) + 1).min(cell(&next, j) + 1);
            let swapped = j > 0 && last == Some(*b) && to.get(j - 1) == Some(&a);
            if swapped {
                best = best.min(cell(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(a);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = ["model", "label", "features", "standard_scaler", "evaluate"];
        for (slip, expected) in [
            ("modle", Some("model")),
            ("Model", Some("model")),
            ("feature", Some("features")),
            ("scaler", Some("standard_scaler")),
            ("evaluat", Some("evaluate")),
            ("zebra", None),
            ("x", None),
        ] {
            assert_eq!(nearest(slip, names), expected, "{slip}");
        }
    }
}
