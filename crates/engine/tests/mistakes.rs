//! A newcomer's mistakes in a document: each is reported, with its line and column, and the nearest valid name.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use gristmill::document::Problems;
use gristmill::plan::{Need, Plan};

const GOOD: &str = "\
name: elec2
kafka:
  bootstrap.servers: ${BOOTSTRAP:-localhost:9092}
input:
  kafka: {topics: [power]}
  format: json
  columns: {id: string, price: float64, demand: int64, holiday: boolean, ts: timestamp, class: string}
  id: id
  time: ts
features: [price, demand, holiday]
label: {column: class, positive: UP}
model:
  - standard_scaler
  - logistic_regression: {optimizer: {sgd: {lr: 0.01}}, intercept_lr: 0.01}
evaluate: [accuracy, {accuracy: {window: 1000}}]
outputs:
  alerts:
    kafka: {topic: alerts}
    when: score > 0.5 AND price > 0.1
dead_letters: {kafka: {topic: dead}}
commit: {every: 100 ms, rows: 1000}
";

fn read(text: &str) -> Result<Plan, Problems> {
    Plan::read("elec2.yaml", text, &|_| None)
}

/// Replaces `from` by `to` in the good document and expects exactly these problems: line, column, words.
fn check(from: &str, to: &str, expected: &[(usize, usize, &str)]) {
    assert!(GOOD.contains(from), "`{from}` is not in the document");
    let text = GOOD.replacen(from, to, 1);
    let problems = match read(&text) {
        Err(problems) => problems,
        Ok(_) => panic!("`{to}` was accepted"),
    };
    support::problems_are(&problems, to, expected);
}

#[test]
fn the_good_document_is_good() {
    let plan = read(GOOD).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(plan.connections.kafka.brokers(), "localhost:9092");
    assert_eq!(plan.features, [1, 2, 3]);
    assert_eq!(plan.model.len(), 2);
    assert_eq!(
        [0, 1, 4, 5].map(|column: usize| plan.columns[column].need),
        [Need::Value, Need::Presence, Need::Value, Need::Nothing]
    );
}

#[test]
fn mistakes_of_form() {
    check("model:", "modle:", &[(12, 1, "did you mean `model`?")]);
    check("name: elec2\n", "", &[(1, 1, "`name` is missing")]);
    check("standard_scaler", "standart_scaler", &[(13, 5, "did you mean `standard_scaler`?")]);
    check("lr: 0.01", "lr: fast", &[(14, 49, "expected a number, found `fast`")]);
    check("lr: 0.01", "lr: 0", &[(14, 49, "must be above 0")]);
    check("lr: 0.01", "rate: 0.01", &[(14, 45, "unknown key `rate`")]);
    check("price: float64", "price: float32", &[(7, 32, "did you mean `float64`?")]);
    check("every: 100 ms", "every: 100", &[(21, 17, "is not a length of time")]);
    check("rows: 1000", "rows: 0", &[(21, 31, "must be at least 1")]);
    check("rows: 1000", "rows: many", &[(21, 31, "expected a whole number")]);
    check("[price, demand, holiday]", "price", &[(10, 11, "expected a list, found `price`")]);
    check("{window: 1000}", "{window: true}", &[(15, 42, "expected a whole number")]);
    check("${BOOTSTRAP:-localhost:9092}", "${BOOTSTRAP}", &[(3, 22, "the environment has no variable `BOOTSTRAP`")]);
    check("name: elec2", "name: elec2\nname: again", &[(2, 1, "`name` is written twice")]);
    check("features: [", "features: [[", &[(11, 6, "not valid YAML")]);
    check("  - standard_scaler\n", "  - standard_scaler: {with_std: yes}\n", &[(13, 33, "expected true or false")]);
    check(
        "  - standard_scaler\n",
        "  - standard_scaler:\n    with_std: true\n",
        &[(13, 5, "one name with its settings")],
    );
}

