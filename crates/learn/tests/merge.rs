//! L8: what is merged commutes, and where merging is exact it is what the union of the rows would have taught.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use gristmill_learn::random::Random;
use gristmill_learn::{
    Built, Component, Features, Kind, Labels, Learner, Predictions, Signature, StateWriter, Task, Transformer, Truth,
};

const WIDTH: usize = 3;

fn rows(seed: u64) -> Vec<([f64; WIDTH], u32)> {
    let mut random = Random::new(seed);
    let mut row = || {
        let x: [f64; WIDTH] = [random.normal(), random.normal(), random.below(4) as f64];
        (x, u32::from(x[0] + 0.3 * random.normal() > 0.0))
    };
    (0..200).map(|_| row()).collect()
}

fn taught(component: &Component, parts: &[&[([f64; WIDTH], u32)]]) -> Built {
    let takes_nominal = match component.build(&Signature::numeric(WIDTH)) {
        Built::Transformer(transformer) => transformer.takes_nominal(),
        Built::Learner(learner) => learner.takes_nominal(),
    };
    let last = if takes_nominal { Kind::Nominal } else { Kind::Numeric };
    let mut built = component.build(&Signature::new(vec![Kind::Numeric, Kind::Numeric, last]));
    for (x, class) in parts.iter().copied().flatten() {
        match &mut built {
            Built::Transformer(transformer) => transformer.learn(x, Some(Truth::Class(*class))),
            Built::Learner(learner) => match learner.task() {
                Task::Regression => learner.learn(&Features::row(x), Labels::Values(&[f64::from(*class)])).unwrap(),
                Task::AnomalyDetection | Task::Clustering => learner.learn(&Features::row(x), Labels::None).unwrap(),
                _ => learner.learn(&Features::row(x), Labels::Classes(&[*class])).unwrap(),
            },
        }
    }
    built
}

fn answers(built: &Built) -> Vec<f64> {
    let mut values = Vec::new();
    for (x, _) in rows(99).iter().take(20) {
        match built {
            Built::Transformer(transformer) => transformer.transform(x, &mut values),
            Built::Learner(learner) => {
                let mut out = Predictions::default();
                learner.predict(&Features::row(x), &mut out).unwrap();
                values.extend_from_slice(out.values());
            }
        }
    }
    values
}

/// The first merged with the second; none where it is not offered.
fn merged(mut one: Built, other: &Built) -> Option<Built> {
    let saved = match other {
        Built::Transformer(transformer) => StateWriter::of(transformer.as_ref() as &dyn Transformer),
        Built::Learner(learner) => StateWriter::of(learner.as_ref() as &dyn Learner),
    };
    match &mut one {
        Built::Transformer(transformer) => transformer.as_merge()?.merge(&saved).unwrap(),
        Built::Learner(learner) => learner.as_merge()?.merge(&saved).unwrap(),
    }
    Some(one)
}

fn apart(one: &Built, other: &Built) -> f64 {
    let pairs = answers(one).into_iter().zip(answers(other));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn merging_commutes_and_is_the_union_where_it_is_exact() {
    let (first, second) = (rows(1), rows(2));
    let mut offered = 0;
    for component in Component::every() {
        let name = format!("{component:?}");
        let [a, b] = [&first, &second].map(|part| taught(&component, &[part]));
        let Some(ab) = merged(taught(&component, &[&first]), &b) else { continue };
        let ba = merged(taught(&component, &[&second]), &a).unwrap();
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
            let union = taught(&component, &[&first, &second]);
            assert!(apart(&ab, &union) < 1e-9, "{name}: {}", apart(&ab, &union));
        }
    }
    assert!(offered >= 19, "{offered}");
}
