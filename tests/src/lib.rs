//! Harness and end-to-end tests through the real Envoy.
