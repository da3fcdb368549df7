//! One numbering of classes for all shards.

/// The index of each class among the names known so far; new names are added.
pub(super) fn numbered(classes: &[String], names: &mut Vec<String>) -> Vec<u32> {
    let place = |class: &String| {
        let known = names.iter().position(|name| name == class);
        known.unwrap_or_else(|| {
            names.push(class.clone());
            names.len() - 1
        }) as u32
    };
    classes.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_all_shards_come_to_one_numbering() {
        let mut names = Vec::new();
        let classes = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<String>>();
        assert_eq!(numbered(&classes(&["a", "b"]), &mut names), [0, 1]);
        assert_eq!(numbered(&classes(&["c", "b", "a"]), &mut names), [2, 1, 0]);
        assert_eq!(names, classes(&["a", "b", "c"]));
    }
}
