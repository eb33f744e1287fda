//! The shipped demo server.

use crate::part;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running demo server; ended when dropped.
#[derive(Debug)]
pub struct Demo {
    child: Child,
    address: SocketAddr,
}

impl Demo {
    /// Starts on a free port and waits until it listens.
    ///
    /// # Panics
    /// When it does not within ten seconds.
    pub fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("a bound socket has an address");
        drop(free);
        let child = Command::new(part("MCP_ZERO_TEST_DEMO_SERVER"))
            .args(["--listen", &address.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the demo server starts");
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "the demo server does not listen"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
