//! On a terminal: a progress bar, colours, the log above the bar. Run through `script`, which creates a terminal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use support::*;

/// What a command shows on a terminal, and its exit code.
fn shown(folder: &std::path::Path, arguments: &str) -> (String, i32) {
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_gristmill"));
    let mut script = std::process::Command::new("script");
    // -e: the command's exit code is script's.
    let output =
        script.args(["-qec", &line, "/dev/null"]).current_dir(folder).stdin(std::process::Stdio::null()).output();
    let said = Said::from(&output.expect("this test needs `script` (Debian: apt-get install bsdutils)"));
    (said.out, said.code)
}

#[test]
fn a_run_shows_its_progress_and_its_report() {
    let folder = folder("terminal");
    let rows: String = (0..300_000).map(|number| format!("{},{}\n", number % 101, number % 97 > 50)).collect();
    write(&folder, "rows.csv", format!("x,up\n{rows}"));
    write(
        &folder,
        "t.yaml",
        "name: t
input: {file: {path: rows.csv}, columns: {x: float64, up: boolean}}
features: [x]
label: {column: up}
model: [logistic_regression]
evaluate: [accuracy]
",
    );
    let (text, code) = shown(&folder, "run t.yaml");
    assert_eq!(code, 0, "{text}");
    for words in ["\u{1b}[32m INFO", "starts", "rows,", "% ", "300000", "accuracy"] {
        assert!(text.contains(words), "`{words}` is not in\n{text}");
    }
    write(&folder, "wrong.yaml", "nme: t\n");
    let (text, code) = shown(&folder, "check wrong.yaml");
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("\u{1b}[1m") && text.contains("did you mean `name`?"), "{text}");
}
