//! The configuration of our Wasm filter, as an ECDS resource.

use envoy_types::pb::envoy::config::core::v3::{
    AsyncDataSource, BackoffStrategy, DataSource, TypedExtensionConfig, async_data_source,
    data_source,
};
use envoy_types::pb::envoy::extensions::filters::http::wasm::v3::Wasm;
use envoy_types::pb::envoy::extensions::wasm::v3::{
    EnvironmentVariables, FailurePolicy, PluginConfig, ReloadConfig, VmConfig, plugin_config,
};
use envoy_types::pb::google::protobuf::{Any, BoolValue, BytesValue};
use envoy_types::util::pack_any;

use crate::settings::GATEWAY_KEY;

use super::{FilterModule, named, seconds};

/// Name of the filter in the listener and of its ECDS resource.
pub const FILTER_NAME: &str = "mcp_policy";

/// The same VM for every configuration, so that a push compiles nothing.
const VM_ID: &str = "mcp-zero";

/// The filter with its snapshot. The module is a local file always: with remote
/// code Envoy passes requests unfiltered while it fetches.
pub(super) fn filter(module: &FilterModule, snapshot: Vec<u8>) -> (String, Any) {
    let plugin = PluginConfig {
        name: FILTER_NAME.to_owned(),
        configuration: Some(pack_any(BytesValue { value: snapshot })),
        failure_policy: FailurePolicy::FailReload as i32,
        reload_config: Some(ReloadConfig {
            backoff: Some(BackoffStrategy {
                base_interval: Some(seconds(1)),
                max_interval: None,
            }),
        }),
        allow_on_headers_stop_iteration: Some(BoolValue { value: true }),
        vm: Some(plugin_config::Vm::VmConfig(VmConfig {
            vm_id: VM_ID.to_owned(),
            runtime: "envoy.wasm.runtime.v8".to_owned(),
            code: Some(AsyncDataSource {
                specifier: Some(async_data_source::Specifier::Local(DataSource {
                    specifier: Some(data_source::Specifier::Filename(module.path.clone())),
                    ..Default::default()
                })),
            }),
            // The secret itself travels in Envoy's environment, never in its configuration.
            environment_variables: Some(EnvironmentVariables {
                host_env_keys: vec![GATEWAY_KEY.to_owned()],
                ..Default::default()
            }),
            ..Default::default()
        })),
        ..Default::default()
    };
    named(
        FILTER_NAME,
        TypedExtensionConfig {
            name: FILTER_NAME.to_owned(),
            typed_config: Some(pack_any(Wasm {
                config: Some(plugin),
            })),
        },
    )
}
