//! A broker that allows nothing by default: each right that is removed is reported with the command that grants it, and
//! the command does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use support::*;

const LONG: Duration = Duration::from_secs(180);
const GROUP: &str = "guarded";

struct Guarded {
    own: Own,
    folder: PathBuf,
}

impl Guarded {
    fn start(name: &str) -> Self {
        let folder = folder(name);
        let settings = [
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users=User:ANONYMOUS",
        ];
        let own = Own::start(&folder, &settings);
        use_broker(&own.address);
        Self { own, folder }
    }

    /// The broker's listener with authentication.
    fn sasl(&self) -> String {
        let addresses = std::fs::read_to_string(self.own.dir.join("address")).unwrap();
        addresses.lines().nth(1).unwrap().to_string()
    }

    fn document(&self, guarantee: &str) -> String {
        format!(
            "name: {GROUP}
kafka:
  bootstrap.servers: {}
  security.protocol: SASL_PLAINTEXT
  sasl.mechanism: PLAIN
  sasl.username: alice
  sasl.password: alice-secret
input: {{kafka: {{topics: [in]}}, format: json, columns: {{id: string, x: float64, y: boolean}}, id: id}}
features: [x]
label: {{column: y}}
model: [logistic_regression]
outputs: {{all: {{kafka: {{topic: out}}}}}}
dead_letters: {{kafka: {{topic: dead}}}}
{guarantee}
",
            self.sasl()
        )
    }

    /// The arguments that an administrator gives to `kafka-acls.sh --bootstrap-server …`.
    fn acls(&self, arguments: &str) {
        let words: Vec<&str> = arguments.split_whitespace().map(|word| word.trim_matches('"')).collect();
        Own::xtask(&[&["acls", "--dir", self.own.dir.to_str().unwrap()], words.as_slice()].concat());
    }

    fn grant(&self, right: &str) {
        self.acls(&format!("--add --allow-principal User:alice {right}"));
    }

    fn check(&self) -> Said {
        run(&self.folder, &["check", "t.yaml", "--connect"])
    }