/// If a setting accepts values of several types, each of them is accepted, and a mistake is reported for the type that
/// it looks like.
#[test]
fn values_of_several_types() {
    for window in ["1", "1 hour", "30 minutes", "500 ms", "'2 days'"] {
        read(&GOOD.replace("{window: 1000}", &format!("{{window: {window}}}"))).unwrap_or_else(|all| panic!("{all}"));
    }
    let units = "units: week, day, hour, minute, s, ms, min, second";
    check("{window: 1000}", "{window: 1 h}", &[(15, 42, units)]);
    check("{window: 1000}", "{window: soon}", &[(15, 42, "`soon` is no time")]);
    check("{window: 1000}", "{window: 0}", &[(15, 42, "at least 1")]);
    check("{window: 1000}", "{window: [1]}", &[(15, 42, "expected a whole number")]);
}

#[test]
fn mistakes_of_sense() {
    check("[price, demand", "[prize, demand", &[(10, 12, "no column `prize`; did you mean `price`?")]);
    check("[price, demand", "[price, price", &[(10, 19, "listed twice")]);
    check("[price, demand", "[price, class", &[(10, 19, "cannot be a feature")]);
    check("[price, demand", "[price, id", &[(14, 5, "takes numbers, and `id` holds categories")]);
    check("column: class", "column: klass", &[(11, 17, "did you mean `class`?")]);
    check(", positive: UP", "", &[(11, 1, "which value of `class` is the positive class?")]);
    check("time: ts", "time: price", &[(9, 9, "event time must be a `timestamp`")]);
    check("score > 0.5", "scor > 0.5", &[(19, 11, "no column `scor`; did you mean `score`?")]);
    check("price > 0.1", "price > 'x'", &[(19, 27, "cannot be compared")]);
    check(
        "evaluate: [accuracy",
        "evaluate: [mae",
        &[(15, 12, "does not fit a model that predicts one of two classes")],
    );
    check("accuracy: {window: 1000}", "accuracy: {by: hollyday}", &[(15, 22, "did you mean `holiday`?")]);
    check(
        "  - logistic_regression: {optimizer: {sgd: {lr: 0.01}}, intercept_lr: 0.01}\n",
        "",
        &[(12, 1, "must end with a learner")],
    );
    check("intercept_lr: 0.01", "l1: 1, l2: 1", &[(14, 5, "cannot be used together")]);
    check(
        "logistic_regression",
        "linear_regression",
        &[(11, 17, "needs a number as its label"), (15, 12, "does not fit"), (15, 22, "does not fit")],
    );
}

#[test]
fn mistakes_of_sense_outside_the_model() {
    check("kafka: {topic: alerts}", "when: score > 1", &[(19, 5, "written twice")]);
    check("kafka: {topic: alerts}", "stdout: {}\n    file: {path: a}", &[(17, 3, "exactly one of")]);
    check("{topic: alerts}", "{topic: power}", &[(18, 20, "would feed them back")]);
    check("topics: [power]", "topics: [power, gas]", &[(5, 11, "exactly one topic")]);
    check("  bootstrap.servers: ${BOOTSTRAP:-localhost:9092}\n", "  client.id: x\n", &[(4, 1, "no broker is named")]);
    check(
        "bootstrap.servers:",
        "bootstrap.server:",
        &[(3, 21, "did you mean `bootstrap.servers`?"), (4, 1, "no broker")],
    );
    check("kafka:\n", "kafka:\n  enable.auto.commit: true\n", &[(3, 23, "belongs to gristmill")]);
    check("kafka:\n", "kafka:\n  auto.offset.reset: never\n", &[(3, 22, "`earliest` or `latest`")]);
    check(
        "kafka:\n",
        "kafka:\n  group.protocol: consumer\n  session.timeout.ms: 6000\n",
        &[(4, 23, "is for `group.protocol: classic`")],
    );
    check("commit:", "state: {directory: s}\ncommit:", &[(21, 20, "keeps its state in topics")]);
    check("name: elec2", "name: elec 2", &[(1, 7, "cannot name a pipeline")]);
    check(
        "dead_letters: {kafka: {topic: dead}}",
        "dead_letters: {file: {path: d}}\nguarantee: exactly_once",
        &[(21, 12, "needs every answer in a topic of the same cluster, and `dead_letters` is not")],
    );
}

