//! Kafka as a connector: members of a consumer group, whose state is in topics.

use std::collections::BTreeSet;
use std::sync::Arc;

use gristmill::connect::KAFKA;
use gristmill::lookup::LookupPlan;
use gristmill::plan::{Plan, TargetPlan};
use gristmill::resources::RunnablePlan;
use gristmill::rows::Partition;
use gristmill::spec::Guarantee;

use super::at_least_once::AtLeastOnceCommitter;
use super::dead_letters::{LetterTopic, Resender};
use super::log::TopicLog;
use super::source::KafkaSource;
use super::store::{TopicStore, at_rest};
use super::table::TopicTable;
use super::topics::Topics;
use super::transactional::TransactionalCommitter;
use super::{GroupMember, forget_group, position_of, rights};
use crate::broker::BrokerError;
use crate::commit_thread::{BlockingCommitter, CommitThread};
use crate::committer::{Committer, CommitterError};
use crate::connector::{Connector, Extent, Input, Joined, OpenError, Run};
use crate::dead_letter::{Begin, DeadLetters, Resend};
use crate::log::{Log, TableReader};
use crate::outputs::Outputs;
use crate::sink::{Sink, Stopped};
use crate::source::{Source, SourceError};
use crate::state_loader::StateLoader;
use crate::store::{OpenStore, StateStore};

/// Kafka.
pub(crate) struct Kafka;

/// A topic whose group the members of a process join.
struct OpenTopic {
    outputs: Outputs,
    stopped: Stopped,
    identity: String,
}

impl Input for OpenTopic {
    fn extent(&self) -> Option<Extent> {
        None
    }

    fn join(&mut self, plan: &RunnablePlan, member: usize) -> Result<Joined, OpenError> {
        let group_member = Arc::new(GroupMember::default());
        let (sinks, stopped) = (self.outputs.sinks()?, Arc::clone(&self.stopped));
        let committer = committer(plan, &group_member, sinks, &format!("{}-{member}", self.identity), stopped)?;
        Ok((Box::new(KafkaSource::join(Arc::clone(plan), member, group_member)?), committer))
    }
}

fn committer(
    plan: &RunnablePlan,
    group_member: &Arc<GroupMember>,
    sinks: Vec<Box<dyn Sink>>,
    identity: &str,
    stopped: Stopped,
) -> Result<Box<dyn Committer>, CommitterError> {
    let ours = Arc::clone(plan);
    let open: OpenStore = Arc::new(move || Ok(Box::new(TopicStore::open(&ours)?)));
    let loader = StateLoader::start(plan.clone(), open)?;
    let (plan, group_member) = (Arc::clone(plan), Arc::clone(group_member));
    let committer: Box<dyn BlockingCommitter> = match plan.guarantee {
        Guarantee::ExactlyOnce => Box::new(TransactionalCommitter::new(plan, group_member, sinks, identity, stopped)?),
        Guarantee::AtLeastOnce => Box::new(AtLeastOnceCommitter::new(plan, group_member, sinks, stopped)?),
    };
    Ok(Box::new(CommitThread::start(committer, loader)?))
}

impl Connector for Kafka {
    fn prepare(&self, plan: &Plan, stopped: &dyn Fn() -> bool, once: bool) -> Result<Extent, BrokerError> {
        Ok(extent(plan, &super::prepare(plan, stopped, once)?))
    }

    fn rehearse(&self, plan: &Plan) -> Result<(), OpenError> {
        match rights::missing(plan) {
            missing if missing.is_empty() => Ok(()),
            missing => Err(SourceError::from(rights::refused(plan, None, &missing)).into()),
        }
    }

    fn named(&self, plan: &Plan, failure: &BrokerError) -> Option<BrokerError> {
        rights::named(plan, failure)
    }

    fn open(&self, plan: &Arc<Plan>, run: &Run) -> Result<Box<dyn Input>, OpenError> {
        let (stopped, identity) = (Arc::clone(&run.stopped), run.identity.clone());
        Ok(Box::new(OpenTopic { outputs: Outputs::open(plan, run, KAFKA)?, stopped, identity }))
    }

    fn whole(&self, _: &Arc<Plan>) -> Result<Option<Box<dyn Source>>, SourceError> {
        Ok(None)
    }

    fn store(&self, plan: &Arc<Plan>) -> Result<Box<dyn StateStore>, CommitterError> {
        Ok(Box::new(TopicStore::open(plan)?))
    }

    fn at_rest(&self, plan: &Plan) -> Result<(), CommitterError> {
        Ok(at_rest(plan).map(drop)?)
    }

    fn forget(&self, plan: &Plan) -> Result<(), CommitterError> {
        at_rest(plan)?;
        Ok(forget_group(plan)?)
    }

    fn log(&self, plan: &Arc<Plan>, name: String) -> Result<Option<Box<dyn Log>>, BrokerError> {
        Ok(Some(Box::new(TopicLog::open(plan, name)?)))
    }

    fn table(&self, plan: &Arc<Plan>, table: &LookupPlan) -> Result<Box<dyn TableReader>, SourceError> {
        Ok(Box::new(TopicTable::open(plan, table)?))
    }

    fn dead_letters(
        &self,
        plan: &Plan,
        target: &TargetPlan,
        begin: Begin,
    ) -> Result<Box<dyn DeadLetters>, SourceError> {
        let topic = target.topic().map_or("", |(topic, _)| topic);
        Ok(Box::new(LetterTopic::open(plan, topic, begin)?))
    }

    fn resend(&self, plan: &Plan) -> Result<Option<Box<dyn Resend>>, SourceError> {
        Ok(Some(Box::new(Resender::open(plan)?)))
    }
}

/// Where the inputs end now.
fn extent(plan: &Plan, topics: &Topics) -> Extent {
    let bounds = || {
        let inputs = plan.inputs.iter().zip(&topics.bounds);
        inputs.flat_map(|(topic, bounds)| bounds.iter().map(move |(number, bounds)| (topic, *number, *bounds)))
    };
    // An empty partition counts as read to its end; a shard is one of the first input.
    let filled: BTreeSet<i32> =
        bounds().filter(|(.., (begin, end))| end > begin).map(|(_, number, _)| number).collect();
    let ends = bounds().map(|(topic, number, (_, end))| (Partition::new(topic, number), position_of(end))).collect();
    // The progress of a run is that of its rows.
    let total: i64 =
        bounds().filter(|(topic, ..)| ***topic == *plan.input_name()).map(|(.., (from, to))| to - from).sum();
    Extent {
        filled: filled.into_iter().map(|number| Partition::new(plan.input_name(), number)).collect(),
        ends,
        total: u64::try_from(total).unwrap_or(0),
    }
}