    /// One record that can be read for each output, and one that cannot.
    fn send(&self) {
        let value = |text: &str| Record { value: Some(text.into()), ..Record::default() };
        produce("in", &[value(r#"{"id":"a","x":1,"y":true}"#), value("{")]);
    }

    fn run(&self) -> Said {
        let command = gristmill(&self.folder, &["run", "t.yaml", "--until-end", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        finish(command.unwrap(), LONG)
    }
}

/// The rights that the guide lists for this pipeline.
const RIGHTS: [(&str, &str); 10] = [
    ("READ on topic in", "--operation Read --topic in"),
    ("READ on group guarded", "--operation Read --group guarded"),
    ("WRITE on topic out", "--operation Write --topic out"),
    ("WRITE on topic dead", "--operation Write --topic dead"),
    ("READ on topic guarded.journal", "--operation Read --topic guarded.journal"),
    ("WRITE on topic guarded.journal", "--operation Write --topic guarded.journal"),
    ("READ on topic guarded.state", "--operation Read --topic guarded.state"),
    ("WRITE on topic guarded.state", "--operation Write --topic guarded.state"),
    (
        "WRITE on transactional ids that begin with guarded-",
        "--operation Write --transactional-id guarded- --resource-pattern-type prefixed",
    ),
    ("CREATE on topic guarded.journal", "--operation Create --topic guarded.journal"),
];

/// The command that a message names, without the broker.
fn advised(said: &Said) -> String {
    let line = said.err.lines().find(|line| line.trim_start().starts_with("kafka-acls.sh --bootstrap-server "));
    let line = line.unwrap_or_else(|| panic!("no command: {said:?}"));
    line.trim_start().splitn(4, ' ').nth(3).unwrap().to_string()
}

fn taken_away_and_granted_again(guarded: &Guarded, right: &str, resource: &str) {
    guarded.acls(&format!("--remove --force --allow-principal User:alice {resource}"));
    let words = format!("User:alice may not {right}; ");
    let mut checked = None;
    until(right, LONG, || {
        checked = Some(guarded.check()).filter(|said| said.code == 1);
        checked.is_some()
    });
    let checked = checked.unwrap();
    for said in [&checked, &guarded.run()] {
        assert!(said.code == 1 && said.err.contains(&words), "{right}:\n{}", last_lines(&said.err));
    }
    guarded.acls(&advised(&checked));
    until(right, LONG, || guarded.check().code == 0);
}

#[test]
fn every_right_that_is_missing_is_named_and_granted() {
    let guarded = Guarded::start("rights");
    for topic in ["in", "out", "dead"] {
        create(topic, 1, &[]);
    }
    write(&guarded.folder, "t.yaml", guarded.document(""));
    // Without any right at all: every one is named at once.
    let said = guarded.check();
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("User:alice may not READ on topic in"), "{said:?}");
    // Together first, since each call takes a while: all but the right to make topics.
    guarded.grant("--operation Read --topic in --topic guarded.journal --topic guarded.state --group guarded");
    guarded.grant("--operation Write --topic out --topic dead --topic guarded.journal --topic guarded.state");
    guarded.grant("--operation Write --transactional-id guarded- --resource-pattern-type prefixed");
    // Missing rights are reported in turn: the journal, then the topic of snapshots.
    for right in ["CREATE on topic guarded.journal", "CREATE on topic guarded.state"] {
        until(right, LONG, || guarded.check().err.contains(right));
        let said = guarded.check();
        assert_eq!(said.code, 1, "{said:?}");
        guarded.acls(&advised(&said));
    }
    until("everything is allowed", LONG, || guarded.check().code == 0);
    // With something in the journal and the topic of snapshots, which a run must read.
    guarded.send();
    assert_eq!(guarded.run().code, 0);
    for (right, resource) in RIGHTS.iter().filter(|(right, _)| !right.starts_with("CREATE")) {
        guarded.send();
        taken_away_and_granted_again(&guarded, right, resource);
    }
    let said = guarded.run();
    assert_eq!((said.code, &said.report()["rows"]), (0, &20.into()), "{}", last_lines(&said.err));
    assert_eq!((consume("out").len(), consume("dead").len()), (10, 10), "each once");
    taken_away_while_it_runs(&guarded);
}

/// The same for rights that are removed from a running member, under both guarantees.
fn taken_away_while_it_runs(guarded: &Guarded) {
    for (guarantee, rights) in [("", &RIGHTS[..4]), ("guarantee: at_least_once", &RIGHTS[2..3])] {
        write(&guarded.folder, "t.yaml", guarded.document(guarantee));
        for (right, resource) in rights {
            let log = guarded.folder.join(unique("log"));
            let mut command = gristmill(&guarded.folder, &["run", "t.yaml"]);
            command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
            let child = command.spawn().unwrap();
            let said = || std::fs::read_to_string(&log).unwrap();
            until(&format!("it runs, see {}", log.display()), LONG, || said().contains("resumed at"));
            guarded.acls(&format!("--remove --force --allow-principal User:alice {resource}"));
            guarded.send();
            let ended = finish_or(child, LONG, || last_lines(&said()));
            let words = format!("User:alice may not {right}; ");
            assert!(ended.code == 1 && said().contains(&words), "{guarantee} {right}:\n{}", last_lines(&said()));
            guarded.grant(resource);
            until(right, LONG, || guarded.check().code == 0);
        }
    }
}

/// The guide lists them.
#[test]
fn the_guide_lists_every_right() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/rights.md");
    let page = std::fs::read_to_string(page).unwrap().replace("payments", "guarded");
    for (_, resource) in RIGHTS {
        let (operation, rest) = resource.strip_prefix("--operation ").unwrap().split_once(' ').unwrap();
        let name = rest.split_whitespace().nth(1).unwrap();
        let listed = page.lines().any(|line| line.contains(name) && line.contains(&operation.to_uppercase()));
        assert!(listed, "{operation} {name} is not in docs/guide/rights.md");
    }
}
