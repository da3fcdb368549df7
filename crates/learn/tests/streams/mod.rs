//! Generated streams: the same numbers here and in xtask/parity/streams.py, which describes each.

use std::f64::consts::PI;

/// `SplitMix64`.
pub(crate) struct Random(u64);

impl Random {
    #[allow(dead_code, reason = "not everyone makes numbers of its own")]
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    pub(crate) fn noise(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// A row and its label.
pub(crate) type Row = (Vec<f64>, f64);

fn friedman(random: &mut Random) -> Row {
    let x: Vec<f64> = (0..10).map(|_| random.uniform()).collect();
    let half = x[2] - 0.5;
    let y = 10.0 * libm::sin(PI * x[0] * x[1]) + 20.0 * half * half + 10.0 * x[3] + 5.0 * x[4];
    (x, y + random.noise())
}

fn friedman3(random: &mut Random) -> Row {
    let [a, b] = [random.between(0.0, 100.0), random.between(40.0 * PI, 560.0 * PI)];
    let [c, d] = [random.uniform(), random.between(1.0, 11.0)];
    (vec![a, b, c, d], libm::atan((b * c - 1.0 / (b * d)) / a))
}

fn mv(random: &mut Random) -> Row {
    let [x1, x2] = [random.between(-5.0, 5.0), random.between(-15.0, -10.0)];
    let x3 = if x1 > 0.0 || random.uniform() >= 0.4 { if x1 > 0.0 { 0.0 } else { 2.0 } } else { 1.0 };
    let x4 = [x1 + 2.0 * x2, x1 / 2.0, x2 / 2.0][x3 as usize];
    let x5 = random.between(-1.0, 1.0);
    let x6 = x4 * random.between(0.0, 5.0);
    let x7 = if random.uniform() < 0.3 { 0.0 } else { 1.0 };
    let x8 = if x5 < 0.5 { 0.0 } else { 1.0 };
    let [x9, x10] = [random.between(100.0, 500.0), random.between(1000.0, 1201.0).floor()];
    let y = if x2 > 2.0 {
        35.0 - 0.5 * x4
    } else if (-2.0..=2.0).contains(&x4) {
        10.0 - 2.0 * x1
    } else if x7 == 0.0 {
        3.0 - x1 / x4
    } else if x8 == 0.0 {
        x6 + x1
    } else {
        x1 / 2.0
    };
    (vec![x1, x2, x3, x4, x5, x6, x7, x8, x9, x10], y)
}

#[allow(dead_code, reason = "not everyone asks for whole streams")]
/// This many rows of a stream: its nominal columns, and its rows and labels.
pub(crate) fn rows(name: &str, count: usize) -> Option<(&'static [usize], Vec<Row>)> {
    let (make, nominal): (fn(&mut Random) -> Row, &[usize]) = match name {
        "friedman" => (friedman, &[]),
        "friedman3" => (friedman3, &[]),
        "mv" => (mv, &[2, 6, 7]),
        _ => return None,
    };
    let mut random = Random(1);
    Some((nominal, (0..count).map(|_| make(&mut random)).collect()))
}
