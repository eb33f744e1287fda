//! What docs/quickstart.md tells a newcomer to type is typed here, in its order, and what it
//! promises is looked for. Only the port and the folder of `my.yaml` are others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{free_address, signal};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const GUIDE: &str = include_str!("../../docs/quickstart.md");
const PATIENCE: Duration = Duration::from_secs(180);

#[test]
fn the_quickstart_works_as_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place {
        port: free_address().port(),
        folder: folder.path().to_owned(),
    };
    let blocks = place.blocks();
    let shell = &mut Shell::start(&place);

    // 1 and 2: the shipped policy.
    let [run, token, three_steps, denied] = &blocks.shell[..4] else {
        panic!("{blocks:#?}");
    };
    let gateway = Running::start(run, &place);
    shell.say(token);
    let read = shell.say(three_steps);
    assert!(read.contains("Ada Example <ada@example.com>"), "{read}");
    let denied = shell.say(denied);
    assert!(denied.contains("Access denied"), "{denied}");
    let file = root().join("policies/files/mine.txt");
    assert!(!file.exists(), "{}", file.display());
    gateway.stop();

    // 3: a policy of one's own.
    let [check, run, calls] = &blocks.shell[4..] else {
        panic!("{blocks:#?}");
    };
    std::fs::write(folder.path().join("my.yaml"), &blocks.policy).unwrap();
    shell.say(&format!("{check} && echo well"));
    let gateway = Running::start(run, &place);
    let answer = shell.say(calls);
    assert!(
        answer.contains("<EMAIL_ADDRESS>") && !answer.contains("ada@example.com"),
        "{answer}"
    );
    gateway.stop();
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

struct Place {
    port: u16,
    folder: PathBuf,
}

#[derive(Debug)]
struct Blocks {
    shell: Vec<String>,
    policy: String,
}

impl Place {
    fn blocks(&self) -> Blocks {
        let mut parts = GUIDE.split("\n```");
        let mut blocks = Blocks {
            shell: Vec::new(),
            policy: String::new(),
        };
        // Text and blocks take turns.
        parts.next();
        while let Some(block) = parts.next() {
            let (language, block) = block.split_once('\n').unwrap_or((block, ""));
            match language {
                "sh" => blocks.shell.push(self.here(block)),
                "yaml" => blocks.policy = block.to_owned(),
                _ => {}
            }
            parts.next();
        }
        blocks
    }

    fn here(&self, block: &str) -> String {
        let mine = self.folder.join("my.yaml");
        block
            .replace("localhost:8080", &format!("localhost:{}", self.port))
            .replace("my.yaml", &mine.display().to_string())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(root())
            .env("MCP_PORT", self.port.to_string())
            .env("MCP_ADMIN", "off")
            .env("MCP_STATE_DIR", self.folder.join("state"))
            .stdout(Stdio::piped());
        command
    }
}

/// The reader's second terminal.
struct Shell {
    child: Child,
    input: ChildStdin,
    output: Receiver<String>,
}

impl Shell {
    fn start(place: &Place) -> Self {
        let mut child = place
            .command("sh")
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let input = child.stdin.take().unwrap();
        let output = lines(child.stdout.take().unwrap());
        Self {
            child,
            input,
            output,
        }
    }

    /// Types a block and returns what it printed; its last command must succeed.
    fn say(&mut self, block: &str) -> String {
        writeln!(
            self.input,
            "{block}\nstatus=$?; echo; echo \"end of block: $status\""
        )
        .unwrap();
        let mut printed = String::new();
        loop {
            let line = self
                .output
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|e| panic!("{e} after {block}\n{printed}"));
            match line.strip_prefix("end of block: ") {
                Some(status) => {
                    assert_eq!(status, "0", "{block}\n{printed}");
                    return printed;
                }
                None => printed.extend([&line, "\n"]),
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first terminal: `make run`, until Ctrl-C.
struct Running {
    child: Child,
}

impl Running {
    fn start(block: &str, place: &Place) -> Self {
        let mut child = place
            .command("sh")
            .args(["-c", &format!("exec {block} 2>&1")])
            .stdin(Stdio::null())
            .spawn()
            .expect("a shell");
        let output = lines(child.stdout.take().unwrap());
        let mut seen = String::new();
        loop {
            let line = output
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|e| panic!("{e} while waiting for readiness:\n{seen}"));
            seen.extend([&line, "\n"]);
            if line.starts_with("ready:") {
                break;
            }
        }
        // Nobody may block on a full pipe.
        std::thread::spawn(move || output.into_iter().for_each(drop));
        Self { child }
    }

    fn stop(mut self) {
        signal(self.child.id(), "TERM");
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // `make` passes SIGTERM on; SIGKILL it could not.
            signal(self.child.id(), "TERM");
            let _ = self.child.wait();
        }
    }
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
