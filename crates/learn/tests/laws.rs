//! Runs every law on every component, on random rows with all that real rows contain.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use gristmill_learn::ensemble::{
    AdaBoostClassifierSettings, BaggingClassifierSettings, LeveragingBaggingClassifierSettings, OneVsRestSettings,
};
use gristmill_learn::metric::AccuracySettings;
use gristmill_learn::{
    Built, Chain, Component, MetricKind, Prediction, Signature, StateReader, StateWriter, Task, Truth, laws,
};
use proptest::prelude::*;

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -5.0..5.0,
        1 => Just(0.0),
        1 => Just(f64::NAN),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0), Just(1e300), Just(5e-324)],
    ]
}

fn rows() -> impl Strategy<Value = laws::Rows> {
    let row = (proptest::collection::vec(number(), 3), prop_oneof![Just(0.0), Just(1.0), -3.0..3.0]);
    proptest::collection::vec(row, 0..16)
        .prop_map(|rows| rows.into_iter().map(|(row, y)| (row, Truth::Value(y))).collect())
}

/// Every learner, and every ensemble of every learner that can be a part of one.
fn learners() -> Vec<Component> {
    let single: Vec<Component> = Component::every().into_iter().filter(Component::is_learner).collect();
    let mut all = single.clone();
    for part in single {
        let model = || Box::new(part.clone());
        let ensembles = [
            Component::BaggingClassifier(BaggingClassifierSettings { model: model(), ..Default::default() }),
            Component::LeveragingBaggingClassifier(LeveragingBaggingClassifierSettings {
                model: model(),
                ..Default::default()
            }),
            Component::AdaBoostClassifier(AdaBoostClassifierSettings { model: model(), ..Default::default() }),
            Component::OneVsRest(OneVsRestSettings { model: model() }),
        ];
        all.extend(ensembles.into_iter().filter(|ensemble| ensemble.check().is_ok()));
    }
    all
}

