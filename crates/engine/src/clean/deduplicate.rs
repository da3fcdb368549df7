//! Records that come twice.

use std::collections::{BTreeMap, VecDeque};

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Batch, Known, Rule, RuleError, Settings, Then};
use crate::rows::Cell;
use crate::spec::Span;

/// A record whose `id` was seen already, within a span of event time. The ids are kept as they are, not as a sketch: no
/// record is taken for another's double. An id is remembered until event time has moved on by `within`; a double that
/// comes later than that is not recognised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deduplicate {
    /// How far apart, by event time, two records with one id count as doubles.
    pub within: Span,
    /// What becomes of the second: `dead_letter` (`duplicate`; default) or `{flag: NAME}`.
    #[serde(default)]
    pub then: Then,
    /// How many ids are remembered at most, in each partition; beyond that the oldest are forgotten. Default 1,000,000.
    #[serde(default = "a_million")]
    #[schemars(range(min = 1))]
    pub limit: u64,
}

fn a_million() -> u64 {
    1_000_000
}

impl Settings for Deduplicate {
    fn every(_: bool) -> Vec<Self> {
        vec![Self { within: Span::milliseconds(9_000), then: Then::Flag("double".into()), limit: a_million() }]
    }

    fn subject(&self) -> String {
        String::new()
    }

    fn then(&self) -> Option<&Then> {
        Some(&self.then)
    }

    fn build(&self, known: &Known<'_>) -> Result<Box<dyn Rule>, RuleError> {
        let time = known.time("deduplicate")?;
        let help = "name the column that identifies a record: `id: …` under `input`";
        let id = known
            .id
            .ok_or_else(|| RuleError::new(&["deduplicate"], "doubles have one `id`, and there is none", help))?;
        let flag = known.flag_alone(&self.then, "deduplicate", "a double is one")?;
        let within = i64::try_from(self.within.0.as_micros()).unwrap_or(i64::MAX);
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        Ok(Box::new(Doubles { id, time, within, limit, flag, ..Doubles::default() }))
    }
}

#[derive(Debug, Clone, Default)]
struct Doubles {
    id: usize,
    time: usize,
    within: i64,
    limit: usize,
    flag: Option<usize>,
    /// When each id was last seen.
    seen: BTreeMap<Box<str>, i64>,
    /// The ids in order of arrival.
    order: VecDeque<(i64, Box<str>)>,
    latest: Option<i64>,
    forgotten: u64,
}

impl Doubles {
    /// Records an occurrence; whether the id was seen before.
    fn again(&mut self, id: &str, time: i64) -> bool {
        let latest = self.latest.map_or(time, |latest| latest.max(time));
        self.latest = Some(latest);
        let near = |before: &i64| before.abs_diff(time) <= self.within.unsigned_abs();
        if self.seen.get(id).is_some_and(near) {
            return true;
        }
        self.seen.insert(id.into(), time);
        self.order.push_back((time, id.into()));
        let past = |(time, _): &(i64, Box<str>)| latest.saturating_sub(*time) > self.within;
        while self.order.front().is_some_and(past) || self.order.len() > self.limit {
            let Some((time, id)) = self.order.pop_front() else { break };
            if latest.saturating_sub(time) <= self.within {
                self.forgotten += 1;
            }
            // The same id may have occurred again since.
            if self.seen.get(&id) == Some(&time) {
                self.seen.remove(&id);
            }
        }
        false
    }
}

impl Rule for Doubles {
    fn apply(&mut self, batch: &mut Batch<'_>) {
        let mut flagged = Vec::new();
        for row in batch.standing() {
            let Cell::Timestamp(time) = batch.cell(self.time, row) else { continue };
            let id = batch.cell(self.id, row).text();
            if !self.again(&id, time) {
                continue;
            }
            match self.flag {
                Some(_) => flagged.push(row),
                None => batch.refuse(row, "duplicate", format!("the id `{id}` was seen already")),
            }
        }
        self.flag.into_iter().for_each(|flag| batch.flag(flag, &flagged));
    }

    fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

impl Stateful for Doubles {
    fn save(&self, to: &mut StateWriter) {
        to.begin("deduplicate", 1);
        to.u64(self.latest.is_some().into());
        to.u64(self.latest.unwrap_or_default() as u64);
        to.u64(self.forgotten);
        to.u64(self.order.len() as u64);
        for (time, id) in &self.order {
            to.u64(*time as u64);
            to.text(id);
        }
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("deduplicate", 1)?;
        let (any, latest) = (from.u64()? == 1, from.u64()? as i64);
        self.latest = any.then_some(latest);
        self.forgotten = from.u64()?;
        (self.seen, self.order) = (BTreeMap::new(), VecDeque::new());
        for _ in 0..from.length(16)? {
            let (time, id): (i64, Box<str>) = (from.u64()? as i64, from.text()?.into());
            self.seen.insert(id.clone(), time);
            self.order.push_back((time, id));
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let one = |(_, id): &(i64, Box<str>)| 2 * id.len() + 96;
        self.order.iter().map(one).sum()
    }
}
