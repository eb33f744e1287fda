//! The commands of `mcp-zero`.

mod bootstrap;
mod cases;
mod check;
mod compile;
mod diff;
mod explain;
mod health;
mod paint;
mod rotate;
mod schema;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use mcp_zero_compile::{Compiled, DevIssuer, Diagnostic, Environment, Unset, graphical};
use mcp_zero_gate::GatewayKey;
use mcp_zero_policy::Snapshot;
use tokio::sync::watch;

use crate::accepted::Accepted;
use crate::app::{self, Plane, Start};
use crate::dev::{DevIdentity, Person};
use crate::failure::Failure;
use crate::live::Live;
use crate::run::programs::{Programs, on_path};
use crate::run::{audit, gateway, gateway_key, tether};
use crate::settings::{self, Options, Settings};
use crate::source::{Document, read};
use crate::xds::resource::{FilterModule, ListenerSettings};
use crate::xds::{Listen, listen};
use crate::{admin, telemetry};

/// How long a port may be in use by what is about to end.
const LEAVES: Duration = Duration::from_secs(3);

/// What has no option: a command line is seen by everybody on the machine.
const ENVIRONMENT: &str = "\
From the environment alone:
  [MCP_GATEWAY_KEY]             64 hex digits that session ids are sealed with; `run` makes one
  [OKTA_CLIENT_SECRET]          the secret by which tokens are exchanged
  [MCP_CORS_ORIGINS]            origins whose pages may read answers, comma-separated
  [MCP_CORS_ALLOW_CREDENTIALS]  whether cookies may go with their requests
  [MCP_CORS_MAX_AGE]            seconds for which browsers may remember a preflight";

/// For whom a command prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// People
    #[default]
    Human,
    /// Programs
    Json,
}

/// A gateway between AI tools and MCP servers: access control, data protection, audit.
#[derive(Debug, Parser)]
#[command(name = "mcp-zero", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a whole gateway on this machine: control plane and Envoy
    #[command(after_help = ENVIRONMENT)]
    Run(RunArgs),
    /// Run only the control plane; Envoys connect to it
    #[command(after_help = ENVIRONMENT)]
    Serve(ServeArgs),
    /// Check policy files and print everything that is wrong with them
    Check(check::CheckArgs),
    /// Ask a policy one question and learn why it answers as it does
    Explain(explain::ExplainArgs),
    /// Run the cases beside policy files (`p.test.yaml` for `p.yaml`)
    Test(cases::TestArgs),
    /// Say whose decisions change from one policy to another, and whether anything is newly allowed
    Diff(diff::DiffArgs),
    /// Print the language of policies: a JSON Schema for editors, or the reference
    Schema(schema::SchemaArgs),
    /// Write a policy with its keys as one text, for an Envoy without control plane
    Compile(compile::CompileArgs),
    /// Print the bootstrap of an Envoy that others start
    Bootstrap(bootstrap::BootstrapArgs),
    /// Succeed when the control plane on this machine is ready
    Health(health::HealthArgs),
    /// Make a token of the development issuer
    Token(TokenArgs),
    /// Seal new sessions with another key
    RotateSessions(rotate::RotateArgs),
    /// Become a program that ends when `parent` does
    #[command(name = tether::COMMAND, hide = true)]
    Tethered(TetheredArgs),
}

