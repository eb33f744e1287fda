//! Every method of every MCP revision, with what it is judged by.

/// Who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// Whether a method has an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// It has one.
    Request,
    /// It has none.
    Notification,
}

/// What a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// `tools`, by name.
    Tools,
    /// `prompts`, by name.
    Prompts,
    /// `resources`, by URI.
    Resources,
    /// `resourceTemplates`, by URI template.
    ResourceTemplates,
}

/// What decides whether a message may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Governed {
    /// An authenticated caller.
    Open,
    /// `params.name` as a tool.
    Tool,
    /// `params.name` as a prompt.
    Prompt,
    /// `params.uri` as a resource.
    Resource,
    /// `params.ref` as a prompt or a resource.
    Reference,
    /// Every URI of `params.notifications.resourceSubscriptions`.
    Subscriptions,
    /// The answer's items, one by one.
    List(ListKind),
    /// The method's own name, among the client requests.
    ClientRequest,
    /// `params.taskId` as the tool whose call has begun the task.
    Task,
    /// Nothing: it is denied to everybody.
    Refused,
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Spec {
    /// The method.
    pub name: &'static str,
    /// Who sends it.
    pub sender: Sender,
    /// Whether it has an answer.
    pub shape: Shape,
    /// Part of revisions up to 2025-11-25.
    pub legacy: bool,
    /// Part of 2026-07-28 or its extensions.
    pub modern: bool,
    /// What it is judged by.
    pub governed: Governed,
}

/// The row of a method; methods that no revision knows have none.
pub fn lookup(name: &str, sender: Sender) -> Option<&'static Spec> {
    TABLE
        .iter()
        .find(|spec| spec.name == name && spec.sender == sender)
}

const BOTH: (bool, bool) = (true, true);
const LEGACY: (bool, bool) = (true, false);
const MODERN: (bool, bool) = (false, true);

const fn row(
    sender: Sender,
    shape: Shape,
    name: &'static str,
    eras: (bool, bool),
    governed: Governed,
) -> Spec {
    Spec {
        name,
        sender,
        shape,
        legacy: eras.0,
        modern: eras.1,
        governed,
    }
}

use Governed::{
    ClientRequest, List, Open, Prompt, Reference, Refused, Resource, Subscriptions, Task, Tool,
};
use Sender::{Client, Server};
use Shape::{Notification, Request};

/// Sorted by sender and shape; see the specification's schema of each revision.
static TABLE: &[Spec] = &[
    row(Client, Request, "initialize", LEGACY, Open),
    row(Client, Request, "ping", LEGACY, Open),
    row(Client, Request, "server/discover", MODERN, Open),
    row(Client, Request, "logging/setLevel", LEGACY, Open),
    row(Client, Request, "tools/list", BOTH, List(ListKind::Tools)),
    row(Client, Request, "tools/call", BOTH, Tool),
    row(
        Client,
        Request,
        "prompts/list",
        BOTH,
        List(ListKind::Prompts),
    ),
    row(Client, Request, "prompts/get", BOTH, Prompt),
    row(
        Client,
        Request,
        "resources/list",
        BOTH,
        List(ListKind::Resources),
    ),
    row(
        Client,
        Request,
        "resources/templates/list",
        BOTH,
        List(ListKind::ResourceTemplates),
    ),
    row(Client, Request, "resources/read", BOTH, Resource),
    row(Client, Request, "resources/subscribe", LEGACY, Resource),
    row(Client, Request, "resources/unsubscribe", LEGACY, Resource),
    row(
        Client,
        Request,
        "subscriptions/listen",
        MODERN,
        Subscriptions,
    ),
    row(Client, Request, "completion/complete", BOTH, Reference),
    row(Client, Request, "tasks/get", BOTH, Task),
    row(Client, Request, "tasks/result", LEGACY, Task),
    row(Client, Request, "tasks/update", MODERN, Task),
    row(Client, Request, "tasks/cancel", BOTH, Task),
    // It knows no callers: whoever may ask sees the tasks of all.
    row(Client, Request, "tasks/list", LEGACY, Refused),
    row(
        Client,
        Notification,
        "notifications/initialized",
        LEGACY,
        Open,
    ),
    row(Client, Notification, "notifications/cancelled", BOTH, Open),
    row(Client, Notification, "notifications/progress", LEGACY, Open),
    row(
        Client,
        Notification,
        "notifications/roots/list_changed",
        LEGACY,
        Open,
    ),
    row(
        Client,
        Notification,
        "notifications/tasks/status",
        LEGACY,
        Refused,
    ),
    row(Server, Request, "ping", LEGACY, Open),
    row(
        Server,
        Request,
        "sampling/createMessage",
        BOTH,
        ClientRequest,
    ),
    row(Server, Request, "elicitation/create", BOTH, ClientRequest),
    row(Server, Request, "roots/list", BOTH, ClientRequest),
    // Clients keep no tasks here: a request that asks for one is denied.
    row(Server, Request, "tasks/get", LEGACY, Refused),
    row(Server, Request, "tasks/result", LEGACY, Refused),
    row(Server, Request, "tasks/cancel", LEGACY, Refused),
    row(Server, Request, "tasks/list", LEGACY, Refused),
    row(Server, Notification, "notifications/cancelled", BOTH, Open),
    row(Server, Notification, "notifications/progress", BOTH, Open),
    row(Server, Notification, "notifications/message", BOTH, Open),
    row(
        Server,
        Notification,
        "notifications/tools/list_changed",
        BOTH,
        Open,
    ),
    row(
        Server,
        Notification,
        "notifications/prompts/list_changed",
        BOTH,
        Open,
    ),
    row(
        Server,
        Notification,
        "notifications/resources/list_changed",
        BOTH,
        Open,
    ),
    row(
        Server,
        Notification,
        "notifications/resources/updated",
        BOTH,
        Resource,
    ),
    row(
        Server,
        Notification,
        "notifications/elicitation/complete",
        LEGACY,
        Open,
    ),
    row(
        Server,
        Notification,
        "notifications/subscriptions/acknowledged",
        MODERN,
        Open,
    ),
    row(
        Server,
        Notification,
        "notifications/tasks/status",
        LEGACY,
        Task,
    ),
    row(Server, Notification, "notifications/tasks", MODERN, Task),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_stands_twice() {
        for (i, spec) in TABLE.iter().enumerate() {
            let first = TABLE
                .iter()
                .position(|s| s.name == spec.name && s.sender == spec.sender);
            assert_eq!(first, Some(i), "{}", spec.name);
        }
    }

    #[test]
    fn names_are_compared_byte_for_byte() {
        assert!(lookup("tools/call", Client).is_some());
        for other in [
            "TOOLS/CALL",
            "tools/call ",
            "tools/call\0",
            "skills/list",
            "tools",
            "",
        ] {
            assert!(lookup(other, Client).is_none(), "{other:?}");
        }
        assert!(lookup("tools/call", Server).is_none());
    }
}
