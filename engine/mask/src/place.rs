//! What a value is by where it stands in a message: only identifiers of the protocol and
//! binary data are left alone, and whatever a place does not know is data.

use mcp_zero_wire::json::Value;
use mcp_zero_wire::method::{Governed, ListKind, Sender, Spec, lookup};

/// Where a value stands. A place holds for the items of an array as it holds for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Anything: all of it is looked at.
    Data,
    /// What leaves the message anyway.
    Nothing,
    /// A string or number of the protocol.
    Identifier,
    /// Several of them.
    Identifiers,
    /// A number that must stay one.
    Count,
    /// Base64, where it is a string.
    Binary,
    /// Params of a client's message of that method.
    Params(&'static str),
    /// The prompt, resource or tool that is meant.
    Reference,
    /// One argument that is to be completed.
    Argument,
    /// Resources that are followed.
    Subscriptions,
    /// What a client answers to a server's request.
    Posted,
    /// Such answers by key.
    Responses,
    /// `_meta`
    Meta,
    /// Anything that answers a client's request.
    Result(Answer),
    /// A JSON-RPC error.
    Error,
    /// Its data.
    ErrorData,
    /// Params of a server's message of that method, or of none that is known.
    ServerParams(&'static str),
    /// Requests of a server by key.
    Requests,
    /// One of them.
    Request,
    /// A content block.
    Content,
    /// Contents of a resource.
    Resource,
    /// A message of a prompt or of a conversation.
    Message,
    /// A task's state.
    Task,
    /// Values of a completion.
    Completion,
    /// An item of a list.
    Item(ListKind),
    /// A tool that a server offers to the client's model.
    OfferedTool,
    /// A prompt's argument in a list.
    PromptArgument,
    /// A JSON schema; what leaves output schemas is not looked at there.
    Schema(Side),
    /// Schemas by the name of a property.
    Schemas(Side),
}

/// What a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Arguments and forms.
    Input,
    /// Results.
    Output,
}

/// What is known of the request that a result answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing: its shape tells.
    Unknown,
    /// A list.
    List(ListKind),
    /// Any other, of that method.
    Of(&'static str),
}

impl Answer {
    /// What only calls have: tasks come of nothing else.
    const CALL: Self = Self::Of("tools/call");
}

impl Place {
    pub(crate) fn client(spec: &Spec) -> Self {
        Self::Params(spec.name)
    }

    pub(crate) fn server(method: &str) -> Self {
        Self::ServerParams(lookup(method, Sender::Server).map_or("", |spec| spec.name))
    }

    pub(crate) fn answer(answers: Option<&Spec>) -> Self {
        Self::Result(match answers.map(|spec| spec.governed) {
            None => Answer::Unknown,
            Some(Governed::List(kind)) => Answer::List(kind),
            // It is the result of the call.
            Some(_) if answers.is_some_and(|spec| spec.name == "tasks/result") => Answer::CALL,
            Some(_) => Answer::Of(answers.map_or("", |spec| spec.name)),
        })
    }

    /// The place of a member of an object that stands here.
    pub(crate) fn member(self, object: Value<'_>, name: &str) -> Self {
        if name == "_meta" && self.has_meta() {
            return Self::Meta;
        }
        match self {
            Self::Data | Self::Identifier | Self::Count | Self::Binary | Self::Identifiers => {
                Self::Data
            }
            Self::Nothing => Self::Nothing,
            Self::Params(method) => params(method, name),
            Self::Reference => match name {
                "type" | "name" | "uri" => Self::Identifier,
                _ => Self::Data,
            },
            Self::Argument => match name {
                "name" => Self::Identifier,
                _ => Self::Data,
            },
            Self::Subscriptions => match name {
                "resourceSubscriptions" | "taskIds" => Self::Identifiers,
                _ => Self::Data,
            },
            Self::Responses => Self::Posted,
            Self::Posted => posted(object, name),
            Self::Meta => match name {
                "progressToken"
                | "traceparent"
                | "io.modelcontextprotocol/protocolVersion"
                | "io.modelcontextprotocol/subscriptionId" => Self::Identifier,
                "io.modelcontextprotocol/related-task" => Self::Task,
                _ => Self::Data,
            },
            Self::Result(answer) => result(answer, object, name),
            Self::Error => match name {
                "code" => Self::Count,
                "data" => Self::ErrorData,
                _ => Self::Data,
            },
            Self::ErrorData => match name {
                "elicitations" => Self::ServerParams("elicitation/create"),
                _ => Self::Data,
            },
            Self::ServerParams(method) => server_params(method, object, name),
            Self::Requests => Self::Request,
            Self::Request => match name {
                "method" => Self::Identifier,
                "params" => Self::server(&object.get_text("method").unwrap_or_default()),
                _ => Self::Data,
            },
            Self::Content => content(object, name),
            Self::Resource => match name {
                "uri" | "mimeType" => Self::Identifier,
                "blob" => Self::Binary,
                _ => Self::Data,
            },
            Self::Message => match name {
                "role" => Self::Identifier,
                "content" => Self::Content,
                _ => Self::Data,
            },
            Self::Task => task(name),
            Self::Completion => match name {
                "total" => Self::Count,
                _ => Self::Data,
            },
            Self::Item(kind) => item(kind, name),
            Self::PromptArgument => match name {
                "name" => Self::Identifier,
                _ => Self::Data,
            },
            Self::OfferedTool => match item(ListKind::Tools, name) {
                Self::Schema(_) => Self::Schema(Side::Input),
                other => other,
            },
            Self::Schema(Side::Output) if crate::schema::leaves(object, name) => Self::Nothing,
            Self::Schema(side) => schema(side, name),
            Self::Schemas(side) => Self::Schema(side),
        }
    }

