//! Documents changed from outside: variables that hold lists and mappings, and overrides.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use gristmill::document::Problems;
use gristmill::plan::Plan;

const DOCUMENT: &str = "
name: t
input: {file: {path: t.csv}, columns: {x: float64, y: float64, up: boolean}}
features: [x, {double: 2 * x}]
label: {column: up}
model: [standard_scaler, logistic_regression]
evaluate: [accuracy]
outputs: {all: {file: {path: \"all.ndjson\"}}}
";

fn read(document: &str, changes: &[&str], variable: &str) -> Result<Plan, Problems> {
    let changes: Vec<String> = changes.iter().map(|change| change.to_string()).collect();
    let environment = |name: &str| (name == "VALUE").then(|| variable.to_string());
    Plan::read_changed("t.yaml", document, &changes, &environment, &|_| Err("no files".into()))
}

/// The document with these changes written by hand gives the same plan.
#[track_caller]
fn same(found: Result<Plan, Problems>, from: &str, to: &str) {
    assert!(DOCUMENT.contains(from), "{from}");
    let expected = read(&DOCUMENT.replace(from, to), &[], "").unwrap().to_string();
    assert_eq!(found.unwrap_or_else(|problems| panic!("{problems}")).to_string(), expected);
}

#[track_caller]
fn refused(found: Result<Plan, Problems>, words: &[&str]) {
    let said = found.expect_err("it should be refused").to_string();
    words.iter().for_each(|words| assert!(said.contains(words), "`{words}` is not in\n{said}"));
}

const MODEL: &str = "[standard_scaler, logistic_regression]";

#[test]
fn a_variable_may_hold_a_whole_list_or_mapping() {
    for (from, to) in [
        (MODEL, "[min_max_scaler, {logistic_regression: {l2: 0.5}}]"),
        (MODEL, "\n  - min_max_scaler\n  - logistic_regression:\n      l2: 0.5\n"),
        ("[x, {double: 2 * x}]", "[y]"),
        ("{column: up}", "{column: up, positive: false}"),
        ("{all: {file: {path: \"all.ndjson\"}}}", "{}"),
        ("{all: {file: {path: \"all.ndjson\"}}}", "{one: {stdout: {}}, two: {file: {path: two.ndjson}, when: x > 1}}"),
        ("logistic_regression", "{logistic_regression: {l2: 0.5}}"),
        ("logistic_regression", "perceptron"),
        ("{double: 2 * x}", "y"),
    ] {
        let text = DOCUMENT.replace(from, "${VALUE}");
        // Between brackets the braces of a variable are a mapping's: there it needs a line of its own.
        let text = text.replace("[standard_scaler, ${VALUE}]", "\n  - standard_scaler\n  - ${VALUE}");
        let text = text.replace("[x, ${VALUE}]", "\n  - x\n  - ${VALUE}");
        same(read(&text, &[], to), from, to);
    }
}

#[test]
fn what_a_variable_holds_reaches_nowhere_else() {
    // Text stays text where text is expected, whatever it looks like; so does what stands in quotes, or beside more.
    for text in
        ["[a, b]", "{a: b}", "a: b\nlabel: {column: y}", "- a", "#a", "\"a", "*a", "&a b", "!!int 5", "a\n---\nb"]
    {
        let path = DOCUMENT
            .replace("\"all.ndjson\"", "${VALUE}")
            .replace("outputs: {all: {file: {path: ${VALUE}}}}", "outputs:\n  all:\n    file:\n      path: ${VALUE}");
        let plan = read(&path, &[], text).unwrap_or_else(|problems| panic!("{text}: {problems}"));
        let path = plan.outputs[0].target.file().unwrap();
        assert_eq!(path, text);
    }
    let quoted = DOCUMENT.replace(MODEL, "\"${VALUE}\"");
    refused(read(&quoted, &[], MODEL), &["expected a list", "t.yaml:6:8"]);
    // Mistakes in a list are reported at the variable.
    let text = DOCUMENT.replace(MODEL, "${VALUE}");
    refused(
        read(&text, &[], "[standard_scaler, logistic_regresion]"),
        &["unknown name `logistic_regresion`; did you mean `logistic_regression`?", "t.yaml:6:8"],
    );
    refused(read(&text, &[], "[standard_scaler"), &["what this variable holds is not valid YAML", "t.yaml:6:8"]);
    refused(read(&text, &[], "[a]\n---\n[b]"), &["what this variable holds is a second document", "t.yaml:6:8"]);
    refused(
        read(&text, &[], "logistic_regression"),
        &["expected a list", "a list of one is written [logistic_regression]"],
    );
    // No variables in variables: their content is not searched again.
    refused(read(&text, &[], "[\"${HOME}\"]"), &["unknown name `${HOME}`"]);
}

#[test]
fn arguments_replace_values() {
    for (changes, from, to) in [
        (vec!["name=u"], "name: t", "name: u"),
        (vec!["model.logistic_regression.l2=0.5"], MODEL, "[standard_scaler, {logistic_regression: {l2: 0.5}}]"),
        (vec!["model.1.logistic_regression.l2=0.5"], MODEL, "[standard_scaler, {logistic_regression: {l2: 0.5}}]"),
        (vec!["model.1=perceptron"], "logistic_regression", "perceptron"),
        (vec!["model=[logistic_regression]"], MODEL, "[logistic_regression]"),
        (
            vec!["model.logistic_regression.optimizer.sgd.lr=0.5", "model.logistic_regression.l2=0.25"],
            MODEL,
            "[standard_scaler, {logistic_regression: {optimizer: {sgd: {lr: 0.5}}, l2: 0.25}}]",
        ),
        (vec!["model.logistic_regression={l2: 0.5}"], MODEL, "[standard_scaler, {logistic_regression: {l2: 0.5}}]"),
        (vec!["features.double=3 * x"], "2 * x", "3 * x"),
        (vec!["input.columns.up={boolean: {optional: true}}"], "up: boolean", "up: {boolean: {optional: true}}"),
        (vec!["commit.rows=7"], "\nname: t", "\nname: t\ncommit: {rows: 7}"),
        (vec!["outputs.all.when=x > 1 AND y >= 2"], "ndjson\"}}", "ndjson\"}, when: \"x > 1 AND y >= 2\"}"),
        (vec!["outputs.more.stdout={}"], "ndjson\"}}", "ndjson\"}}, more: {stdout: {}}"),
        (vec!["label.positive=false"], "{column: up}", "{column: up, positive: false}"),
        (vec!["name=u", "name=v"], "name: t", "name: v"),
    ] {
        same(read(DOCUMENT, &changes, ""), from, to);
    }
    // A value that is overridden need not exist.
    same(read(&DOCUMENT.replace(MODEL, "${NONE}"), &["model=[perceptron]"], ""), MODEL, "[perceptron]");
    // Client properties have dots in their names.
    let kafka = DOCUMENT.replace("file: {path: t.csv}", "kafka: {topics: [t]}, format: json");
    let written = kafka.clone() + "kafka: {bootstrap.servers: \"a:1\", fetch.wait.max.ms: 5}\n";
    let changes = ["kafka.bootstrap.servers=a:1", "kafka.fetch.wait.max.ms=5"];
    for document in [&kafka, &(kafka.clone() + "kafka: {bootstrap.servers: \"b:2\"}\n")] {
        let changed = read(document, &changes, "").unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(format!("{:?}", changed.connections), format!("{:?}", read(&written, &[], "").unwrap().connections));
    }
}

#[test]
fn mistakes_in_arguments_are_shown_in_the_argument() {
    for (change, words) in [
        ("model", &["expected KEY=VALUE", "--set:1:1"][..]),
        ("=5", &["expected KEY=VALUE"]),
        ("model..l2=5", &["has an empty key"]),
        ("modle=[perceptron]", &["unknown key `modle`; did you mean `model`?", "--set:1:1"]),
        ("model.5=perceptron", &["there is no item 5: the list has 2, from 0 on", "--set:1:7"]),
        (
            "model.logistic_regresion.l2=5",
            &["the list has no `logistic_regresion`; did you mean `logistic_regression`?", "--set:1:7"],
        ),
        ("model.logistic_regression.l2=much", &["expected a number, found `much`", "--set:1:30"]),
        ("model.logistic_regression.l3=5", &["unknown key `l3`", "--set:1:27"]),
        ("model.logistic_regression.optimizer.sdg.lr=1", &["unknown name `sdg`", "--set:1:37"]),
        ("features=[x", &["not valid YAML", "--set:1:"]),
        ("features=[z]", &["no column `z`", "--set:1:11"]),
        ("name.first=a", &["`first` leads nowhere: what is there is `t`", "--set:1:6"]),
        ("features=", &["features", "--set"]),
    ] {
        refused(read(DOCUMENT, &["label.column=up", change], ""), words);
    }
    // A mistake of the document is still shown there.
    refused(
        read(&DOCUMENT.replace("evaluate: [accuracy]", "evaluate: [mae]"), &["name=u"], ""),
        &["`mae`", "t.yaml:7:12"],
    );
}

#[test]
fn a_file_that_is_no_document_is_named_as_what_it_is() {
    for (text, words) in [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        ("# a comment\n", "only comments"),
        ("{\"id\": 1, \"model\": \"t@1\"}\n", "a JSON record"),
        ("{\"id\": 1}\n{\"id\": 2}\n", "JSON records, one a line"),
        ("[{\"id\": 1}]\n", "a list"),
        ("id,x\n1,2\n", "this is text"),
        ("a: 1\nb: 2\n", "no key of a pipeline"),
    ] {
        refused(read(text, &[], ""), &[words, "pipeline document", "name the pipeline's document, in YAML"]);
        assert_eq!(read(text, &[], "").err().unwrap().list().len(), 1, "{text}");
    }
}
