//! A whole gateway on one machine: the control plane in this process, Envoy and the
//! bridge as its children.

pub mod audit;
pub mod backoff;
pub mod bootstrap;
pub mod bridge;
pub mod confusable;
pub mod envoy;
pub mod envoy_admin;
pub mod gateway;
pub mod gateway_key;
pub mod probe;
pub mod programs;
pub mod record;
pub mod scrub;
pub mod supervisor;
pub mod tether;

/// Returns when `stop` is set, or when nobody can set it any more.
pub(crate) async fn stopped(stop: &mut tokio::sync::watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
