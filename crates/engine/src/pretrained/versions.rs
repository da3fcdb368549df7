//! The models that score in succession in a group, each with the number that identifies it in journals.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::Pretrained;

/// The model in force, and its shadow.
#[derive(Debug)]
pub struct Version {
    /// Its number: 0 is the document's own model, then one for each change.
    pub number: u64,
    /// The model that scores.
    pub model: Arc<Pretrained>,
    /// The model that is evaluated beside it and decides nothing.
    pub shadow: Option<Candidate>,
}

/// A model under evaluation.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The number of the change that began the evaluation.
    pub number: u64,
    /// The model.
    pub model: Arc<Pretrained>,
}

/// All versions known so far; the newest is in force for whatever begins now.
///
/// Which one scored a row depends only on the journal: a shard is given the number.
pub struct Versions {
    /// The newest one and those that are still in use.
    held: RwLock<Vec<Arc<Version>>>,
    newest: AtomicU64,
    ask: OnceLock<Ask>,
}

/// Looks up a version that is not held.
pub type Ask = Box<dyn Fn(u64) -> Option<Version> + Send + Sync>;

impl fmt::Debug for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} in force", self.newest())
    }
}

impl Versions {
    /// The document's model alone.
    pub fn new(model: Arc<Pretrained>) -> Self {
        let held = RwLock::new(vec![Arc::new(Version { number: 0, model, shadow: None })]);
        Self { held, newest: AtomicU64::new(0), ask: OnceLock::new() }
    }

    /// Sets the lookup of versions that are not held; once.
    pub fn ask(&self, ask: Ask) {
        // The first one set is used.
        let _ = self.ask.set(ask);
    }

    /// Adds a version, which is in force from now on unless there is a newer one.
    pub fn add(&self, version: Version) {
        self.hold(version);
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        self.newest.store(held.last().map_or(0, |version| version.number), Ordering::Release);
    }

    /// Holds a version for as long as it is in use.
    fn hold(&self, version: Version) -> Arc<Version> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let place = held.partition_point(|known| known.number < version.number);
        if let Some(known) = held.get(place).filter(|known| known.number == version.number) {
            return Arc::clone(known);
        }
        let version = Arc::new(version);
        held.insert(place, Arc::clone(&version));
        let newest = held.last().map_or(0, |newest| newest.number);
        held.retain(|one| one.number == newest || one.number == 0 || Arc::strong_count(one) > 1);
        version
    }

    /// The number of the newest version.
    pub fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    /// A version by its number.
    pub fn get(&self, number: u64) -> Option<Arc<Version>> {
        let known = {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            held.iter().find(|version| version.number == number).cloned()
        };
        known.or_else(|| self.ask.get()?(number).map(|version| self.hold(version)))
    }
}
