//! Sets of rules by their places.

/// A set of places below a bound that all sets of one policy share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Bits(Box<[u64]>);

impl Bits {
    /// The places below `bound` that fit.
    pub(super) fn of(bound: usize, fits: impl Fn(usize) -> bool) -> Self {
        let mut words = vec![0_u64; bound.div_ceil(64)];
        for (at, word) in words.iter_mut().enumerate() {
            let places = (0..64).filter(|bit| at * 64 + bit < bound && fits(at * 64 + bit));
            *word = places.fold(0, |word, bit| word | 1 << bit);
        }
        Self(words.into())
    }

    /// What is in either.
    pub(super) fn or(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a | b).collect())
    }

    /// What is in both.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    /// The places in order.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + Clone {
        let words = self.0.iter().enumerate();
        words.flat_map(|(at, word)| {
            let word = *word;
            let bits = (0..64).filter(move |bit| word & (1 << bit) != 0);
            bits.map(move |bit| at * 64 + bit)
        })
    }
}
