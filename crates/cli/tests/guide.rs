//! Executes the pages of `docs/guide`: writes their files, runs their commands, compares their output.
//!
//! A block ```` ```yaml file=NAME ```` is a file; in a block ```` ```console ```` a line `$ gristmill …` is a command
//! and the lines after it are its output. `UPDATE_EXPECTED=1` writes the actual output into the pages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::path::{Path, PathBuf};

use support::*;

/// Lines without what differs between runs: times, rates, memory, the log's clock, this run's topic names.
fn lasting(text: &str) -> String {
    let line = |line: &str| {
        if line.starts_with("rows  ") || line.starts_with("resources  ") {
            let kept = line.split(" in ").next().unwrap().split(" s of CPU").next().unwrap();
            return if line.starts_with("rows") { kept.to_string() } else { "resources     …".into() };
        }
        let line = match line.split_once("Z ") {
            Some((clock, rest)) if clock.len() == 26 && clock.starts_with("20") => rest.trim_start(),
            _ => line,
        };
        match line.split_once(" (found and loaded in ") {
            Some((before, _)) => format!("{before} (found and loaded in …)"),
            None => line.to_string(),
        }
    };
    text.lines().map(line).map(|line| line.trim_end().to_string() + "\n").collect()
}

fn pages() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let mut pages: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    pages
}

/// A group that no other run of a page has.
fn group(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}

fn command(folder: &Path, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["gristmill", arguments @ ..] => {
            let mut command = gristmill(folder, arguments);
            command.env("BOOTSTRAP", broker()).env("GRISTMILL_PYTHON", python()).env("GROUP", group(folder));
            let output = command.output().unwrap();
            let said = Said::from(&output);
            lasting(&(said.err + &said.out)).replace(&broker(), "localhost:9092")
        }
        ["cp", from, to] => {
            std::fs::copy(folder.join(from), folder.join(to)).unwrap();
            String::new()
        }
        ["cat", file] => std::fs::read_to_string(folder.join(file)).unwrap(),
        _ => panic!("`{line}` is no command that the guide may use"),
    }
}

/// Runs a page and returns it with what its commands print now.
fn execute(text: &str, folder: &Path) -> String {
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        out += &format!("{line}\n");
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else { continue };
        let mut block = Vec::new();
        while let Some(inside) = lines.next_if(|inside| *inside != "```") {
            block.push(inside);
        }
        if let Some((_, name)) = info.split_once("file=") {
            std::fs::write(folder.join(name), block.join("\n") + "\n").unwrap();
        }
        if info == "console" {
            for line in block.iter().filter_map(|line| line.strip_prefix("$ ")) {
                out += &format!("$ {line}\n{}", command(folder, line));
            }
        } else {
            block.iter().for_each(|line| out += &format!("{line}\n"));
        }
    }
    out
}

#[test]
fn every_page_does_what_it_says() {
    for page in pages() {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&page).unwrap();
        let found = execute(&text, &folder("guide"));
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&page, &found).unwrap();
            continue;
        }
        for (number, (written, found)) in text.lines().zip(found.lines()).enumerate() {
            assert_eq!(written, found, "docs/guide/{name}, line {}", number + 1);
        }
        assert_eq!(text.lines().count(), found.lines().count(), "docs/guide/{name}");
    }
}
