//! Models that change while a group runs: the version that its shard's journal names makes each decision, each once,
//! whatever is killed meanwhile, and no change delays anything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gristmill::protocol::Entry;
use gristmill::rows::Position;
use serde_json::Value;
use support::*;

const PARTITIONS: i32 = 6;

/// A tree with these leaves.
fn model(below: f64, above: f64) -> String {
    format!(
        "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=binary sigmoid:1\nfeature_names=amount\n\
         feature_infos=[0:900]\n\nTree=0\nnum_leaves=2\nsplit_feature=0\nthreshold=100\ndecision_type=2\nleft_child=-1\n\
         right_child=-2\nleaf_value={below} {above}\n\nend of trees\n"
    )
}

fn document(group: &str, input: &str) -> String {
    format!(
        "name: swap
kafka: {{bootstrap.servers: \"{}\", group.id: {group}}}
input: {{kafka: {{topics: [{input}]}}, format: json, columns: {{amount: float64, fraud: boolean}}}}
features: [amount]
label: {{column: fraud}}
model: [{{file: {{path: zero.txt}}}}]
evaluate: [accuracy, log_loss]
outputs: {{decisions: {{kafka: {{topic: {group}-out, create: {{partitions: {PARTITIONS}}}}}}}}}
commit: {{every: 20 ms}}
",
        broker()
    )
}

fn records(from: usize, count: usize) -> Vec<Record> {
    let record = |number: usize| {
        let amount = number * 37 % 200;
        Record {
            partition: (number % PARTITIONS as usize) as i32,
            value: Some(format!("{{\"amount\":{amount},\"fraud\":{}}}", amount > 100).into_bytes()),
            ..Record::default()
        }
    };
    (from..from + count).map(record).collect()
}

fn member(folder: &Path, number: usize) -> Child {
    let mut command = gristmill(folder, &["run", "p.yaml"]);
    let log = std::fs::File::create(folder.join(format!("log-{number}"))).unwrap();
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn say(folder: &Path, arguments: &[&str]) -> String {
    let said = run(folder, arguments);
    assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
    said.out
}

/// What the journal says of each partition: which version from which position on.
fn versions(group: &str) -> BTreeMap<i32, Vec<(Position, Position, u64)>> {
    let mut runs: BTreeMap<i32, Vec<(Position, Position, u64)>> = BTreeMap::new();
    for record in consume(&format!("{group}.journal")) {
        let entry = Entry::decode(record.value.as_deref().unwrap()).unwrap();
        let of = runs.entry(record.partition).or_default();
        of.extend(entry.runs.iter().map(|run| (run.consumed.from, run.consumed.next, run.version)));
    }
    runs
}

/// Each record is decided once, by the version that the journal names, whose leaves its score is of.
fn check(group: &str, input: &str, leaves: &BTreeMap<String, (f64, f64)>, total: usize) -> BTreeSet<u64> {
    let runs = versions(group);
    let (mut seen, mut used) = (BTreeSet::new(), BTreeSet::new());
    for record in consume(&format!("{group}-out")) {
        let decision: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        let id = decision["id"].as_str().unwrap().to_string();
        let place = id.strip_prefix(&format!("{input}-")).unwrap();
        let (partition, offset) = place.split_once('-').unwrap();
        let (partition, offset): (i32, u64) = (partition.parse().unwrap(), offset.parse().unwrap());
        let (_, version) = decision["model"].as_str().unwrap().split_once('@').unwrap();
        let version: u64 = version.parse().unwrap();
        let named = runs[&partition]
            .iter()
            .find(|(from, next, _)| (*from..*next).contains(&Position::number(offset)))
            .unwrap()
            .2;
        assert_eq!(version, named, "{id}");
        let (below, above) = leaves[decision["digest"].as_str().unwrap()];
        // The amount of a record follows from its number, and that from its place.
        let amount = (offset as usize * PARTITIONS as usize + partition as usize) * 37 % 200;
        let raw = if amount <= 100 { below } else { above };
        let expected = 1.0 / (1.0 + (-raw).exp());
        assert_eq!(decision["score"].as_f64().unwrap(), expected, "{decision}");
        assert!(seen.insert(id.clone()), "{id} twice");
        used.insert(version);
    }
    assert_eq!(seen.len(), total, "some decisions are missing");
    for of in runs.values() {
        assert!(of.windows(2).all(|pair| pair[0].2 <= pair[1].2), "versions go back in a journal: {of:?}");
    }
    used
}

/// The digest that decisions show of a model, and its leaves.
fn digest(model: &str) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(model.as_bytes()))
}

/// The models of the test in a folder, and their leaves by their digests.
fn models(folder: &Path) -> BTreeMap<String, (f64, f64)> {
    let mut leaves = BTreeMap::new();
    let mut put = |name: &str, below: f64, above: f64| {
        let text = model(below, above);
        leaves.insert(digest(&text), (below, above));
        write(folder, name, text);
    };
    put("zero.txt", -1.0, 1.0);
    (1..=5).for_each(|number| put(&format!("m{number}.txt"), -1.0 - f64::from(number), 1.0 + f64::from(number) / 2.0));
    write(
        folder,
        "other.txt",
        model(0.0, 1.0).replace("=amount", "=a b").replace("idx=0", "idx=1").replace("[0:900]", "[0:9] [0:9]"),
    );
    leaves
}

/// A thread that feeds records.
struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Load {
    fn start(input: String) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (feed, mut made) = (feeder(&input), 0);
            while !stopped.load(Ordering::SeqCst) {
                feed(&records(made, 18));
                made += 18;
                std::thread::sleep(Duration::from_millis(20));
            }
            // Records that have not reached the broker would be lost with the feeder.
            std::thread::sleep(Duration::from_secs(1));
            made
        });
        Self { stop, thread }
    }

    /// How many records there are.
    fn end(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

/// While nothing fails a change delays nothing.
fn changes_delay_nothing(folder: &Path, out: &str) {
    let mut longest = Duration::ZERO;
    for number in 1..=2 {
        let watched = {
            let out = out.to_string();
            std::thread::spawn(move || longest_pause(&out, Duration::from_secs(3)))
        };
        let said = say(folder, &["model", "set", "p.yaml", &format!("m{number}.txt")]);
        assert!(said.starts_with(&format!("version {number}  m{number}, ")), "{said}");
        longest = longest.max(watched.join().unwrap());
    }
    println!("longest pause around a change: {longest:?}");
    assert!(longest < Duration::from_secs(1), "a change held decisions up for {longest:?}");
}

/// Changes while members are killed and others come.
fn changes_and_kills(folder: &Path, members: &mut Vec<Child>) {
    for number in 3..=5 {
        let mut killed = members.remove(0);
        say(folder, &["model", "set", "p.yaml", &format!("m{number}.txt")]);
        killed.kill().unwrap();
        killed.wait().unwrap();
        members.push(member(folder, number));
        std::thread::sleep(Duration::from_secs(2));
    }
    let said = say(folder, &["model", "rollback", "p.yaml"]);
    assert!(said.contains("version 6  m4, ") && said.contains("(rollback to 4)"), "{said}");
    let said = say(folder, &["model", "shadow", "p.yaml", "m1.txt"]);
    assert!(said.contains("version 7  m4, ") && said.contains("tried beside it: m1, "), "{said}");
    std::thread::sleep(Duration::from_secs(3));
}

/// The trial is in the report, beside the model in force, and promotion ends it.
fn the_trial_is_reported_and_promoted(folder: &Path) {
    let report = run(folder, &["run", "p.yaml", "--until-end", "--json"]).report();
    assert_eq!(report["shadow"]["name"], "m1@7", "{report}");
    assert!(report["shadow"]["rows"].as_u64().unwrap() >= 600, "{report}");
    let (tried, in_force) = (&report["shadow"]["metrics"]["log_loss"], &report["shadow"]["model"]["log_loss"]);
    assert!(tried.as_f64().unwrap() > in_force.as_f64().unwrap(), "m1 is less sure of the same: {report}");
    assert!(say(folder, &["model", "promote", "p.yaml"]).contains("version 8  m1, "));
    let said = say(folder, &["model", "rollback", "p.yaml", "--to", "0"]);
    assert!(said.contains("version 9  the document's own model (rollback to 0)"), "{said}");
    assert_eq!(say(folder, &["model", "list", "p.yaml"]).lines().count(), 10);
}

#[test]
fn under_load_with_three_members_and_kills_every_decision_says_what_made_it() {
    let (folder, group, input) = (folder("swap"), unique("swap"), unique("swap-in"));
    create(&input, PARTITIONS, &[]);
    let leaves = models(&folder);
    write(&folder, "p.yaml", document(&group, &input));

    let mut members: Vec<Child> = (0..3).map(|number| member(&folder, number)).collect();
    let load = Load::start(input.clone());
    let out = format!("{group}-out");
    let topic_there = || say(&folder, &["model", "list", "p.yaml"]).starts_with("0  zero of the document");
    until("the group decides", Duration::from_secs(60), || topic_there() && count(&out, PARTITIONS) > 600);
    changes_delay_nothing(&folder, &out);

    // What does not fit is refused, and changes nothing.
    let said = run(&folder, &["model", "set", "p.yaml", "other.txt"]);
    assert!(said.code == 1 && said.err.contains("it takes 2 inputs, and zero takes 1"), "{said:?}");

    changes_and_kills(&folder, &mut members);
    let total = load.end();
    until("all is decided", Duration::from_secs(120), || lag(&group, &input, PARTITIONS) == 0);
    for member in members {
        signal(&member, "-TERM");
        finish(member, Duration::from_secs(60));
    }
    let used = check(&group, &input, &leaves, total);
    println!("{total} decisions by versions {used:?}");
    assert!(used.len() >= 6, "too few versions scored: {used:?}");

    produce(&input, &records(total, 600));
    the_trial_is_reported_and_promoted(&folder);
    check(&group, &input, &leaves, total + 600);

    // The state as of any place is made with the models of that time.
    let said = run(&folder, &["state", "as-of", "p.yaml", "--partition", "0", "--offset", "120", "--out", "then"]);
    assert_eq!(said.code, 0, "{said:?}");
}

/// The longest time without a decision.
fn longest_pause(topic: &str, of: Duration) -> Duration {
    let count = counter(topic, PARTITIONS);
    let (mut last, mut longest) = (count(), Duration::ZERO);
    let (began, mut since) = (Instant::now(), Instant::now());
    while began.elapsed() < of {
        let now = count();
        if now > last {
            longest = longest.max(since.elapsed());
            (last, since) = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    longest.max(since.elapsed())
}
