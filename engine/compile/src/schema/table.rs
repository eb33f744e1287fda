//! Every section and key of a policy file.

use super::{Row, Section, Type};

const fn required(key: &'static str, kind: Type, about: &'static str) -> Row {
    Row {
        key,
        kind,
        required: true,
        default: "",
        about,
    }
}

const fn optional(
    key: &'static str,
    kind: Type,
    default: &'static str,
    about: &'static str,
) -> Row {
    Row {
        key,
        kind,
        required: false,
        default,
        about,
    }
}

/// The file first, then its sections.
pub(super) const SECTIONS: &[Section] = &[
    Section {
        what: "the policy",
        about: "One policy: who may do what at which server, and what is done with messages on their way.",
        one_of: &[],
        rows: &[
            required(
                "version",
                Type::Whole(1, 1),
                "The version of this language.",
            ),
            optional(
                "default",
                Type::Word(&["deny", "allow"]),
                "`deny`",
                "What happens to a request that no rule speaks of.",
            ),
            optional(
                "identity",
                Type::OneOrMore(&Type::Section("identity")),
                "`OKTA_ISSUER` and `OKTA_AUDIENCE`, else everybody is anonymous",
                "Who issues the tokens of callers.",
            ),
            optional(
                "servers",
                Type::Items(&Type::Section("servers[]")),
                "none",
                "The MCP servers behind the gateway.",
            ),
            optional(
                "policies",
                Type::Items(&Type::Section("policies[]")),
                "none",
                "The rules. Any matching deny outweighs every allow; their order changes no verdict.",
            ),
            optional(
                "plugins",
                Type::Items(&Type::Section("plugins[]")),
                "none",
                "What is done with messages on their way. A plugin that is not named does nothing.",
            ),
            optional(
                "masking",
                Type::Section("masking"),
                "none",
                "The older spelling of the plugin `presidio-masking`; both at once are an error.",
            ),
            optional(
                "logging",
                Type::Section("logging"),
                "",
                "The log of the programs. It never silences the audit trail.",
            ),
            optional("audit", Type::Section("audit"), "", "Audit records."),
            optional(
                "cors",
                Type::Section("cors"),
                "nothing",
                "What pages of other origins may do.",
            ),
        ],
    },
    Section {
        what: "identity",
        about: "An issuer of tokens. Several stand in a list, each with a `name`, and rules that name users or groups then say whose.",
        one_of: &[],
        rows: &[
            optional(
                "name",
                Type::Form(
                    "^[A-Za-z0-9_.-]{1,64}$",
                    "1 to 64 of a-z, A-Z, 0-9, `-`, `_`, `.`",
                ),
                "",
                "How rules refer to it. Required where there are several.",
            ),
            optional(
                "provider",
                Type::Text,
                "",
                "Free text for people; `okta` is known.",
            ),
            required(
                "issuer",
                Type::Text,
                "Exactly the `iss` of its tokens; an https URL.",
            ),
            required(
                "audience",
                Type::OneOrMore(&Type::Text),
                "What `aud` must hold; one of a list suffices.",
            ),
            optional(
                "claim_mapping",
                Type::Section("claim_mapping"),
                "",
                "Which claims mean what.",
            ),
            optional(
                "jwks_uri",
                Type::Text,
                "discovered from the issuer",
                "Where its keys are; an https URL.",
            ),
            optional(
                "algorithms",
                Type::List(&Type::Word(&[
                    "RS256", "RS384", "RS512", "ES256", "ES384", "EdDSA",
                ])),
                "RS256 and ES256",
                "Signatures that are accepted.",
            ),
            optional(
                "leeway_seconds",
                Type::Whole(0, 60),
                "30",
                "By how much clocks may differ.",
            ),
            optional(
                "jwks_cache_seconds",
                Type::Whole(30, 604_800),
                "3600",
                "How often keys are fetched anew; the issuer's Cache-Control may say sooner, not below five minutes.",
            ),
            optional(
                "jwks_stale_seconds",
                Type::Whole(30, 2_592_000),
                "86400",
                "How long keys are used after their fetch while the issuer is away; then its tokens get 503.",
            ),
            optional(
                "max_token_seconds",
                Type::Whole(1, 2_592_000),
                "86400",
                "The longest life of a token.",
            ),
            optional(
                "token_types",
                Type::List(&Type::Word(&["absent", "JWT", "at+jwt"])),
                "all three",
                "The `typ` of its tokens; `absent` stands for none.",
            ),
            optional(
                "authorization_servers",
                Type::List(&Type::Text),
                "the issuer",
                "Where clients are told to sign in (RFC 9728).",
            ),
            optional(
                "required_scopes",
                Type::List(&Type::Text),
                "nothing",
                "What a token must be good for, all of it; without: 403 and a challenge.",
            ),
        ],
    },
    Section {
        what: "claim_mapping",
        about: "Claims that say who calls. A dot steps into an object; a claim whose name is a URL stays whole.",
        one_of: &[],
        rows: &[
            optional(
                "user_id",
                Type::Text,
                "`sub`",
                "The user id, by which rules and records know callers.",
            ),
            optional(
                "email",
                Type::Text,
                "`email`",
                "The e-mail address, for records that may hold it.",
            ),
            optional(
                "groups",
                Type::Text,
                "`groups`",
                "The groups: a list of texts, or one text.",
            ),
        ],
    },
    Section {
        what: "servers[]",
        about: "An MCP server. Clients reach it at `/mcp/<name>`. Keys of the other transport are errors.",
        one_of: &[],
        rows: &[
            required(
                "name",
                Type::Form("^[a-z0-9][a-z0-9-]{0,31}$", "1 to 32 of a-z, 0-9, `-`"),
                "Unique; `sse` and `messages` are reserved.",
            ),
            required(
                "transport",
                Type::Word(&["http", "stdio"]),
                "Streamable HTTP, or a program that the bridge starts.",
            ),
            optional(
                "url",
                Type::Text,
                "",
                "http: where it is. https, or http to a loopback address. `${NAME}` and `${NAME:-default}` are taken from the environment. Required for `http`.",
            ),
            optional(
                "allow_insecure",
                Type::Flag,
                "`false`",
                "http: accepts an http URL to another machine.",
            ),
            optional(
                "headers",
                Type::Map(&Type::Text),
                "none",
                "http: headers of each request to it; at most one `${NAME}` in a value, without a default. The value is read by Envoy and stands in no configuration.",
            ),
            optional(
                "timeout_seconds",
                Type::Whole(1, 3600),
                "30",
                "The longest silence of the server on a request; then 504.",
            ),
            optional(
                "connect_timeout_seconds",
                Type::Whole(1, 300),
                "5",
                "http: the longest time to connect.",
            ),
            optional(
                "stream_idle_seconds",
                Type::Whole(1, 86_400),
                "3600",
                "The longest silence on a stream that waits for news.",
            ),
            optional(
                "max_request_bytes",
                Type::Whole(1, 33_554_432),
                "4194304",
                "The largest request. More is refused, never passed unread.",
            ),
            optional(
                "max_response_bytes",
                Type::Whole(1, 33_554_432),
                "16777216",
                "The largest answer, or event of a stream.",
            ),
            optional(
                "tls",
                Type::Section("tls"),
                "",
                "http: deviations from the defaults of TLS.",
            ),
            optional(
                "token_exchange",
                Type::Flag,
                "`false`",
                "http: requests carry a token for this server in exchange for the caller's (RFC 8693).",
            ),
            optional(
                "target_audience",
                Type::Text,
                "",
                "http: the audience of that token. Required with `token_exchange: true`.",
            ),
            optional(
                "required_scopes",
                Type::List(&Type::Text),
                "none",
                "http: the scopes that are asked for.",
            ),
            optional(
                "command",
                Type::Text,
                "",
                "stdio: the program. No shell. Required for `stdio`.",
            ),
            optional(
                "args",
                Type::Items(&Type::Text),
                "none",
                "stdio: its arguments.",
            ),
            optional(
                "env",
                Type::Map(&Type::Any),
                "none",
                "stdio: its variables besides the few that it inherits; `${NAME}` and `${NAME:-default}` are taken from the environment.",
            ),
            optional(
                "cwd",
                Type::Text,
                "that folder",
                "stdio: its working directory, seen from the folder of the file.",
            ),
            optional(
                "sessions",
                Type::Word(&["per_client", "shared"]),
                "`per_client`",
                "stdio: a process for each session (2026-07-28: for each caller), or one for all.",
            ),
        ],
    },
    Section {
        what: "tls",
        about: "TLS to one server.",
        one_of: &[],
        rows: &[
            optional(
                "ca_file",
                Type::Text,
                "those of the system",
                "Certificate authorities, in PEM.",
            ),
            optional(
                "client_cert_file",
                Type::Text,
                "",
                "The client's certificate; goes with `client_key_file`.",
            ),
            optional("client_key_file", Type::Text, "", "Its key."),
            optional(
                "sni",
                Type::Text,
                "the host of the URL",
                "The name that is asked for and that the certificate must bear.",
            ),
        ],
    },
    Section {
        what: "policies[]",
        about: "A rule. It covers exactly the kinds that its `mcp_servers` name.",
        one_of: &[],
        rows: &[
            required(
                "id",
                Type::Text,
                "Unique; stands in each record that it decides.",
            ),
            required("description", Type::Text, "The reason in the record."),
            required("effect", Type::Word(&["allow", "deny"]), "What it says."),
            optional(
                "shadow",
                Type::Flag,
                "`false`",
                "Judged and recorded with each call, never enforced.",
            ),
            optional(
                "subjects",
                Type::Section("subjects"),
                "everyone",
                "Whom it is about.",
            ),
            required(
                "mcp_servers",
                Type::List(&Type::Section("mcp_servers[]")),
                "What it is about.",
            ),
            optional(
                "when",
                Type::List(&Type::Section("when[]")),
                "none",
                "Conditions on arguments of tools and prompts, which must all hold. One that cannot be told (no such argument, another type) keeps an allow from matching and makes a deny match.",
            ),
        ],
    },
    Section {
        what: "subjects",
        about: "Callers. A user or a group suffices; `*` is everyone.",
        one_of: &[],
        rows: &[
            optional(
                "users",
                Type::List(&Type::Text),
                "",
                "Patterns of user ids.",
            ),
            optional("groups", Type::List(&Type::Text), "", "Patterns of groups."),
            optional(
                "issuers",
                Type::List(&Type::Text),
                "",
                "Names of identities. Required with users or groups where there are several.",
            ),
        ],
    },
    Section {
        what: "mcp_servers[]",
        about: "Objects of servers. An entry that names no kind covers every kind.",
        one_of: &[],
        rows: &[
            required(
                "name",
                Type::Text,
                "A pattern of servers; one without `*` must exist.",
            ),
            optional("tools", Type::List(&Type::Text), "", "Patterns of tools."),
            optional(
                "resources",
                Type::List(&Type::Text),
                "",
                "Patterns of resource URIs.",
            ),
            optional(
                "prompts",
                Type::List(&Type::Text),
                "",
                "Patterns of prompts.",
            ),
            optional(
                "client_requests",
                Type::List(&Type::Text),
                "",
                "Patterns of what the server may ask of the client: `sampling/createMessage`, `elicitation/create`, `roots/list`.",
            ),
        ],
    },
    Section {
        what: "when[]",
        about: "A test of one argument.",
        one_of: &["equals", "in", "glob", "regex", "range", "present"],
        rows: &[
            required(
                "argument",
                Type::Form("^(/.*)?$", "JSON Pointer (RFC 6901)"),
                "Where it is, in the arguments of the call.",
            ),
            optional(
                "equals",
                Type::Any,
                "",
                "Equal to this, deeply; numbers as exact decimals.",
            ),
            optional("in", Type::List(&Type::Any), "", "Equal to one of these."),
            optional("glob", Type::Text, "", "A text that a pattern matches."),
            optional(
                "regex",
                Type::Text,
                "",
                "A text that a regular expression matches as a whole.",
            ),
            optional(
                "range",
                Type::Section("range"),
                "",
                "A number within bounds.",
            ),
            optional("present", Type::Flag, "", "Whether it is there."),
        ],
    },
    Section {
        what: "range",
        about: "Inclusive bounds, at least one.",
        one_of: &[],
        rows: &[
            optional("min", Type::AnyNumber, "", "The least."),
            optional("max", Type::AnyNumber, "", "The most."),
        ],
    },
    Section {
        what: "plugins[]",
        about: "A plugin.",
        one_of: &[],
        rows: &[
            required("name", Type::Text, "Unique."),
            optional(
                "package",
                Type::Text,
                "the name",
                "Which plugin it is; this build has `presidio-masking`.",
            ),
            optional(
                "priority",
                Type::Whole(70, 139),
                "75",
                "Lower ones run first.",
            ),
            required(
                "config",
                Type::Section("the config of presidio-masking"),
                "What it is to do.",
            ),
        ],
    },
    Section {
        what: "the config of presidio-masking",
        about: "What is replaced, in both directions.",
        one_of: &[],
        rows: &[
            required(
                "entities",
                Type::List(&Type::Entity),
                "What is found and replaced by its name.",
            ),
            optional(
                "score_threshold",
                Type::Number(0, 1),
                "0",
                "How sure a finding must be; a lower one masks more.",
            ),
        ],
    },
    Section {
        what: "masking",
        about: "The older spelling of masking.",
        one_of: &[],
        rows: &[required(
            "presidio",
            Type::Section("masking.presidio"),
            "What is replaced.",
        )],
    },
    Section {
        what: "masking.presidio",
        about: "As the plugin `presidio-masking`.",
        one_of: &[],
        rows: &[
            optional("enabled", Type::Flag, "`true`", "Whether anything is."),
            required(
                "entities",
                Type::List(&Type::Entity),
                "What is found and replaced by its name.",
            ),
        ],
    },
    Section {
        what: "logging",
        about: "What the environment leaves open: `LOG_LEVEL` and `LOG_FORMAT` go before it.",
        one_of: &[],
        rows: &[
            optional(
                "level",
                Type::Word(&[
                    "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "debug", "info", "warning",
                    "error", "critical",
                ]),
                "`INFO`",
                "How much is logged.",
            ),
            optional(
                "format",
                Type::Word(&["json", "text"]),
                "`text` on a terminal, else `json`",
                "How it is written.",
            ),
        ],
    },
    Section {
        what: "audit",
        about: "Audit records, one for each exchange.",
        one_of: &[],
        rows: &[
            optional(
                "mode",
                Type::Word(&["best_effort"]),
                "`best_effort`",
                "Records are written as fast as they come.",
            ),
            optional(
                "file",
                Type::Text,
                "standard output",
                "Where they are written.",
            ),
            optional(
                "include_email",
                Type::Flag,
                "`false`",
                "Whether the caller's e-mail address stands in them.",
            ),
        ],
    },
    Section {
        what: "cors",
        about: "Pages of other origins. `MCP_CORS_*` go before it, each over its own key.",
        one_of: &[],
        rows: &[
            required(
                "allow_origins",
                Type::List(&Type::Text),
                "Origins whose pages may read answers; `*` alone for all, never with credentials.",
            ),
            optional(
                "allow_methods",
                Type::List(&Type::Word(&["GET", "POST", "DELETE", "OPTIONS"])),
                "all four",
                "Methods of their requests.",
            ),
            optional(
                "allow_headers",
                Type::List(&Type::Text),
                "what MCP clients send",
                "Headers of their requests; those that begin with `Mcp-Param-` are always allowed.",
            ),
            optional(
                "expose_headers",
                Type::List(&Type::Text),
                "what MCP clients read",
                "Headers of answers that they may read.",
            ),
            optional(
                "allow_credentials",
                Type::Flag,
                "`false`",
                "Whether cookies and the like may go with requests.",
            ),
            optional(
                "max_age",
                Type::Whole(0, 86_400),
                "600",
                "Seconds for which a browser may remember a preflight.",
            ),
        ],
    },
];
