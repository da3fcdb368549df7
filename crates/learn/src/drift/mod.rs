//! Detectors of change in a stream of numbers, such as a model's errors.

mod adwin;
mod ddm;
mod eddm;
mod hddm_a;
mod hddm_w;
mod kswin;
mod page_hinkley;

pub use adwin::{Adwin, AdwinSettings};
pub use ddm::{Ddm, DdmSettings};
pub use eddm::{Eddm, EddmSettings};
pub use hddm_a::{HddmA, HddmASettings};
pub use hddm_w::{HddmW, HddmWSettings};
pub use kswin::{Kswin, KswinSettings};
pub use page_hinkley::{PageHinkley, PageHinkleyMode, PageHinkleySettings};

use crate::Stateful;

/// The state of the stream, as a detector sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Nothing has changed.
    Stable,
    /// Something may be changing; only some detectors say so.
    Warning,
    /// Something has changed; the detector starts over with the next value.
    Drift,
}

/// Watches a stream of numbers for a change.
pub trait Detector: Stateful + Send + Sync {
    /// Adds the next value, which is finite.
    fn watch(&mut self, value: f64) -> Signal;

    /// Adds the next value. One that is not finite is skipped.
    fn update(&mut self, value: f64) -> Signal {
        if value.is_finite() { self.watch(value) } else { Signal::Stable }
    }
}

#[cfg(test)]
mod tests {
    use crate::random::Random;
    use crate::{DetectorKind, StateReader, StateWriter};

    use super::Signal;

    /// 1,000 errors at a rate of 0.1, then 1,000 at 0.6: every detector reports the change, and loses nothing when
    /// saved.
    #[test]
    fn each_finds_a_change_and_little_before_it() {
        for kind in DetectorKind::every() {
            let mut random = Random::new(11);
            let (mut detector, mut found) = (kind.build(), Vec::new());
            for index in 0..2_000 {
                let rate = if index < 1_000 { 0.1 } else { 0.6 };
                let value = f64::from(u8::from(random.uniform() < rate));
                if index % 97 == 0 {
                    let saved = StateWriter::of(detector.as_ref());
                    detector = kind.build();
                    StateReader::into(&saved, detector.as_mut()).unwrap();
                    assert_eq!(StateWriter::of(detector.as_ref()), saved);
                }
                if detector.update(value) == Signal::Drift {
                    found.push(index);
                }
            }
            let early = found.iter().filter(|at| **at < 1_000).count();
            // EDDM is known for false alarms when mistakes come at random.
            assert!(early <= 2 && found.iter().any(|at| (1_000..1_400).contains(at)), "{kind:?}: {found:?}");
        }
    }

    #[test]
    fn what_is_not_finite_is_passed_over() {
        for kind in DetectorKind::every() {
            let mut detector = kind.build();
            let before = StateWriter::of(detector.as_ref());
            assert_eq!([f64::NAN, f64::INFINITY].map(|value| detector.update(value)), [Signal::Stable; 2]);
            assert_eq!(StateWriter::of(detector.as_ref()), before);
        }
    }
}