/// The forms of a stream's first rows: one class for long, a later class first, separated classes.
#[test]
fn no_learner_says_anything_of_a_class_that_it_has_not_seen() {
    let columns = Signature::numeric(2);
    let streams: [&[f64]; 7] = [&[0.0], &[1.0], &[2.0], &[0.0, 1.0], &[1.0, 1.0, 0.0], &[3.0, 0.0], &[0.0, 0.0, 2.0]];
    let mut broken = Vec::new();
    for component in learners() {
        for classes in streams {
            let Built::Learner(mut learner) = component.build(&columns) else { panic!("{component:?}") };
            let two = learner.class_limit() == 2;
            let rows = classes.iter().cycle().take(40).enumerate().map(|(row, class)| {
                let second = if row % 5 == 4 { f64::NAN } else { (row % 3) as f64 };
                (vec![(row * 7 % 11) as f64 - 5.0, second], Truth::Value(if two { class.min(1.0) } else { *class }))
            });
            let kept = laws::unseen(learner.as_mut(), &rows.collect());
            broken.extend(kept.err().map(|why| format!("{classes:?} {why} {component:?}")));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Values whose sums of products overflow.
const EXTREMES: [f64; 6] = [1e300, -1e300, f64::INFINITY, 1e155, -1.7e308, 5e-324];

/// Learners with bounded sums: a class keeps its share, whatever the row.
#[test]
fn a_class_keeps_its_share_of_rows_that_no_sum_stands() {
    let columns = Signature::numeric(2);
    let bounded =
        |component: &&Component| matches!(component, Component::SoftmaxRegression(_) | Component::MlpClassifier(_));
    let every = Component::every();
    assert_eq!(every.iter().filter(bounded).count(), 2);
    for component in every.iter().filter(bounded) {
        for classes in [&[0.0][..], &[0.0, 1.0], &[1.0, 1.0, 0.0], &[3.0, 0.0]] {
            let Built::Learner(mut learner) = component.build(&columns) else { panic!("{component:?}") };
            let rows = classes.iter().cycle().take(60).enumerate().map(|(row, class)| {
                let ordinary = |other: usize| (row * other % 11) as f64 - 5.0;
                let first = if row % 3 > 0 { EXTREMES[row % 6] } else { ordinary(7) };
                let second = if row % 4 == 0 { EXTREMES[row / 4 % 6] } else { ordinary(3) };
                (vec![first, second], Truth::Value(*class))
            });
            let kept = laws::unseen(learner.as_mut(), &rows.collect());
            assert_eq!(kept, Ok(()), "{classes:?} {component:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_component_keeps_every_law(rows in rows()) {
        let columns = Signature::numeric(3);
        for component in Component::every() {
            let kept = match component.build(&columns) {
                Built::Transformer(_) => laws::transformer(&|| match component.build(&columns) {
                    Built::Transformer(made) => made,
                    Built::Learner(_) => panic!("{component:?} is built as two things"),
                }, &rows),
                Built::Learner(_) => laws::learner(&|| match component.build(&columns) {
                    Built::Learner(made) => made,
                    Built::Transformer(_) => panic!("{component:?} is built as two things"),
                }, &rows),
            };
            prop_assert_eq!(kept, Ok(()), "{:?}", component);
        }
    }

    #[test]
    fn chains_of_two_keep_every_law(rows in rows(), pairs in proptest::collection::vec((any::<usize>(), any::<usize>()), 8)) {
        let every = Component::every();
        let (learners, transformers): (Vec<_>, Vec<_>) = every.iter().partition(|component| component.is_learner());
        for (one, other) in pairs {
            let steps = [transformers[one % transformers.len()].clone(), learners[other % learners.len()].clone()];
            let make = || Chain::new(&steps, &Signature::numeric(3)).unwrap();
            prop_assert_eq!(laws::learner(&|| Box::new(make()), &rows), Ok(()), "{:?}", steps);
        }
    }

    #[test]
    fn every_metric_saves_loads_and_absorbs(
        scores in proptest::collection::vec((0_u32..3, number(), number()), 0..40),
        cut in 0_usize..40,
    ) {
        let by = MetricKind::Accuracy(AccuracySettings { by: Some("country".into()), window: None });
        for kind in MetricKind::every().into_iter().chain([by]) {
            let accepts = |task: &Task| kind.build().accepts(*task);
            for task in [Task::BinaryClassification, Task::Classification, Task::Regression, Task::Clustering].iter().filter(|task| accepts(task)) {
                let update = |metric: &mut dyn gristmill_learn::metric::Metric, class: u32, score: f64, other: f64| match task {
                    Task::Regression => metric.update(Truth::Value(f64::from(class)), score.into()),
                    Task::Classification => metric.update(Truth::Class(class), Prediction::Classes(&[score, other, 0.5])),
                    Task::Clustering => metric.update(Truth::Value(f64::NAN), Prediction::Distances(&[score.abs(), other, 0.5])),
                    _ => metric.update(Truth::Class(class % 2), score.into()),
                };
                let [mut whole, mut restored, mut other] = [kind.build(), kind.build(), kind.build()];
                for (index, (class, score, second)) in scores.iter().enumerate() {
                    let segment = (index % 3).to_string();
                    if index == cut {
                        let saved = StateWriter::of(restored.as_ref());
                        restored = kind.build();
                        StateReader::into(&saved, restored.as_mut()).unwrap();
                    }
                    for metric in [&mut whole, &mut restored, &mut other] {
                        metric.of(&segment);
                        update(metric.as_mut(), *class, *score, *second);
                    }
                }
                prop_assert_eq!(StateWriter::of(whole.as_ref()), StateWriter::of(restored.as_ref()));
                let rows = whole.rows();
                whole.absorb(&mut StateReader::new(&StateWriter::of(other.as_ref()))).unwrap();
                prop_assert_eq!(whole.rows(), 2 * rows);
            }
        }
    }
}

/// Scores in the same order, each on its side of one half, are the same to every metric that does not use
/// probabilities.
#[test]
fn only_metrics_of_probabilities_look_at_how_large_scores_are() {
    let scores = [(0, 0.1), (1, 0.4), (0, 0.45), (1, 0.55), (0, 0.7), (1, 0.9), (1, 0.95), (0, 0.2)];
    let flatter = |score: f64| 0.5 + (score - 0.5).powi(3);
    for kind in MetricKind::every().into_iter().filter(|kind| kind.build().accepts(Task::BinaryClassification)) {
        let [mut one, mut other] = [kind.build(), kind.build()];
        for (class, score) in scores {
            one.update(Truth::Class(class), score.into());
            other.update(Truth::Class(class), flatter(score).into());
        }
        assert_eq!(one.value() != other.value(), kind.is_of_probabilities(), "{}", kind.key());
    }
}
