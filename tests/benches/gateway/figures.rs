//! Small statistics.

use serde::Serialize;
use std::time::Duration;

/// The least, the middle and the most of some figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self {
            min: sorted.first().copied().unwrap_or(f64::NAN),
            median: middle(&sorted),
            max: sorted.last().copied().unwrap_or(f64::NAN),
        }
    }
}

/// The median of times, in milliseconds.
pub(crate) fn p50(times: &[Duration]) -> f64 {
    let mut sorted: Vec<f64> = times.iter().map(|t| t.as_secs_f64() * 1e3).collect();
    sorted.sort_by(f64::total_cmp);
    middle(&sorted)
}

fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    match (sorted.get(half), sorted.len() % 2) {
        (Some(one), 1) => *one,
        (Some(upper), _) => {
            let lower = half.checked_sub(1).and_then(|i| sorted.get(i));
            lower.map_or(*upper, |lower| f64::midpoint(*lower, *upper))
        }
        (None, _) => f64::NAN,
    }
}
