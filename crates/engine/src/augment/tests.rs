//! Shares are achieved, scores are corrected, synthetic examples lie where they should, and saved state continues the
//! same.

use gristmill_learn::Signature;

use super::*;
use crate::spec::Entries;

fn names(class: u32) -> String {
    ["no", "yes"].get(class as usize).unwrap_or(&"?").to_string()
}

fn shares(yes: f64) -> Entries<f64> {
    Entries(vec![("yes".into(), yes)])
}

fn augmenter(rules: &[Augment]) -> Augmenter {
    let signature = Signature::new(vec![Kind::Numeric, Kind::Numeric, Kind::Nominal]);
    Augmenter::new(rules, &signature).unwrap()
}

/// One row in ten is of the class `yes`, around (5, 50); the others around (0, 0).
fn row(number: usize) -> (Vec<f64>, Truth) {
    let noise = |step: usize| (number * step % 101) as f64 / 101.0;
    let yes = number % 10 == 3;
    let middle = if yes { 5.0 } else { 0.0 };
    let features = vec![middle + noise(37), 10.0 * (middle + noise(53)), (number / 10 % 3) as f64];
    (features, Truth::Class(u32::from(yes)))
}

fn learned(rules: &[Augment], rows: usize) -> (Vec<Example>, Augmenter) {
    let mut augmenter = augmenter(rules);
    let mut all = Vec::new();
    for number in 0..rows {
        let (features, truth) = row(number);
        all.extend(augmenter.examples(&features, truth, &names));
    }
    (all, augmenter)
}

fn share_of_yes(examples: &[Example]) -> f64 {
    let yes = examples.iter().filter(|example| example.class() == Some(1)).count();
    yes as f64 / examples.len() as f64
}

fn every_rule() -> [Augment; 4] {
    [
        Augment::Undersample(Undersample { desired_dist: shares(0.3), seed: 1 }),
        Augment::Oversample(Oversample { desired_dist: shares(0.5), most: 100, seed: 2 }),
        Augment::Smote(Smote { times: 2, ..Smote::default() }),
        Augment::Jitter(Jitter::default()),
    ]
}

#[test]
fn shares_come_about() {
    let [under, over, ..] = every_rule();
    let (kept, _) = learned(&[under], 20_000);
    assert!((share_of_yes(&kept) - 0.3).abs() < 0.02, "{}", share_of_yes(&kept));
    assert_eq!(kept.iter().filter(|example| example.class() == Some(1)).count(), 2_000, "the rare class is kept whole");
    let (drawn, _) = learned(&[over], 20_000);
    assert!((share_of_yes(&drawn) - 0.5).abs() < 0.02, "{}", share_of_yes(&drawn));
    assert_eq!(drawn.iter().filter(|example| example.class() == Some(0)).count(), 18_000);
}

#[test]
fn made_examples_lie_between_examples_of_their_class() {
    let rule = Augment::Smote(Smote { times: 3, ..Smote::default() });
    let (all, augmenter) = learned(&[rule], 2_000);
    let originals: Vec<Vec<f64>> = (0..2_000).map(|number| row(number).0).collect();
    let made: Vec<&Example> = all.iter().filter(|example| !originals.contains(&example.features)).collect();
    assert!(made.len() > 500, "{}", made.len());
    for example in &made {
        let [a, b, category] = example.features[..] else { panic!("another width") };
        assert_eq!(example.class(), Some(1));
        assert!(
            (5.0..6.0).contains(&a) && (50.0..60.0).contains(&b) && [0.0, 1.0, 2.0].contains(&category),
            "{example:?}"
        );
    }
    assert_eq!(augmenter.counts().next(), Some(("smote".into(), 3 * 199)), "the first had no other to go to");
}

#[test]
fn copies_have_noise_of_the_features_own_scale() {
    let (all, _) = learned(&[Augment::Jitter(Jitter { copies: 2, scale: 0.5, seed: 3 })], 3_000);
    assert_eq!(all.len(), 9_000);
    let mut off = [0.0, 0.0];
    for (number, group) in all.chunks(3).enumerate().skip(100) {
        let (original, _) = row(number);
        assert_eq!(group[0].features, original);
        for copy in &group[1..] {
            assert_eq!(copy.features[2], original[2], "categories stay");
            off[0] += (copy.features[0] - original[0]).powi(2) / 5_800.0;
            off[1] += (copy.features[1] - original[1]).powi(2) / 5_800.0;
        }
    }
    // The features spread by about 1.53 and 15.3.
    assert!((off[0].sqrt() / 0.765 - 1.0).abs() < 0.1 && (off[1].sqrt() / 7.65 - 1.0).abs() < 0.1, "{off:?}");
}

#[test]
fn probabilities_are_those_of_the_shares_that_come() {
    let [_, over, ..] = every_rule();
    let (_, augmenter) = learned(&[over], 20_000);
    let odds = |p: f64| p / (1.0 - p);
    let corrected = augmenter.correct(Task::BinaryClassification, &[0.5])[0];
    assert!((corrected - 0.1).abs() < 0.01, "an even score means one in ten: {corrected}");
    let at = |p: f64| odds(augmenter.correct(Task::BinaryClassification, &[p])[0]);
    assert!((at(0.8) / at(0.5) - odds(0.8)).abs() < 1e-9, "odds keep their ratios");
    let several = augmenter.correct(Task::Classification, &[0.5, 0.5]);
    assert!((several[1] - corrected).abs() < 1e-12 && (several.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(augmenter.correct(Task::Regression, &[7.0]), [7.0]);
    for odd in [f64::NAN, -3.0, 2.0, 0.0, 1.0] {
        let same = augmenter.correct(Task::BinaryClassification, &[odd])[0];
        assert!(same.to_bits() == odd.to_bits(), "{odd} became {same}");
    }
}

#[test]
fn saved_state_goes_on_the_same() {
    let (_, first) = learned(&every_rule(), 500);
    let saved = StateWriter::of(&first);
    let mut second = augmenter(&every_rule());
    StateReader::into(&saved, &mut second).unwrap();
    assert!(StateWriter::of(&second) == saved, "not canonical");
    let mut first = first;
    for number in 500..700 {
        let (features, truth) = row(number);
        assert_eq!(first.examples(&features, truth, &names), second.examples(&features, truth, &names));
    }
    for cut in (0..saved.len()).step_by(7) {
        assert!(StateReader::into(&saved[..cut], &mut augmenter(&every_rule())).is_err(), "cut at {cut}");
    }
}

#[test]
fn strange_rows_never_panic() {
    let mut augmenter = augmenter(&every_rule());
    for number in 0..300 {
        let value = |at: usize| [f64::NAN, f64::INFINITY, 1e308, -1e308, 0.0][(number + at) % 5];
        let truth = if number % 7 == 0 { Truth::Value(value(1)) } else { Truth::Class(number as u32 % 4) };
        augmenter.examples(&[value(0), value(1), value(2)], truth, &names);
    }
}
