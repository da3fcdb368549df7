//! Compares forests and bagging with River's, seed by seed, on the rows that xtask/parity/forests.py has written.
//!
//! `GRISTMILL_FORESTS` names their folder: `cargo xtask parity forests` creates it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gristmill_learn::{Built, Component, Features, Kind, Labels, Learner, Predictions, Signature};

struct Rows {
    kinds: Vec<Kind>,
    rows: Vec<(Vec<f64>, u32)>,
}

fn read(path: &Path) -> Rows {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines = text.lines();
    let kind = |name: &str| if name.ends_with(" nominal") { Kind::Nominal } else { Kind::Numeric };
    let mut kinds: Vec<Kind> = lines.next().unwrap().split(',').map(kind).collect();
    kinds.pop();
    let row = |line: &str| {
        let (x, class) = line.rsplit_once(',').unwrap();
        (x.split(',').map(|value| value.parse().unwrap()).collect(), class.parse().unwrap())
    };
    Rows { kinds, rows: lines.map(row).collect() }
}

/// Test, then train.
fn accuracy(model: &mut dyn Learner, rows: &Rows) -> f64 {
    let (mut out, mut right) = (Predictions::default(), 0_u32);
    for (row, class) in &rows.rows {
        out.clear();
        model.predict(&Features::row(row), &mut out).unwrap();
        // The first of the most probable classes.
        let votes = out.row(0).iter().copied().zip(0..);
        let most =
            votes.fold((0.0, None), |most, (vote, class)| if vote > most.0 { (vote, Some(class)) } else { most });
        right += u32::from(most.1 == Some(*class));
        model.learn(&Features::row(row), Labels::Classes(&[*class])).unwrap();
    }
    f64::from(right) / rows.rows.len() as f64
}

fn ours(model: &str, seed: &str, rows: &Rows) -> f64 {
    let settings = serde_json::json!({ model: { "seed": seed.parse::<u64>().unwrap() } });
    let component: Component = serde_json::from_value(settings).unwrap();
    let Built::Learner(mut learner) = component.build(&Signature::new(rows.kinds.clone())) else { panic!("{model}") };
    accuracy(learner.as_mut(), rows)
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().sum::<f64>() / values.count() as f64
}

fn main() {
    let Some(folder) = std::env::var_os("GRISTMILL_FORESTS") else {
        return println!("GRISTMILL_FORESTS names no folder: `cargo xtask parity forests` makes one");
    };
    let folder = Path::new(&folder);
    let recorded = fs::read_to_string(folder.join("river.tsv")).unwrap();
    // By model and stream: River's accuracy and ours, seed by seed.
    let mut pairs: BTreeMap<(&str, &str), Vec<(f64, f64)>> = BTreeMap::new();
    for line in recorded.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [model, stream, seed, theirs] = fields[..] else { panic!("{line}") };
        let rows = read(&folder.join(format!("{stream}.{seed}.csv")));
        let pair = (theirs.parse().unwrap(), ours(model, seed, &rows));
        pairs.entry((model, stream)).or_default().push(pair);
    }
    println!("model\tstream\tseeds\triver\tours\tdifference\tstandard_error");
    for ((model, stream), pairs) in pairs {
        let apart = pairs.iter().map(|(theirs, ours)| ours - theirs);
        let (count, difference) = (pairs.len() as f64, mean(apart.clone()));
        let squares: f64 = apart.map(|apart| (apart - difference) * (apart - difference)).sum();
        let error = (squares / (count - 1.0) / count).sqrt();
        let mark = match difference / error {
            sure if sure < -2.0 => "\tbelow",
            sure if sure > 2.0 => "\tabove",
            _ => "",
        };
        let (theirs, ours) = (mean(pairs.iter().map(|pair| pair.0)), mean(pairs.iter().map(|pair| pair.1)));
        println!("{model}\t{stream}\t{count}\t{theirs:.4}\t{ours:.4}\t{difference:+.4}\t{error:.4}{mark}");
    }
}
