//! Sets of rules, by their place in the file.

/// Up to this many rules are kept as a list.
const FEW: usize = 32;
const BITS: u32 = u64::BITS;

/// Rules in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Set {
    /// Sorted places.
    Few(Box<[u32]>),
    /// A bit for each place.
    Many(Box<[u64]>),
}

impl Default for Set {
    fn default() -> Self {
        Self::Few(Box::default())
    }
}

impl Set {
    pub(crate) fn new(mut places: Vec<u32>) -> Self {
        places.sort_unstable();
        places.dedup();
        if places.len() <= FEW {
            return Self::Few(places.into());
        }
        let words = places.last().map_or(0, |last| word(*last) + 1);
        let mut bits = vec![0; words];
        for place in places {
            if let Some(bits) = bits.get_mut(word(place)) {
                *bits |= bit(place);
            }
        }
        Self::Many(bits.into())
    }

    pub(crate) fn contains(&self, place: u32) -> bool {
        match self {
            Self::Few(places) => places.binary_search(&place).is_ok(),
            Self::Many(bits) => bits
                .get(word(place))
                .is_some_and(|bits| bits & bit(place) != 0),
        }
    }

    /// The first rule of both sets that comes before `end` and holds.
    pub(crate) fn first_common(
        &self,
        other: &Self,
        end: u32,
        mut holds: impl FnMut(u32) -> bool,
    ) -> Option<u32> {
        match (self, other) {
            (Self::Few(few), all) | (all, Self::Few(few)) => few
                .iter()
                .copied()
                .take_while(|place| *place < end)
                .find(|place| all.contains(*place) && holds(*place)),
            (Self::Many(a), Self::Many(b)) => {
                let mut base = 0;
                for (a, b) in a.iter().zip(b.iter()) {
                    if base >= end {
                        return None;
                    }
                    let mut both = a & b;
                    while both != 0 {
                        let place = base + both.trailing_zeros();
                        if place >= end {
                            return None;
                        }
                        if holds(place) {
                            return Some(place);
                        }
                        both &= both - 1;
                    }
                    base = base.saturating_add(BITS);
                }
                None
            }
        }
    }
}

fn word(place: u32) -> usize {
    (place / BITS) as usize
}

fn bit(place: u32) -> u64 {
    1 << (place % BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn the_first_common_one_is_found(
            a in prop::collection::btree_set(0u32..400, 0..120),
            b in prop::collection::btree_set(0u32..400, 0..120),
            end in 0u32..450,
            modulus in 1u32..4,
        ) {
            let set = |of: &BTreeSet<u32>| Set::new(of.iter().rev().copied().collect());
            let wanted = a.intersection(&b).copied().find(|p| *p < end && p % modulus == 0);
            let found = set(&a).first_common(&set(&b), end, |p| p % modulus == 0);
            prop_assert_eq!(found, wanted);
            for place in 0..400 {
                prop_assert_eq!(set(&a).contains(place), a.contains(&place));
            }
        }
    }
}
