//! One discovery stream, state of the world: what the Envoy at its other end has
//! and what it is still to get. Without I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use envoy_types::pb::google::protobuf::value::Kind;

use super::ack::{Fleet, short_name};
use super::resource::{EXTENSION_TYPE, ResourceSet};
use crate::FORMAT;

/// What is known of one subscribed type.
#[derive(Debug, Default)]
struct Subscription {
    names: Vec<String>,
    sent_version: Option<String>,
    nonce: String,
}

/// The state of one stream.
#[derive(Debug)]
pub struct Stream {
    id: u64,
    /// The types that its service speaks of, in the order in which changes are sent.
    types: &'static [&'static str],
    fleet: Fleet,
    set: Arc<ResourceSet>,
    subscriptions: BTreeMap<&'static str, Subscription>,
    counter: u64,
    compatible: bool,
}

impl Stream {
    /// A stream that has said nothing yet.
    pub fn new(
        id: u64,
        types: &'static [&'static str],
        fleet: Fleet,
        set: Arc<ResourceSet>,
    ) -> Self {
        Self {
            id,
            types,
            fleet,
            set,
            subscriptions: BTreeMap::new(),
            counter: 0,
            compatible: false,
        }
    }

    /// Takes a request: a subscription, an acknowledgement or a refusal.
    pub fn request(&mut self, request: &DiscoveryRequest) -> Option<DiscoveryResponse> {
        if let Some(node) = &request.node {
            self.meet(node);
        }
        let type_url = *self.types.iter().find(|t| **t == request.type_url)?;
        let known = self.subscriptions.contains_key(type_url);
        let subscription = self.subscriptions.entry(type_url).or_default();
        // An answer to an older response says nothing about the present one.
        if known
            && !request.response_nonce.is_empty()
            && request.response_nonce != subscription.nonce
        {
            return None;
        }
        let names_changed = subscription.names != request.resource_names;
        subscription.names.clone_from(&request.resource_names);
        if known && !request.response_nonce.is_empty() {
            self.note(type_url, request);
        }
        // On a new subscription, and where other names are asked for, the answer
        // is due even if its version is the one that was sent.
        self.answer(type_url, !known || names_changed)
    }

    /// Takes the resources of a new policy; answers what is to be sent, in order.
    pub fn change(&mut self, set: Arc<ResourceSet>) -> Vec<DiscoveryResponse> {
        self.set = set;
        self.types
            .iter()
            .filter_map(|type_url| self.answer(type_url, false))
            .collect()
    }

    fn answer(&mut self, type_url: &'static str, due: bool) -> Option<DiscoveryResponse> {
        if type_url == EXTENSION_TYPE && !self.compatible {
            return None;
        }
        let subscription = self.subscriptions.get_mut(type_url)?;
        let resources = self.set.get(type_url)?;
        if !due && subscription.sent_version.as_ref() == Some(&resources.version) {
            return None;
        }
        self.counter += 1;
        subscription.nonce = self.counter.to_string();
        subscription.sent_version = Some(resources.version.clone());
        let wanted = |name: &String| {
            subscription.names.is_empty()
                || subscription.names.iter().any(|n| n == "*" || n == name)
        };
        let response = DiscoveryResponse {
            version_info: resources.version.clone(),
            type_url: type_url.to_owned(),
            nonce: subscription.nonce.clone(),
            resources: resources
                .items
                .iter()
                .filter(|(name, _)| wanted(name))
                .map(|(_, any)| any.clone())
                .collect(),
            ..Default::default()
        };
        self.fleet.update(self.id, |gateway| {
            let state = gateway
                .resources
                .entry(short_name(type_url).to_owned())
                .or_default();
            state.sent.clone_from(&resources.version);
            state.refused = None;
        });
        Some(response)
    }

    fn note(&self, type_url: &'static str, request: &DiscoveryRequest) {
        let name = short_name(type_url);
        let version = self
            .subscriptions
            .get(type_url)
            .and_then(|s| s.sent_version.clone())
            .unwrap_or_default();
        self.fleet.update(self.id, |gateway| {
            let state = gateway.resources.entry(name.to_owned()).or_default();
            match &request.error_detail {
                None => {
                    tracing::info!(gateway = gateway.node, resource = name, version, "accepted");
                    state.accepted = Some(version);
                    state.refused = None;
                }
                Some(status) => {
                    tracing::error!(
                        gateway = gateway.node,
                        resource = name,
                        version,
                        running = state.accepted,
                        reason = status.message,
                        "refused by the gateway"
                    );
                    state.refused = Some(status.message.clone());
                }
            }
        });
    }

    /// The first message of a stream names the node.
    fn meet(&mut self, node: &Node) {
        let field = |name: &str| {
            node.metadata
                .as_ref()
                .and_then(|m| m.fields.get(name))
                .and_then(|v| v.kind.as_ref())
        };
        let module = match field("module") {
            Some(Kind::StringValue(text)) => Some(text.clone()),
            _ => None,
        };
        let format = match field("format") {
            Some(Kind::NumberValue(number)) if *number == f64::from(*number as u32) => {
                Some(*number as u32)
            }
            _ => None,
        };
        self.compatible = format == Some(FORMAT);
        if self.compatible {
            tracing::info!(gateway = node.id, "gateway connected");
        } else {
            tracing::error!(
                gateway = node.id,
                ?format,
                ours = FORMAT,
                "gateway connected, but its filter reads another snapshot format: it gets no policy"
            );
        }
        let compatible = self.compatible;
        self.fleet.update(self.id, |gateway| {
            gateway.node.clone_from(&node.id);
            gateway.module = module;
            gateway.format = format;
            gateway.compatible = compatible;
        });
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.fleet.remove(self.id);
    }
}

#[cfg(test)]
mod tests;