#[test]
fn all_mistakes_at_once() {
    let text = GOOD
        .replace("name: elec2\n", "nme: elec2\n")
        .replace("[price, demand", "[prize, demand")
        .replace("{lr: 0.01}", "{lr: -1}")
        .replace("rows: 1000", "row: 1000");
    let problems = read(&text).unwrap_err();
    let lines: Vec<usize> = problems.list().iter().map(|p| problems.line_and_column(p.place.start).0).collect();
    assert_eq!(lines, [1, 10, 14, 21], "{problems}");
    let text = text.replace("nme:", "name:");
    let problems = read(&text).unwrap_err();
    let lines: Vec<usize> = problems.list().iter().map(|p| problems.line_and_column(p.place.start).0).collect();
    assert_eq!(lines, [10, 14, 21], "{problems}");
}

#[test]
fn a_mistake_is_shown_with_its_line() {
    let shown = read(&GOOD.replace("model:", "modle:")).unwrap_err().to_string();
    assert!(shown.contains("elec2.yaml:12:1") && shown.contains("modle:") && shown.contains("^^^^^"), "{shown}");
}

#[test]
fn strange_documents_never_panic() {
    for text in [
        "",
        "\u{feff}",
        "- a",
        "5",
        "null",
        "{",
        "a: &x [*x]",
        "--- a\n--- b",
        "name: [",
        "\t",
        "? [a]\n: b",
        "a: !!binary x",
    ] {
        assert!(read(text).is_err(), "{text:?}");
    }
    let bomb =
        (0..40).fold("a0: &a0 [x]\n".to_string(), |text, i| format!("{text}a{}: &a{} [*a{i}, *a{i}]\n", i + 1, i + 1));
    assert!(read(&bomb).unwrap_err().to_string().contains("too large"));
}

/// The good document with this as its only feature: problems as column and words, all in line 10.
fn check_feature(expression: &str, expected: &[(usize, &str)]) {
    let text = GOOD.replace("features: [price, demand, holiday]", &format!("features: [{{f: {expression}}}]"));
    let problems = read(&text).err().unwrap_or_else(|| panic!("`{expression}` was accepted"));
    let found: Vec<(usize, String)> = problems
        .list()
        .iter()
        .map(|problem| {
            let (line, column) = problems.line_and_column(problem.place.start);
            assert_eq!(line, 10, "{problems}");
            (column, format!("{} {}", problem.message, problem.help.as_deref().unwrap_or_default()))
        })
        .collect();
    assert_eq!(found.len(), expected.len(), "{expression}\n{problems}");
    for ((column, words), (expected_column, expected_words)) in found.iter().zip(expected) {
        assert!(words.contains(expected_words), "`{expression}`: expected `{expected_words}`\n{problems}");
        assert_eq!(column, expected_column, "`{expression}`\n{problems}");
    }
}

#[test]
fn mistakes_in_expressions_have_their_place() {
    // The expression begins in column 16.
    check_feature("prise + 1", &[(16, "no column `prise`; did you mean `price`?")]);
    check_feature("1 + Price", &[(20, "no column `Price`; did you mean `price`?")]);
    check_feature("abbs(price)", &[(16, "no function `abbs`; did you mean `abs`?")]);
    check_feature("price +", &[(16, "not SQL")]);
    check_feature("price price", &[(22, "the expression is over before `price`")]);
    check_feature("ln(id) + 1", &[(16, "")]);
    check_feature("now()", &[(16, "no function `now`")]);
    check_feature("sum(price)", &[(16, "it needs a window")]);
    check_feature("(SELECT 1)", &[(17, "part of SQL that features cannot use")]);
    check_feature("ts - ts", &[(16, "a difference of two times is no number")]);
    check_feature("class", &[(16, "the label `class` is not known yet")]);
    check_feature("NULL", &[(16, "NULL for every row")]);
    let window = |rest: &str| format!("avg(price) OVER ({rest})");
    let by = "PARTITION BY id ORDER BY ts";
    check_feature(&window("ORDER BY ts"), &[(16, "a window sees those of its own only")]);
    check_feature(&window("PARTITION BY id"), &[(16, "in the order of event time")]);
    check_feature(&window(&format!("{by} RANGE 10 PRECEDING")), &[(67, "RANGE takes a time")]);
}

