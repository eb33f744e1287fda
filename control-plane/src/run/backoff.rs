//! When a child that died is started again, and when it is given up.

use std::collections::VecDeque;
use std::time::Duration;

/// What to do after a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Start again after this long.
    Restart(Duration),
    /// It dies too often: stop everything.
    GiveUp,
}

/// Deaths within this time count.
const WINDOW: Duration = Duration::from_secs(60);
/// So many of them are too many.
const LIMIT: usize = 5;
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);

/// The deaths of one child. Time is passed in.
#[derive(Debug, Default)]
pub struct Backoff {
    deaths: VecDeque<Duration>,
}

impl Backoff {
    /// The child died at `now` (time since any fixed moment).
    pub fn died(&mut self, now: Duration) -> Next {
        while self
            .deaths
            .front()
            .is_some_and(|first| now.saturating_sub(*first) >= WINDOW)
        {
            self.deaths.pop_front();
        }
        self.deaths.push_back(now);
        if self.deaths.len() >= LIMIT {
            return Next::GiveUp;
        }
        let doublings = u32::try_from(self.deaths.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let wait = 2_u32
            .checked_pow(doublings)
            .and_then(|factor| FIRST.checked_mul(factor))
            .unwrap_or(LONGEST);
        Next::Restart(wait.min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waits_double_and_the_fifth_death_in_a_minute_is_the_last() {
        let mut backoff = Backoff::default();
        for (second, wait) in [(0, 200), (1, 400), (2, 800), (3, 1600)] {
            assert_eq!(
                backoff.died(at(second)),
                Next::Restart(Duration::from_millis(wait))
            );
        }
        assert_eq!(backoff.died(at(59)), Next::GiveUp);
    }

    #[test]
    fn old_deaths_are_forgotten() {
        let mut backoff = Backoff::default();
        for n in 0..20 {
            let next = backoff.died(at(n * 30));
            assert!(matches!(next, Next::Restart(_)), "{n}");
        }
        assert_eq!(backoff.died(at(10_000)), Next::Restart(FIRST));
    }
}
