//! What is decided: rules, snapshot, evaluator.
