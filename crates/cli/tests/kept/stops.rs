//! Every stop of a group: its advice is followed, word for word, and the group runs.

use std::sync::Mutex;

use gristmill::protocol::{Piece, Saved, Slots};

use super::*;

/// What happened before and after the end of the last run, the next run's error, how many commands it advises, and
/// what else it advises.
struct Stop {
    name: &'static str,
    before: Meddle,
    meddle: Meddle,
    words: &'static str,
    commands: usize,
    edits: &'static [(&'static str, Meddle)],
}

const OWN_GROUP: (&str, Meddle) = ("a `group.id` of its own", |group| {
    group.rewrite("kafka: {", &format!("kafka: {{group.id: {}-own, ", group.name));
});

const fn stop(name: &'static str, before: Meddle, meddle: Meddle, words: &'static str, commands: usize) -> Stop {
    Stop { name, before, meddle, words, commands, edits: &[] }
}

const STOPS: &[Stop] = &[
    stop("lost", clean, |group| delete(&[&group.topic("journal"), &group.topic("state")]), "but there is no state", 2),
    stop("behind", clean, |group| commit(&group.name, &group.input(), 0, 70), "the journal ends at 60", 2),
    stop("set-back", clean, |group| commit(&group.name, &group.input(), 0, 20), "the group was set back to 20", 2),
    stop("expired", clean, expire, "the log begins at 70: up to 10 records", 1),
    stop("expired-twice", killed, expire, "the log begins at 70: up to 10 records", 1),
    stop(
        "rows-gone",
        killed,
        |group| delete_records(&group.input(), 0, 30),
        "must be rebuilt from 0 on, but the log begins at 30",
        1,
    ),
    stop("cut", killed, |group| delete_records(&group.topic("journal"), 0, 1), "entries are gone", 2),
    Stop {
        edits: &[OWN_GROUP, ("put it back and let it run until it stops cleanly", Group::put_back)],
        ..stop("other-plan", killed, change_model, "was learned under another document", 2)
    },
    Stop {
        edits: &[OWN_GROUP, ("put the document back as it was", Group::put_back)],
        ..stop("changed", clean, change_model, "saved with other `logistic_regression`", 1)
    },
    // The input is made anew, with other records, or with fewer.
    stop("differs", killed, |group| group.anew(1_000, 100), "60 of 60 are there, and they differ", 1),
    stop("fewer", killed, |group| group.anew(0, 30), "30 of 60 are there, the others are gone", 1),
    Stop {
        edits: &[("put them back", |group| ok(&group.of_model("set", "two.txt"), &["version 1"]))],
        ..stop("no-version", scored_by_another, |group| delete(&[&group.topic("models")]), "scored by version 1", 1)
    },
    Stop {
        edits: &[("put it back", |group| group.table(1))],
        ..stop("other-table", looked_up, |group| group.table(2), "a table has changed", 1)
    },
    Stop {
        edits: &[
            ("raise `max_memory` under `windows`", |group| group.rewrite("max_memory: 100 KB", "max_memory: 100 MB")),
            ("leave `on_limit: stop` out", |group| group.rewrite(", on_limit: stop", "")),
        ],
        ..stop("full", windowed, |group| group.send(1_000, 3_000, PARTITIONS), "the windows take more than 100 KB", 0)
    },
    Stop { edits: &[OWN_GROUP], ..stop("no-entry", clean, write_into_the_journal, "this is no entry of a journal", 1) },
    stop("unusable", clean, save_as_a_newer_program, "its saved state cannot be used", 2),
];

fn expire(group: &Group) {
    delete_records(&group.input(), 0, 70);
}

fn change_model(group: &Group) {
    let before = std::fs::read_to_string(group.folder.join("t.yaml")).unwrap();
    write(&group.folder, "before.yaml", before);
    group.write(&group.slower());
}

fn scored_by_another(group: &Group) {
    for (name, leaf) in [("one.txt", 1.0), ("two.txt", 2.0)] {
        let tree = format!(
            "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=binary sigmoid:1\nfeature_names=x\n\
             feature_infos=[0:20]\n\nTree=0\nnum_leaves=2\nsplit_feature=0\nthreshold=8\ndecision_type=2\nleft_child=-1\n\
             right_child=-2\nleaf_value=-1 {leaf}\n\nend of trees\n"
        );
        write(&group.folder, name, tree);
    }
    group.rewrite("[standard_scaler, logistic_regression]", "[{file: {path: one.txt}}]");
    clean(group);
    ok(&group.of_model("set", "two.txt"), &["version 1"]);
    group.send(200, 20, PARTITIONS);
    killed(group);
}

fn looked_up(group: &Group) {
    let table =
        "lookup: {at: {file: {path: table.csv}, columns: {id: string, w: float64}, on: id}}\nfeatures: [x, at.w]";
    group.rewrite("features: [x]", table);
    group.table(1);
    killed(group);
}

