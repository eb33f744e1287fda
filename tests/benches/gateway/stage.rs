//! The MCP server behind every system: a fast one, whose CPU is ours and not theirs.

use crate::http::Connection;
use crate::workload::{ID, Workload};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// The running server; it plays one workload at a time.
#[derive(Debug)]
pub(crate) struct Stage {
    address: SocketAddr,
    scene: Arc<Scene>,
}

#[derive(Debug, Default)]
struct Scene {
    /// A whole response with head and framing; the id is put in.
    answer: Mutex<Arc<Vec<u8>>>,
    last: Mutex<Vec<u8>>,
}

impl Stage {
    /// Starts on a free loopback port, in a thread of its own.
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket of tokio's");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let scene = Arc::new(Scene::default());
        let played = Arc::clone(&scene);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a socket of tokio's");
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(Connection::new(stream), Arc::clone(&played)));
                }
            });
        });
        Self { address, scene }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on requests are answered as this workload wants.
    pub(crate) fn play(&self, workload: &Workload) {
        *self.scene.answer.lock().expect("no thread panics") = Arc::new(workload.response());
    }

    /// The body of the last request.
    pub(crate) fn last(&self) -> Vec<u8> {
        self.scene.last.lock().expect("no thread panics").clone()
    }
}

async fn serve(mut connection: Connection, scene: Arc<Scene>) {
    // Whoever closes in the middle of a message is no matter of ours.
    while let Ok(Some(request)) = connection.read().await {
        let template = {
            let answer = scene.answer.lock().expect("no thread panics");
            Arc::clone(&answer)
        };
        let mut answer = Vec::clone(&template);
        if let (Some(from), Some(to)) = (ID.digits(&request.body), ID.place(&answer)) {
            answer[to].copy_from_slice(from);
        }
        *scene.last.lock().expect("no thread panics") = request.body;
        if connection.write(&answer).await.is_err() {
            return;
        }
    }
}
