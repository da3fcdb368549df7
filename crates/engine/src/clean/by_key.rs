//! What rules have learned by record key, in bounded memory.

use std::collections::BTreeMap;

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};

/// One state for each key. Beyond the limit the keys that were idle for longest are evicted, and counted.
#[derive(Debug, Clone)]
pub(super) struct ByKey<T> {
    fresh: T,
    limit: usize,
    keys: BTreeMap<String, Held<T>>,
    /// The keys by last use.
    order: BTreeMap<u64, String>,
    uses: u64,
    size: usize,
    forgotten: u64,
}

#[derive(Debug, Clone)]
struct Held<T> {
    state: T,
    used: u64,
    cost: usize,
}

/// The memory of a key besides its text, twice, and its state.
const OVERHEAD: usize = 128;

fn cost<T: Stateful>(key: &str, state: &T) -> usize {
    2 * key.len() + size_of::<T>() + state.size() + OVERHEAD
}

impl<T: Stateful + Clone> ByKey<T> {
    /// No keys yet. `fresh`: the initial state of a key. `limit`: the bytes of all keys.
    pub(super) fn new(fresh: T, limit: usize) -> Self {
        Self { fresh, limit, keys: BTreeMap::new(), order: BTreeMap::new(), uses: 0, size: 0, forgotten: 0 }
    }

    /// The number of evicted keys.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Uses the state of a key.
    pub(super) fn with<R>(&mut self, key: &str, work: impl FnOnce(&mut T) -> R) -> R {
        self.file_last(key);
        let fresh = || Held { state: self.fresh.clone(), used: self.uses, cost: 0 };
        let held = match self.keys.get_mut(key) {
            Some(held) => held,
            None => self.keys.entry(key.to_string()).or_insert_with(fresh),
        };
        let result = work(&mut held.state);
        let cost = cost(key, &held.state);
        self.size = self.size + cost - std::mem::replace(&mut held.cost, cost);
        while self.size > self.limit && self.keys.len() > 1 {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            if let Some(held) = self.keys.remove(&oldest) {
                self.size -= held.cost;
                self.forgotten += 1;
            }
        }
        result
    }

    /// Makes a key the most recently used. With a single key for all rows it mostly is already.
    fn file_last(&mut self, key: &str) {
        let held = self.keys.get_mut(key);
        if held.as_ref().is_some_and(|held| held.used == self.uses) {
            return;
        }
        self.uses += 1;
        let before = held.map(|held| std::mem::replace(&mut held.used, self.uses));
        let name = before.and_then(|before| self.order.remove(&before));
        self.order.insert(self.uses, name.unwrap_or_else(|| key.to_string()));
    }
}

impl<T: Stateful + Clone> Stateful for ByKey<T> {
    fn save(&self, to: &mut StateWriter) {
        to.u64(self.uses);
        to.u64(self.forgotten);
        to.u64(self.order.len() as u64);
        for (used, key) in &self.order {
            to.u64(*used);
            to.text(key);
            if let Some(held) = self.keys.get(key) {
                held.state.save(to);
            }
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        (self.uses, self.forgotten) = (from.u64()?, from.u64()?);
        (self.keys, self.order, self.size) = (BTreeMap::new(), BTreeMap::new(), 0);
        for _ in 0..from.length(16)? {
            let (used, key) = (from.u64()?, from.text()?.to_string());
            let mut state = self.fresh.clone();
            state.load(from)?;
            let cost = cost(&key, &state);
            self.size += cost;
            self.order.insert(used, key.clone());
            self.keys.insert(key, Held { state, used, cost });
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.size
    }
}