#[test]
fn mistakes_in_windows_have_their_place() {
    let keyed = |frame: &str| {
        let text = GOOD.replace("  id: id\n", "  id: id\n  key: id\n");
        let feature = format!("features: [{{f: avg(price) OVER (PARTITION BY id ORDER BY ts {frame})}}]");
        let text = text.replace("features: [price, demand, holiday]", &feature);
        match read(&text) {
            Ok(_) => "accepted".to_string(),
            Err(problems) => problems.list()[0].message.clone(),
        }
    };
    for (frame, expected) in [
        ("RANGE INTERVAL '1 day' PRECEDING", "accepted"),
        ("RANGE BETWEEN INTERVAL '2 days' PRECEDING AND INTERVAL '1 day' PRECEDING", "accepted"),
        ("ROWS 5 PRECEDING", "accepted"),
        ("RANGE 10 PRECEDING", "RANGE takes a time"),
        ("RANGE INTERVAL '1 month' PRECEDING", "a month is not"),
        ("RANGE BETWEEN INTERVAL '1 day' PRECEDING AND INTERVAL '1 day' FOLLOWING", "FOLLOWING is the future"),
        ("RANGE BETWEEN INTERVAL '1 day' PRECEDING AND INTERVAL '2 days' PRECEDING", "ends before it begins"),
        ("GROUPS 2 PRECEDING", "GROUPS is not offered"),
        ("ROWS -1 PRECEDING", "ROWS takes a number of rows"),
    ] {
        let found = keyed(frame);
        assert!(found.contains(expected), "{frame}: {found}");
    }
}

/// A key of an earlier version is refused with the one that took its place, under which its value is checked all the same.
#[test]
fn a_renamed_key_is_refused_with_the_new_one() {
    let features = "features: [price, demand, holiday]";
    let table = "table: {shop: {kafka: {topic: shops}, format: json, columns: {size: float64}, on: id}}\n";
    let looked_up = format!("{table}features: [price, demand, shop.size]");
    check(features, &looked_up, &[(10, 1, "the key `table` is called `lookup` now write `lookup: …` in its place")]);
    check(features, &looked_up.replace("json", "jsn"), &[(10, 1, "`lookup`"), (10, 47, "did you mean `json`?")]);
    let both = format!("lookup: {{}}\ntable: {{}}\n{features}");
    check(features, &both, &[(11, 1, "the key `table` is called `lookup` now")]);
    let limit =
        "the key `state.limit` is called `windows.max_memory` now write `windows: {max_memory: …}` in its place";
    let then = "the key `state.then` is called `windows.on_limit` now";
    check("commit:", "state: {limit: 1 MB, then: stop}\ncommit:", &[(21, 9, limit), (21, 22, then)]);
    check("commit:", "state: {then: stpo}\ncommit:", &[(21, 9, then), (21, 15, "did you mean `stop`?")]);
    // In a list that a variable holds, too.
    let steps = "  - standard_scaler\n  - logistic_regression: {optimizer: {sgd: {lr: 0.01}}, intercept_lr: 0.01}\n";
    let python = "{python: {path: m.py, gives: probability, learn: 5}}";
    for (written, held) in [(format!("  - {python}\n"), ""), ("  ${MODEL}\n".into(), &format!("[{python}]"))] {
        let text = GOOD.replace(steps, &written);
        let environment = |name: &str| (name == "MODEL").then(|| held.to_string());
        let said = Plan::read_with("t.yaml", &text, &environment, &|_| Ok(b"".to_vec())).map(|_| ()).unwrap_err();
        let said: Vec<&str> = said.list().iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(said, ["the key `gives` is called `output` now", "the key `learn` is called `learn_batch` now"]);
    }
}

