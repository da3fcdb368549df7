//! L8: merging is commutative, and where it is exact it equals training on the union of the rows.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod taught;

use gristmill_learn::{Built, Component, StateWriter};
use taught::{answers, rows, state, taught};

/// The first merged with the second; none if merging is not offered.
fn merged(mut one: Built, other: &mut Built) -> Option<Built> {
    let saved = StateWriter::of(state(other));
    match &mut one {
        Built::Transformer(transformer) => transformer.as_merge()?.merge(&saved).unwrap(),
        Built::Learner(learner) => learner.as_merge()?.merge(&saved).unwrap(),
    }
    Some(one)
}

fn apart(one: &Built, other: &Built) -> f64 {
    let pairs = answers(one, &rows(99, 20)).into_iter().zip(answers(other, &rows(99, 20)));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn merging_commutes_and_is_the_union_where_it_is_exact() {
    let (first, second) = (rows(1, 200), rows(2, 200));
    let mut offered = 0;
    for component in Component::every() {
        let name = format!("{component:?}");
        let [mut a, mut b] = [&first, &second].map(|part| taught(&component, part));
        let Some(ab) = merged(taught(&component, &first), &mut b) else { continue };
        let ba = merged(taught(&component, &second), &mut a).unwrap();
        offered += 1;
        // Centres are in the order of those they are merged into.
        if !name.starts_with("KMeans") {
            assert!(apart(&ab, &ba) < 1e-9, "{name}: {}", apart(&ab, &ba));
        }
        let exact = [
            "StandardScaler",
            "MinMax",
            "MaxAbs",
            "GaussianNb",
            "MultinomialNb",
            "BernoulliNb",
            "Frequency",
            "TargetEnc",
        ];
        if exact.iter().any(|exact| name.starts_with(exact)) {
            let union = taught(&component, &[first.as_slice(), &second].concat());
            assert!(apart(&ab, &union) < 1e-9, "{name}: {}", apart(&ab, &union));
        }
    }
    assert!(offered >= 19, "{offered}");
}
