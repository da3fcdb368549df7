//! L11: every state ever written still loads, and answers as it did when it was written.
//!
//! `tests/golden` has a file for each component and layout. A new component, or a new layout of an old one, is added by
//! `UPDATE_EXPECTED=1 cargo test -p gristmill-learn --test golden`; a file that is there is never written again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gristmill_learn::random::Random;
use gristmill_learn::{
    Built, Component, Features, Kind, Labels, Learner, Predictions, Signature, StateReader, StateWriter, Stateful,
    Task, Truth,
};

#[derive(serde::Serialize, serde::Deserialize)]
struct Golden {
    component: Component,
    /// Compressed by zstd, in base64.
    state: String,
    /// The bits of each number that it answers.
    answers: Vec<String>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn rows(seed: u64, count: usize) -> Vec<([f64; 3], u32)> {
    let mut random = Random::new(seed);
    let mut row = || {
        let x = [random.normal(), random.normal(), random.below(4) as f64];
        (x, u32::from(x[0] + 0.3 * random.normal() > 0.0))
    };
    (0..count).map(|_| row()).collect()
}

fn untrained(component: &Component) -> Built {
    let takes_nominal = match component.build(&Signature::numeric(3)) {
        Built::Transformer(transformer) => transformer.takes_nominal(),
        Built::Learner(learner) => learner.takes_nominal(),
    };
    let last = if takes_nominal { Kind::Nominal } else { Kind::Numeric };
    component.build(&Signature::new(vec![Kind::Numeric, Kind::Numeric, last]))
}

fn learn(learner: &mut dyn Learner, row: &[f64], class: u32) {
    let features = Features::row(row);
    match learner.task() {
        Task::Regression => learner.learn(&features, Labels::Values(&[f64::from(class) + row[1]])),
        Task::AnomalyDetection | Task::Clustering => learner.learn(&features, Labels::None),
        _ => learner.learn(&features, Labels::Classes(&[class])),
    }
    .unwrap();
}

fn taught(component: &Component) -> Built {
    let mut built = untrained(component);
    for (row, class) in rows(11, 300) {
        match &mut built {
            Built::Transformer(transformer) => transformer.learn(&row, Some(Truth::Class(class))),
            Built::Learner(learner) => learn(learner.as_mut(), &row, class),
        }
    }
    built
}

fn answers(built: &Built) -> Vec<String> {
    let mut values = Vec::new();
    for (row, _) in rows(12, 5) {
        match built {
            Built::Transformer(transformer) => transformer.transform(&row, &mut values),
            Built::Learner(learner) => {
                let mut out = Predictions::default();
                learner.predict(&Features::row(&row), &mut out).unwrap();
                values.extend_from_slice(out.values());
            }
        }
    }
    values.iter().map(|value| format!("{:016x}", value.to_bits())).collect()
}

fn state(built: &mut Built) -> &mut dyn Stateful {
    match built {
        Built::Transformer(transformer) => transformer.as_mut(),
        Built::Learner(learner) => learner.as_mut(),
    }
}

fn packed(state: &[u8]) -> String {
    BASE64_STANDARD.encode(zstd::encode_all(state, 19).unwrap())
}

fn unpacked(state: &str) -> Vec<u8> {
    zstd::decode_all(BASE64_STANDARD.decode(state).unwrap().as_slice()).unwrap()
}

/// The files of a component, oldest first.
fn written(name: &str) -> Vec<Golden> {
    let read = |number: u32| std::fs::read_to_string(folder().join(format!("{name}.{number}.json"))).ok();
    (1..).map_while(read).map(|text| serde_json::from_str(&text).unwrap()).collect()
}

#[test]
fn every_state_ever_written_still_loads() {
    let mut missing = Vec::new();
    for component in Component::every() {
        let described = serde_json::to_value(&component).unwrap();
        let name = described.as_object().unwrap().keys().next().unwrap().clone();
        let golden = written(&name);
        for (number, golden) in (1..).zip(&golden) {
            let mut built = untrained(&golden.component);
            let saved = unpacked(&golden.state);
            StateReader::into(&saved, state(&mut built)).unwrap_or_else(|error| panic!("{name}.{number}: {error}"));
            for (ours, then) in answers(&built).iter().zip(&golden.answers) {
                let number_of = |bits: &String| f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
                let (ours, then) = (number_of(ours), number_of(then));
                // The last places of an exponential may change from version to version.
                let same = ours == then || (ours - then).abs() <= 1e-9 * then.abs() || (ours.is_nan() && then.is_nan());
                assert!(same, "{name}.{number} answers {ours} where it was {then}");
            }
        }
        let mut today = taught(&component);
        let saved = StateWriter::of(state(&mut today));
        if golden.iter().any(|golden| unpacked(&golden.state) == saved) {
            continue;
        }
        if std::env::var_os("UPDATE_EXPECTED").is_none() {
            missing.push(name);
            continue;
        }
        let golden = (golden.len() + 1, Golden { component, state: packed(&saved), answers: answers(&today) });
        let text = serde_json::to_string_pretty(&golden.1).unwrap() + "\n";
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(folder().join(format!("{name}.{}.json", golden.0)), text).unwrap();
    }
    assert_eq!(missing, Vec::<String>::new(), "these write another state than any before: see this file's first lines");
}
