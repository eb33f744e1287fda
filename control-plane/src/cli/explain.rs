//! `mcp-zero explain`: what a policy says to one question, and why.

use std::fmt::Write as _;
use std::path::PathBuf;

use mcp_zero_compile::{Question, Source, arguments};
use mcp_zero_policy::condition::{Literal, Truth};
use mcp_zero_policy::{Arguments, Bearing, Explanation, Object, Rule};
use serde_json::{Value, json};

use super::{Format, paint};
use crate::app;
use crate::failure::Failure;
use crate::settings::Options;

#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// The policy file
    #[arg(required_unless_present = "live")]
    file: Option<PathBuf>,
    /// Ask the policy that is being served from the state directory
    #[arg(long, conflicts_with = "file")]
    live: bool,
    /// The user id, as the policy maps it; left out, the caller is anonymous
    #[arg(long)]
    user: Option<String>,
    /// Groups, comma-separated
    #[arg(long, value_delimiter = ',')]
    groups: Vec<String>,
    /// The identity entry whose token it is [the only one]
    #[arg(long)]
    issuer: Option<String>,
    /// The server
    #[arg(long)]
    server: String,
    #[command(flatten)]
    object: ObjectArgs,
    /// The call's arguments: JSON, or @FILE; left out, the question is what lists show
    #[arg(long, value_name = "JSON|@FILE")]
    arguments: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct ObjectArgs {
    /// A tool
    #[arg(long)]
    tool: Option<String>,
    /// A resource by its URI
    #[arg(long)]
    resource: Option<String>,
    /// A prompt
    #[arg(long)]
    prompt: Option<String>,
    /// What a server asks of the client: sampling/createMessage, elicitation/create, roots/list
    #[arg(long)]
    client_request: Option<String>,
}

impl ObjectArgs {
    fn object(&self) -> Option<Object<'_>> {
        let tool = self.tool.as_deref().map(Object::Tool);
        tool.or(self.resource.as_deref().map(Object::Resource))
            .or(self.prompt.as_deref().map(Object::Prompt))
            .or(self.client_request.as_deref().map(Object::ClientRequest))
    }
}

/// Prints the decision and what each rule had to do with it.
///
/// # Errors
/// As `check`; 78 too where the question names what the policy does not have.
pub(super) async fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let settings = super::look(&args.options)?;
    let snapshot = super::judge(args.file.as_deref(), &settings).await?;
    let object = args.object.object();
    let object =
        object.ok_or_else(|| Failure::config("name a tool, resource, prompt or client request"))?;
    let given = args.arguments.as_deref().map(read_arguments).transpose()?;
    let calls = matches!(object, Object::Tool(_) | Object::Prompt(_));
    if given.is_some() && !calls {
        return Err(Failure::config(
            "--arguments: only tools and prompts have arguments",
        ));
    }
    let groups: Vec<Box<str>> = args.groups.iter().map(|g| g.as_str().into()).collect();
    let question = Question {
        issuer: args.issuer.as_deref(),
        user: args.user.as_deref(),
        groups: &groups,
        server: &args.server,
        object,
    };
    let subject = question
        .subject(&snapshot, args.live)
        .map_err(|e| Failure::config(e.to_string()))?;
    let arguments = match (&given, calls) {
        (Some(given), _) => Arguments::Of(Some(given)),
        (None, true) => Arguments::Open,
        (None, false) => Arguments::Of(None),
    };
    let explanation = snapshot.explain(&subject, &args.server, object, arguments);
    super::say(&match args.format {
        Format::Human => human(&explanation, matches!(arguments, Arguments::Open)),
        Format::Json => as_json(&explanation).to_string(),
    })
}

fn read_arguments(given: &str) -> Result<Literal, Failure> {
    let read;
    let text = match given.strip_prefix('@') {
        Some(file) => {
            read = std::fs::read_to_string(file)
                .map_err(|e| Failure::config(format!("--arguments {file}: {e}")))?;
            &read
        }
        None => given,
    };
    let source = Source::from_bytes("arguments.json", text.as_bytes()).map_err(app::refused)?;
    arguments(source).map_err(app::refused)
}

fn human(explanation: &Explanation<'_>, open: bool) -> String {
    let decision = &explanation.decision;
    let style = paint::effect(decision.effect);
    let mut text = format!("{style}{}{style:#}", decision.effect.name());
    if let Some(rule) = decision.rule {
        let _ = write!(text, " by `{rule}`");
    }
    let _ = write!(text, ": {}", decision.reason);
    if open && decision.is_allowed() {
        text.push_str(" (for some arguments; give them with --arguments)");
    }
    let width = explanation.rules.iter().map(|(rule, _)| rule.id.len());
    let width = width.max().unwrap_or(0);
    for (rule, bearing) in &explanation.rules {
        let (id, effect) = (&rule.id, rule.effect.name());
        let style = match bearing {
            Bearing::Decides => paint::effect(rule.effect),
            _ => paint::aside(),
        };
        let why = because(rule, *bearing);
        let _ = write!(text, "\n  {style}{id:width$}  {effect:5}  {why}{style:#}");
    }
    text
}

fn because(rule: &Rule, bearing: Bearing<'_>) -> String {
    match bearing {
        Bearing::Decides => "decides".to_owned(),
        Bearing::Outweighed { by } => format!("matches, but `{by}` decides"),
        Bearing::OnTrial => "matches, but is only tried out (shadow)".to_owned(),
        Bearing::Issuer => "is about callers of other issuers".to_owned(),
        Bearing::Subject => "names neither this user nor one of the groups".to_owned(),
        Bearing::Server => "is about other servers".to_owned(),
        Bearing::Kind => "is about other kinds than this".to_owned(),
        Bearing::Name => "none of its patterns matches the name".to_owned(),
        Bearing::Condition { at, truth } => {
            let pointer = rule.when.get(at).map(|condition| {
                let tokens = condition.pointer.iter();
                tokens
                    .map(|t| format!("/{}", t.replace('~', "~0").replace('/', "~1")))
                    .collect()
            });
            let pointer: String = pointer.unwrap_or_default();
            match truth {
                Truth::False => format!("its condition on `{pointer}` does not hold"),
                Truth::Undecidable | Truth::True => {
                    format!(
                        "its condition on `{pointer}` cannot be told: missing, or of another type"
                    )
                }
            }
        }
        Bearing::Open => "has conditions, and there are no arguments yet".to_owned(),
        Bearing::NotAsked => "is not asked".to_owned(),
    }
}

fn as_json(explanation: &Explanation<'_>) -> Value {
    let decision = &explanation.decision;
    let rules: Vec<Value> = explanation
        .rules
        .iter()
        .map(|(rule, bearing)| {
            let code = match bearing {
                Bearing::Decides => "decides",
                Bearing::Outweighed { .. } => "outweighed",
                Bearing::OnTrial => "shadow",
                Bearing::Issuer => "issuer",
                Bearing::Subject => "subject",
                Bearing::Server => "server",
                Bearing::Kind => "kind",
                Bearing::Name => "name",
                Bearing::Condition {
                    truth: Truth::False,
                    ..
                } => "condition_false",
                Bearing::Condition { .. } => "condition_undecidable",
                Bearing::Open => "no_arguments",
                Bearing::NotAsked => "not_asked",
            };
            json!({"id": &*rule.id, "effect": rule.effect.name(), "bearing": code,
                   "because": because(rule, *bearing)})
        })
        .collect();
    json!({"decision": decision.effect.name(), "rule_id": decision.rule,
           "reason": decision.reason, "rules": rules})
}