    fn has_meta(self) -> bool {
        !matches!(
            self,
            Self::Data
                | Self::Nothing
                | Self::Identifier
                | Self::Identifiers
                | Self::Count
                | Self::Binary
                | Self::Responses
                | Self::Requests
                | Self::Schemas(_)
                | Self::Schema(_)
        )
    }

    /// The place of what an array holds here.
    pub(crate) fn items(self) -> Self {
        match self {
            // One string or number, and nothing else.
            Self::Identifier | Self::Count | Self::Binary => Self::Data,
            other => other,
        }
    }
}

/// Params of a client's message: what a method does not have is data.
fn params(method: &str, name: &str) -> Place {
    let resumed = matches!(
        method,
        "tools/call" | "prompts/get" | "resources/read" | "tasks/update"
    );
    match (method, name) {
        ("tools/call" | "prompts/get", "name")
        | ("resources/read" | "resources/subscribe" | "resources/unsubscribe", "uri")
        | ("initialize", "protocolVersion")
        | ("logging/setLevel", "level")
        | ("notifications/cancelled", "requestId")
        | ("notifications/progress", "progressToken")
        | (
            "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list",
            "cursor",
        ) => Place::Identifier,
        ("notifications/progress", "progress" | "total") => Place::Count,
        ("completion/complete", "ref") => Place::Reference,
        ("completion/complete", "argument") => Place::Argument,
        ("subscriptions/listen", "notifications") => Place::Subscriptions,
        ("tools/call", "task") => Place::Task,
        (_, "requestState") if resumed => Place::Identifier,
        (_, "inputResponses") if resumed => Place::Responses,
        _ if is_task(method) => task(name),
        _ => Place::Data,
    }
}

/// Methods whose params or result are a task.
fn is_task(method: &str) -> bool {
    method.starts_with("tasks/") || method.starts_with("notifications/tasks")
}

/// A conversation's turn has a role; what a user fills in has none.
fn posted(object: Value<'_>, name: &str) -> Place {
    let turn = || object.get("role").is_some() && object.get("action").is_none();
    match name {
        "action" | "role" | "resultType" => Place::Identifier,
        "content" if turn() => Place::Content,
        "roots" => Place::Item(ListKind::Resources),
        _ => Place::Data,
    }
}

fn task(name: &str) -> Place {
    match name {
        "taskId" => Place::Identifier,
        "ttl" | "ttlMs" | "pollInterval" | "pollIntervalMs" => Place::Count,
        _ => Place::Data,
    }
}

fn result(answer: Answer, object: Value<'_>, name: &str) -> Place {
    let list = ListKind::ALL
        .into_iter()
        .find(|kind| kind.member() == name)
        .filter(|kind| matches!(answer, Answer::Unknown) || answer == Answer::List(*kind));
    if let Some(kind) = list {
        return Place::Item(kind);
    }
    // Where the request is not known, what stands beside a member tells whose it is.
    let of = |methods: &[&str], shape: bool| match answer {
        Answer::Of(method) => methods.contains(&method),
        Answer::Unknown => shape,
        Answer::List(_) => false,
    };
    let says = |kind: &str| object.get_text("resultType").is_some_and(|t| t == kind);
    let lists = || {
        matches!(answer, Answer::List(_))
            || of(
                &["tasks/list"],
                object.get("content").is_none()
                    && (object.get("tasks").is_some()
                        || ListKind::ALL
                            .iter()
                            .any(|kind| object.get(kind.member()).is_some())),
            )
    };
    let cached = || {
        lists()
            || of(
                &["resources/read", "server/discover"],
                object.get("contents").is_some() || object.get("supportedVersions").is_some(),
            )
    };
    // A task may answer a call.
    let is_task = || {
        object.get("taskId").is_some()
            && match answer {
                Answer::Of(method) => is_task(method) || says("task"),
                Answer::Unknown => object.get("status").is_some(),
                Answer::List(_) => false,
            }
    };
    match name {
        "content" => Place::Content,
        "contents" => Place::Resource,
        "messages" => Place::Message,
        "completion" => Place::Completion,
        "inputRequests" => Place::Requests,
        "task" | "tasks" => Place::Task,
        "resultType" => Place::Identifier,
        "requestState" if says("input_required") => Place::Identifier,
        "nextCursor" if lists() => Place::Identifier,
        "protocolVersion" if of(&["initialize"], object.get("serverInfo").is_some()) => {
            Place::Identifier
        }
        "cacheScope" if cached() => Place::Identifier,
        "ttlMs" if cached() => Place::Count,
        "result" if is_task() => Place::Result(Answer::CALL),
        "error" if is_task() => Place::Error,
        "taskId" | "ttl" | "ttlMs" | "pollInterval" | "pollIntervalMs" if is_task() => task(name),
        _ => Place::Data,
    }
}

