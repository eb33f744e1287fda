//! The control plane's one loop: policy file, issuers' keys, what gateways get.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_zero_compile::{
    Compiled, DevIssuer, Diagnostics, Environment, Look, Reach, Source, Unset, compile,
    compile_without_file,
};
use mcp_zero_gate::GatewayKey;
use mcp_zero_proto::Keys;
use tokio::sync::{mpsc, watch};

use crate::accepted::Accepted;
use crate::broker::Broker;
use crate::callout::{Callouts, Exchanges, Found, KeyQuestion};
use crate::failure::Failure;
use crate::jwks::store::unix_now;
use crate::jwks::{Fetcher, KeyStore, Known, Looked, Shelf, look_up};
use crate::live;
use crate::publish::Publisher;
use crate::run::audit::Sink;
use crate::run::confusable::Confusables;
use crate::run::programs::Programs;
use crate::seals::Seals;
use crate::settings::{LogFormat, LogLevel, Settings};
use crate::source::{Document, ReadError, cases, read, watch as watch_file};
use crate::telemetry::LogControl;
use crate::xds::resource::{FilterModule, ListenerSettings};
use crate::xds::{self, Fleet, Listen};

/// Longer than this, and gateways get their policy without keys: tokens are 503 until then.
const FIRST_KEYS: Duration = Duration::from_secs(12);
/// Filters that wait for keys at once.
const MOST_WAITING: usize = 256;

/// The cluster of this program in the bootstraps that are shipped.
const CONTROL_PLANE: &str = "mcp-zero-control-plane";

const TICK: Duration = Duration::from_millis(500);

/// What is live, for whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The policy's version.
    pub policy_version: String,
    /// `ENFORCING`, `DEGRADED` or `INSECURE`.
    pub posture: &'static str,
    /// The ready line.
    pub ready_line: String,
    /// Names of the servers.
    pub servers: Vec<String>,
    /// Whether one of them is behind the bridge.
    pub bridged: bool,
    /// Variables whose values are in headers to servers.
    pub secrets: Vec<String>,
    /// Whether tokens of the development issuer are accepted.
    pub dev: bool,
    /// The policy as filters read it, without keys.
    pub snapshot: Arc<[u8]>,
}

/// What a control plane needs to start.
#[derive(Debug)]
pub struct Start {
    /// Settings of the process.
    pub settings: Settings,
    /// Where clients will connect.
    pub listener: ListenerSettings,
    /// The filter module's file.
    pub module: FilterModule,
    /// The development issuer, for `run --dev`.
    pub dev: Option<DevIssuer>,
    /// Where resources are served.
    pub xds: Listen,
    /// The bridge's socket.
    pub bridge_socket: PathBuf,
    /// Where the hash of the accepted document is written.
    pub accepted: PathBuf,
    /// The secret that is shared with gateways.
    pub key: GatewayKey,
    /// Programs of this machine, where it is this process that starts them.
    pub programs: Option<Programs>,
    /// Changes the log level with the policy.
    pub log: LogControl,
}

/// A running control plane.
#[derive(Debug)]
pub struct Plane {
    /// What is live; none until the first policy was published.
    pub published: watch::Receiver<Option<Published>>,
    /// Where audit records go.
    pub sink: watch::Receiver<Sink>,
    /// Connected gateways.
    pub fleet: Fleet,
}

