//! What the binary's tests need: a broker's address, topics of their own, records in and out, processes.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

/// What differs in the reports of two runs over the same records.
pub(crate) const PASSING: [&str; 5] = ["seconds", "run_seconds", "cpu_seconds", "peak_memory_mb", "rows_read"];

/// A record as tests see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Record {
    pub(crate) partition: i32,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
    pub(crate) timestamp: Option<i64>,
}

impl Record {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.value.as_deref().unwrap()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> String {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name).unwrap();
        String::from_utf8(value.clone().unwrap()).unwrap()
    }
}

static OWN: OnceLock<String> = OnceLock::new();

/// From now on the helpers of this process talk to this broker.
pub(crate) fn use_broker(address: &str) {
    OWN.set(address.to_string()).unwrap();
}

/// The broker that `cargo xtask test` started.
pub(crate) fn broker() -> String {
    if let Some(own) = OWN.get() {
        return own.clone();
    }
    std::env::var("GRISTMILL_BROKER").unwrap_or_else(|_| address(0))
}

/// The same broker's listener with authentication.
pub(crate) fn sasl_broker() -> String {
    std::env::var("GRISTMILL_SASL_BROKER").unwrap_or_else(|_| address(1))
}

fn address(line: usize) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/broker/address");
    let text = std::fs::read_to_string(file)
        .expect("this test needs a real broker: run `cargo xtask test`, or `cargo xtask broker start` first");
    text.lines().nth(line).unwrap().to_string()
}

/// A name that no other test and no other run uses.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
    format!("{name}-{now}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn create(topic: &str, partitions: i32, settings: &[(&str, &str)]) {
    let (admin, options) = admin();
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for (key, value) in settings {
        new = new.set(key, value);
    }
    for result in pollster::block_on(admin.create_topics([&new], &options)).unwrap() {
        result.unwrap();
    }
}

pub(crate) fn produce(topic: &str, records: &[Record]) {
    send(topic, records, |base, record| base.partition(record.partition));
}

/// The same, to the partitions that Java's producer chooses for their keys.
pub(crate) fn produce_by_key(topic: &str, records: &[Record]) {
    send(topic, records, |base, _| base);
}

type Base<'a> = BaseRecord<'a, [u8], [u8]>;

fn send(topic: &str, records: &[Record], to: impl for<'a> Fn(Base<'a>, &Record) -> Base<'a>) {
    let producer = producer();
    hand_over(&producer, topic, records, to);
    producer.flush(Duration::from_secs(60)).unwrap();
}

/// Sends records without waiting for each batch.
pub(crate) fn feeder(topic: &str) -> impl Fn(&[Record]) {
    let (producer, topic) = (producer(), topic.to_string());
    move |records| hand_over(&producer, &topic, records, |base, record| base.partition(record.partition))
}

fn producer() -> ThreadedProducer<DefaultProducerContext> {
    ClientConfig::new()
        .set("partitioner", "murmur2_random")
        .set("bootstrap.servers", broker())
        .set("queue.buffering.max.messages", "1000000")
        .set("enable.idempotence", "true")
        .set("message.max.bytes", "20000000")
        .create()
        .unwrap()
}

fn hand_over(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    records: &[Record],
    to: impl for<'a> Fn(Base<'a>, &Record) -> Base<'a>,
) {
    for record in records {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: value.as_ref() });
        }
        let mut base = to(BaseRecord::to(topic).headers(headers), record);
        base.key = record.key.as_deref();
        base.payload = record.value.as_deref();
        base.timestamp = record.timestamp;
        while let Err((error, same)) = producer.send(base) {
            assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            base = same;
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn client(isolation: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", broker())
        .set("group.id", unique("reader"))
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "10")
        .set("fetch.wait.max.ms", "10")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap()
}

/// The first offset of a partition and the next one. One that was created a moment ago may still be without a leader.
fn bounds(client: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    let leaderless = [
        RDKafkaErrorCode::NotLeaderForPartition,
        RDKafkaErrorCode::LeaderNotAvailable,
        RDKafkaErrorCode::UnknownTopicOrPartition,
    ];
    let began = Instant::now();
    loop {
        match client.fetch_watermarks(topic, partition, Duration::from_secs(20)) {
            Err(error)
                if error.rdkafka_error_code().is_some_and(|code| leaderless.contains(&code))
                    && began.elapsed() < Duration::from_secs(10) =>
            {
                std::thread::sleep(Duration::from_millis(100));
            }
            found => return found.unwrap(),
        }
    }
}

/// Everything in a topic, partition by partition in order. A transaction that a killed member has left open hides
/// what comes after it; this waits until the broker aborts it.
pub(crate) fn consume(topic: &str) -> Vec<Record> {
    let (consumer, uncommitted) = (client("read_committed"), client("read_uncommitted"));
    let mut open = 0;
    let mut list = TopicPartitionList::new();
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(20)).unwrap();
    for partition in metadata.topics().first().unwrap().partitions() {
        let bounds = |client: &BaseConsumer| bounds(client, topic, partition.id());
        let (begin, end) = bounds(&uncommitted);
        until("no transaction is pending", Duration::from_secs(60), || bounds(&consumer).1 >= end);
        if end > begin {
            open += 1;
            list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
        }
    }
    consumer.assign(&list).unwrap();
    let mut found = Vec::new();
    while open > 0 {
        let message = match consumer.poll(Duration::from_secs(20)).expect("the topic should go on") {
            Err(KafkaError::PartitionEOF(_)) => {
                open -= 1;
                continue;
            }
            message => message.unwrap(),
        };
        let headers = message
            .headers()
            .map(|headers| headers.iter().map(|one| (one.key.to_string(), one.value.map(<[u8]>::to_vec))).collect());
        found.push(Record {
            partition: message.partition(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
            timestamp: message.timestamp().to_millis(),
        });
    }
    found
}

