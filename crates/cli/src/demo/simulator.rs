//! Simulated card payments: customers with habits, terminals with places, three kinds of fraud, event times.

use std::f64::consts::TAU;

const CUSTOMERS: usize = 500;
const TERMINALS: usize = 300;
const SQUARE_KM: f64 = 300.0;
/// 2026-01-05T00:00:00Z, a Monday.
const START: f64 = 1_767_571_200.0;

/// A stream of payments that its seed determines.
pub(crate) struct Simulator {
    random: Random,
    customers: Vec<Customer>,
    terminals: Vec<(f64, f64)>,
    clock: f64,
    number: u64,
    /// A terminal with a card skimmer, and until when.
    skimmed: (usize, f64),
}

struct Customer {
    home: (f64, f64),
    usual: f64,
    last: f64,
    /// Until when a thief has the card.
    stolen_until: f64,
}

/// One payment, as the record of a topic.
pub(crate) struct Payment {
    pub(crate) card: String,
    pub(crate) json: String,
}

/// SplitMix64: small, and the same on every platform.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        (self.uniform() * count as f64) as usize
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Standard normal (Box and Muller, 1958).
    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (TAU * self.uniform()).cos()
    }
}

impl Simulator {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut place = || (random.uniform() * SQUARE_KM, random.uniform() * SQUARE_KM);
        let homes: Vec<(f64, f64)> = (0..CUSTOMERS).map(|_| place()).collect();
        let terminals = (0..TERMINALS).map(|_| place()).collect();
        let customers = homes
            .into_iter()
            .map(|home| Customer { home, usual: 15.0 + random.uniform() * 85.0, last: START, stolen_until: 0.0 })
            .collect();
        Self { random, customers, terminals, clock: START, number: 0, skimmed: (0, 0.0) }
    }

    /// The nearest to a location of a few terminals.
    fn near(&mut self, home: (f64, f64)) -> usize {
        let candidates: Vec<usize> = (0..12).map(|_| self.random.below(TERMINALS)).collect();
        let far = |terminal: &usize| self.terminals.get(*terminal).map_or(f64::MAX, |place| distance(*place, home));
        candidates.into_iter().min_by(|a, b| far(a).total_cmp(&far(b))).unwrap_or(0)
    }

    /// The next payment.
    pub(crate) fn next(&mut self) -> Payment {
        self.clock += self.random.uniform() * 12.0;
        self.number += 1;
        if self.clock > self.skimmed.1 && self.random.chance(0.0008) {
            self.skimmed = (self.random.below(TERMINALS), self.clock + 6.0 * 3600.0);
        }
        let number = self.random.below(CUSTOMERS);
        let Some((home, usual, last, stolen_until)) =
            self.customers.get(number).map(|one| (one.home, one.usual, one.last, one.stolen_until))
        else {
            return Payment { card: String::new(), json: String::new() };
        };
        let stolen = self.clock < stolen_until;
        let online = self.random.chance(if stolen { 0.5 } else { 0.25 });
        let terminal = if stolen { self.random.below(TERMINALS) } else { self.near(home) };
        let skimmed = terminal == self.skimmed.0 && self.clock < self.skimmed.1;
        let hijacked = online && !stolen && self.random.chance(0.04);
        let mut amount = usual * (0.35 * self.random.normal()).exp();
        if stolen {
            amount *= 2.0 + 3.0 * self.random.uniform();
        } else if hijacked {
            amount *= 4.0;
        } else if skimmed {
            amount *= 2.5;
        }
        let fraud = stolen || hijacked || (skimmed && self.random.chance(0.8));
        let place = self.terminals.get(terminal).copied().unwrap_or(home);
        let since = (self.clock - last) / 60.0;
        let next_theft = if !stolen && self.random.chance(0.004) { self.clock + 4.0 * 3600.0 } else { stolen_until };
        if let Some(customer) = self.customers.get_mut(number) {
            customer.last = self.clock;
            customer.stolen_until = next_theft;
        }
        let hour = (self.clock / 3600.0) as i64 % 24;
        let card = format!("card-{number:03}");
        let json = format!(
            r#"{{"id":"p{}","ts":"{}","card":"{card}","terminal":"t{terminal}","amount":{amount:.2},"times_usual":{:.3},"distance_km":{:.1},"minutes_since":{since:.1},"online":{online},"night":{},"fraud":{fraud}}}"#,
            self.number,
            time(self.clock as i64),
            amount / usual,
            if online { 0.0 } else { distance(place, home) },
            hour < 6,
        );
        Payment { card, json }
    }
}

fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

fn time(seconds: i64) -> String {
    let mut text = Vec::new();
    gristmill::timestamp::write(seconds * 1_000_000, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_payments_and_some_are_fraud() {
        let stream = |seed| {
            let mut simulator = Simulator::new(seed);
            (0..5_000).map(|_| simulator.next().json).collect::<Vec<_>>()
        };
        let payments = stream(1);
        assert_eq!(payments, stream(1));
        assert_ne!(payments, stream(2));
        let frauds = payments.iter().filter(|json| json.contains("\"fraud\":true")).count();
        assert!((100..1_000).contains(&frauds), "{frauds}");
    }
}
