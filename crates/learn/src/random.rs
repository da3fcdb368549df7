//! Randomness that is part of the state: the same seed gives the same numbers on every platform.

use crate::state::stateful;

/// The generator xoshiro256++ (D. Blackman, S. Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM TOMS 47,
/// 2021), seeded by SplitMix64 as its authors advise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Random {
    a: u64,
    b: u64,
    c: u64,
    d: u64,
}

stateful!(Random: a, b, c, d);

impl Random {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        Self { a: next(), b: next(), c: next(), d: next() }
    }

    /// Another generator, independent of what this one gives later.
    pub fn fork(&mut self) -> Self {
        Self::new(self.bits())
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let result = self.a.wrapping_add(self.d).rotate_left(23).wrapping_add(self.a);
        let shifted = self.b << 17;
        self.c ^= self.a;
        self.d ^= self.b;
        self.b ^= self.c;
        self.a ^= self.d;
        self.c ^= shifted;
        self.d = self.d.rotate_left(45);
        result
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// An integer below `bound`, or 0 if the bound is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // The product's upper half; its bias is below 2^-64 x bound.
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// Standard normal (G. Marsaglia's polar method).
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * libm::log(square) / square).sqrt();
            }
        }
    }

    /// Brings `count` of a list's items to its front, each as likely as any other.
    pub fn choose<T>(&mut self, items: &mut [T], count: usize) {
        for place in 0..count.min(items.len()) {
            let other = place + self.below(items.len() - place);
            items.swap(place, other);
        }
    }

    /// Shuffles a list (R. Durstenfeld, Algorithm 235, CACM 7, 1964).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// Poisson numbers of one mean, by inversion of a table.
#[derive(Debug, Clone)]
pub struct Poisson {
    /// The probability of at most this many.
    upto: Vec<f64>,
}

impl Poisson {
    /// For a mean of 0 to 100.
    pub fn new(mean: f64) -> Self {
        let (mut upto, mut term, mut sum) = (Vec::new(), crate::exponential::exp(-mean), 0.0);
        for count in 1..=(mean as usize * 3 + 30) {
            sum += term;
            upto.push(sum);
            term *= mean / count as f64;
        }
        Self { upto }
    }

    /// The next number.
    pub fn draw(&self, random: &mut Random) -> usize {
        let at = random.uniform();
        self.upto.iter().take_while(|upto| **upto <= at).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_of_the_reference_implementation() {
        let mut random = Random { a: 1, b: 2, c: 3, d: 4 };
        let first: Vec<u64> = (0..4).map(|_| random.bits()).collect();
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut random = Random::new(7);
        let mut moments = |draw: &mut dyn FnMut(&mut Random) -> f64| {
            let values: Vec<f64> = (0..100_000).map(|_| draw(&mut random)).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
            (mean, variance / values.len() as f64)
        };
        let close = |(mean, variance): (f64, f64), expected: (f64, f64)| {
            assert!((mean - expected.0).abs() < 0.03 && (variance - expected.1).abs() < 0.1, "{mean} {variance}");
        };
        close(moments(&mut |random| random.uniform()), (0.5, 1.0 / 12.0));
        close(moments(&mut |random| random.normal()), (0.0, 1.0));
        close(moments(&mut |random| random.below(3) as f64), (1.0, 2.0 / 3.0));
        for mean in [1.0, 6.0] {
            let poisson = Poisson::new(mean);
            close(moments(&mut |random| poisson.draw(random) as f64), (mean, mean));
        }
    }

    #[test]
    fn a_shuffle_keeps_everything() {
        let mut items: Vec<usize> = (0..10).collect();
        Random::new(1).shuffle(&mut items);
        assert_ne!(items, (0..10).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..10).collect::<Vec<_>>());
    }
}
