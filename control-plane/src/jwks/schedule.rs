//! When an issuer is asked next. Without I/O; time is passed in.

use std::time::Duration;

/// Never more often than this, whatever happens.
const SHORTEST: Duration = Duration::from_secs(30);
/// The longest wait after failures.
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// The timetable of one issuer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Schedule {
    last: Option<Duration>,
    failures: u32,
    /// For the first question of this process.
    not_before: Duration,
}

impl Schedule {
    /// How long to wait at `now`, when keys are fresh for `fresh`.
    pub fn wait(&self, now: Duration, fresh: Duration) -> Duration {
        let Some(last) = self.last else {
            return self.not_before.saturating_sub(now);
        };
        let pause = if self.failures == 0 {
            fresh
        } else {
            let factor = 2_u32.saturating_pow((self.failures - 1).min(8));
            SHORTEST
                .saturating_mul(factor)
                .min(LONGEST_RETRY)
                .min(fresh.max(SHORTEST))
        };
        (last + pause.max(SHORTEST)).saturating_sub(now)
    }

    /// An earlier process has asked, so long before `now`.
    pub fn asked_before(&mut self, now: Duration, ago: Duration) {
        self.not_before = now + SHORTEST.saturating_sub(ago);
    }

    /// Whether somebody who cannot wait may have the issuer asked at `now`.
    pub fn may_ask(&self, now: Duration) -> bool {
        let earliest = self.last.map_or(self.not_before, |last| last + SHORTEST);
        now >= earliest
    }

    /// Whether the issuer was ever asked.
    pub fn was_asked(&self) -> bool {
        self.last.is_some()
    }

    /// Whether the issuer has answered when it was asked last.
    pub fn was_answered(&self) -> bool {
        self.was_asked() && self.failures == 0
    }

    /// The issuer was asked at `now`.
    pub fn asked(&mut self, now: Duration, answered: bool) {
        self.last = Some(now);
        self.failures = if answered {
            0
        } else {
            self.failures.saturating_add(1)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn at_once_then_when_keys_grow_old() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.wait(s(5), s(3600)), s(0));
        schedule.asked(s(5), true);
        assert_eq!(schedule.wait(s(5), s(3600)), s(3600));
        assert_eq!(schedule.wait(s(4000), s(3600)), s(0));
    }

    #[test]
    fn failures_wait_longer_and_longer() {
        let mut schedule = Schedule::default();
        let waits: Vec<u64> = (0..6)
            .map(|_| {
                schedule.asked(s(0), false);
                schedule.wait(s(0), s(3600)).as_secs()
            })
            .collect();
        assert_eq!(waits, [30, 60, 120, 240, 300, 300]);
    }

    #[test]
    fn what_an_earlier_process_has_asked_counts() {
        for (ago, wait) in [(0, 30), (12, 18), (30, 0), (4000, 0)] {
            let mut schedule = Schedule::default();
            schedule.asked_before(s(5), s(ago));
            assert_eq!(schedule.wait(s(5), s(3600)), s(wait), "{ago}");
            assert!(!schedule.was_asked());
        }
    }

    #[test]
    fn whoever_cannot_wait_waits_thirty_seconds_all_the_same() {
        let mut schedule = Schedule::default();
        assert!(schedule.may_ask(s(0)));
        schedule.asked(s(5), true);
        assert!(!schedule.may_ask(s(34)) && schedule.may_ask(s(35)));
        let mut restarted = Schedule::default();
        restarted.asked_before(s(5), s(10));
        assert!(!restarted.may_ask(s(24)) && restarted.may_ask(s(25)));
    }

    #[test]
    fn never_twice_in_thirty_seconds() {
        let mut schedule = Schedule::default();
        schedule.asked(s(0), true);
        assert_eq!(schedule.wait(s(0), s(1)), s(30));
        schedule.asked(s(0), false);
        assert_eq!(schedule.wait(s(1), s(1)), s(29));
    }
}