#[test]
fn mistakes_in_rules() {
    let check = |rule: &str, expected: (usize, usize, &str)| {
        let (from, to) = ("features: [price", format!("clean:\n  - {rule}\nfeatures: [price"));
        check(from, &to, &[expected]);
    };
    check("require: [price, demnd]", (11, 22, "no column `demnd`; did you mean `demand`?"));
    check("require: []", (11, 14, "the list is empty"));
    check("reqire: [price]", (11, 5, "did you mean `require`?"));
    check("check: {is: price > 0 AND demnd > 1}", (11, 31, "no column `demnd`; did you mean `demand`?"));
    check("check: {is: price + 1}", (11, 17, "a check is a condition"));
    check("check: {is: count(*) OVER (ORDER BY ts) > 1}", (11, 17, "this one has a window"));
    check("check: {is: price > 0, then: clip}", (11, 34, "has no bounds to clip to"));
    check("check: {is: price > 0, then: {flag: demand}}", (11, 41, "`demand` has another meaning already"));
    check("check: {is: id > 'a', then: set_missing}", (11, 17, "`id` is `id`: it must stay as it was written"));
    check("check: {is: price > 0, of: [price]}", (11, 28, "`of` goes with `then: set_missing`"));
    check("deduplicate: {within: 1 hour, then: clip}", (11, 41, "it has no value to change"));
    check("impute: {of: [class], with: mode}", (11, 19, "`class` is the label"));
    check("impute: {of: [holiday], with: mean}", (11, 19, "only numbers have a mean or a median"));
    check("impute: {of: [demand], with: {constant: many}}", (11, 28, "`many` cannot be in `demand`"));
    check("impute: {of: [demand], with: mean, by: key}", (11, 44, "the input has no `key`"));
    check("outliers: {of: [holiday]}", (11, 21, "`holiday` is not a number"));
    check("outliers: {of: [price], method: quantiles, between: [0.9, 0.1]}", (11, 48, "the smaller one first"));
    check("outliers: {of: [price], method: quantiles, above: 3}", (11, 55, "`quantiles` have no deviations"));
    check("normalise: {of: [price]}", (11, 22, "`price` is not text"));
    check("late: {after: 1}", (11, 19, "is not a length of time"));
}

#[test]
fn a_rule_that_refuses_needs_a_place_for_the_refused() {
    let text = GOOD.replace("dead_letters: {kafka: {topic: dead}}\n", "");
    let text = text.replace("features: [price", "clean: [{require: [price]}]\nfeatures: [price");
    let problems = read(&text).unwrap_err().to_string();
    assert!(problems.contains("`require` refuses records, and there is no place for them"), "{problems}");
}

#[test]
fn mistakes_in_the_order_of_rows() {
    check("  time: ts\n", "  grace: 1 hour\n", &[(9, 10, "`grace` is about event time, and there is none")]);
    check("  time: ts\n", "  time: ts\n  grace: 1\n", &[(10, 10, "is not a length of time")]);
    let with = |rules: &str, expected: &[(usize, usize, &str)]| {
        check("  time: ts\n", &format!("  time: ts\n  grace: 1 hour\nclean: {rules}\n"), expected);
    };
    with("[{late: {after: 5 min}}]", &[(11, 24, "`after` is shorter than the `grace`")]);
    let order = "list `late` before every rule but `require`, `check` and `normalise`";
    with("[{impute: {of: [demand], with: last}}, late]", &[(11, 47, order)]);
    check("features: [price", "clean: [late]\nfeatures: [price", &[(10, 9, "`late` does not say `after` how long")]);
    let text = GOOD.replace("dead_letters: {kafka: {topic: dead}}\n", "").replace("time: ts", "time: ts\n  grace: 1 s");
    let problems = read(&text).unwrap_err().to_string();
    assert!(problems.contains("a record may turn out to be bad after it was consumed"), "{problems}");
}