#[derive(Debug, Clone, Args)]
struct RunArgs {
    #[command(flatten)]
    options: Options,
    /// Start the development issuer, where neither policy nor OKTA_* names one
    #[arg(long)]
    dev: bool,
    /// Worker threads of Envoy [one for each core]
    #[arg(long, value_name = "N")]
    concurrency: Option<u32>,
    /// Envoy's base id [any that is free]
    #[arg(long, value_name = "N")]
    base_id: Option<u32>,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    xds: listen::XdsOptions,
    /// Where the hash of the accepted policy is written, for the bridge [accepted.sha256 in the
    /// state directory]
    #[arg(long, value_name = "FILE")]
    accepted: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct TokenArgs {
    /// Whom the token speaks of (`sub`)
    #[arg(long)]
    user: String,
    /// Groups, comma-separated
    #[arg(long, value_delimiter = ',')]
    groups: Vec<String>,
    /// E-mail address
    #[arg(long)]
    email: Option<String>,
    /// Life of the token in seconds
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    ttl: u64,
    /// The state directory of `run --dev` [MCP_STATE_DIR, .mcp-zero]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<String>,
}

#[derive(Debug, Args)]
struct TetheredArgs {
    /// Process id of who started this
    parent: u32,
    /// What to become
    program: PathBuf,
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Cli {
    /// Carries the command out.
    ///
    /// # Errors
    /// A failure with its exit code.
    pub async fn execute(self) -> Result<(), Failure> {
        match self.command {
            None => run(self.run).await,
            Some(Command::Run(args)) => run(args).await,
            Some(Command::Serve(args)) => serve(args).await,
            Some(Command::Check(args)) => check::run(&args).await,
            Some(Command::Explain(args)) => explain::run(&args).await,
            Some(Command::Test(args)) => cases::run(&args).await,
            Some(Command::Compile(args)) => compile::run(&args).await,
            Some(Command::Bootstrap(args)) => bootstrap::run(&args),
            Some(Command::Health(args)) => health::run(&args).await,
            Some(Command::Token(args)) => token(&args),
            Some(Command::Diff(args)) => diff::run(&args).await,
            Some(Command::Schema(args)) => schema::run(&args),
            Some(Command::RotateSessions(args)) => rotate::run(&args),
            Some(Command::Tethered(args)) => Err(tether::become_child(
                args.parent,
                &args.program,
                &args.arguments,
            )),
        }
    }
}

async fn run(args: RunArgs) -> Result<(), Failure> {
    let mut settings = load(&args.options)?;
    let log = start_log(&settings);
    make_private(&settings.state_dir)?;
    settings.listen.set_port(free_port(&settings).await?);
    let envoy = settings.envoy.clone().map_or_else(envoy_on_path, Ok)?;
    let dev = if args.dev && settings.okta_issuer.is_none() {
        Some(gateway::development_issuer(&settings.state_dir).await?)
    } else {
        None
    };
    let xds_socket = absolute(&settings.state_dir)?.join("xds.sock");
    let plan = gateway::Gateway {
        envoy,
        concurrency: args.concurrency,
        base_id: args.base_id,
        xds_socket: xds_socket.clone(),
    };
    let (stop, stopped) = watch::channel(false);
    on_signal(stop.clone());
    let key = match settings.gateway_key.clone() {
        Some(key) => key,
        None => gateway_key::open_or_create(&settings.state_dir)?,
    };
    let mut start = start(settings, dev, Listen::Unix(xds_socket), log, key)?;
    start.programs = Some(programs(&start.settings)?);
    gateway::run(plan, start, stop, stopped).await
}

async fn serve(args: ServeArgs) -> Result<(), Failure> {
    let settings = load(&args.options)?;
    let state = absolute(&settings.state_dir)?;
    let xds = Listen::read(
        &args.xds,
        &settings::process_environment,
        state.join("xds.sock"),
    )?;
    let log = start_log(&settings);
    make_private(&settings.state_dir)?;
    if settings.listen.port() == 0 {
        return Err(Failure::config(
            "MCP_PORT: `serve` needs the port that Envoy is to listen on",
        ));
    }
    let (stop, stopped) = watch::channel(false);
    on_signal(stop.clone());
    let admin_address = settings.admin;
    let key = settings.gateway_key.clone().ok_or_else(|| {
        Failure::config(
            "MCP_GATEWAY_KEY is not set: session ids are sealed with it, here and in each Envoy; \
             make one with `openssl rand -hex 32` and give it to all of them",
        )
    })?;
    let mut start = start(settings, None, xds.clone(), log, key)?;
    if let Some(file) = &args.accepted {
        start.accepted = absolute(file)?;
    }
    let access_log = PathBuf::from(&start.listener.access_log);
    let plane = Plane::start(start, stopped.clone()).await?;
    let status = audit::Status::default();
    if let Some(address) = admin_address {
        let (fleet, published) = (plane.fleet.clone(), plane.published.clone());
        admin::serve(address, fleet, published, status.clone()).await?;
    }
    tracing::info!(%xds, "waiting for gateways");
    audit::follow(access_log, plane.sink.clone(), stopped, status).await;
    Ok(())
}

/// Reads and compiles a policy file.
fn checked(
    file: &Path,
    settings: &Settings,
    unset: Unset,
) -> Result<(Document, Compiled), Failure> {
    let document = read(file).map_err(|e| Failure::config(e.to_string()))?;
    let listener = listener(settings, &settings.state_dir);
    let environment = Environment {
        unset,
        ..app::environment(settings, &listener, None)
    };
    let compiled = app::compile_document(Some(&document), &environment).map_err(app::refused)?;
    Ok((document, compiled))
}

/// The policy of a file as filters read it; without a file, the one that is served here.
async fn judge(file: Option<&Path>, settings: &Settings) -> Result<Snapshot, Failure> {
    let Some(file) = file else {
        return Ok(Live::ask(&settings.state_dir).await?.snapshot);
    };
    let (_, compiled) = checked(file, settings, Unset::Warn)?;
    compiled
        .judge()
        .map_err(|e| Failure::runtime(e.to_string()))
}

/// Diagnostics with the lines they are about.
fn shown(document: &Document, diagnostics: &[Diagnostic]) -> String {
    let look = mcp_zero_compile::Look {
        // Taken off again by `say` where it is no terminal.
        colour: true,
        width: 100,
    };
    let text = String::from_utf8_lossy(&document.bytes);
    graphical(&document.name, &text, diagnostics, look)
}

fn state_directory(given: Option<&String>) -> Result<PathBuf, Failure> {
    let from_environment =
        settings::process_environment("MCP_STATE_DIR").map_err(Failure::config)?;
    let directory = given.cloned().or(from_environment);
    Ok(PathBuf::from(
        directory.unwrap_or_else(|| ".mcp-zero".to_owned()),
    ))
}

fn token(args: &TokenArgs) -> Result<(), Failure> {
    let directory = state_directory(args.state_dir.as_ref())?;
    let identity = DevIdentity::open(&directory)?;
    let person = Person {
        user: args.user.clone(),
        groups: args.groups.clone(),
        email: args.email.clone(),
    };
    say(&identity.mint(&person, args.ttl)?)
}

/// Writes a line to standard output; without colours where it is no terminal.
fn say(text: &str) -> Result<(), Failure> {
    match writeln!(anstream::stdout(), "{text}") {
        // Whoever has closed it need not be told, but has not got everything.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::outcome(1)),
        written => written.map_err(|e| Failure::runtime(format!("standard output: {e}"))),
    }
}

fn load(options: &Options) -> Result<Settings, Failure> {
    Settings::load(options, &settings::process_environment)
}

/// Settings for a look at policies.
fn look(options: &Options) -> Result<Settings, Failure> {
    Settings::look(options, &settings::process_environment)
}

fn start_log(settings: &Settings) -> telemetry::LogControl {
    let level = settings.log_level.unwrap_or(settings::LogLevel::Info);
    let format = settings
        .log_format
        .unwrap_or_else(telemetry::default_format);
    telemetry::start(level, format)
}

fn listener(settings: &Settings, state: &Path) -> ListenerSettings {
    ListenerSettings {
        address: settings.listen,
        access_log: state.join("access.log").to_string_lossy().into_owned(),
    }
}

fn start(
    settings: Settings,
    dev: Option<DevIssuer>,
    xds: Listen,
    log: telemetry::LogControl,
    key: GatewayKey,
) -> Result<Start, Failure> {
    let state = absolute(&settings.state_dir)?;
    let listener = listener(&settings, &state);
    let filter = settings.filter.clone().ok_or_else(|| {
        Failure::config(
            "no filter module: name it with --filter or MCP_FILTER_MODULE (`make wasm` builds it)",
        )
    })?;
    let filter = absolute(&filter)?;
    if !filter.is_file() {
        return Err(Failure::config(format!(
            "{}: no such file",
            filter.display()
        )));
    }
    let bridge_socket = match &settings.bridge {
        Some(path) => absolute(path)?,
        None => state.join("bridge.sock"),
    };
    Ok(Start {
        bridge_socket,
        accepted: Accepted::in_state(&state),
        key,
        programs: None,
        listener,
        module: FilterModule {
            path: filter.to_string_lossy().into_owned(),
        },
        dev,
        xds,
        log,
        settings,
    })
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|e| Failure::config(format!("{}: {e}", path.display())))
}

/// The state directory holds keys and sockets: nobody else may enter.
fn make_private(directory: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    let failed = |e: io::Error| Failure::config(format!("{}: {e}", directory.display()));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed)?;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).map_err(failed)
}