impl Plane {
    /// Compiles the policy, serves resources and follows the file until `stop`.
    ///
    /// # Errors
    /// The first policy does not compile, or the socket cannot be bound.
    pub async fn start(start: Start, stop: watch::Receiver<bool>) -> Result<Self, Failure> {
        let environment = environment(&start.settings, &start.listener, start.dev.clone());
        let document = start.settings.policy_file.as_deref().map(read).transpose();
        let document = document.map_err(|e| Failure::config(e.to_string()))?;
        let compiled = compile_document(document.as_ref(), &environment).map_err(refused)?;
        if let Some(file) = &start.settings.policy_file {
            match cases::failures(file, &compiled)? {
                failures if failures.is_empty() => {}
                failures => return Err(Failure::configs(failures)),
            }
        }
        let local = Local {
            socket: start.bridge_socket.clone(),
            programs: start.programs.clone(),
        };
        match local.missing(&compiled) {
            missing if missing.is_empty() => {}
            missing => return Err(Failure::configs(missing)),
        }
        // Of the gateway key, so that every control plane tags servers alike.
        let accepted = Accepted::new(start.accepted, start.key.derive("tag", ""));
        let seals = Seals::open(&start.settings.state_dir, unix_now())
            .map_err(|e| Failure::config(e.to_string()))?;
        let (publisher, resources) = Publisher::new(
            start.listener.clone(),
            start.module.clone(),
            system_authorities(),
            start.bridge_socket.to_string_lossy().into_owned(),
            accepted.key(),
        );
        let fetcher = Fetcher::new().map_err(|e| Failure::runtime(e.to_string()))?;
        let fleet = Fleet::default();
        let (questions_in, questions) = mpsc::channel(64);
        let (exchanges_in, exchanges) = watch::channel(Exchanges::new());
        let broker = start.settings.token_endpoint.clone().map(Broker::new);
        let callouts = Callouts {
            broker: broker
                .transpose()
                .map_err(|e| Failure::runtime(e.to_string()))?
                .map(Arc::new),
            exchanges,
            keys: questions_in,
        };
        xds::serve(&start.xds, resources, fleet.clone(), callouts, stop.clone()).await?;
        let (published_in, published) = watch::channel(None);
        live::serve(&start.settings.state_dir, published.clone())?;
        let compiled = publisher.name_clusters(compiled);
        let (sink_in, sink) = watch::channel(sink(&compiled, &start.settings));
        let (looked_in, looked) = mpsc::channel(16);
        let dev = start.dev.map(|dev| dev.issuer);
        let worker = Worker {
            store: KeyStore::new(Shelf::in_state(&start.settings.state_dir, dev)),
            environment,
            settings: start.settings,
            log: start.log,
            publisher,
            fetcher,
            looked_in,
            begin: Instant::now(),
            compiled,
            document,
            accepted,
            seals,
            local,
            open: false,
            due: false,
            adopted: Duration::ZERO,
            published: published_in,
            sink: sink_in,
            exchanges: exchanges_in,
            waiting: Vec::new(),
        };
        tokio::spawn(worker.run(looked, questions, stop));
        Ok(Self {
            published,
            sink,
            fleet,
        })
    }
}

struct Worker {
    environment: Environment,
    settings: Settings,
    log: LogControl,
    publisher: Publisher,
    fetcher: Fetcher,
    store: KeyStore,
    looked_in: mpsc::Sender<Looked>,
    begin: Instant,
    compiled: Compiled,
    /// What `compiled` was made of.
    document: Option<Document>,
    accepted: Accepted,
    seals: Seals,
    local: Local,
    /// The first policy was published.
    open: bool,
    /// Something was not published, and is to be.
    due: bool,
    /// When the policy came, which may not be published yet.
    adopted: Duration,
    published: watch::Sender<Option<Published>>,
    sink: watch::Sender<Sink>,
    /// Of the policy that was published.
    exchanges: watch::Sender<Exchanges>,
    /// Filters that wait for a key while its issuer is asked.
    waiting: Vec<KeyQuestion>,
}

