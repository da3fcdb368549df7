//! The rights that a pipeline needs: their names, probes for them, and the commands that grant them.

use std::fmt;
use std::time::{Duration, Instant};

use gristmill::connect::{KafkaPlan, LookupTopicPlan, TopicPlan};
use gristmill::plan::Plan;
use gristmill::spec::Guarantee;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::clients::{prober, reader, transactional};
use super::failure::is_forbidden;
use super::{Reader, is_transient};
use crate::broker::{BrokerError, Kind};

/// How long a broker has to say whether something is allowed.
const ANSWER: Duration = Duration::from_secs(5);
/// A topic that does not exist.
pub(super) const NOWHERE: &str = "__gristmill_probe";

/// The operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// To read records, or to be a member.
    Read,
    /// To write records, or to use transactions.
    Write,
    /// To create a topic.
    Create,
    /// To add partitions to a topic.
    Alter,
}

/// The resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    /// A topic.
    Topic(String),
    /// A consumer group.
    Group(String),
    /// All transactional ids with this prefix.
    TransactionalId(String),
}

/// A right that a pipeline needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Right {
    /// The operation.
    pub operation: Operation,
    /// The resource.
    pub resource: Resource,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::Create => "CREATE",
            Self::Alter => "ALTER",
        })
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = self.operation;
        match &self.resource {
            Resource::Topic(topic) => write!(f, "{operation} on topic {topic}"),
            Resource::Group(group) => write!(f, "{operation} on group {group}"),
            Resource::TransactionalId(prefix) => {
                write!(f, "{operation} on transactional ids that begin with {prefix}")
            }
        }
    }
}

impl Right {
    pub(super) fn new(operation: Operation, resource: Resource) -> Self {
        Self { operation, resource }
    }

    /// The command that grants it.
    fn command(&self, kafka: &KafkaPlan) -> String {
        let operation = match self.operation {
            Operation::Read => "Read",
            Operation::Write => "Write",
            Operation::Create => "Create",
            Operation::Alter => "Alter",
        };
        let resource = match &self.resource {
            Resource::Topic(topic) => format!("--topic {topic}"),
            Resource::Group(group) => format!("--group {group}"),
            Resource::TransactionalId(prefix) => {
                format!("--transactional-id {prefix} --resource-pattern-type prefixed")
            }
        };
        format!(
            "kafka-acls.sh --bootstrap-server {} --add --allow-principal \"{}\" --operation {operation} {resource}",
            kafka.brokers(),
            user(kafka)
        )
    }
}

/// The user as which brokers know this client.
fn user(kafka: &KafkaPlan) -> String {
    let set = |wanted: &str| kafka.properties.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let protocol = set("security.protocol").unwrap_or_default().to_ascii_uppercase();
    match set("sasl.username") {
        Some(name) if protocol.starts_with("SASL") => format!("User:{name}"),
        _ if protocol.starts_with("SASL") => "User:NAME".into(),
        _ if protocol == "SSL" => "User:SUBJECT OF THE CLIENT'S CERTIFICATE".into(),
        _ => "User:ANONYMOUS".into(),
    }
}

/// Every right that a run of this pipeline needs. The right to read or write includes the right to describe.
pub(super) fn rights(plan: &Plan) -> Vec<Right> {
    let topic = |operation, name: &str| Right::new(operation, Resource::Topic(name.to_string()));
    let mut rights = Vec::new();
    let input = plan.input.of::<TopicPlan>();
    if let Some(TopicPlan { topic: input, .. }) = input {
        rights.push(topic(Operation::Read, input));
        rights.push(Right::new(Operation::Read, Resource::Group(plan.group.clone())));
    }
    if let Some(TopicPlan { topic: name, .. }) = plan.labels().and_then(|labels| labels.input.of()) {
        rights.push(topic(Operation::Read, name));
    }
    for table in &plan.lookups {
        if let Some(LookupTopicPlan { topic: name }) = table.source.of() {
            rights.push(topic(Operation::Read, name));
        }
    }
    for target in plan.targets() {
        if let Some(TopicPlan { topic: name, .. }) = target.of() {
            rights.push(topic(Operation::Write, name));
        }
    }
    if input.is_some() {
        let mut internal = Vec::new();
        if plan.journals() {
            internal.extend([plan.journal_topic(), plan.state_topic()]);
            internal.extend(plan.scoring.as_ref().map(|_| plan.models_topic()));
        }
        for name in &internal {
            rights.extend([topic(Operation::Read, name), topic(Operation::Write, name)]);
        }
        if plan.guarantee == Guarantee::ExactlyOnce {
            rights.push(Right::new(Operation::Write, Resource::TransactionalId(format!("{}-", plan.group))));
        }
    }
    rights
}

/// Tests every right that a run needs, without changing anything: those that are missing. All are tested at once, since
/// each needs a client of its own.
pub(super) fn missing(plan: &Plan) -> Vec<Right> {
    let rights = rights(plan);
    let found: Vec<bool> = std::thread::scope(|scope| {
        let tried: Vec<_> = rights.iter().map(|right| scope.spawn(|| forbidden(plan, right))).collect();
        tried.into_iter().map(|one| one.join().unwrap_or(false)).collect()
    });
    rights.into_iter().zip(found).filter(|(_, missing)| *missing).map(|(right, _)| right).collect()
}

