//! One system, as everything outside of it sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use gristmill::connect::{FILE, KAFKA, System};
use gristmill::lookup::LookupPlan;
use gristmill::plan::{Plan, TargetPlan};
use gristmill::resources::RunnablePlan;
use gristmill::rows::{Partition, Position};

use crate::broker::{BrokerError, Kind};
use crate::committer::{Committer, CommitterError};
use crate::dead_letter::{Begin, DeadLetters, Resend};
use crate::log::{Log, TableReader};
use crate::sink::{SinkError, Stopped};
use crate::source::{Source, SourceError};
use crate::store::StateStore;
use crate::{file, kafka};

/// The connectors that there are, by the key of their section in a document: one line each.
const CONNECTORS: [(System, &dyn Connector); 2] = [(FILE, &file::Files), (KAFKA, &kafka::Kafka)];

/// What a run lends its connectors.
pub struct Run {
    /// Whether it was stopped: nothing waits for a broker any longer then.
    pub stopped: Stopped,
    /// Is told the bytes that are read of a file.
    pub bytes: Arc<AtomicU64>,
    /// A name that is unique to this start.
    pub identity: String,
}

/// Where an input ends.
#[derive(Debug, Clone, Default)]
pub struct Extent {
    /// The partitions that hold records.
    pub filled: Vec<Partition>,
    /// The next position behind the last record of each; none: the source says where a partition ends.
    pub ends: BTreeMap<Partition, Position>,
    /// How much there is to read, in records or bytes; 0 where that is not known.
    pub total: u64,
}

/// Why an input cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What is done with it cannot be made visible, or found again.
    #[error(transparent)]
    Committer(#[from] CommitterError),
}

impl From<SinkError> for OpenError {
    fn from(error: SinkError) -> Self {
        Self::Committer(error.into())
    }
}

impl OpenError {
    /// What a broker has to do with it.
    pub fn broker(&self) -> Option<&BrokerError> {
        match self {
            Self::Source(error) => error.broker(),
            Self::Committer(error) => error.broker(),
        }
    }
}

/// A member of a group: what it reads with, and what makes visible what it did.
pub type Joined = (Box<dyn Source>, Box<dyn Committer>);

/// An input that is open for the members of one process.
pub trait Input {
    /// Where it ends, if it has an end of its own.
    fn extent(&self) -> Option<Extent>;
    /// Joins as member number `member` of this process, with the plan as that member has it.
    fn join(&mut self, plan: &RunnablePlan, member: usize) -> Result<Joined, OpenError>;
}

/// One system.
pub trait Connector: Sync {
    /// Makes ready whatever the plan names in this system, and says where the input ends if it is there. It waits for brokers
    /// that do not answer, unless it is to try `once`, until `stopped`.
    fn prepare(&self, plan: &Plan, stopped: &dyn Fn() -> bool, once: bool) -> Result<Extent, BrokerError>;
    /// Tries whatever a run may be refused later; nothing is changed by that.
    fn rehearse(&self, plan: &Plan) -> Result<(), OpenError>;
    /// The same failure with what is missing by name, where that can be found out.
    fn named(&self, plan: &Plan, failure: &BrokerError) -> Option<BrokerError>;
    /// Opens the input for the members of one process.
    fn open(&self, plan: &Arc<Plan>, run: &Run) -> Result<Box<dyn Input>, OpenError>;
    /// All records of the input from the first to the last, outside of any group; nothing for an input that never ends.
    fn whole(&self, plan: &Arc<Plan>) -> Result<Option<Box<dyn Source>>, SourceError>;
    /// What the pipeline keeps.
    fn store(&self, plan: &Arc<Plan>) -> Result<Box<dyn StateStore>, CommitterError>;
    /// Refuses while members are at work that would undo a change of the state.
    fn at_rest(&self, plan: &Plan) -> Result<(), CommitterError>;
    /// Forgets everything that the pipeline keeps, whatever it is.
    fn forget(&self, plan: &Plan) -> Result<(), CommitterError>;
    /// A log of this name that the group keeps; nothing where the system keeps none.
    fn log(&self, plan: &Arc<Plan>, name: String) -> Result<Option<Box<dyn Log>>, BrokerError>;
    /// A table to look rows up in.
    fn table(&self, plan: &Arc<Plan>, table: &LookupPlan) -> Result<Box<dyn TableReader>, SourceError>;
    /// The dead letters in a target.
    fn dead_letters(&self, plan: &Plan, target: &TargetPlan, begin: Begin)
    -> Result<Box<dyn DeadLetters>, SourceError>;
    /// Gives records back to the input; nothing where that cannot be.
    fn resend(&self, plan: &Plan) -> Result<Option<Box<dyn Resend>>, SourceError>;
}

fn of(system: System) -> Option<&'static dyn Connector> {
    CONNECTORS.iter().find(|(known, _)| *known == system).map(|(_, connector)| *connector)
}

fn all(plan: &Plan) -> impl Iterator<Item = &'static dyn Connector> {
    plan.systems().into_iter().filter_map(of)
}

/// The connector of the plan's input.
pub fn input(plan: &Plan) -> Result<&'static dyn Connector, BrokerError> {
    known(plan.input.system())
}

/// The connector of a system.
fn known(system: System) -> Result<&'static dyn Connector, BrokerError> {
    of(system).ok_or_else(|| BrokerError::new(Kind::Other, format!("there is no connector for `{system}`")))
}

/// Makes ready whatever the plan names, in every system, and says where the input ends: see [`Connector::prepare`].
pub fn prepare(plan: &Plan, stopped: &dyn Fn() -> bool, once: bool) -> Result<Extent, BrokerError> {
    let mut extent = Extent::default();
    for connector in all(plan) {
        let found = connector.prepare(plan, stopped, once)?;
        extent.filled.extend(found.filled);
        extent.ends.extend(found.ends);
        extent.total += found.total;
    }
    Ok(extent)
}

/// Tries whatever a run may be refused later, in every system.
pub fn rehearse(plan: &Plan) -> Result<(), OpenError> {
    all(plan).try_for_each(|connector| connector.rehearse(plan))
}

/// The same failure with what is missing by name: see [`Connector::named`].
pub fn named(plan: &Plan, failure: &BrokerError) -> Option<BrokerError> {
    all(plan).find_map(|connector| connector.named(plan, failure))
}

/// The rows of a table.
pub fn table(plan: &Arc<Plan>, table: &LookupPlan) -> Result<Box<dyn TableReader>, SourceError> {
    known(table.source.system())?.table(plan, table)
}

/// The dead letters of a plan, where they are in a system that they can be read from.
pub fn dead_letters(
    plan: &Plan,
    target: &TargetPlan,
    begin: Begin,
) -> Result<Option<Box<dyn DeadLetters>>, SourceError> {
    of(target.system()).map(|connector| connector.dead_letters(plan, target, begin)).transpose()
}