impl Worker {
    async fn run(
        mut self,
        mut looked: mpsc::Receiver<Looked>,
        mut questions: mpsc::Receiver<KeyQuestion>,
        mut stop: watch::Receiver<bool>,
    ) {
        let (changes_in, mut changes) = mpsc::channel(4);
        if let (Some(path), Some(document)) =
            (self.settings.policy_file.clone(), self.document.clone())
        {
            tokio::spawn(watch_file(path, document, changes_in));
        }
        self.adopt();
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                () = crate::run::stopped(&mut stop) => return,
                Some(change) = changes.recv() => self.change(change),
                Some(result) = looked.recv() => self.looked(result),
                Some(question) = questions.recv() => self.asked(question),
                _ = tick.tick() => {}
            }
            self.due |= self.seals.refresh(unix_now());
            let now = self.begin.elapsed();
            for plan in self.store.due(now) {
                let (fetcher, sender) = (self.fetcher.clone(), self.looked_in.clone());
                tokio::spawn(async move {
                    let _ = sender.send(look_up(fetcher, plan).await).await;
                });
            }
            // What is live stays so until the issuers of a new policy have said their keys.
            let ready = self.store.is_ready() || now.saturating_sub(self.adopted) > FIRST_KEYS;
            if ready && (!self.open || self.due || self.publisher.has_retiring()) {
                self.open = true;
                self.publish();
            }
        }
    }

    /// An issuer has answered, or not.
    fn looked(&mut self, result: Looked) {
        let issuer = result.issuer().to_owned();
        self.due |= self.store.take(self.begin.elapsed(), result);
        let (done, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(request, _)| request.issuer == issuer);
        self.waiting = waiting;
        for (request, filter) in done {
            let found = match self
                .store
                .has(&request.issuer, &request.algorithm, &request.kid)
            {
                true => Found::Key,
                false if self.store.has_answered(&request.issuer) => Found::Nothing,
                false => Found::Nobody,
            };
            // Whoever no longer waits need not know.
            let _ = filter.send(found);
        }
    }

    /// A filter has met a key that it does not know.
    fn asked(&mut self, (request, filter): KeyQuestion) {
        let now = self.begin.elapsed();
        let known = self
            .store
            .want(&request.issuer, &request.algorithm, &request.kid, now);
        let found = match known {
            Known::Here => Found::Key,
            Known::Nowhere => Found::Nothing,
            Known::Unanswered => Found::Nobody,
            Known::Asked => {
                self.waiting.retain(|(_, filter)| !filter.is_closed());
                if self.waiting.len() < MOST_WAITING {
                    self.waiting.push((request, filter));
                    return;
                }
                Found::Nobody
            }
        };
        let _ = filter.send(found);
    }

    /// A file that changed: a good policy replaces the live one, a bad one is told.
    fn change(&mut self, change: Result<Document, ReadError>) {
        let document = match change {
            Ok(document) => document,
            Err(error) => {
                tracing::error!(%error, live = self.compiled.policy_version, "policy not read; the last good one stays");
                return;
            }
        };
        match compile_document(Some(&document), &self.environment) {
            Ok(compiled) => {
                let mut missing = self.local.missing(&compiled);
                if let Some(file) = &self.settings.policy_file {
                    match cases::failures(file, &compiled) {
                        Ok(failures) => missing.extend(failures),
                        Err(failure) => missing.push(failure.to_string()),
                    }
                }
                if !missing.is_empty() {
                    self.refuse(&missing);
                    return;
                }
                self.compiled = self.publisher.name_clusters(compiled);
                self.document = Some(document);
                self.adopt();
                self.due = true;
            }
            Err(diagnostics) => self.refuse(&diagnostics.lines().collect::<Vec<_>>()),
        }
    }

    fn refuse(&self, lines: &[String]) {
        tracing::error!(
            live = self.compiled.policy_version,
            "policy refused; the last good one stays\n{}",
            lines.join("\n")
        );
    }

    fn adopt(&mut self) {
        self.adopted = self.begin.elapsed();
        for warning in &self.compiled.warnings {
            tracing::warn!("{warning}");
        }
        self.log.set(log_level(&self.compiled, &self.settings));
        self.store
            .plan(&self.compiled.issuers, self.begin.elapsed());
        let sink = sink(&self.compiled, &self.settings);
        self.sink.send_if_modified(|live| {
            let changed = *live != sink;
            *live = sink;
            changed
        });
    }

    /// The bridge hears of a version before anything is sent to it, and of none besides.
    fn publish(&mut self) {
        let document = self.document.as_ref().map(|d| d.bytes.as_slice());
        if let Err(error) = self.accepted.set(document) {
            if !self.due {
                tracing::error!(%error, "the state directory cannot be written: nothing is published");
            }
            self.due = true;
            return;
        }
        self.due = false;
        let keys = Keys {
            seals: self.seals.ids().to_vec(),
            control_plane: CONTROL_PLANE.to_owned(),
            ..self.store.keys()
        };
        self.exchanges.send_replace(exchanges(&self.compiled));
        self.publisher.publish(&self.compiled, keys, Instant::now());
        let dev = self.environment.dev_issuer.as_ref();
        let published = Published {
            dev: dev
                .is_some_and(|dev| self.compiled.issuers.iter().any(|i| i.issuer == dev.issuer)),
            policy_version: self.compiled.policy_version.clone(),
            posture: self.compiled.posture.name(),
            ready_line: self.compiled.ready_line(),
            servers: self
                .compiled
                .upstreams
                .iter()
                .map(|u| u.name.clone())
                .collect(),
            bridged: self.compiled.stdio_servers().next().is_some(),
            secrets: header_variables(&self.compiled),
            snapshot: self.compiled.snapshot(Keys::default()).into(),
        };
        self.published.send_if_modified(|live| {
            let changed = live.as_ref() != Some(&published);
            if changed {
                tracing::info!(
                    posture = published.posture,
                    "live: {}",
                    published.ready_line
                );
                *live = Some(published);
            }
            changed
        });
    }
}