#[test]
fn mistakes_in_shards() {
    let file = |input: &str, expected: &[(usize, usize, &str)]| {
        let text =
            GOOD.replace("outputs:\n  alerts:\n    kafka: {topic: alerts}\n", "outputs:\n  alerts:\n    stdout: {}\n");
        let text = text.replace("dead_letters: {kafka: {topic: dead}}\n", "");
        let text = text.replace("  kafka: {topics: [power]}\n", &format!("  {input}\n"));
        let problems = read(&text).unwrap_err();
        let found = problems.list().iter().map(|problem| {
            let (line, column) = problems.line_and_column(problem.place.start);
            (line, column, format!("{} {}", problem.message, problem.help.as_deref().unwrap_or_default()))
        });
        let found: Vec<_> = found.collect();
        assert_eq!(found.len(), expected.len(), "{problems}");
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!((found.0, found.1), (expected.0, expected.1), "{problems}");
            assert!(found.2.contains(expected.2), "{problems}");
        }
    };
    file("file: {path: a.csv, shards: {key: clas, count: 2}}", &[(5, 37, "no column `clas`; did you mean `class`?")]);
    file("file: {path: a.csv, shards: {key: class, count: 0}}", &[(5, 51, "1")]);
    file(
        "file: {path: a.csv, shards: {key: class, count: 2}}\n  key: id",
        &[(6, 8, "the file is cut by `class`, so that is the record key")],
    );
}

#[test]
fn mistakes_in_augmentation() {
    let with = |rules: &str, expected: &[(usize, usize, &str)]| {
        check("model:\n", &format!("augment: {rules}\nmodel:\n"), expected);
    };
    with("[jiter]", &[(12, 11, "did you mean `jitter`?")]);
    with("[{jitter: {scale: 0}}]", &[(12, 28, "`scale` must be above 0")]);
    with("[{undersample: {desired_dist: {UP: 1.5}}}]", &[(12, 26, "shares lie between 0 and 1")]);
    with("[{oversample: {desired_dist: {}}}]", &[(12, 25, "names no class")]);
    let text = |rules: &str| {
        let text = GOOD.replace("positive: UP}", "positive: UP, negative: DOWN}");
        read(&text.replace("model:\n", &format!("augment: {rules}\nmodel:\n"))).unwrap_err().to_string()
    };
    let said = text("[{smote: {of: [DWN]}}]");
    assert!(said.contains("no class `DWN`; did you mean `DOWN`?") && said.contains("classes: UP, DOWN"), "{said}");
    let no_label = GOOD
        .replace("label: {column: class, positive: UP}\n", "")
        .replace("evaluate: [accuracy, {accuracy: {window: 1000}}]\n", "");
    let said = read(&no_label.replace("model:\n", "augment: [jitter]\nmodel:\n")).unwrap_err().to_string();
    assert!(said.contains("nothing here learns from one"), "{said}");
}

#[test]
fn a_value_that_a_comma_has_torn_is_said_once() {
    let features = "features: [price, demand, holiday]";
    for (item, column, value) in [
        ("{x: round(price, 1)}", 9, "round(price, 1)"),
        ("{x: round(greatest(price, 1, 1), 1)}", 9, "round(greatest(price, 1, 1), 1)"),
        ("{x: CASE WHEN price IN (1, 2) THEN 1 END}", 9, "CASE WHEN price IN (1, 2) THEN 1 END"),
    ] {
        let to = format!("features:\n  - {item}");
        check(
            features,
            &to,
            &[(11, column, &format!("a comma ends a value within braces, and so this one: `{value}`"))],
        );
        let help = format!("put it in quotes: `x: \"{value}\"`");
        check(features, &to, &[(11, column, &help)]);
        let quoted = GOOD.replace(features, &to.replace(value, &format!("\"{value}\"")));
        assert!(read(&quoted).is_ok(), "the advice is wrong: {quoted}");
    }
    let rule = "clean:\n  - check: {is: price NOT IN (1, 1, 2), then: dead_letter}\nfeatures: [price, demand, holiday]";
    check(features, rule, &[(11, 17, "`price NOT IN (1, 1, 2)`")]);
    let text = "clean:\n  - check: {is: class <> 'a, b', then: dead_letter}\nfeatures: [price, demand, holiday]";
    check(features, text, &[(11, 17, "`class <> 'a, b'`")]);
    // A key that is only unknown was not split.
    check("{every: 100 ms, rows: 1000}", "{every: 100 ms, rows: 1000, often}", &[(21, 37, "unknown key `often`")]);
}

