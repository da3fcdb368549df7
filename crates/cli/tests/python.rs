//! Models in Python: they score and learn, and every failure of their process is recovered from or reported.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads what was written.

use std::path::Path;

use serde_json::{Value, json};

mod support;
use support::{Said, folder, python, run, write};

const ROWS: usize = 300;

/// Amounts 0 to 299, a shop of three, and whether it is a fraud: from 150 on.
fn rows() -> String {
    let row = |n: usize| format!("{n},{},2026-01-01T00:00:{:02}Z,{}\n", ["x", "y", "z"][n % 3], n % 60, n >= 150);
    "amount,shop,ts,fraud\n".to_string() + &(0..ROWS).map(row).collect::<String>()
}

fn document(settings: &str) -> String {
    format!(
        "name: p
input: {{file: {{path: rows.csv}}, columns: {{amount: float64, shop: string, ts: timestamp, fraud: boolean}}}}
features: [amount, shop, ts]
label: {{column: fraud}}
model: [{{python: {{path: my_model.py, interpreter: \"{}\"{settings}}}}}]
evaluate: [accuracy]
outputs: {{all: {{file: {{path: all.ndjson}}}}}}
dead_letters: {{file: {{path: dead.ndjson}}}}
commit: {{rows: 100}}
",
        python()
    )
}

fn lines(folder: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs this module over the rows.
fn scored(name: &str, module: &str, settings: &str) -> (Said, Vec<Value>, Vec<Value>) {
    let folder = folder(name);
    write(&folder, "rows.csv", rows());
    write(&folder, "my_model.py", module);
    write(&folder, "p.yaml", document(settings));
    let said = run(&folder, &["run", "p.yaml", "--json"]);
    let (decisions, dead) = (lines(&folder, "all.ndjson"), lines(&folder, "dead.ndjson"));
    (said, decisions, dead)
}

const GOOD: &str = "
def load():
    print('loading')
    return 150.0

def predict(limit, batch):
    assert list(batch.names) == ['amount', 'shop', 'ts'], batch.names
    assert set(batch['shop']) <= {'x', 'y', 'z'}
    assert (batch['ts'] >= 1767225600).all()
    return (batch['amount'] >= limit) * 0.5 + 0.25
";

#[test]
fn a_module_scores_columns_of_every_type() {
    let (said, decisions, dead) = scored("python-good", GOOD, "");
    assert_eq!((said.code, decisions.len(), dead.len()), (0, ROWS, 0), "{said:?}");
    assert_eq!(said.report()["metrics"]["accuracy"], 1.0);
    assert_eq!((&decisions[0]["score"], &decisions[299]["score"]), (&json!(0.25), &json!(0.75)));
    assert_eq!(decisions[0]["model"], "my_model@0");
    // What it prints is in the log, and cannot be mistaken for an answer.
    assert!(said.err.contains("member 0: my_model.py: loading"), "{}", said.err);
}

#[test]
fn classes_values_and_two_columns_of_probabilities() {
    let module = GOOD
        .replace("return (batch", "import numpy as np\n    share = (batch")
        .replace("+ 0.25\n", "+ 0.25\n    return np.column_stack([1 - share, share, 0 * share])\n");
    let settings = ", output: {classes: [no, yes, never]}";
    let (said, decisions, _) = scored("python-classes", &module, settings);
    // A boolean label has two classes: a document with more says so.
    assert!(said.code == 2 && said.err.contains("the model knows 3 classes, and this label has two"), "{said:?}");
    assert!(decisions.is_empty());
    let two = module.replace(", 0 * share]", "]");
    let (said, decisions, _) = scored("python-two", &two, "");
    assert_eq!((said.code, decisions.len()), (0, ROWS), "{said:?}");
    assert_eq!(decisions[299]["score"], 0.75, "of two columns the second one is the positive class's");
}

#[test]
fn a_row_that_fails_is_a_dead_letter_and_its_neighbours_are_not() {
    for (name, line, why) in [
        ("raises", "if 7 in batch['amount']: raise ValueError('seven')", "ValueError: seven"),
        ("nan", "return [float('nan') if a == 7 else 0.5 for a in batch['amount']]", "no finite number"),
        (
            "above",
            "return [1.5 if a == 7 else 0.5 for a in batch['amount']]",
            "it answered 1.5, which is no probability",
        ),
        (
            "below",
            "return [-0.3 if a == 7 else 0.5 for a in batch['amount']]",
            "it answered -0.3, which is no probability",
        ),
        ("infinite", "return [float('inf') if a == 7 else 0.5 for a in batch['amount']]", "no finite number"),
        ("few", "return [0.5 for a in batch['amount'] if a != 7]", "`predict` gave [0] for 1 rows: (1, 1) is expected"),
        ("text", "return ['x' if a == 7 else 0.5 for a in batch['amount']]", "could not convert string to float"),
    ] {
        let module = GOOD.replace("    return (batch", &format!("    {line}\n    return (batch"));
        let (said, decisions, dead) = scored(&format!("python-{name}"), &module, "");
        assert_eq!((said.code, decisions.len(), dead.len()), (0, ROWS - 1, 1), "{name}: {said:?}");
        let letter = dead[0].to_string();
        assert!(letter.contains("not_scored") && letter.contains(why), "{name}: {letter}");
    }
}

#[test]
fn probabilities_of_classes_add_up_to_one() {
    let one = |seven: &str| format!("return [{seven} if a == 7 else [0.25, 0.75] for a in batch['amount']]");
    for (name, seven, why) in [
        ("sum", "[0.9, 0.9]", "its probabilities of 2 classes add up to 1.8, not to 1: [0.9, 0.9]"),
        ("none", "[0.0, 0.0]", "add up to 0, not to 1"),
        ("negative", "[-0.5, 1.5]", "it answered -0.5, which is no probability"),
        ("margins", "[2.0, -1.0]", "it answered 2, which is no probability"),
    ] {
        let module = GOOD.replace("    return (batch", &format!("    {}\n    return (batch", one(seven)));
        let (said, decisions, dead) =
            scored(&format!("python-{name}"), &module, ", output: {classes: ['false', 'true']}");
        assert_eq!((said.code, decisions.len(), dead.len()), (0, ROWS - 1, 1), "{name}: {said:?}");
        let letter = dead[0].to_string();
        assert!(letter.contains("not_scored") && letter.contains(why), "{name}: {letter}");
        assert_eq!(decisions[0]["score"], 0.75);
    }
}

/// The positive class is found by its name, wherever the model has it.
#[test]
fn the_positive_class_is_found_by_its_name() {
    let module = GOOD.replace("    return (batch", "    return [[0.9, 0.1]] * len(batch['amount'])\n    return (batch");
    for (classes, score) in [("['true', 'false']", 0.9), ("['false', 'true']", 0.1), ("['False', 'True']", 0.1)] {
        let (said, decisions, _) = scored("python-named", &module, &format!(", output: {{classes: {classes}}}"));
        assert_eq!((said.code, &decisions[0]["score"]), (0, &json!(score)), "{classes}: {said:?}");
    }
}

#[test]
fn a_process_that_ends_or_hangs_is_started_again() {
    // Once: the batch is tried again and nothing is lost.
    let once = "
    import os
    if not os.path.exists('died'):
        open('died', 'w').close()
        os.kill(os.getpid(), 9)
    return (batch";
    let (said, decisions, dead) = scored("python-once", &GOOD.replace("\n    return (batch", once), "");
    assert_eq!((said.code, decisions.len(), dead.len()), (0, ROWS, 0), "{said:?}");
    assert!(said.err.contains("its process ended (signal: 9 (SIGKILL)); it is started again"), "{}", said.err);
    // Always at the same row: that one is a dead letter.
    let always = "\n    if 7 in batch['amount']: import os; os._exit(3)\n    return (batch";
    let (said, decisions, dead) = scored("python-always", &GOOD.replace("\n    return (batch", always), "");
    assert_eq!((said.code, decisions.len(), dead.len()), (0, ROWS - 1, 1), "{said:?}");
    assert!(dead[0].to_string().contains("its process ended (exit status: 3)"), "{}", dead[0]);
    // It hangs.
    let hangs = "\n    if 7 in batch['amount']: import time; time.sleep(1000)\n    return (batch";
    let (said, decisions, dead) = scored("python-hangs", &GOOD.replace("\n    return (batch", hangs), ", timeout: 1 s");
    assert_eq!((said.code, decisions.len(), dead.len()), (0, ROWS - 1, 1), "{said:?}");
    assert!(dead[0].to_string().contains("it gave no answer in 1 s"), "{}", dead[0]);
    // It writes to the pipe itself.
    let garbage = "\n    if 7 in batch['amount']: import gc, sys; sys.modules['__main__'].answers.write(b'hello, world')\n    return (batch";
    let (said, decisions, dead) = scored("python-garbage", &GOOD.replace("\n    return (batch", garbage), "");
    assert_eq!((said.code, decisions.len(), dead.len()), (0, ROWS - 1, 1), "{said:?}");
    assert!(dead[0].to_string().contains("an answer begins with something else than its length"), "{}", dead[0]);
}

#[test]
fn a_process_that_grows_is_started_again() {
    let leaks = "\n    kept.append(bytearray(b'x') * (64 << 20))\n    return (batch";
    let module = "kept = []\n".to_string() + &GOOD.replace("\n    return (batch", leaks);
    let folder = folder("python-leaks");
    write(&folder, "rows.csv", rows());
    write(&folder, "my_model.py", module);
    // One batch a commit.
    write(&folder, "p.yaml", document(", memory: 200 MB").replace("rows: 100", "rows: 20"));
    let said = run(&folder, &["run", "p.yaml", "--json"]);
    assert_eq!((said.code, lines(&folder, "all.ndjson").len()), (0, ROWS), "{said:?}");
    let again = said.err.matches("it is started again").count();
    assert!(lines(&folder, "dead.ndjson").is_empty());
    println!("started again {again} times");
}

#[test]
fn what_cannot_be_loaded_is_said() {
    for (module, words) in [
        ("def load(:\n", "my_model.py cannot be loaded: SyntaxError"),
        ("import not_there\n", "ModuleNotFoundError: No module named 'not_there'"),
        ("def load():\n    return 1\n", "my_model.py has no function `predict`"),
        ("def load():\n    raise OSError('no weights')\ndef predict(m, b): pass\n", "OSError: no weights"),
        ("import os; os._exit(4)\n", "its process ended (exit status: 4)"),
    ] {
        let (said, ..) = scored("python-unloaded", module, "");
        assert!(said.code == 1 && said.err.contains(words), "{words}\n{said:?}");
    }
    let folder = folder("python-mistakes");
    write(&folder, "rows.csv", rows());
    write(&folder, "my_model.py", GOOD);
    let good = document("");
    for (from, to, words) in [
        ("my_model.py", "models.py", "cannot read the module models.py: there is no such file"),
        ("dead_letters: {file: {path: dead.ndjson}}\n", "", "a model in Python may fail for a row"),
        ("path: my_model.py", "path: my_model.py, learn_batch: 10", "a feature here is text"),
        ("path: my_model.py", "path: my_model.py, output: {classes: [a]}", "at least two classes"),
        ("path: my_model.py", "path: my_model.py, timeout: soon", "is not a length of time"),
    ] {
        write(&folder, "p.yaml", good.replace(from, to));
        let said = run(&folder, &["check", "p.yaml"]);
        assert!(said.code == 2 && said.err.contains(words), "{words}\n{said:?}");
    }
    write(&folder, "p.yaml", good.replace(&python(), "/nowhere/python"));
    let said = run(&folder, &["run", "p.yaml"]);
    assert!(said.code == 1 && said.err.contains("name an interpreter that is there"), "{said:?}");
}

/// Counts fraud by the tens of the amount: its answers show what it has learned.
const LEARNS: &str = "
import json, os
def load(saved):
    return json.loads(saved) if saved else {'all': 0, 'fraud': 0}
def predict(model, batch):
    if os.environ.get('DIE') and model['all'] == 120 and not os.path.exists('died'):
        open('died', 'w').close()
        os._exit(1)
    return [(model['fraud'] + 1) / (model['all'] + 2)] * len(batch)
def learn(model, batch, labels):
    assert batch.matrix.shape == (len(labels), 1)
    model['all'] += len(labels)
    model['fraud'] += int(labels.sum())
def save(model):
    return json.dumps(model).encode()
";

#[test]
fn what_it_learns_is_part_of_the_state() {
    let folder = folder("python-learns");
    write(&folder, "rows.csv", rows());
    write(&folder, "my_model.py", LEARNS);
    let document = document(", learn_batch: 10").replace("[amount, shop, ts]", "[amount]");
    write(&folder, "p.yaml", &document);
    let said = run(&folder, &["run", "p.yaml", "--json"]);
    assert_eq!((said.code, &said.report()["learned"]), (0, &json!(ROWS)), "{said:?}");
    let scores = |name: &str| -> Vec<f64> {
        lines(&folder, name).iter().map(|decision| decision["score"].as_f64().unwrap()).collect()
    };
    let expected: Vec<f64> = (0..ROWS)
        .map(|row| {
            let learned = row / 10 * 10;
            (learned.saturating_sub(150) as f64 + 1.0) / (learned as f64 + 2.0)
        })
        .collect();
    assert_eq!(scores("all.ndjson"), expected, "each lesson of ten rows counts from the row after it");
    // Cut into two runs with a kept state, and with a process that dies between: the same.
    let kept = document.replace("commit:", "state: {directory: kept}\ncommit:").replace("all.ndjson", "kept.ndjson");
    write(&folder, "p.yaml", kept);
    let all = rows();
    let half: String = all.split_inclusive('\n').take(145).collect();
    write(&folder, "rows.csv", half);
    let said = support::Said::from(&support::gristmill(&folder, &["run", "p.yaml"]).env("DIE", "1").output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("it is started again"), "{said:?}");
    write(&folder, "rows.csv", all);
    let said = run(&folder, &["run", "p.yaml", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(scores("kept.ndjson"), expected);
    let plan = run(&folder, &["plan", "p.yaml"]).out;
    assert!(plan.contains("learns here, 10 rows at a time; that the same rows teach the same depends on it"), "{plan}");
}

#[test]
fn scikit_learn_live_gives_its_own_scores() {
    let module = "
import numpy as np
from sklearn.ensemble import RandomForestClassifier
def load():
    x = np.arange(300, dtype=float).reshape(-1, 1)
    return RandomForestClassifier(20, random_state=1).fit(x, (x[:, 0] * 7 % 300 > 150).astype(int))
def predict(model, batch):
    return model.predict_proba(batch['amount'].reshape(-1, 1))
";
    let (said, decisions, _) = scored("python-sklearn", module, ", start: 5 min");
    assert_eq!((said.code, decisions.len()), (0, ROWS), "{said:?}");
    let direct = module.to_string()
        + "\nimport json\nm = load()\nprint(json.dumps(m.predict_proba(np.arange(300, dtype=float).reshape(-1, 1))[:, 1].tolist()))\n";
    let output = std::process::Command::new(python()).args(["-c", &direct]).output().unwrap();
    let expected: Vec<f64> = serde_json::from_slice(&output.stdout).unwrap();
    let found: Vec<f64> = decisions.iter().map(|decision| decision["score"].as_f64().unwrap()).collect();
    assert_eq!(found, expected);
}