/// The missing rights, and the commands that grant them.
pub(super) fn refused(plan: &Plan, doing: Option<&str>, missing: &[Right]) -> BrokerError {
    let user = user(&plan.connections.kafka);
    let list: Vec<String> = missing.iter().map(Right::to_string).collect();
    let commands: Vec<String> =
        missing.iter().map(|right| format!("  {}", right.command(&plan.connections.kafka))).collect();
    let doing = doing.map_or(String::new(), |doing| format!("{doing}: "));
    let message = format!(
        "{doing}{user} may not {}; an administrator grants it with\n{}\nand every right that a pipeline needs is in the \
         guide, docs/guide/rights.md",
        list.join(", "),
        commands.join("\n")
    );
    BrokerError::new(Kind::Refused, message)
}

/// The same failure with the missing rights, if a broker has denied something.
pub(super) fn named(plan: &Plan, failure: &BrokerError) -> Option<BrokerError> {
    if failure.kind != Kind::Forbidden {
        return None;
    }
    let missing = missing(plan);
    (!missing.is_empty()).then(|| refused(plan, None, &missing))
}

/// Whether the broker says that this is not allowed. Any other answer, or none, is reported elsewhere.
fn forbidden(plan: &Plan, right: &Right) -> bool {
    let code = match (&right.resource, right.operation) {
        // A test would change something: the operation itself shows whether it is allowed.
        (Resource::Topic(_), Operation::Create | Operation::Alter) => None,
        (Resource::Topic(topic), operation) => match try_describe(&plan.connections.kafka, topic) {
            Ok(()) if operation == Operation::Read => try_read(&plan.connections.kafka, topic),
            Ok(()) => try_write(&plan.connections.kafka, topic),
            Err(code) => code,
        },
        (Resource::Group(group), _) => try_group(plan, group),
        (Resource::TransactionalId(prefix), _) => try_transactions(&plan.connections.kafka, prefix),
    };
    code.is_some_and(is_forbidden)
}

/// Asks for a topic: reading and writing are not tested for one that does not exist.
fn try_describe(kafka: &KafkaPlan, topic: &str) -> Result<(), Option<RDKafkaErrorCode>> {
    let client = reader(kafka).map_err(|_| None)?;
    let metadata = client.fetch_metadata(Some(topic), ANSWER).map_err(|error| error.rdkafka_error_code())?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    match found.map(|found| found.error().map(RDKafkaErrorCode::from)) {
        Some(None) => Ok(()),
        Some(code) => Err(code),
        None => Err(None),
    }
}

/// Reads at the end of a topic.
fn try_read(kafka: &KafkaPlan, topic: &str) -> Option<RDKafkaErrorCode> {
    let client = reader(kafka).ok()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::End).ok()?;
    client.assign(&list).ok()?;
    first_error(&client)
}

/// The first permanent error; none once there is a record, or the end.
fn first_error(client: &Reader) -> Option<RDKafkaErrorCode> {
    let began = Instant::now();
    while began.elapsed() < ANSWER {
        match client.poll(Duration::from_millis(100)) {
            Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => return None,
            Some(Err(error)) => match error.rdkafka_error_code() {
                // The client asks for the group's coordinator by itself.
                Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {}
                _ if is_transient(&error) => {}
                code => return code,
            },
            None => {}
        }
    }
    None
}

/// Sends a record with an invalid number of acknowledgements: a broker checks the right first, and then rejects the
/// record.
fn try_write(kafka: &KafkaPlan, topic: &str) -> Option<RDKafkaErrorCode> {
    let producer = prober(kafka).ok()?;
    let record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(topic, 0).partition(0);
    producer.context().announced();
    if let Err((error, _)) = producer.send(record) {
        return error.rdkafka_error_code();
    }
    producer.context().settle(ANSWER);
    producer.context().take_undelivered()?.error.rdkafka_error_code()
}

/// Asks for an offset of a topic that does not exist, then commits it: none is stored. A group that may not even be
/// described has no coordinator, which librdkafka reports only as an event.
fn try_group(plan: &Plan, group: &str) -> Option<RDKafkaErrorCode> {
    let client = super::offsets_client(&plan.connections.kafka, group).ok()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(NOWHERE, 0, Offset::Offset(0)).ok()?;
    // That the topic is not allowed, either, says nothing of the group.
    let of_group =
        |code: Option<RDKafkaErrorCode>| code.filter(|one| *one == RDKafkaErrorCode::GroupAuthorizationFailed);
    let asked = client.committed_offsets(list.clone(), ANSWER);
    let asked = asked.err().and_then(|error| of_group(error.rdkafka_error_code()));
    let mut told = std::iter::from_fn(|| client.poll(Duration::ZERO));
    let told = told.find_map(|one| of_group(one.err()?.rdkafka_error_code()));
    asked.or(told).or_else(|| of_group(client.commit(&list, CommitMode::Sync).err()?.rdkafka_error_code()))
}

/// Begins with an id of its own, as every member does with others.
fn try_transactions(kafka: &KafkaPlan, prefix: &str) -> Option<RDKafkaErrorCode> {
    let producer = transactional(kafka, &format!("{prefix}rights")).ok()?;
    producer.init_transactions(ANSWER).err().and_then(|error| error.rdkafka_error_code())
}
