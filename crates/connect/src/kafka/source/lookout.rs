//! What a group member watches besides records: whether brokers answer again, whether its input still exists, and why
//! it has no partitions.

use std::time::{Duration, Instant};

use gristmill::connect::KafkaPlan;
use gristmill::plan::Plan;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;

use crate::broker::BrokerError;
use crate::kafka::{Outage, Reader, failure_of};

/// How often it checks.
const LOOK: Duration = Duration::from_secs(2);
/// How long a broker then has to answer.
const GLANCE: Duration = Duration::from_secs(1);
/// How often in a row the input must be missing: brokers learn of a new topic one after the other.
const MISSED: u32 = 3;
/// How long a member may be without partitions before it logs the possible reason.
const WITHOUT: Duration = Duration::from_secs(4);

pub(super) struct Lookout {
    pub(super) outage: Outage,
    looked: Instant,
    /// Whether there is a hint that the input does not exist.
    suspects: bool,
    missed: u32,
    /// Since when the member has had no partitions, and whether it has logged the reason.
    without: Option<(Instant, bool)>,
}

/// The result of a check.
pub(super) enum Sight {
    /// Nothing new.
    Nothing,
    /// The input no longer exists.
    Gone,
}

impl Lookout {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { outage: Outage::default(), looked: now, suspects: false, missed: 0, without: Some((now, false)) }
    }

    /// The member has partitions, or has none.
    pub(super) fn holds(&mut self, any: bool) {
        if any {
            self.without = None;
        } else {
            self.without.get_or_insert_with(|| (Instant::now(), false));
        }
    }

    /// The group's client reports that the input does not exist.
    pub(super) fn suspect(&mut self) {
        self.suspects = true;
    }

    /// Checks, if it is time. A broker is asked only if nothing else would show it.
    pub(super) fn look(
        &mut self,
        plan: &Plan,
        member: usize,
        consumer_protocol: bool,
        client: &Reader,
    ) -> Result<Sight, BrokerError> {
        if self.looked.elapsed() < LOOK || !(self.outage.is_on() || self.suspects || self.without.is_some()) {
            return Ok(Sight::Nothing);
        }
        if let Some((since, said)) = &mut self.without
            && !*said
            && since.elapsed() > WITHOUT
        {
            *said = true;
            tracing::info!(name: "member_waits", member = member, "member {member}: {}", waits_for(&plan.connections.kafka, consumer_protocol));
        }
        let there = plan.inputs.iter().map(|topic| self.is_there(topic, plan, client));
        let there = there.collect::<Result<Vec<Option<bool>>, BrokerError>>()?;
        if there.contains(&Some(false)) {
            self.missed += 1;
        } else if !there.contains(&None) {
            (self.missed, self.suspects) = (0, false);
        }
        Ok(if self.missed >= MISSED { Sight::Gone } else { Sight::Nothing })
    }
}

impl Lookout {
    /// Whether a topic is there, if a broker says so.
    fn is_there(&mut self, topic: &str, plan: &Plan, client: &Reader) -> Result<Option<bool>, BrokerError> {
        let answer = client.fetch_metadata(Some(topic), GLANCE);
        self.looked = Instant::now();
        let Ok(metadata) = answer else { return Ok(None) };
        self.outage.is_over(plan.connections.kafka.brokers());
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found.map(|found| found.error().map(RDKafkaErrorCode::from)) {
            Some(Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)) => Ok(Some(false)),
            Some(Some(code @ RDKafkaErrorCode::TopicAuthorizationFailed)) => {
                let error = rdkafka::error::KafkaError::MetadataFetch(code);
                let doing = format!("asking for topic `{topic}`");
                Err(failure_of(&doing, &error, plan.connections.kafka.brokers(), None))
            }
            Some(None) => Ok(Some(true)),
            _ => Ok(None),
        }
    }
}

/// Why a member may have no partitions.
fn waits_for(kafka: &KafkaPlan, consumer_protocol: bool) -> String {
    format!(
        "waiting for partitions of group {}: other members have them all, or have not let go of them yet, or one that \
         was killed counts as a member until its session has run out ({})",
        kafka.group,
        session(kafka, consumer_protocol)
    )
}

/// The setting of the session's duration.
pub(super) fn session(kafka: &KafkaPlan, consumer_protocol: bool) -> String {
    if consumer_protocol {
        return "`group.consumer.session.timeout.ms` of the brokers, 45 s by default".into();
    }
    let set = kafka.properties_for("C").find(|(name, _)| *name == "session.timeout.ms");
    format!("`session.timeout.ms`, {} ms", set.map_or("10000", |(_, value)| value))
}
