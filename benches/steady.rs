//! Records at a steady rate, and the time until their decisions arrive at a `read_committed` reader.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::payments;
use crate::support::{broker, unique};

const RATE: usize = 2_000;
pub(crate) const PARTITIONS: i32 = 4;
/// Sent before the measured ones, until the first decision comes.
const WARM: &str = "999999999";

/// Milliseconds, sorted.
pub(crate) fn measure(topic: &str, out: &str, seconds: usize) -> Vec<f64> {
    let reader = reader(out);
    let count = seconds * RATE;
    let begun = Instant::now();
    let now = || begun.elapsed().as_micros() as u64;
    let sent: Vec<AtomicU64> = (0..count).map(|_| AtomicU64::new(0)).collect();
    let ready = AtomicBool::new(false);
    let mut found = vec![None; count];
    std::thread::scope(|scope| {
        scope.spawn(|| send(topic, &ready, |number| sent[number].store(now(), Ordering::SeqCst), count));
        let mut left = count;
        while left > 0 {
            let Some(message) = reader.poll(Duration::from_secs(1)) else {
                assert!(now() < (seconds as u64 + 60) * 1_000_000, "{left} decisions are missing");
                continue;
            };
            let message = message.unwrap();
            let arrived = now();
            let text = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
            // With quotes or without.
            let id = text.strip_prefix("{\"id\":").and_then(|rest| rest.split(',').next()).unwrap().trim_matches('"');
            if id == WARM {
                ready.store(true, Ordering::SeqCst);
                continue;
            }
            let number: usize = id.parse().unwrap();
            if found[number].replace((arrived - sent[number].load(Ordering::SeqCst)) as f64 / 1e3).is_none() {
                left -= 1;
            }
        }
    });
    let mut latencies: Vec<f64> = found.into_iter().skip(5 * RATE).flatten().collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}

/// Reads all partitions of a topic, as soon as records are committed.
fn reader(topic: &str) -> BaseConsumer {
    let reader: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker())
        .set("group.id", unique("reader"))
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "10")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    reader.assign(&list).unwrap();
    reader
}

/// Sends a warm-up until a decision has come, then the records at their rate.
fn send(topic: &str, ready: &AtomicBool, sends: impl Fn(usize), count: usize) {
    let producer: ThreadedProducer<DefaultProducerContext> =
        ClientConfig::new().set("bootstrap.servers", broker()).set("linger.ms", "0").create().unwrap();
    let all: Vec<payments::Payment> = payments::payments(count).collect();
    let send = |number: usize, json: &str| {
        let record = BaseRecord::<[u8], [u8]>::to(topic).partition(number as i32 % PARTITIONS);
        producer.send(record.key(b"k").payload(json.as_bytes())).unwrap();
    };
    while !ready.load(Ordering::SeqCst) {
        let warm = all[0].json.replacen("\"id\":0", &format!("\"id\":{WARM}"), 1);
        (0..4).for_each(|partition| send(partition, &warm));
        std::thread::sleep(Duration::from_millis(100));
    }
    let start = Instant::now();
    for (number, payment) in all.iter().enumerate() {
        let due = Duration::from_secs_f64(number as f64 / RATE as f64);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        sends(number);
        send(number, &payment.json);
    }
}
