//! A newcomer's mistakes, each with the message on the terminal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use support::*;

const CSV: &str = "x,y,class\n1,2,a\n3,4,b\n5,6,a\n";

fn document(input: &str, more: &str) -> String {
    format!(
        "name: t
input:
  {input}
  columns: {{x: float64, y: float64, class: string}}
features: [x, y]
label: {{column: class, positive: a}}
model: [standard_scaler, logistic_regression]
evaluate: [accuracy]
{more}
"
    )
}

/// Runs a document and expects this exit code and these words on standard error.
fn check(folder: &Path, document: &str, code: i32, words: &[&str]) -> Said {
    write(folder, "t.yaml", document);
    let said = run(folder, &["run", "t.yaml", "--until-end", "--json"]);
    for word in words {
        assert!(said.err.contains(word), "`{word}` is not in\n{}", said.err);
    }
    assert_eq!(said.code, code, "{said:?}");
    assert!(!said.err.contains("panicked"), "{}", said.err);
    said
}

#[test]
fn in_the_document() {
    let folder = folder("document");
    write(&folder, "d.csv", CSV);
    let good = document("file: {path: d.csv}", "");
    assert_eq!(check(&folder, &good, 0, &[]).report()["rows"], 3);
    check(&folder, &good.replace("model:", "modle:"), 2, &["t.yaml:7:1", "did you mean `model`?"]);
    check(&folder, &good.replace("x: float64", "x: float"), 2, &["unknown name `float`", "did you mean `float64`?"]);
    check(&folder, &good.replace("[x, y]", "[x, z]"), 2, &["t.yaml:5:15", "no column `z`"]);
    check(&folder, &good.replace(", positive: a", ""), 2, &["which value of `class` is the positive class?"]);
    check(
        &folder,
        &good.replace("label: {column: class, positive: a}\n", ""),
        2,
        &["nothing can be evaluated without a `label`"],
    );
    check(
        &folder,
        &good.replace("class: string", "class: string, c: float64").replace("[x, y]", "[x, c]"),
        1,
        &["no column `c`", "d.csv"],
    );
    let said = run(&folder, &["run", "none.yaml"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("cannot read the document none.yaml: there is no such file"), "{}", said.err);
    let said = run(&folder, &["run", "."]);
    assert!(said.err.contains("it is a folder"), "{}", said.err);
    let said = run(&folder, &["run", "t.yaml", "--members", "2"]);
    assert!(said.err.contains("a file is read by one member"), "{}", said.err);
    let said = run(&folder, &["describe", "logistic_regresion"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("did you mean `logistic_regression`?"), "{}", said.err);
    // A section's name has a dot, as a file's has.
    let said = run(&folder, &["describe", "input.file"]);
    assert!(said.code == 0 && said.out.starts_with("# input.file (section)"), "{said:?}");
}

#[test]
fn in_the_files() {
    let folder = folder("files");
    let file = |name: &str| document(&format!("file: {{path: {name}, max_record: 1 MB}}"), "");
    let letters = |name: &str| file(name) + "dead_letters: {file: {path: dead.ndjson}}\n";
    check(&folder, &file("none.csv"), 1, &["cannot read none.csv: there is no such file"]);
    std::fs::create_dir(folder.join("dir.csv")).unwrap();
    check(&folder, &file("dir.csv"), 1, &["cannot read dir.csv: it is a folder; name a file in it"]);
    write(&folder, "empty.csv", "");
    let said = check(&folder, &file("empty.csv"), 0, &["empty.csv is empty"]);
    assert_eq!(said.report()["rows"], 0);
    write(&folder, "header.csv", "x,y,class\n");
    assert_eq!(check(&folder, &file("header.csv"), 0, &["header.csv is empty"]).report()["rows"], 0);
    write(&folder, "semicolons.csv", CSV.replace(',', ";"));
    check(&folder, &file("semicolons.csv"), 1, &["add `delimiter: ';'`"]);

    write(&folder, "latin.csv", b"x,y,class\n1,2,a\n3,4,caf\xe9\n5,6,a\n");
    check(
        &folder,
        &file("latin.csv"),
        1,
        &["latin.csv, record 2: invalid_utf8", "byte 0xe9", "iconv -f latin1", "has no `dead_letters`"],
    );
    let said = check(&folder, &letters("latin.csv"), 0, &[]);
    assert_eq!(said.report()["dead_letters"]["by_reason"]["invalid_utf8"], 1);

    write(&folder, "large.csv", format!("x,y,class\n1,2,a\n3,4,{}\n5,6,a\n", "b".repeat(5 << 20)));
    let limits = ["large.csv, record 2: too_large", "5242884 bytes, 1048576 are allowed", "raise `max_record`"];
    check(&folder, &file("large.csv"), 1, &limits);
    let said = check(&folder, &letters("large.csv"), 0, &[]);
    assert_eq!(said.report()["dead_letters"]["by_reason"]["too_large"], 1);
    let said = run(&folder, &["dead-letters", "list", "t.yaml"]);
    assert!(said.out.contains("topic large.csv, partition 0, offset 1  too_large"), "{said:?}");

    write(&folder, "d.csv", CSV);
    check(&folder, &(file("d.csv") + "outputs: {o: {file: {path: no/such/o}}}\n"), 1, &["its folder does not exist"]);
    check(&folder, &(file("d.csv") + "outputs: {o: {file: {path: dir.csv}}}\n"), 1, &["it is a folder"]);
    write(&folder, "cut.csv.gz", b"\x1f\x8b\x08\x00\x00");
    check(&folder, &file("cut.csv.gz"), 1, &["cannot read cut.csv.gz"]);
}

#[test]
fn without_permission() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    // A folder that all users can enter: the user below may not enter the checkout.
    let folder = std::env::temp_dir().join(unique("gristmill-permission"));
    std::fs::create_dir(&folder).unwrap();
    let secret = write(&folder, "secret.csv", CSV);
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    write(&folder, "t.yaml", document("file: {path: secret.csv}", ""));
    let binary = folder.join("gristmill");
    std::fs::copy(env!("CARGO_BIN_EXE_gristmill"), &binary).unwrap();
    let mut command = std::process::Command::new(&binary);
    command.args(["run", "t.yaml"]).current_dir(&folder);
    let root = std::process::Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if root {
        // Nothing is forbidden to root: run as an unprivileged user.
        command.uid(65_534).gid(65_534);
    }
    let said = Said::from(&command.output().unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(said.err.contains("cannot read secret.csv: permission denied"), "{said:?}");
    assert_eq!(said.code, 1);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = folder("head");
    let rows: String = (0..200_000).map(|number| format!("{},1,a\n", number % 7)).collect();
    write(&folder, "d.csv", format!("x,y,class\n{rows}"));
    write(&folder, "t.yaml", document("file: {path: d.csv}", "outputs: {o: {stdout: {}}}"));
    let mut command = gristmill(&folder, &["run", "t.yaml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let said = finish(child, Duration::from_secs(20));
    assert_eq!((said.code, said.err.contains("error")), (0, false), "{said:?}");
}

#[test]
fn standard_input_is_a_file() {
    let folder = folder("stdin");
    write(&folder, "t.yaml", document("file: {path: '-'}\n  format: csv", "outputs: {o: {stdout: {}}}"));
    let mut command = gristmill(&folder, &["run", "t.yaml", "--json", "--quiet"]);
    let file = write(&folder, "d.csv", CSV);
    let said = Said::from(&command.stdin(std::fs::File::open(file).unwrap()).output().unwrap());
    assert_eq!(said.report()["rows"], 3, "{said:?}");
    assert_eq!(said.out.lines().count(), 4);
    assert!(said.out.starts_with(r#"{"id":"stdin-0-0","prediction":"not a","score":0.5"#), "{}", said.out);
}

fn kafka(brokers: &str, topic: &str, more: &str) -> String {
    let input = format!("kafka: {{topics: [{topic}]}}\n  format: csv");
    format!("kafka:\n  bootstrap.servers: {brokers}\n{more}{}", document(&input, ""))
        .replace("name: t", &format!("name: {topic}"))
}

#[test]
fn no_broker() {
    let folder = folder("nobroker");
    write(&folder, "t.yaml", kafka("127.0.0.1:1", "x", ""));
    let mut command = gristmill(&folder, &["run", "t.yaml"]);
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let child = command.stderr(log).spawn().unwrap();
    let said = || std::fs::read_to_string(folder.join("log")).unwrap();
    until("a message", Duration::from_secs(10), || said().contains("no broker answers at 127.0.0.1:1"));
    until("a second attempt", Duration::from_secs(15), || said().matches("trying again").count() > 1);
    assert!(said().contains("Connection refused") && said().contains("trying again in 1 s"), "{}", said());
    signal(&child, "-TERM");
    let ended = finish(child, Duration::from_secs(10));
    assert_eq!(ended.code, 1);
    let said = run(&folder, &["check", "t.yaml", "--connect"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("no broker answers"), "{}", said.err);
}

#[test]
fn passwords() {
    let folder = folder("passwords");
    let topic = unique("passwords");
    create(&topic, 2, &[]);
    let good = |value: &str| Record { value: Some(value.into()), ..Record::default() };
    produce(&topic, &[good("1,2,a"), good("3,4,b")]);
    let settings = |mechanism: &str, password: &str| {
        format!(
            "  security.protocol: SASL_PLAINTEXT\n  sasl.mechanism: {mechanism}\n  sasl.username: alice\n  sasl.password: {password}\n"
        )
    };
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        let began = Instant::now();
        let wrong = kafka(&sasl_broker(), &topic, &settings(mechanism, "wrong"));
        check(&folder, &wrong, 1, &["refuses the connection", "Authentication failed", "sasl.password"]);
        assert!(began.elapsed() < Duration::from_secs(10));
        let said = check(&folder, &kafka(&sasl_broker(), &topic, &settings(mechanism, "alice-secret")), 0, &[]);
        assert_eq!(said.report()["rows"], 2, "{mechanism}: the second run goes on from what the first has kept");
    }
}

#[test]
fn topics() {
    let folder = folder("topics");
    let missing = unique("missing");
    let words = [missing.as_str(), "does not exist", "kafka-topics.sh --create", "create: {partitions: 4}"];
    check(&folder, &kafka(&broker(), &missing, ""), 1, &words);
    let created = kafka(&broker(), &missing, "").replace("]}\n  format", "], create: {partitions: 3}}\n  format");
    let said = check(&folder, &created, 0, &["created topic"]);
    assert_eq!(said.report()["rows"], 0, "an empty topic is read to its end at once");
    assert_eq!(count(&missing, 3), 0);
}

#[test]
fn a_record_larger_than_its_answer_may_be() {
    let folder = folder("large");
    let topic = unique("large");
    create(&topic, 1, &[("max.message.bytes", "10000000")]);
    create(&format!("{topic}-dead"), 1, &[]);
    let value = |text: String| Record { value: Some(text.into()), ..Record::default() };
    produce(&topic, &[value("1,2,a".into()), value(format!("3,{},b", "4".repeat(5 << 20).replace('4', "x")))]);
    let letters = format!("dead_letters: {{kafka: {{topic: {topic}-dead}}}}\n");
    let document = kafka(&broker(), &topic, "") + &letters;
    check(
        &folder,
        &document,
        1,
        &[
            "max.message.bytes=10065536",
            &format!("topic `{topic}-dead` takes no record as large as the answer to {topic}-0, offset 1"),
        ],
    );
    // Not by its watermarks: a broker marks a transaction's end, now and then twice, with a record that consumers
    // never see.
    assert!(consume(&format!("{topic}-dead")).is_empty());
}

#[test]
fn without_dead_letters_the_run_stops_where_the_record_is() {
    let folder = folder("stop");
    let topic = unique("stop");
    create(&topic, 1, &[]);
    let value = |text: &str| Record { value: Some(text.into()), ..Record::default() };
    produce(&topic, &[value("1,2,a"), value("3,4,b"), value("3"), value("5,6,a")]);
    let place = format!("topic {topic}, partition 0, offset 2: invalid_csv: expected 3 fields, found 1");
    check(&folder, &kafka(&broker(), &topic, ""), 1, &[&place, "has no `dead_letters`"]);
    assert_eq!(lag(&topic, &topic, 1), 2, "what came before is committed");
    let letters = kafka(&broker(), &topic, "")
        + &format!("dead_letters: {{kafka: {{topic: {topic}-dead, create: {{partitions: 1}}}}}}\n");
    let said = check(&folder, &letters, 0, &[]);
    assert_eq!((&said.report()["rows"], &said.report()["dead_letters"]["total"]), (&4.into(), &1.into()));
    // Decisions in a file continue where those of the previous run ended, as the group does.
    let filed = letters.clone() + "outputs: {all: {file: {path: all.ndjson}}}\n";
    let filed = filed.replace("kafka:\n", &format!("kafka:\n  group.id: {topic}-filed\n"));
    check(&folder, &filed, 0, &[]);
    produce(&topic, &[value("7,8,a")]);
    check(&folder, &filed, 0, &[]);
    assert_eq!(std::fs::read_to_string(folder.join("all.ndjson")).unwrap().lines().count(), 4);
    write(&folder, "t.yaml", letters);
    let said = run(&folder, &["dead-letters", "list", "t.yaml"]);
    assert!(said.out.contains("invalid_csv: expected 3 fields, found 1  \"3\""), "{said:?}");
    let said = run(&folder, &["dead-letters", "replay", "t.yaml"]);
    assert_eq!(said.out, "2 dead letters sent back to the input\n", "one for each group: {said:?}");
    assert_eq!(count(&topic, 1), 7);
    let said = run(&folder, &["dead-letters", "replay", "t.yaml"]);
    assert_eq!(said.out, "0 dead letters sent back to the input\n", "sent back once, not twice: {said:?}");
}

#[test]
fn without_dead_letters_a_third_class_stops_the_run_where_it_is() {
    let folder = folder("third");
    let topic = unique("third");
    create(&topic, 1, &[]);
    let value = |text: &str| Record { value: Some(text.into()), ..Record::default() };
    produce(&topic, &[value("1,2,a"), value("3,4,c"), value("5,6,b")]);
    let document = kafka(&broker(), &topic, "").replace("positive: a", "positive: a, negative: b");
    let place = format!("topic {topic}, partition 0, offset 1: unknown_label: the label is `c`, neither `a` nor `b`");
    check(&folder, &document, 1, &[&place, "has no `dead_letters`"]);
    assert_eq!(lag(&topic, &topic, 1), 2, "what came before is committed, and nothing else");
    check(&folder, &document, 1, &[&place]);
    assert_eq!(lag(&topic, &topic, 1), 2, "it is still there the next time");
}

#[test]
fn a_model_file_is_described_or_refused_in_words() {
    let folder = folder("models");
    let model = "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=1\nobjective=binary sigmoid:1\n\
                 feature_names=amount hour\nfeature_infos=[0:900] [0:23]\n\nTree=0\nnum_leaves=2\nsplit_feature=0\n\
                 threshold=100\ndecision_type=2\nleft_child=-1\nright_child=-2\nleaf_value=-1 2\n\nend of trees\n";
    write(&folder, "risk.txt", model);
    let said = run(&folder, &["describe", "risk.txt"]);
    let expected = format!(
        "format     LightGBM v4, text\nobjective  binary sigmoid:1\nmade of    1 trees, 1 nodes, 2 leaves\n\
         inputs     2\n  amount  number\n  hour    number\noutput     the probability of class 1\nsize       {} bytes\n",
        model.len()
    );
    assert_eq!((said.code, said.out.as_str()), (0, expected.as_str()), "{said:?}");
    write(&folder, "model.cbm", "CBM1");
    write(&folder, "cut.txt", &model[..200]);
    for (name, words) in [
        ("risks.txt", "cannot read the model risks.txt: there is no such file"),
        ("./", "it is a folder; name a model file in it"),
        ("model.cbm", "this is CatBoost's binary format; save it with `save_model(path, format=\"json\")`"),
        ("cut.txt", "damaged LightGBM file: it ends before `end of trees`; save the model again"),
    ] {
        let said = run(&folder, &["describe", name]);
        assert!(said.code == 2 && said.err.contains(words), "{words}\n{said:?}");
    }
}

/// Inputs stay unchanged, however their paths are spelled.
#[test]
fn nothing_that_is_read_is_written() {
    let folder = folder("spared");
    let data =
        "id,a,y\n".to_string() + &(0..20).map(|row| format!("{row},{row},{}\n", row % 2 == 0)).collect::<String>();
    let data_file = write(&folder, "g.csv", &data);
    std::os::unix::fs::symlink(&data_file, folder.join("link.csv")).unwrap();
    let absolute = data_file.to_string_lossy().into_owned();
    let document = |out: &str| {
        format!(
            "name: t\ninput:\n  file: {{path: g.csv}}\n  columns: {{id: string, a: float64, y: boolean}}\n  id: id\n\
             features: [a]\nlabel: {{column: y}}\nmodel: [standard_scaler, logistic_regression]\n\
             outputs: {{o: {{file: {{path: {out}}}}}}}\n"
        )
    };
    for (out, words) in [
        ("g.csv", "would write into the file of the input"),
        ("link.csv", "which is the file of the input"),
        (absolute.as_str(), "which is the file of the input"),
        ("t.yaml", "which is the document itself"),
    ] {
        write(&folder, "t.yaml", document(out));
        for command in ["check", "run"] {
            let said = run(&folder, &[command, "t.yaml"]);
            assert!(said.code == 2 && said.err.contains(words), "{command} {out}: {said:?}");
        }
        assert_eq!(std::fs::read_to_string(folder.join("t.yaml")).unwrap(), document(out));
    }
    write(&folder, "t.yaml", document("o.ndjson"));
    let said = run(&folder, &["features", "t.yaml", "--out", "link.csv"]);
    assert!(said.code == 2 && said.err.contains("which is the file of the input"), "{said:?}");
    assert_eq!(std::fs::read_to_string(&data_file).unwrap(), data);
    assert_eq!(run(&folder, &["run", "t.yaml", "--quiet"]).code, 0);
}