/// Records of a topic so far, by its watermarks.
pub(crate) fn count(topic: &str, partitions: i32) -> i64 {
    counter(topic, partitions)()
}

/// The same, for frequent calls.
pub(crate) fn counter(topic: &str, partitions: i32) -> impl Fn() -> i64 {
    let (consumer, topic) = (client("read_committed"), topic.to_string());
    move || {
        let held = |partition| consumer.fetch_watermarks(&topic, partition, Duration::from_secs(20)).unwrap();
        (0..partitions).map(held).map(|(begin, end)| end - begin).sum()
    }
}

/// How far the group is behind the topic's ends.
pub(crate) fn lag(group: &str, topic: &str, partitions: i32) -> i64 {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", broker()).set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, partitions - 1);
    // A broker that has just started looks for the group's coordinator first.
    let ask = |_| consumer.committed_offsets(list.clone(), Duration::from_secs(20)).map_err(|_| pause()).ok();
    let committed = (0..100).find_map(ask).expect("the group's offsets");
    let behind = |partition: i32| {
        let (begin, end) = consumer.fetch_watermarks(topic, partition, Duration::from_secs(20)).unwrap();
        let position = match committed.find_partition(topic, partition).unwrap().offset() {
            Offset::Offset(offset) => offset,
            _ => begin,
        };
        end - position
    };
    (0..partitions).map(behind).sum()
}

fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}

/// A folder of the test's own, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique(name));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The interpreter with numpy, pyarrow and scikit-learn.
pub(crate) fn python() -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/python");
    let path = std::env::var_os("GRISTMILL_PYTHON").map_or(here, PathBuf::from);
    assert!(
        path.exists(),
        "this test needs Python with pyarrow: run `cargo xtask test`, or `cargo xtask python` first"
    );
    path.to_string_lossy().into_owned()
}

/// The binary, to be started in a folder.
pub(crate) fn gristmill(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gristmill"));
    command.args(arguments).current_dir(folder).env_remove("GRISTMILL_LOG").stdin(Stdio::null());
    command
}

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn from(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The report: the last line of standard output.
    pub(crate) fn report(&self) -> serde_json::Value {
        let line = self.out.lines().last().unwrap_or_else(|| panic!("no report: {self:?}"));
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Said {
    Said::from(&gristmill(folder, arguments).output().unwrap())
}

/// Waits for a process, at most this long.
pub(crate) fn finish(child: Child, longest: Duration) -> Said {
    finish_or(child, longest, String::new)
}

/// The same; if it takes longer, `more` adds what the process itself has not logged.
pub(crate) fn finish_or(mut child: Child, longest: Duration, more: impl Fn() -> String) -> Said {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > longest {
            child.kill().unwrap();
            let said = Said::from(&child.wait_with_output().unwrap());
            panic!("not finished after {longest:?}: {}{}", said.err, more());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Said::from(&child.wait_with_output().unwrap())
}

/// The last lines of a log.
pub(crate) fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(150)..].join("\n")
}

/// Waits until something holds.
pub(crate) fn until(what: &str, longest: Duration, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < longest, "{what}: not within {longest:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Sends a signal by name.
pub(crate) fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// A broker of the test's own, to be disrupted; stopped at the end.
pub(crate) struct Own {
    pub(crate) dir: PathBuf,
    pub(crate) address: String,
}

impl Own {
    pub(crate) fn start(folder: &Path, settings: &[&str]) -> Self {
        let dir = folder.join("broker");
        Self::xtask(&[&["start", "--dir", dir.to_str().unwrap()], settings].concat());
        let address = std::fs::read_to_string(dir.join("address")).unwrap().lines().next().unwrap().to_string();
        Self { dir, address }
    }

    pub(crate) fn xtask(arguments: &[&str]) {
        let binary = Path::new(env!("CARGO_BIN_EXE_gristmill")).with_file_name("xtask");
        let mut command = Command::new(binary);
        let output = command.arg("broker").args(arguments).output().expect("run `cargo build -p xtask` first");
        assert!(output.status.success(), "{output:?}");
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.dir.join("pid")).unwrap();
        assert!(Command::new("kill").args([name, pid.trim()]).status().unwrap().success());
    }

    /// The broker's log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("broker.log")).unwrap_or_default()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        Self::xtask(&["stop", "--dir", self.dir.to_str().unwrap()]);
    }
}

fn admin() -> (AdminClient<DefaultClientContext>, AdminOptions) {
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)));
    (ClientConfig::new().set("bootstrap.servers", broker()).create().unwrap(), options)
}

/// More partitions for a topic.
pub(crate) fn grow(topic: &str, partitions: i32) {
    let (admin, options) = admin();
    let new = NewPartitions::new(topic, partitions as usize);
    for result in pollster::block_on(admin.create_partitions([&new], &options)).unwrap() {
        result.unwrap();
    }
}

/// Deletes topics, and waits until they are gone.
pub(crate) fn delete(topics: &[&str]) {
    let (admin, options) = admin();
    for result in pollster::block_on(admin.delete_topics(topics, &options)).unwrap() {
        result.unwrap();
    }
    std::thread::sleep(Duration::from_secs(1));
}

/// Deletes the records of a partition before an offset, as retention does.
pub(crate) fn delete_records(topic: &str, partition: i32, before: i64) {
    let (admin, options) = admin();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(before)).unwrap();
    pollster::block_on(admin.delete_records(&list, &options)).unwrap();
}

/// Commits a group's offset from outside, while it has no members.
pub(crate) fn commit(group: &str, topic: &str, partition: i32, offset: i64) {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", broker()).set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
    consumer.commit(&list, CommitMode::Sync).unwrap();
}
