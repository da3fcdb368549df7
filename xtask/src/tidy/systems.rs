//! Which system records come from is known to its connector alone: no other code names a product.

use super::{Problems, texts};

/// Products, in small letters.
const PRODUCTS: [&str; 4] = ["kafka", "pulsar", "mqtt", "kinesis"];

/// Where products may be named: what is written of them in a document, what is done with them, and the lines of catalogs.
const ROOMS: [&str; 2] = ["crates/engine/src/connect/", "crates/connect/src/"];
/// Files with such a line: what it begins with.
const LINES: [(&str, &str); 3] = [
    ("crates/engine/src/spec/mod.rs", "pub kafka: Entries<String>"),
    ("crates/engine/src/spec/mod.rs", "&self.kafka"),
    ("crates/engine/src/spec/mod.rs", "Create, FileInput"),
];

pub(super) fn problems() -> Result<Problems, String> {
    let mut problems = Vec::new();
    for (name, text) in texts("crates")? {
        if !name.contains("/src/") || ROOMS.iter().any(|room| name.starts_with(room)) {
            continue;
        }
        for (number, line) in code(&text) {
            let small = line.to_lowercase();
            let Some(product) = PRODUCTS.iter().find(|product| small.contains(**product)) else { continue };
            if !LINES.iter().any(|(file, begins)| *file == name && line.trim_start().starts_with(begins)) {
                problems
                    .push(format!("{name}:{number}: names `{product}`; ask the plan's input or target what it can"));
            }
        }
    }
    Ok(problems)
}

/// The lines that are no comments, up to the tests, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().take_while(|line| line.trim_start() != "#[cfg(test)]");
    lines.enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_tests_may_name_what_they_like() {
        let text = "// Kafka\nlet kafka = 1;\n#[cfg(test)]\nmod tests {\n    let kafka = 2;\n}\n";
        assert_eq!(code(text).collect::<Vec<_>>(), [(2, "let kafka = 1;")]);
    }
}
