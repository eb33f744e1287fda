//! Programs of this machine that a policy with stdio servers needs.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use mcp_zero_compile::{Compiled, StdioServer};

/// Where programs are looked for.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `mcp-stdio-bridge`, where it was found.
    pub bridge: Option<PathBuf>,
    /// The PATH that children inherit.
    pub path: OsString,
    /// The folder of the policy file: working directories are relative to it.
    pub folder: PathBuf,
}

impl Programs {
    /// What is missing for a policy, a line each, with how to get it.
    pub fn missing(&self, compiled: &Compiled) -> Vec<String> {
        let mut missing = Vec::new();
        let mut servers = compiled.stdio_servers().peekable();
        if self.bridge.is_none() && servers.peek().is_some() {
            missing.push(
                "no `mcp-stdio-bridge` beside `mcp-zero` or on the PATH, and the policy has stdio \
                 servers: name it with --bridge-program or MCP_STDIO_BRIDGE"
                    .to_owned(),
            );
        }
        missing.extend(servers.filter_map(|server| self.command(server)));
        missing
    }

    fn command(&self, server: &StdioServer) -> Option<String> {
        let (name, command) = (&server.name, &server.command);
        if command.contains('/') {
            let there = self.folder.join(server.cwd.as_deref().unwrap_or("."));
            let file = there.join(command);
            return (!is_program(&file)).then(|| {
                let shown = file.display();
                format!("server `{name}`: `{shown}` is no program that can be started")
            });
        }
        // A PATH of its own goes before the inherited one.
        let own = server.env.get("PATH").map(OsStr::new);
        if on_path(command, own.unwrap_or(&self.path)).is_some() {
            return None;
        }
        Some(format!(
            "server `{name}`: no `{command}` on the PATH; {}",
            match command.as_str() {
                "npx" | "npm" | "node" => "it comes with Node.js",
                "uvx" | "uv" => "it comes with `uv` (`pip install uv`)",
                "docker" | "podman" => "install it, or run the server another way",
                _ => "install it, or give the path of the program",
            }
        ))
    }
}

/// The first program of that name on a PATH.
pub fn on_path(program: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .map(|directory| directory.join(program))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    let executable = |m: std::fs::Metadata| m.is_file() && m.permissions().mode() & 0o111 != 0;
    file.metadata().is_ok_and(executable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_zero_compile::{Environment, Format, Source, compile};

    fn policy(servers: &[&str]) -> Compiled {
        let text = format!("version: 1\nservers:\n  - {}\n", servers.join("\n  - "));
        let source = Source {
            name: "policy.yaml",
            text: &text,
            format: Format::Yaml,
        };
        let environment = Environment {
            public_url: "http://localhost:1".to_owned(),
            gateway_id: "g".to_owned(),
            ..Environment::default()
        };
        compile(source, &environment).unwrap()
    }

    fn program(file: &Path) {
        std::fs::write(file, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn each_missing_program_is_told_with_its_server() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        program(&here.join("there"));
        std::fs::write(here.join("data"), "").unwrap();
        let mut programs = Programs {
            bridge: None,
            path: here.as_os_str().to_owned(),
            folder: here.to_owned(),
        };
        let compiled = policy(&[
            "{name: a, transport: stdio, command: npx}",
            "{name: b, transport: stdio, command: uvx}",
            "{name: c, transport: stdio, command: there}",
            "{name: d, transport: stdio, command: data}",
            "{name: e, transport: stdio, command: ./there}",
            "{name: f, transport: stdio, command: ./there, cwd: elsewhere}",
            "{name: g, transport: stdio, command: there, env: {PATH: /nowhere}}",
        ]);
        let missing = programs.missing(&compiled).join("\n");
        for text in [
            "--bridge-program or MCP_STDIO_BRIDGE",
            "server `a`: no `npx` on the PATH; it comes with Node.js",
            "server `b`: no `uvx` on the PATH; it comes with `uv` (`pip install uv`)",
            "server `d`: no `data`",
            "server `f`: `",
            "server `g`: no `there`",
        ] {
            assert!(missing.contains(text), "{text}: {missing}");
        }
        assert_eq!(missing.lines().count(), 6, "{missing}");
        programs.bridge = Some(here.join("there"));
        assert_eq!(programs.missing(&compiled).len(), 5);
    }

    #[test]
    fn without_stdio_servers_nothing_is_needed() {
        let programs = Programs {
            bridge: None,
            path: OsString::new(),
            folder: PathBuf::new(),
        };
        let compiled = policy(&["{name: a, transport: http, url: \"https://a.example/\"}"]);
        assert!(programs.missing(&compiled).is_empty());
    }
}
