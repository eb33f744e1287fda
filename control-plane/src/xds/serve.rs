//! One server for xDS and for the filters' call-outs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::service::Routes;

use crate::callout::Callouts;
use crate::failure::Failure;

use super::resource::ResourceSet;
use super::server::Discovery;
use super::{Fleet, Listen, listen};
/// Serves gateways on a socket or over mutual TLS until `stop` says so.
///
/// # Errors
/// The address cannot be listened on, or a certificate cannot be read.
pub(crate) async fn serve(
    listen: &Listen,
    resources: watch::Receiver<Arc<ResourceSet>>,
    fleet: Fleet,
    callouts: Callouts,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let services = Discovery::new(resources, fleet);
    let routes = Routes::new(services.aggregated()).add_service(services.extensions());
    let routes = routes.into_axum_router().merge(callouts.router());
    let router = tonic::transport::Server::builder()
        // A gateway that is gone is seen to be.
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .add_routes(Routes::from(routes));
    let stopped = async move { crate::run::stopped(&mut stop).await };
    match listen {
        Listen::Unix(socket) => {
            let incoming = UnixListenerStream::new(listen::unix(socket)?);
            tokio::spawn(async move {
                told(router.serve_with_incoming_shutdown(incoming, stopped).await);
            });
        }
        Listen::Tls(address, files) => {
            let incoming = ReceiverStream::new(listen::tls(*address, files.clone()).await?);
            tokio::spawn(async move {
                told(router.serve_with_incoming_shutdown(incoming, stopped).await);
            });
        }
    }
    Ok(())
}

fn told(served: Result<(), tonic::transport::Error>) {
    if let Err(error) = served {
        tracing::error!(%error, "xDS ended");
    }
}
