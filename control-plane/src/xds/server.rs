//! The gRPC services: everything on one stream, or our filter's configuration alone.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::envoy::service::extension::v3::extension_config_discovery_service_server::{
    ExtensionConfigDiscoveryService, ExtensionConfigDiscoveryServiceServer,
};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream as AsyncStream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use super::ack::Fleet;
use super::resource::{EXTENSION_TYPE, ResourceSet, TYPES};
use super::stream::Stream;

/// Responses waiting for one gateway; more means that it does not read.
const PENDING: usize = 16;

/// The discovery services.
#[derive(Debug, Clone)]
pub struct Discovery {
    resources: watch::Receiver<Arc<ResourceSet>>,
    fleet: Fleet,
    streams: Arc<AtomicU64>,
}

impl Discovery {
    /// A service that sends what `resources` holds.
    pub fn new(resources: watch::Receiver<Arc<ResourceSet>>, fleet: Fleet) -> Self {
        Self {
            resources,
            fleet,
            streams: Arc::default(),
        }
    }

    /// Everything a gateway of our own needs, on one stream (ADS).
    pub fn aggregated(&self) -> AggregatedDiscoveryServiceServer<Self> {
        AggregatedDiscoveryServiceServer::new(self.clone())
    }

    /// Our filter's configuration alone (ECDS), for an Envoy whose listeners, routes and
    /// clusters are another's, a service mesh's for example.
    pub fn extensions(&self) -> ExtensionConfigDiscoveryServiceServer<Self> {
        ExtensionConfigDiscoveryServiceServer::new(self.clone())
    }

    fn stream(
        &self,
        types: &'static [&'static str],
        requests: Streaming<DiscoveryRequest>,
    ) -> Response<Responses<DiscoveryResponse>> {
        let (sender, receiver) = mpsc::channel(PENDING);
        let mut resources = self.resources.clone();
        let set = Arc::clone(&resources.borrow_and_update());
        let id = self.streams.fetch_add(1, Ordering::Relaxed);
        let stream = Stream::new(id, types, self.fleet.clone(), set);
        tokio::spawn(serve(stream, requests, resources, sender));
        Response::new(Box::pin(ReceiverStream::new(receiver)))
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
        Ok(self.stream(&TYPES, request.into_inner()))
    }

    async fn delta_aggregated_resources(
        &self,
        _request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Err(no_delta())
    }
}

#[tonic::async_trait]
impl ExtensionConfigDiscoveryService for Discovery {
    type StreamExtensionConfigsStream = Responses<DiscoveryResponse>;
    type DeltaExtensionConfigsStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_extension_configs(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamExtensionConfigsStream>, Status> {
        Ok(self.stream(&[EXTENSION_TYPE], request.into_inner()))
    }

    async fn delta_extension_configs(
        &self,
        _request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaExtensionConfigsStream>, Status> {
        Err(no_delta())
    }

    async fn fetch_extension_configs(
        &self,
        _request: Request<DiscoveryRequest>,
    ) -> Result<Response<DiscoveryResponse>, Status> {
        Err(Status::unimplemented("only streams are served"))
    }
}

fn no_delta() -> Status {
    Status::unimplemented("only state-of-the-world discovery is served")
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
