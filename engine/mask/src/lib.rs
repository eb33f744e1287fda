//! Detection and masking of personal data and secrets.
