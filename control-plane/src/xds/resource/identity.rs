//! The lock in front of our filter: Envoy's own check of tokens, as an ECDS resource.
//!
//! It answers nobody. What it has verified is in the request's metadata, where our filter asks
//! for it before it looks at a token, and the lock behind asks again. It may accept more than
//! our filter, never less: the filter alone knows types, scopes and life times of tokens.

use envoy_types::pb::envoy::config::core::v3::{DataSource, TypedExtensionConfig, data_source};
use envoy_types::pb::envoy::config::route::v3::{RouteMatch, route_match};
use envoy_types::pb::envoy::extensions::filters::http::jwt_authn::v3::{
    JwtAuthentication, JwtCacheConfig, JwtHeader, JwtProvider, JwtRequirement,
    JwtRequirementOrList, RequirementRule, jwt_provider, jwt_requirement, requirement_rule,
};
use envoy_types::pb::envoy::service::discovery::v3::DiscoveryResponse;
use envoy_types::pb::google::protobuf::{Any, Empty};
use mcp_zero_proto as proto;
use prost::{Message as _, Name as _};
use serde_json::{Value, json};

use super::{EXTENSION_TYPE, Resources, named};
use crate::jwks::jwk::public_jwk;

/// Name of the filter in the listener and of its ECDS resource.
pub const IDENTITY_NAME: &str = "mcp_identity";

/// The namespace of metadata that Envoy gives the filter.
pub(super) const METADATA: &str = "envoy.filters.http.jwt_authn";

/// The verified payload in that namespace, under one name whoever issued the token.
pub(super) const PAYLOAD: &str = "jwt";

/// At least the longest leeway of a policy.
const SKEW_SECONDS: u32 = 60;

/// Tokens that each worker remembers, and the longest of them: the longest that is accepted.
const TOKENS: u32 = 1000;
const LONGEST_TOKEN: u32 = 8192;

/// An issuer, as Envoy is to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// The name of the identity entry.
    pub name: String,
    /// The exact `iss`.
    pub issuer: String,
    /// Accepted audiences.
    pub audiences: Vec<String>,
    /// A JWK Set (RFC 7517 §5); none where there are no keys, for Envoy refuses an empty one.
    pub key_set: Option<String>,
}

/// The issuers of a policy, each with its keys.
pub fn providers(policy: &proto::Policy, keys: &proto::Keys) -> Vec<Provider> {
    let issuers = policy.issuers.iter();
    let provider = |issuer: &proto::Issuer| Provider {
        name: issuer.name.clone(),
        issuer: issuer.issuer.clone(),
        audiences: issuer.audiences.clone(),
        key_set: key_set(keys.sets.iter().filter(|set| set.issuer == issuer.issuer)),
    };
    issuers.map(provider).collect()
}

fn key_set<'k>(sets: impl Iterator<Item = &'k proto::KeySet>) -> Option<String> {
    let mut keys: Vec<Value> = Vec::new();
    for key in sets.flat_map(|set| &set.keys) {
        // Without `alg`: which algorithms a key serves is our filter's to say.
        let Some(key) = public_jwk(key) else {
            continue;
        };
        // One key may stand for several algorithms.
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    (!keys.is_empty()).then(|| json!({ "keys": keys }).to_string())
}

/// The filter as a file that Envoy reads where it has no control plane (`path_config_source`).
pub fn identity_file(policy: &proto::Policy, keys: &proto::Keys) -> Vec<u8> {
    let resources = Resources::new(vec![identity(&providers(policy, keys))]);
    let response = DiscoveryResponse {
        version_info: resources.version,
        resources: resources.items.into_iter().map(|(_, any)| any).collect(),
        type_url: EXTENSION_TYPE.to_owned(),
        ..Default::default()
    };
    response.encode_to_vec()
}

/// The filter; with no provider it has nothing to check.
pub(super) fn identity(providers: &[Provider]) -> (String, Any) {
    let value = encoded(providers);
    named(
        IDENTITY_NAME,
        TypedExtensionConfig {
            name: IDENTITY_NAME.to_owned(),
            typed_config: Some(Any {
                type_url: JwtAuthentication::type_url(),
                value,
            }),
        },
    )
}

/// A map has no order of its own, and the same input has to give the same bytes. Messages that
/// follow one another read as one, so each provider is encoded alone.
fn encoded(providers: &[Provider]) -> Vec<u8> {
    let mut value = Vec::new();
    let mut requirements = Vec::new();
    for provider in providers {
        let Some(key_set) = &provider.key_set else {
            continue;
        };
        let one = JwtAuthentication {
            providers: [(provider.name.clone(), checked(provider, key_set))].into(),
            ..Default::default()
        };
        value.extend(one.encode_to_vec());
        requirements.push(jwt_requirement::RequiresType::ProviderName(
            provider.name.clone(),
        ));
    }
    if requirements.is_empty() {
        return value;
    }
    // Who has no token, or a bad one, hears so from our filter.
    requirements.push(jwt_requirement::RequiresType::AllowMissingOrFailed(
        Empty::default(),
    ));
    let any_of = JwtRequirementOrList {
        requirements: requirements.into_iter().map(required).collect(),
    };
    let rules = JwtAuthentication {
        rules: vec![RequirementRule {
            r#match: Some(RouteMatch {
                path_specifier: Some(route_match::PathSpecifier::Prefix("/".to_owned())),
                ..Default::default()
            }),
            requirement_type: Some(requirement_rule::RequirementType::Requires(required(
                jwt_requirement::RequiresType::RequiresAny(any_of),
            ))),
        }],
        ..Default::default()
    };
    value.extend(rules.encode_to_vec());
    value
}