/// The port to listen on: the one asked for, or a free one where it is 0. The Envoy of a
/// process that was killed a moment ago may need some time to leave it.
async fn free_port(settings: &Settings) -> Result<u16, Failure> {
    let address = settings.listen;
    let begin = Instant::now();
    loop {
        let bound = std::net::TcpListener::bind(address).and_then(|l| l.local_addr());
        match bound {
            Ok(bound) => return Ok(bound.port()),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && begin.elapsed() < LEAVES => {}
            Err(error) => {
                return Err(Failure::config(format!(
                    "{address}: {error}; choose another with --port or MCP_PORT"
                )));
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn envoy_on_path() -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    on_path("envoy", &path)
        .ok_or_else(|| Failure::config("no `envoy` on the PATH: name it with --envoy or MCP_ENVOY"))
}

/// The folder of a policy file.
fn folder(policy: &Path) -> Result<PathBuf, Failure> {
    let file = absolute(policy)?;
    Ok(file.parent().unwrap_or(Path::new("/")).to_owned())
}

/// Where programs for stdio servers are looked for.
fn programs(settings: &Settings) -> Result<Programs, Failure> {
    const BRIDGE: &str = "mcp-stdio-bridge";
    let path = std::env::var_os("PATH").unwrap_or_default();
    let beside = || {
        let own = std::env::current_exe().ok()?;
        on_path(BRIDGE, own.parent()?.as_os_str())
    };
    let bridge = match &settings.bridge_program {
        Some(file) if file.is_file() => Some(absolute(file)?),
        Some(file) => {
            let message = format!("MCP_STDIO_BRIDGE: {}: no such file", file.display());
            return Err(Failure::config(message));
        }
        None => beside().or_else(|| on_path(BRIDGE, &path)),
    };
    let policy = settings.policy_file.as_deref().unwrap_or(Path::new("."));
    Ok(Programs {
        bridge,
        path,
        folder: folder(policy)?,
    })
}

/// Sets `stop` on Ctrl-C and SIGTERM.
fn on_signal(stop: watch::Sender<bool>) {
    use tokio::signal::unix::{SignalKind, signal};
    tokio::spawn(async move {
        let Ok(mut term) = signal(SignalKind::terminate()) else {
            return;
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = term.recv() => {}
        }
        tracing::info!("ending");
        let _ = stop.send(true);
    });
}