#[test]
fn what_other_engines_call_otherwise_is_named() {
    let features = "features: [price, demand, holiday]";
    for (expression, words) in [
        ("hour(ts)", "extract(hour FROM ts)"),
        ("log1p(price)", "ln(1 + x)"),
        ("flor(price)", "did you mean `floor`?"),
        ("lead(price)", "`lag` looks back"),
        ("now()", "event time"),
        ("count(DISTINCT price) OVER (ORDER BY ts)", "approx_distinct"),
    ] {
        check(features, &format!("features:\n  - made: {expression}"), &[(11, 11, words)]);
        let said =
            read(&GOOD.replace(features, &format!("features:\n  - made: {expression}"))).unwrap_err().to_string();
        assert!(!said.contains("acosh"), "no list of all functions: {said}");
    }
    let units =
        "`1 h` is not a length of time: write a number and a unit, as `100 ms`, `7 days`; units are ms, s, second";
    check("{every: 100 ms,", "{every: 1 h,", &[(21, 17, units)]);
}

#[test]
fn a_plan_says_lengths_of_time_in_their_largest_unit() {
    let text = GOOD.replace("  time: ts\n", "  time: ts\n  grace: 600 s\n").replace(
        "features: [price",
        "clean:\n  - late: {after: 3600 s}\n  - deduplicate: {within: 1 day}\nfeatures: [price",
    );
    let shown = read(&text).unwrap_or_else(|problems| panic!("{problems}")).to_string();
    for words in ["grace         10 min: ", "late {after: 1 hour", "deduplicate {within: 1 day"] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
}

/// A file that is written is neither read nor written by another, however its path is spelled.
#[test]
fn mistakes_in_files() {
    let document = |outputs: &str| {
        format!(
            "name: t\ninput:\n  file: {{path: data/g.csv}}\n  columns: {{id: string, a: float64, y: boolean}}\n  id: id\n\
             lookup:\n  shops: {{file: {{path: shops.csv}}, columns: {{id: string, rent: float64}}, on: id}}\n\
             features: [a, shops.rent]\nlabel: {{column: y}}\nmodel: [standard_scaler, logistic_regression]\n{outputs}"
        )
    };
    for (outputs, words) in [
        ("outputs: {o: {file: {path: data/g.csv}}}", "would write into the file of the input"),
        ("outputs: {o: {file: {path: ./data/../data/g.csv}}}", "would write into the file of the input"),
        ("outputs: {o: {file: {path: shops.csv}}}", "would write into the file of the table `shops`"),
        ("outputs: {o: {file: {path: o.nd}}}\ndead_letters: {file: {path: data/g.csv}}", "into the file of the input"),
        ("outputs: {o: {file: {path: o.nd}}, p: {file: {path: ./o.nd}}}", "into the file of `outputs.o`"),
        ("outputs: {o: {file: {path: o.nd}}}\ndead_letters: {file: {path: o.nd}}", "into the file of `outputs.o`"),
    ] {
        let problems = read(&document(outputs)).map(|_| ()).unwrap_err();
        assert_eq!(problems.list().len(), 1, "{problems}");
        assert!(problems.list()[0].message.contains(words), "{outputs}: {problems}");
    }
    read(&document("outputs: {o: {file: {path: g.csv}}}")).unwrap_or_else(|problems| panic!("{problems}"));
}