fn required(requires: jwt_requirement::RequiresType) -> JwtRequirement {
    JwtRequirement {
        requires_type: Some(requires),
    }
}

fn checked(provider: &Provider, key_set: &str) -> JwtProvider {
    JwtProvider {
        issuer: provider.issuer.clone(),
        audiences: provider.audiences.clone(),
        // The filter reads the token again; the route takes it off.
        forward: true,
        from_headers: vec![JwtHeader {
            name: "authorization".to_owned(),
            // Behind the first space, whatever the case of `Bearer`: what else may stand there
            // is our filter's to refuse.
            value_prefix: " ".to_owned(),
        }],
        payload_in_metadata: PAYLOAD.to_owned(),
        clock_skew_seconds: SKEW_SECONDS,
        jwt_cache_config: Some(JwtCacheConfig {
            jwt_cache_size: TOKENS,
            jwt_max_token_size: LONGEST_TOKEN,
        }),
        jwks_source_specifier: Some(jwt_provider::JwksSourceSpecifier::LocalJwks(DataSource {
            specifier: Some(data_source::Specifier::InlineString(key_set.to_owned())),
            ..Default::default()
        })),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Encoder as _};

    fn provider(name: &str, key_set: Option<&str>) -> Provider {
        Provider {
            name: name.to_owned(),
            issuer: format!("https://{name}.example"),
            audiences: vec!["gw".to_owned()],
            key_set: key_set.map(str::to_owned),
        }
    }

    fn decoded(providers: &[Provider]) -> JwtAuthentication {
        JwtAuthentication::decode(&*encoded(providers)).unwrap()
    }

    #[test]
    fn it_answers_nobody_and_knows_each_issuer_with_keys() {
        let filter = decoded(&[
            provider("b", Some("{}")),
            provider("none", None),
            provider("a", Some("{}")),
        ]);
        let mut names: Vec<_> = filter.providers.keys().cloned().collect();
        names.sort();
        assert_eq!(names, ["a", "b"]);
        for provider in filter.providers.values() {
            assert!(provider.forward && !provider.audiences.is_empty());
            assert_eq!(provider.payload_in_metadata, PAYLOAD);
        }
        let [rule] = &filter.rules[..] else {
            panic!("one rule");
        };
        let rule = format!("{rule:?}");
        assert!(
            rule.ends_with("AllowMissingOrFailed(Empty)) }] })) })) }"),
            "{rule}"
        );
    }

    #[test]
    fn without_keys_there_is_nothing_to_check() {
        assert_eq!(decoded(&[]), JwtAuthentication::default());
        assert_eq!(
            decoded(&[provider("a", None)]),
            JwtAuthentication::default()
        );
    }

    #[test]
    fn the_same_issuers_give_the_same_bytes() {
        let all: Vec<_> = ["a", "b", "c", "d", "e"]
            .map(|name| provider(name, Some("{}")))
            .into();
        let first = encoded(&all);
        assert!((0..50).all(|_| encoded(&all) == first));
    }

    #[test]
    fn keys_become_a_set_of_keys() {
        let key = |algorithm: &str, kid: Option<&str>| proto::Key {
            kid: kid.map(str::to_owned),
            algorithm: algorithm.to_owned(),
            modulus: vec![0xc1; 3],
            exponent: vec![1, 0, 1],
            point: [&[4][..], &[7; 32], &[9; 32]].concat(),
        };
        let set = proto::KeySet {
            issuer: "https://a.example".to_owned(),
            use_until: 1,
            keys: vec![
                key("RS256", Some("r")),
                key("RS512", Some("r")),
                key("ES256", None),
                key("ES384", Some("a point of another curve")),
            ],
        };
        let text = key_set([&set].into_iter()).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let b64 = |byte: u8| Base64UrlSafeNoPadding::encode_to_string([byte; 32]).unwrap();
        assert_eq!(
            value,
            json!({"keys": [
                {"kty": "RSA", "n": "wcHB", "e": "AQAB", "kid": "r"},
                {"kty": "EC", "crv": "P-256", "x": b64(7), "y": b64(9)},
            ]})
        );
        assert_eq!(key_set([].into_iter()), None);
    }
}
