//! Colours of what people read; they are taken off where no terminal shows them.

use anstyle::{AnsiColor, Style};
use mcp_zero_policy::Effect;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// Of a decision.
pub(crate) fn effect(effect: Effect) -> Style {
    match effect {
        Effect::Allow => GOOD,
        Effect::Deny => BAD,
    }
}

/// Of a change: what lets more in is what to look at.
pub(crate) fn change(allows: bool) -> Style {
    if allows { BAD.bold() } else { GOOD }
}

/// Of a case.
pub(crate) fn outcome(passed: bool) -> Style {
    if passed { GOOD } else { BAD }
}

/// Of what is not the point.
pub(crate) fn aside() -> Style {
    Style::new().dimmed()
}
