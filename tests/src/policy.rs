//! Policies that tests start from.

/// One server `s` behind which developers may use `get_*` and `send`, all else is denied, and
/// everything that this build finds is masked.
pub fn policy(url: &str) -> String {
    format!(
        r"version: 1
default: deny
servers:
  - name: s
    transport: http
    url: {url}
    max_request_bytes: 65536
    max_response_bytes: 131072
    timeout_seconds: 2
policies:
  - id: developers-get
    description: Developers may read and send
    effect: allow
    subjects:
      groups: [developers]
    mcp_servers:
      - name: s
        tools: ['get*', 'echo', 'send']
        prompts: ['simple*']
        resources: ['*']
        client_requests: ['roots/list']
  - id: no-secrets
    description: Secrets stay where they are
    effect: deny
    mcp_servers:
      - name: s
        tools: ['get-secret']
plugins:
  - name: presidio-masking
    config:
      entities: [EMAIL_ADDRESS, CREDIT_CARD, API_KEY, PASSWORD]
"
    )
}

/// The ordinary policy with a second server behind the same address.
pub fn two_servers(url: &str) -> String {
    policy(url).replace(
        "policies:\n",
        &format!("  - {{name: t, transport: http, url: \"{url}\"}}\npolicies:\n"),
    )
}