fn windowed(group: &Group) {
    group.rewrite("x: float64", "x: {timestamp: {unit: s}}");
    group.rewrite("id: id}", "id: id, time: x, key: id}");
    group.rewrite("features: [x]", "features: [n: count(*) OVER (PARTITION BY id ORDER BY x ROWS 3 PRECEDING)]");
    group.rewrite("state: {", "windows: {max_memory: 100 KB, on_limit: stop}\nstate: {");
    clean(group);
}

fn write_into_the_journal(group: &Group) {
    produce(&group.topic("journal"), &[Record { value: Some(b"hello".to_vec()), ..Record::default() }]);
}

/// A complete snapshot in an unknown format.
fn save_as_a_newer_program(group: &Group) {
    let mut slots = Slots::default();
    for record in consume(&group.topic("state")).iter().filter(|record| record.partition == 0) {
        slots.take(record.key.as_deref().unwrap(), record.value.as_deref());
    }
    let Saved { manifest, mut state } = slots.newest().unwrap();
    let name = state.windows(5).position(|bytes| bytes == b"shard").unwrap();
    // The number of the format follows the name.
    state[name + 5] += 100;
    let pieces = Piece::cut(manifest, &state, 1 << 20).into_iter().map(|piece| Record {
        key: Some(piece.key().into_bytes()),
        value: Some(piece.value()),
        ..Record::default()
    });
    produce(&group.topic("state"), &pieces.collect::<Vec<_>>());
}

impl Group {
    fn rewrite(&self, from: &str, to: &str) {
        let document = std::fs::read_to_string(self.folder.join("t.yaml")).unwrap();
        assert!(document.contains(from), "`{from}` is not in {document}");
        self.write(&document.replacen(from, to, 1));
    }

    fn put_back(&self) {
        self.write(&std::fs::read_to_string(self.folder.join("before.yaml")).unwrap());
    }

    fn anew(&self, from: usize, count: usize) {
        delete(&[&self.input()]);
        create(&self.input(), PARTITIONS, &[]);
        self.send(from, count, PARTITIONS);
    }

    fn of_model(&self, what: &str, file: &str) -> Said {
        run(&self.folder, &["model", what, "t.yaml", file])
    }

    /// A table whose values are multiples of this.
    fn table(&self, factor: usize) {
        let rows = (0..100).map(|row| format!("0-{row},{}\n", row * factor));
        write(&self.folder, "table.csv", "id,w\n".to_string() + &rows.collect::<String>());
    }

    /// The group that the document names.
    fn id(&self) -> String {
        let document = std::fs::read_to_string(self.folder.join("t.yaml")).unwrap();
        if document.contains("group.id") { format!("{}-own", self.name) } else { self.name.clone() }
    }
}

/// Follows one piece of advice; what it was.
fn follow(stop: &Stop, group: &Group, said: &Said, number: usize) -> String {
    if let Some((words, edit)) = number.checked_sub(stop.commands).map(|edit| stop.edits[edit]) {
        assert!(said.err.contains(words), "{}: `{words}` is not in {}", stop.name, said.err);
        edit(group);
        return words.to_string();
    }
    let command = &advised(&said.err)[number];
    let done = run(&group.folder, &command.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(done.code, 0, "{}, {command:?}: {done:?}", stop.name);
    command.join(" ")
}

fn repaired(stop: &Stop, number: usize) {
    let group = Group::new(stop.name);
    group.send(0, 60, PARTITIONS);
    (stop.before)(&group);
    if !["differs", "fewer"].contains(&stop.name) {
        group.send(60, 40, PARTITIONS);
    }
    (stop.meddle)(&group);
    let said = group.run();
    refused(&said, &[stop.words]);
    assert_eq!(advised(&said.err).len(), stop.commands, "{}: {}", stop.name, said.err);
    let advice = follow(stop, &group, &said, number);
    group.send(100, 10, PARTITIONS);
    let said = group.run();
    assert_eq!(said.code, 0, "{}, {advice}: {}", stop.name, said.err);
    assert_eq!(lag(&group.id(), &group.input(), PARTITIONS), 0, "{}, {advice}", stop.name);
    let decisions = group.decisions();
    (100..110).for_each(|one| assert_eq!(decisions[&format!("0-{one}")], 1, "{}, {advice}: {decisions:?}", stop.name));
}

#[test]
fn every_stop_is_repaired_by_whatever_it_advises() {
    let every = |stop: &'static Stop| (0..stop.commands + stop.edits.len()).map(move |number| (stop, number));
    assert!(STOPS.iter().all(|stop| every(stop).next().is_some()), "a stop that advises nothing");
    let left: Mutex<Vec<(&Stop, usize)>> = Mutex::new(STOPS.iter().flat_map(every).collect());
    // They wait for the group most of the time.
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some((stop, number)) = { left.lock().unwrap().pop() } {
                    repaired(stop, number);
                }
            });
        }
    });
}
