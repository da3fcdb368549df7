//! Records whose event time is long past.

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Batch, Known, Rule, RuleError, Settings, Then};
use crate::rows::Cell;
use crate::spec::Span;
use crate::timestamp;

/// Records that come late: their event time is further back than this from the latest of their partition so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Late {
    /// How far back is not late yet. Default: the `grace` of the input; one that is shorter than it is refused.
    #[serde(default)]
    pub after: Option<Span>,
    /// What becomes of a late record: `dead_letter` (`late`; default) or `{flag: NAME}`.
    #[serde(default)]
    pub then: Then,
}

impl Settings for Late {
    fn every(grace: bool) -> Vec<Self> {
        let after = (!grace).then(|| Span::milliseconds(1_000));
        vec![Self { after, then: Then::Flag("late".into()) }]
    }

    fn subject(&self) -> String {
        String::new()
    }

    fn then(&self) -> Option<&Then> {
        Some(&self.then)
    }

    fn on_arrival(&self) -> bool {
        true
    }

    fn build(&self, known: &Known<'_>) -> Result<Box<dyn Rule>, RuleError> {
        let time = known.time("late")?;
        let flag = known.flag_alone(&self.then, "late", "a record is late")?;
        let micros = |after: Span| i64::try_from(after.0.as_micros()).unwrap_or(i64::MAX);
        let after = match (self.after.map(micros), known.grace) {
            (Some(after), Some(grace)) if after < grace => {
                let message =
                    "`after` is shorter than the `grace` of the input: rows would wait for records that are refused";
                return Err(RuleError::new(&["late", "after"], message, "leave `after` out"));
            }
            (Some(after), _) | (None, Some(after)) => after,
            (None, None) => {
                let help = "write `late: {after: 1 hour}`, or give the input a `grace`";
                return Err(RuleError::new(&["late"], "`late` does not say `after` how long", help));
            }
        };
        Ok(Box::new(Watermark { time, after, flag, latest: None }))
    }
}

#[derive(Debug, Clone)]
struct Watermark {
    time: usize,
    after: i64,
    flag: Option<usize>,
    latest: Option<i64>,
}

impl Rule for Watermark {
    fn apply(&mut self, batch: &mut Batch<'_>) {
        let mut flagged = Vec::new();
        for row in batch.standing() {
            let Cell::Timestamp(time) = batch.cell(self.time, row) else { continue };
            let latest = self.latest.map_or(time, |latest| latest.max(time));
            self.latest = Some(latest);
            if latest.saturating_sub(time) <= self.after {
                continue;
            }
            match self.flag {
                Some(_) => flagged.push(row),
                None => {
                    let (mut came, mut then) = (Vec::new(), Vec::new());
                    timestamp::write(time, &mut came);
                    timestamp::write(latest, &mut then);
                    let (came, then) = (String::from_utf8_lossy(&came), String::from_utf8_lossy(&then));
                    batch.refuse(row, "late", format!("its time is {came}, and its partition is at {then} already"));
                }
            }
        }
        self.flag.into_iter().for_each(|flag| batch.flag(flag, &flagged));
    }
}

impl Stateful for Watermark {
    fn save(&self, to: &mut StateWriter) {
        to.begin("late", 1);
        to.u64(self.latest.is_some().into());
        to.u64(self.latest.unwrap_or_default() as u64);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        from.begin("late", 1)?;
        let (any, latest) = (from.u64()? == 1, from.u64()? as i64);
        self.latest = any.then_some(latest);
        Ok(())
    }

    fn size(&self) -> usize {
        16
    }
}
