//! How Envoy is started.

use std::ffi::OsString;
use std::path::PathBuf;

use mcp_zero_gate::GatewayKey;

use super::supervisor::{Kind, Program};
use crate::settings::LogLevel;

/// How Envoy is started.
#[derive(Debug, Clone)]
pub struct EnvoyCommand {
    /// The program.
    pub program: PathBuf,
    /// The rendered bootstrap.
    pub bootstrap: PathBuf,
    /// Its admin socket.
    pub admin_socket: PathBuf,
    /// A fixed base id, or any that is free.
    pub base_id: Option<u32>,
    /// Worker threads, or one for each core.
    pub concurrency: Option<u32>,
    /// How much it logs.
    pub log_level: LogLevel,
    /// Its access log.
    pub access_log: PathBuf,
    /// What its filter derives keys from.
    pub gateway_key: GatewayKey,
}

impl EnvoyCommand {
    /// As a child to supervise.
    pub fn program(self) -> Program {
        let arguments = self.arguments().into_iter().map(OsString::from).collect();
        Program {
            kind: Kind::Envoy,
            file: self.program,
            arguments,
            gateway_key: Some(self.gateway_key),
            socket: self.admin_socket,
            access_log: Some(self.access_log),
        }
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = [
            "-c",
            &self.bootstrap.to_string_lossy(),
            "--file-flush-interval-msec",
            "100",
            "--drain-time-s",
            "1",
            "--log-level",
            match self.log_level {
                LogLevel::Debug => "info",
                LogLevel::Info | LogLevel::Warning => "warning",
                LogLevel::Error => "error",
                LogLevel::Critical => "critical",
            },
        ]
        .map(str::to_owned)
        .to_vec();
        match self.base_id {
            Some(id) => arguments.extend(["--base-id".to_owned(), id.to_string()]),
            None => arguments.push("--use-dynamic-base-id".to_owned()),
        }
        if let Some(workers) = self.concurrency {
            arguments.extend(["--concurrency".to_owned(), workers.to_string()]);
        }
        arguments
    }
}
