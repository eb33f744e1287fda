//! A server that counts what reaches it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Answers 200 to everything and counts connections on which bytes came.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    reached: Arc<AtomicUsize>,
}

impl Upstream {
    /// Starts on a free loopback port; its thread ends with the test process.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let reached = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&reached);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || {
                    let mut piece = [0; 4096];
                    while stream.read(&mut piece).is_ok_and(|n| n > 0) {
                        counter.fetch_add(1, Ordering::SeqCst);
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        if stream.write_all(answer).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { address, reached }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many pieces of requests it has read.
    pub fn reached(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }
}