fn exchanges(compiled: &Compiled) -> Exchanges {
    let servers = compiled.policy.servers.iter();
    servers
        .filter_map(|server| Some((server.name.clone(), server.exchange.clone()?)))
        .collect()
}

fn header_variables(compiled: &Compiled) -> Vec<String> {
    let headers = compiled.upstreams.iter().flat_map(|up| match &up.reach {
        Reach::Http(server) => server.headers.as_slice(),
        Reach::Bridge(_) => &[],
    });
    headers
        .filter_map(|header| header.variable.clone())
        .collect()
}

/// What this machine must have for stdio servers.
struct Local {
    socket: PathBuf,
    programs: Option<Programs>,
}

/// The longest path of a Unix socket on Linux (`sun_path` without its end).
const LONGEST_SOCKET: usize = 107;

impl Local {
    /// What is missing for a policy, a line each.
    fn missing(&self, compiled: &Compiled) -> Vec<String> {
        let programs = self.programs.as_ref();
        let mut missing = programs.map_or_else(Vec::new, |programs| programs.missing(compiled));
        if self.socket.as_os_str().len() > LONGEST_SOCKET
            && compiled.stdio_servers().next().is_some()
        {
            missing.push(format!(
                "{}: longer than a Unix socket's path may be ({LONGEST_SOCKET} bytes); choose \
                 another with --bridge or MCP_BRIDGE",
                self.socket.display()
            ));
        }
        missing
    }
}

/// Compiles a document, or what the environment says without one.
///
/// # Errors
/// All that is wrong with it.
pub fn compile_document(
    document: Option<&Document>,
    environment: &Environment,
) -> Result<Compiled, Diagnostics> {
    match document {
        Some(document) => compile(
            Source::from_bytes(&document.name, &document.bytes)?,
            environment,
        ),
        None => compile_without_file(environment),
    }
}

/// The settings that take part in a compilation.
pub fn environment(
    settings: &Settings,
    listener: &ListenerSettings,
    dev_issuer: Option<DevIssuer>,
) -> Environment {
    Environment {
        okta_issuer: settings.okta_issuer.clone(),
        okta_audience: settings.okta_audience.clone(),
        upstream_url: settings.upstream_url.clone(),
        public_url: settings.public_url(listener.address),
        allowed_hosts: settings.allowed_hosts.clone(),
        cors: settings.cors.clone(),
        skip_tls_validation: settings.skip_tls_validation,
        strict: settings.strict,
        relax: settings.relax,
        token_endpoint: settings.token_endpoint.is_some(),
        dev_issuer,
        gateway_id: "mcp-zero".to_owned(),
        // What is not UTF-8 counts as unset.
        variables: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        unset: Unset::Refuse,
    }
}

/// Diagnostics as the end of the process: exit code 78.
pub fn refused(diagnostics: Diagnostics) -> Failure {
    use std::io::IsTerminal as _;
    let look = Look {
        colour: std::io::stderr().is_terminal(),
        width: 100,
    };
    Failure::config(diagnostics.render(look))
}

fn sink(compiled: &Compiled, settings: &Settings) -> Sink {
    Sink {
        file: compiled.audit_file.as_ref().map(PathBuf::from),
        format: log_format(compiled, settings),
        include: Vec::new(),
        names: Arc::new(Confusables::of(compiled)),
    }
}

fn log_format(compiled: &Compiled, settings: &Settings) -> LogFormat {
    settings
        .log_format
        .or(compiled.logging.format)
        .unwrap_or_else(crate::telemetry::default_format)
}

fn log_level(compiled: &Compiled, settings: &Settings) -> LogLevel {
    settings
        .log_level
        .or(compiled.logging.level)
        .unwrap_or(LogLevel::Info)
}

/// Where common systems keep their certificate authorities.
fn system_authorities() -> String {
    let known = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    ];
    let found = std::env::var("SSL_CERT_FILE")
        .ok()
        .filter(|f| !f.is_empty());
    found.unwrap_or_else(|| {
        let there = known.iter().find(|path| Path::new(path).exists());
        (*there.unwrap_or(&known[0])).to_owned()
    })
}
