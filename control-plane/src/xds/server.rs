//! The gRPC service, on a Unix socket or a loopback TCP socket.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream as AsyncStream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use super::ack::Fleet;
use super::resource::ResourceSet;
use super::stream::Stream;

/// Responses waiting for one gateway; more means that it does not read.
const PENDING: usize = 16;

/// The discovery service.
#[derive(Debug)]
pub struct Discovery {
    resources: watch::Receiver<Arc<ResourceSet>>,
    fleet: Fleet,
    streams: AtomicU64,
}

impl Discovery {
    /// A service that sends what `resources` holds.
    pub fn new(resources: watch::Receiver<Arc<ResourceSet>>, fleet: Fleet) -> Self {
        Self {
            resources,
            fleet,
            streams: AtomicU64::new(0),
        }
    }

    /// The service in the form that a tonic server takes.
    pub fn into_service(self) -> AggregatedDiscoveryServiceServer<Self> {
        AggregatedDiscoveryServiceServer::new(self)
    }
}

type Responses<T> = Pin<Box<dyn AsyncStream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Discovery {
    type StreamAggregatedResourcesStream = Responses<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        let (sender, receiver) = mpsc::channel(PENDING);
        let mut resources = self.resources.clone();
        let set = Arc::clone(&resources.borrow_and_update());
        let id = self.streams.fetch_add(1, Ordering::Relaxed);
        let stream = Stream::new(id, self.fleet.clone(), set);
        tokio::spawn(serve(stream, request.into_inner(), resources, sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn delta_aggregated_resources(
        &self,
        _request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented(
            "only state-of-the-world discovery is served",
        ))
    }
}

async fn serve(
    mut stream: Stream,
    mut requests: Streaming<DiscoveryRequest>,
    mut resources: watch::Receiver<Arc<ResourceSet>>,
    responses: mpsc::Sender<Result<DiscoveryResponse, Status>>,
) {
    loop {
        let due = tokio::select! {
            request = requests.next() => match request {
                Some(Ok(request)) => stream.request(&request).into_iter().collect(),
                Some(Err(status)) => {
                    tracing::debug!(%status, "discovery stream ended");
                    return;
                }
                None => return,
            },
            changed = resources.changed() => {
                if changed.is_err() {
                    return;
                }
                let set = Arc::clone(&resources.borrow_and_update());
                stream.change(set)
            }
        };
        for response in due {
            if responses.send(Ok(response)).await.is_err() {
                return;
            }
        }
    }
}
