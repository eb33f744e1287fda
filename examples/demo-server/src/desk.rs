//! What the server offers: a customer desk.

use crate::customers::{self, Customer, Line};
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, ContentBlock,
    CreateTaskResult, ErrorData, GetPromptResult, GetTaskParams, GetTaskResult, Implementation,
    ListResourcesResult, PaginatedRequestParams, ProgressNotificationParam, PromptMessage,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, RequestMetaObject,
    Resource, ResourceContents, Role, ServerCapabilities, ServerConfig, Task, UpdateTaskParams,
};
use rmcp::schemars::{self, JsonSchema};
use rmcp::service::RequestContext;
use rmcp::task_manager::{TaskExit, TaskManager, TaskOptions};
use rmcp::{
    Peer, RoleServer, ServerHandler, prompt, prompt_handler, prompt_router, tool, tool_handler,
    tool_router,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The one resource.
const CUSTOMER_1: &str = "customer://1";
/// Steps that `slow_count` takes at most.
const MOST_STEPS: u32 = 100;
/// Time of one step.
const STEP: Duration = Duration::from_millis(200);

/// The server's handler; every session sees the same.
#[derive(Clone)]
pub(crate) struct Desk {
    tasks: TaskManager,
}

/// Arguments of `echo`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Echo {
    /// What to say back.
    text: String,
}

/// Arguments of the tools that handle one customer.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ById {
    /// Number of the customer.
    #[schemars(schema_with = "customers::number")]
    id: u32,
}

/// Arguments of `send_email`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Email {
    /// Address of the recipient.
    to: String,
    /// Text of the message.
    body: String,
}

/// Arguments of `slow_count`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Count {
    /// How far to count, at most 100; each step takes a fifth of a second.
    #[schemars(schema_with = "customers::number")]
    n: u32,
}

/// Result of `list_customers`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Customers {
    /// All customers.
    customers: Vec<Line>,
}

impl Desk {
    /// A desk for a new session; tasks are kept beyond it.
    pub(crate) fn new(tasks: TaskManager) -> Self {
        Self { tasks }
    }

    /// Counts as a task, for clients that ask for its state from time to time.
    fn count_later(&self, n: u32) -> Task {
        let options = TaskOptions::new().with_poll_interval_ms(100);
        self.tasks.spawn(options, move |task| {
            Box::pin(async move {
                for step in 1..=n {
                    tokio::select! {
                        () = task.cancelled() => return Err(TaskExit::Cancelled),
                        () = tokio::time::sleep(STEP) => {}
                    }
                    task.set_status_message(progress(step));
                }
                let text = format!("Counted to {n} for ada@example.com.");
                Ok(CallToolResult::success(vec![ContentBlock::text(text)]))
            })
        })
    }
}

/// What is told of a step.
fn progress(step: u32) -> String {
    format!("counted to {step} for ada@example.com")
}

#[tool_router]
impl Desk {
    /// Says its text back.
    #[tool(annotations(read_only_hint = true))]
    fn echo(&self, Parameters(Echo { text }): Parameters<Echo>) -> String {
        text
    }

    /// Looks a customer up: name, e-mail address, card number and API key.
    #[tool(annotations(read_only_hint = true))]
    fn lookup_customer(
        &self,
        Parameters(ById { id }): Parameters<ById>,
    ) -> Result<Json<Customer>, String> {
        customers::find(id)
            .cloned()
            .map(Json)
            .ok_or_else(|| format!("there is no customer {id}"))
    }

    /// Lists the customers.
    #[tool(annotations(read_only_hint = true))]
    fn list_customers(&self) -> Json<Customers> {
        Json(Customers {
            customers: customers::lines(),
        })
    }

    /// Pretends to send an e-mail and answers with what it received.
    #[tool(annotations(open_world_hint = true))]
    fn send_email(&self, Parameters(Email { to, body }): Parameters<Email>) -> String {
        format!("Sent to {to}:\n{body}")
    }

    /// Pretends to delete a customer.
    #[tool(annotations(destructive_hint = true))]
    fn delete_customer(&self, Parameters(ById { id }): Parameters<ById>) -> Result<String, String> {
        customers::find(id)
            .map(|customer| format!("Deleted customer {id}, {}.", customer.name))
            .ok_or_else(|| format!("there is no customer {id}"))
    }

    /// Counts slowly and reports its progress.
    #[tool(annotations(read_only_hint = true))]
    async fn slow_count(
        &self,
        Parameters(Count { n }): Parameters<Count>,
        meta: RequestMetaObject,
        client: Peer<RoleServer>,
    ) -> Result<String, String> {
        if n > MOST_STEPS {
            return Err(format!("counts to {MOST_STEPS} at most"));
        }
        let token = meta.get_progress_token();
        for step in 1..=n {
            tokio::time::sleep(STEP).await;
            let Some(token) = &token else { continue };
            let progress = ProgressNotificationParam::new(token.clone(), f64::from(step))
                .with_total(f64::from(n))
                .with_message(progress(step));
            if client.notify_progress(progress).await.is_err() {
                return Err("the client is gone".to_owned());
            }
        }
        Ok(format!("Counted to {n}."))
    }
}

#[prompt_router]
impl Desk {
    /// Asks for a polite answer to customer 1.
    #[prompt(name = "polite_answer")]
    fn polite_answer(&self) -> GetPromptResult {
        let text = "Write a polite answer to Ada Example <ada@example.com>.";
        GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)])
    }
}

#[tool_handler]
#[prompt_handler(router = Self::prompt_router())]
impl ServerHandler for Desk {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(
            ServerCapabilities::builder()
                .enable_tools()
                .enable_resources()
                .enable_prompts()
                .enable_tasks()
                .build(),
        )
        .with_server_info(Implementation::new(
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
        ))
    }

    /// Counting is a task where the client knows tasks (2026-07-28, SEP-2663).
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let knows_tasks = context
            .client_capabilities()
            .is_some_and(|capabilities| capabilities.supports_tasks());
        if knows_tasks && request.name == "slow_count" {
            let arguments = request.arguments.unwrap_or_default().into();
            let Count { n } = serde_json::from_value(arguments)
                .map_err(|e| ErrorData::invalid_params(e.to_string(), None))?;
            let task = self.count_later(n.min(MOST_STEPS));
            return Ok(CallToolResponse::Task(CreateTaskResult::new(task)));
        }
        let call = ToolCallContext::new(self, request, context);
        Self::tool_router().call(call).await
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        Ok(GetTaskResult::new(self.tasks.get_task(&request.task_id)?))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.tasks
            .update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.tasks.cancel_task(&request.task_id)
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let resource = Resource::new(CUSTOMER_1, "customer 1")
            .with_description("The card of customer 1")
            .with_mime_type("text/plain");
        Ok(ListResourcesResult::with_all_items(vec![resource]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        match customers::find(1) {
            Some(customer) if request.uri == CUSTOMER_1 => {
                let text = ResourceContents::text(customers::card(customer), CUSTOMER_1);
                Ok(ReadResourceResult::new(vec![text]).into())
            }
            Some(_) | None => Err(ErrorData::resource_not_found("no such resource", None)),
        }
    }
}
