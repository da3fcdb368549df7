//! L11: every state ever written still loads, and gives the same predictions as when it was written.
//!
//! `tests/golden` has a file for each component and layout.
//! `UPDATE_EXPECTED=1 cargo test -p gristmill-learn --test golden` adds a new component, or a new layout of an old one;
//! an existing file is never rewritten.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

mod taught;

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gristmill_learn::{Built, Component, StateReader, StateWriter};

#[derive(serde::Serialize, serde::Deserialize)]
struct Golden {
    component: Component,
    /// Compressed by zstd, in base64.
    state: String,
    /// The bits of each predicted number.
    answers: Vec<String>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn bits(built: &Built) -> Vec<String> {
    taught::answers(built, &taught::rows(12, 5)).iter().map(|value| format!("{:016x}", value.to_bits())).collect()
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
            let mut built = taught::untrained(&golden.component, taught::WIDTH);
            let saved = unpacked(&golden.state);
            StateReader::into(&saved, taught::state(&mut built))
                .unwrap_or_else(|error| panic!("{name}.{number}: {error}"));
            for (ours, then) in bits(&built).iter().zip(&golden.answers) {
                let number_of = |bits: &String| f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
                let (ours, then) = (number_of(ours), number_of(then));
                // The last places of an exponential may change from version to version.
                let same = ours == then || (ours - then).abs() <= 1e-9 * then.abs() || (ours.is_nan() && then.is_nan());
                assert!(same, "{name}.{number} answers {ours} where it was {then}");
            }
        }
        let mut today = taught::taught(&component, &taught::rows(11, 300));
        let saved = StateWriter::of(taught::state(&mut today));
        if golden.iter().any(|golden| unpacked(&golden.state) == saved) {
            continue;
        }
        if std::env::var_os("UPDATE_EXPECTED").is_none() {
            missing.push(name);
            continue;
        }
        let golden = (golden.len() + 1, Golden { component, state: packed(&saved), answers: bits(&today) });
        let text = serde_json::to_string_pretty(&golden.1).unwrap() + "\n";
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(folder().join(format!("{name}.{}.json", golden.0)), text).unwrap();
    }
    assert_eq!(missing, Vec::<String>::new(), "these write another state than any before: see this file's first lines");
}