/// Params of a server's message: what a method does not have is data.
fn server_params(method: &str, object: Value<'_>, name: &str) -> Place {
    let named = || object.get("taskId").is_some();
    match (method, name) {
        ("notifications/resources/updated", "uri")
        | ("notifications/message", "level")
        | ("notifications/cancelled", "requestId")
        | ("notifications/progress", "progressToken")
        | ("elicitation/create" | "notifications/elicitation/complete", "elicitationId")
        | ("tasks/list", "cursor") => Place::Identifier,
        ("notifications/progress", "progress" | "total")
        | ("sampling/createMessage", "maxTokens") => Place::Count,
        ("sampling/createMessage", "messages") => Place::Message,
        ("sampling/createMessage", "tools") => Place::OfferedTool,
        ("sampling/createMessage", "toolChoice") => Place::Reference,
        ("elicitation/create", "requestedSchema") => Place::Schema(Side::Input),
        ("sampling/createMessage" | "elicitation/create", "task") => Place::Task,
        ("notifications/subscriptions/acknowledged", "notifications") => Place::Subscriptions,
        (_, "result") if is_task(method) && named() => Place::Result(Answer::CALL),
        (_, "error") if is_task(method) && named() => Place::Error,
        (_, "inputRequests") if is_task(method) && named() => Place::Requests,
        _ if is_task(method) => task(name),
        _ => Place::Data,
    }
}

fn content(object: Value<'_>, name: &str) -> Place {
    let of = |kinds: &[&str]| {
        let kind = object.get_text("type");
        kind.is_some_and(|kind| kinds.contains(&&*kind))
    };
    match name {
        "type" | "mimeType" => Place::Identifier,
        "uri" if of(&["resource_link"]) => Place::Identifier,
        "name" | "id" if of(&["tool_use"]) => Place::Identifier,
        "toolUseId" if of(&["tool_result"]) => Place::Identifier,
        "size" if of(&["resource_link"]) => Place::Count,
        "data" if of(&["image", "audio"]) => Place::Binary,
        "resource" if of(&["resource"]) => Place::Resource,
        "content" if of(&["tool_result"]) => Place::Content,
        _ => Place::Data,
    }
}

fn item(kind: ListKind, name: &str) -> Place {
    match (kind, name) {
        (ListKind::Tools | ListKind::Prompts, "name")
        | (ListKind::Resources, "uri")
        | (ListKind::ResourceTemplates, "uriTemplate")
        | (ListKind::Resources | ListKind::ResourceTemplates, "mimeType") => Place::Identifier,
        (ListKind::Resources, "size") => Place::Count,
        (ListKind::Tools, "inputSchema") => Place::Schema(Side::Input),
        (ListKind::Tools, "outputSchema") => Place::Schema(Side::Output),
        (ListKind::Prompts, "arguments") => Place::PromptArgument,
        _ => Place::Data,
    }
}

fn schema(side: Side, keyword: &str) -> Place {
    match keyword {
        "$ref" | "$id" | "$schema" | "$anchor" | "$dynamicRef" | "$dynamicAnchor" | "type"
        | "format" | "pattern" | "required" | "contentEncoding" | "contentMediaType"
        | "x-mcp-header" => Place::Identifiers,
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf"
        | "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties"
        | "maxProperties" | "minContains" | "maxContains" => Place::Count,
        "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
            Place::Schemas(side)
        }
        _ if is_applicator(keyword) => Place::Schema(side),
        _ => Place::Data,
    }
}

/// Keywords whose value is a schema or several.
pub(crate) fn is_applicator(keyword: &str) -> bool {
    matches!(
        keyword,
        "items"
            | "prefixItems"
            | "additionalItems"
            | "contains"
            | "additionalProperties"
            | "propertyNames"
            | "unevaluatedItems"
            | "unevaluatedProperties"
            | "allOf"
            | "anyOf"
            | "oneOf"
            | "not"
            | "if"
            | "then"
            | "else"
    )
}
