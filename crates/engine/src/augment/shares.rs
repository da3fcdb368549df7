//! The class shares that a rule is to achieve, and those of the stream.

use gristmill_learn::{StateError, StateReader, StateWriter, Stateful};

use super::Known;
use crate::spec::Entries;

/// The desired shares, and the counts so far.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    wanted: Vec<(String, f64)>,
    came: Vec<f64>,
}

/// An error in the shares that a document sets.
pub(super) fn check(wanted: &Entries<f64>) -> Result<(), (&'static str, String)> {
    let wrong = |message: &str| Err(("desired_dist", message.to_string()));
    let sum: f64 = wanted.0.iter().map(|(_, share)| share).sum();
    if wanted.0.is_empty() {
        return wrong("`desired_dist` names no class");
    }
    if wanted.0.iter().any(|(_, share)| !(*share > 0.0 && *share < 1.0)) || sum > 1.0 + 1e-9 {
        return wrong("shares lie between 0 and 1, both ends out, and come to 1 at most");
    }
    Ok(())
}

impl Shares {
    pub(super) fn new(wanted: &Entries<f64>) -> Self {
        Self { wanted: wanted.0.clone(), came: Vec::new() }
    }

    /// Counts an example. By class: the ratio of its desired share to its actual one; none for classes that never
    /// occurred. Classes that are not named divide the rest in their actual proportions.
    pub(super) fn ratios(&mut self, class: u32, known: &Known<'_>) -> Vec<Option<f64>> {
        let place = class as usize;
        if self.came.len() <= place {
            self.came.resize(place + 1, 0.0);
        }
        if let Some(count) = self.came.get_mut(place) {
            *count += 1.0;
        }
        let share = |class: usize| {
            let name = (known.names)(class as u32);
            self.wanted.iter().find(|(wanted, _)| *wanted == name).map(|(_, share)| *share)
        };
        let wanted: Vec<Option<f64>> = (0..self.came.len()).map(share).collect();
        let left = (1.0 - self.wanted.iter().map(|(_, share)| share).sum::<f64>()).max(0.0);
        let unnamed: f64 =
            self.came.iter().zip(&wanted).filter(|(_, share)| share.is_none()).map(|(came, _)| came).sum();
        let ratio = |(came, share): (&f64, &Option<f64>)| {
            let share = share.unwrap_or(left * came / unnamed.max(1.0));
            (*came > 0.0).then(|| share / came)
        };
        self.came.iter().zip(&wanted).map(ratio).collect()
    }
}

impl Stateful for Shares {
    fn save(&self, to: &mut StateWriter) {
        self.came.save(to);
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.came.load(from)
    }

    fn size(&self) -> usize {
        8 * self.came.len()
    }
}
