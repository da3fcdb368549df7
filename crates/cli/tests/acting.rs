//! What outputs do with decisions: which ones they select, what they write, and which servers they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::disallowed_methods)] // A test reads what was written.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

mod support;
use support::{Record, broker, consume, create, folder, gristmill, last_lines, produce, run, unique, until, write};

const DOCUMENT: &str = "\
name: acting
input: {file: {path: rows.csv}, columns: {id: string, ts: timestamp, amount: float64, n: int64, fraud: boolean}, id: id}
features: [amount]
label: {column: fraud}
model: [standard_scaler, logistic_regression]
outputs:
  all: {file: {path: all.ndjson}}
  some:
    file: {path: some.ndjson}
    when: extract(hour FROM ts) < 2 AND probability['true'] + probability['false'] > 0.99 AND amount * 2 > 10
    select: [id, ts, prediction, {cents: \"CAST(round(amount * 100) AS BIGINT)\"}, {risk: \"probability['true']\"},
             {next: n + 1}, {by: model}]
";

fn rows() -> String {
    "id,ts,amount,n,fraud\na,2026-01-01T00:10:00Z,7,1,true\nb,2026-01-01T01:10:00Z,4,2,false\n\
     c,2026-01-01T01:50:00Z,9.255,9223372036854775807,false\nd,2026-01-01T02:10:00Z,9,4,true\n"
        .into()
}

fn lines(path: &std::path::Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn outputs_take_what_meets_the_condition_and_write_what_is_selected() {
    let folder = folder("acting");
    write(&folder, "rows.csv", rows());
    write(&folder, "p.yaml", DOCUMENT);
    let said = run(&folder, &["run", "p.yaml", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let (all, some) = (lines(&folder.join("all.ndjson")), lines(&folder.join("some.ndjson")));
    assert_eq!(all.len(), 4);
    let expected: Vec<Value> =
        [(0, "a", "2026-01-01T00:10:00Z", 700, json!(2)), (2, "c", "2026-01-01T01:50:00Z", 926, Value::Null)]
            .into_iter()
            .map(|(row, id, ts, cents, next)| {
                let decision: &Value = &all[row];
                json!({"id": id, "ts": ts, "prediction": decision["prediction"], "cents": cents,
                   "risk": decision["score"], "next": next, "by": decision["model"]})
            })
            .collect();
    assert_eq!(some, expected, "a sum beyond 64 bits is null, and the order is the author's");
    assert!(std::fs::read_to_string(folder.join("some.ndjson")).unwrap().starts_with("{\"id\":\"a\",\"ts\":"));
    let said = run(&folder, &["plan", "p.yaml"]);
    assert!(said.out.contains("amount * 2 > 10: id, ts, prediction, cents, risk, next, by"), "{}", said.out);
}

/// A CSV file holds what an NDJSON file does, under a header; a run over it reads the same back.
#[test]
fn a_csv_file_holds_the_same_fields() {
    let folder = folder("acting-csv");
    write(&folder, "rows.csv", rows());
    let fields = "select: [id, ts, n, score, prediction, {note: \"CASE WHEN n < 3 THEN 'a, \\\"b\\\"' END\"}]";
    let outputs = format!(
        "outputs:\n  json: {{file: {{path: o.ndjson}}, {fields}}}\n  csv: {{file: {{path: o.csv}}, format: csv, {fields}}}\n  \
         out: {{stdout: {{}}, format: csv, {fields}}}\n"
    );
    let (before, _) = DOCUMENT.split_once("outputs:").unwrap();
    write(&folder, "p.yaml", format!("{before}{outputs}"));
    let said = run(&folder, &["run", "p.yaml"]);
    assert_eq!(said.code, 0, "{said:?}");
    let csv = std::fs::read_to_string(folder.join("o.csv")).unwrap();
    assert!(csv.starts_with("id,ts,n,score,prediction,note\na,2026-01-01T00:10:00Z,1,"), "{csv}");
    assert!(csv.contains(",\"a, \"\"b\"\"\"\n") && said.out.starts_with(&csv), "{csv}\n{}", said.out);
    let again = "name: again\ninput: {file: {path: o.csv}, columns: {id: string, ts: timestamp, n: int64, score: float64, \
                 prediction: string, note: {string: {optional: true}}}}\nfeatures: [n]\nmodel: [half_space_trees]\n\
                 outputs: {o: {file: {path: again.ndjson}, select: [id, ts, n, {score: input.score}, prediction, note]}}\n";
    let again = again.replace("score: float64, prediction: string", "s: float64, p: string");
    let again = again.replace("{score: input.score}, prediction", "{score: s}, {prediction: p}");
    write(&folder, "o.csv", csv.replacen("score,prediction", "s,p", 1));
    write(&folder, "again.yaml", again);
    let said = run(&folder, &["run", "again.yaml"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(lines(&folder.join("again.ndjson")), lines(&folder.join("o.ndjson")));
}

/// CSV where it cannot be is refused; JSON in a file that is named after CSV is worth a warning.
#[test]
fn a_format_fits_its_output() {
    let folder = folder("acting-format");
    write(&folder, "rows.csv", rows());
    for (output, code, words) in [
        ("{file: {path: o.csv}, format: csv}", 2, "add `select: [score, prediction, …]`"),
        ("{http: {url: \"http://x\"}, format: csv, select: [id]}", 2, "takes JSON, and not CSV"),
        ("{file: {path: o.csv}, format: cvs}", 2, "did you mean `csv`?"),
        ("{file: {path: o.csv}, select: [id]}", 0, "writes JSON to file o.csv, whose name says CSV: `format: csv`"),
        ("{file: {path: o.txt}, format: csv, select: [id]}", 0, ""),
    ] {
        let (before, _) = DOCUMENT.split_once("outputs:").unwrap();
        write(&folder, "p.yaml", format!("{before}outputs: {{o: {output}}}\n"));
        let said = run(&folder, &["check", "p.yaml"]);
        assert!(said.code == code && (said.err + &said.out).contains(words), "{output}: {words}");
    }
}

#[test]
fn mistakes_in_conditions_and_payloads_have_their_place() {
    let folder = folder("acting-mistakes");
    write(&folder, "rows.csv", rows());
    for (from, to, words) in [
        ("amount * 2 > 10", "amout * 2 > 10", "no column `amout`; did you mean `amount`?"),
        ("probability['true'] +", "probabilty['true'] +", "`probabilty` has no members; did you mean `probability`?"),
        ("amount * 2 > 10", "amount * 2", "AND"),
        (
            "when: extract(hour FROM ts) < 2 AND probability['true'] + probability['false'] > 0.99 AND amount * 2 > 10",
            "when: score",
            "this is not true or false",
        ),
        ("{next: n + 1}", "{next: nn + 1}", "no column `nn`; did you mean `n`?"),
        ("select: [id,", "select: [idd,", "no column `idd`; did you mean `id`?"),
        ("select: [id,", "select: [id, id,", "`id` is selected twice"),
        ("{next: n + 1}", "{next: sum(n) OVER (ORDER BY ts)}", "p.yaml:"),
        ("file: {path: some.ndjson}", "http: {url: ftp://x}", "`ftp://x` is no address of a web server"),
        ("file: {path: some.ndjson}", "http: {url: \"http://x\", headers: {\"a b\": c}}", "`a b` cannot be a header"),
        ("file: {path: some.ndjson}", "http: {url: \"http://x\", timeout: 10}", "is not a length of time"),
    ] {
        assert!(DOCUMENT.contains(from), "{from}");
        write(&folder, "p.yaml", DOCUMENT.replacen(from, to, 1));
        let said = run(&folder, &["check", "p.yaml"]);
        assert!(said.code == 2 && said.err.contains(words), "{to}: {words}\n{}", said.err);
    }
}

/// A request as received: its headers in lower case, and its body.
#[derive(Debug, Clone)]
struct Request {
    head: String,
    body: String,
}

/// A web server that answers with these codes in turn, then with 200; code 0 closes the connection.
fn server(codes: &'static [u16]) -> (String, Arc<Mutex<Vec<Request>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/alerts", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (kept, mut codes) = (Arc::clone(&requests), codes.iter().copied());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            serve(&stream.unwrap(), &kept, &mut codes);
        }
    });
    (address, requests)
}

fn serve(stream: &TcpStream, kept: &Mutex<Vec<Request>>, codes: &mut impl Iterator<Item = u16>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        // A client that is killed may leave half of it.
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        kept.lock().unwrap().push(Request { head, body: String::from_utf8(body).unwrap() });
        let code = codes.next().unwrap_or(200);
        if code == 0 {
            return;
        }
        let answer = format!("HTTP/1.1 {code} x\r\ncontent-length: 4\r\n\r\nsaid");
        (&*stream).write_all(answer.as_bytes()).unwrap();
    }
}

fn with_server(name: &str, codes: &'static [u16], settings: &str) -> (support::Said, Vec<Request>, std::path::PathBuf) {
    let (address, requests) = server(codes);
    let folder = folder(name);
    write(&folder, "rows.csv", rows());
    let http = format!("http: {{url: \"{address}\", headers: {{Authorization: Bearer x}}{settings}}}");
    write(&folder, "p.yaml", DOCUMENT.replace("file: {path: some.ndjson}", &http));
    let said = run(&folder, &["run", "p.yaml", "--json"]);
    let requests = requests.lock().unwrap().clone();
    (said, requests, folder)
}

#[test]
fn a_web_server_is_told_until_it_answers() {
    // Busy, broken, gone; then it takes both.
    let (said, requests, folder) = with_server("webhook", &[503, 500, 0], "");
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(requests.len(), 5, "{requests:?}");
    let key = |request: &Request| {
        let key = request.head.split("idempotency-key: ").nth(1).unwrap();
        key.split('\r').next().unwrap().to_string()
    };
    let keys: Vec<String> = requests.iter().map(key).collect();
    assert_eq!(
        keys,
        [&[&keys[0]; 4][..], &[&"acting/some/rows.csv-0/2".to_string()]]
            .concat()
            .into_iter()
            .cloned()
            .collect::<Vec<_>>()
    );
    assert_eq!(keys[0], "acting/some/rows.csv-0/0");
    assert!(requests.iter().all(|request| request.head.contains("authorization: bearer x")));
    assert!(requests.iter().all(|request| request.head.contains("content-type: application/json")));
    let told: Value = serde_json::from_str(&requests[3].body).unwrap();
    assert_eq!((&told["id"], &told["cents"]), (&json!("a"), &json!(700)));
    assert!(said.err.contains("trying again in 100 ms") && said.err.contains("trying again in 400 ms"), "{}", said.err);
    let said = run(&folder, &["plan", "p.yaml"]);
    assert!(said.out.contains("at_least_once"), "{}", said.out);
}

#[test]
fn a_web_server_that_refuses_stops_the_run() {
    let (said, requests, _) = with_server("webhook-refused", &[403], "");
    assert_eq!((said.code, requests.len()), (1, 1), "{said:?}");
    let words = "it answered 403 said. Is the address right, and may this user post?; the decision about offset 0 of rows.csv-0";
    assert!(said.err.contains(words), "{}", said.err);
    let (said, requests, _) = with_server("webhook-busy", &[429, 429], ", retries: 1");
    assert_eq!((said.code, requests.len()), (1, 2), "{said:?}");
    assert!(said.err.contains("it answered 429 said, after 2 tries"), "{}", said.err);
}

/// A web server beside topics, and a member that is killed repeatedly while it sends: the topics have every decision
/// once, and the server has received each, retries under the same key.
#[test]
fn topics_are_exactly_once_beside_a_web_server() {
    let (address, requests) = server(&[]);
    let (name, folder) = (unique("orders"), folder("orders"));
    orders_to_decide(&folder, &name, &address);
    let told = || requests.lock().unwrap().len();
    (1..4).for_each(|part| killed_while_it_tells(&folder, part, &told));
    let said = run(&folder, &["run", "p.yaml", "--until-end", "--json"]);
    assert_eq!((said.code, &said.report()["rows"]), (0, &ORDERS.into()), "{}", last_lines(&said.err));
    let decided: Vec<Value> = consume(&format!("{name}-out")).iter().map(Record::json).collect();
    let ids: BTreeSet<&str> = decided.iter().map(|decision| decision["id"].as_str().unwrap()).collect();
    assert_eq!((decided.len(), ids.len()), (ORDERS, ORDERS), "decisions in the topic");
    let mut bodies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for request in requests.lock().unwrap().iter() {
        let key = request.head.split("idempotency-key: ").nth(1).unwrap().split('\r').next().unwrap().to_string();
        bodies.entry(key).or_default().insert(request.body.clone());
    }
    assert_eq!(bodies.len(), ORDERS, "every decision was told under a key of its own");
    assert!(bodies.values().all(|bodies| bodies.len() == 1), "the same is told whenever it is told");
    assert!(told() > ORDERS, "nothing was told again, so nothing was shown");
    let lines = std::fs::read_to_string(folder.join("copy.ndjson")).unwrap();
    let copied = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let copied: BTreeSet<String> = copied.map(|decision| decision["id"].as_str().unwrap().to_string()).collect();
    assert_eq!(copied.len(), ORDERS, "the file has every decision, some twice");
    let said = run(&folder, &["plan", "p.yaml"]);
    let words = "exactly_once: answers in topics, offsets and the journal of what was learned are committed in one \
                 transaction; `alerts`, `copy` are told before it and after a crash again, so at least once";
    assert!(said.out.contains(words), "{}", said.out);
}

const ORDERS: usize = 10_000;

/// A pipeline that tells its decisions to a topic, a server and a file, and the orders it is to decide on.
fn orders_to_decide(folder: &Path, name: &str, address: &str) {
    let document = format!(
        "name: {name}
kafka: {{bootstrap.servers: \"{}\"}}
input: {{kafka: {{topics: [{name}-in]}}, format: json, columns: {{id: string, x: float64, y: boolean}}, id: id}}
features: [x]
label: {{column: y}}
model: [logistic_regression]
outputs:
  all: {{kafka: {{topic: {name}-out, create: {{partitions: 2}}}}}}
  alerts: {{http: {{url: \"{address}\"}}}}
  copy: {{file: {{path: copy.ndjson}}}}
commit: {{rows: 500}}
",
        broker()
    );
    write(folder, "p.yaml", document);
    create(&format!("{name}-in"), 2, &[]);
    let order = |number: usize| {
        let json = format!(r#"{{"id":"{number}","x":{},"y":{}}}"#, number % 17, number % 17 > 8);
        Record { partition: (number % 2) as i32, value: Some(json.into()), ..Record::default() }
    };
    produce(&format!("{name}-in"), &(0..ORDERS).map(order).collect::<Vec<_>>());
}

/// A run that is killed in the middle of a commit.
fn killed_while_it_tells(folder: &Path, part: usize, told: &dyn Fn() -> usize) {
    let log = folder.join(format!("log-{part}"));
    let mut command = gristmill(folder, &["run", "p.yaml"]);
    command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    let enough = told() + ORDERS / 5 + 77 * part;
    until(&format!("it tells, see {}", log.display()), Duration::from_secs(180), || told() >= enough);
    child.kill().unwrap();
    child.wait().unwrap();
}
