//! Calls on kept connections, each answer looked at.

use crate::http::{Connection, Message};
use crate::workload::{FIRST_ID, ID};
use memchr::memmem;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What is sent and what must come back.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    /// Lines that each request has besides.
    pub(crate) headers: String,
    pub(crate) connections: usize,
    pub(crate) count: usize,
    /// The body; its id is replaced for each call.
    pub(crate) body: Vec<u8>,
    /// One for all calls, or one each.
    pub(crate) tokens: Vec<String>,
    pub(crate) expected: Expected,
}

/// What a right answer is, besides its status and its id.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// Not known yet.
    Any,
    /// A body of this length.
    Long(usize),
    /// A body that holds this text; the id may stand anywhere.
    Holds(&'static str),
    /// 401, whatever the body.
    Refused,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) times: Vec<Duration>,
    /// Answers that were not right, with the first one's face.
    pub(crate) wrong: usize,
    pub(crate) first_wrong: Option<String>,
    /// The last answer's body.
    pub(crate) last: Vec<u8>,
}

/// Makes the calls.
pub(crate) fn run(calls: Calls) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let next = Rc::new(Cell::new(0));
        let calls = Rc::new(calls);
        let tasks: Vec<_> = (0..calls.connections)
            .map(|_| tokio::task::spawn_local(caller(Rc::clone(&calls), Rc::clone(&next))))
            .collect();
        let mut all = Outcome::default();
        for task in tasks {
            let one = task.await.expect("no caller panics");
            all.times.extend(one.times);
            all.wrong += one.wrong;
            all.first_wrong = all.first_wrong.or(one.first_wrong);
            if !one.last.is_empty() {
                all.last = one.last;
            }
        }
        all
    })
}

async fn caller(calls: Rc<Calls>, next: Rc<Cell<usize>>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut connection = None;
    let mut request = Vec::new();
    loop {
        let number = next.get();
        if number >= calls.count {
            return outcome;
        }
        next.set(number + 1);
        let id = (FIRST_ID + number as u64).to_string();
        write_request(&mut request, &calls, number, &id);
        let begin = Instant::now();
        let answer = ask(&mut connection, calls.address, &request).await;
        outcome.times.push(begin.elapsed());
        match answer {
            Ok(answer) => {
                if !is_right(&answer, &id, calls.expected) {
                    outcome.wrong += 1;
                    outcome.first_wrong.get_or_insert_with(|| face(&answer));
                }
                if matches!(calls.expected, Expected::Refused) {
                    // Who refuses before the body is read ends the connection.
                    connection = None;
                }
                outcome.last = answer.body;
            }
            Err(error) => {
                connection = None;
                outcome.wrong += 1;
                outcome.first_wrong.get_or_insert(error.to_string());
            }
        }
    }
}

async fn ask(
    connection: &mut Option<Connection>,
    address: SocketAddr,
    request: &[u8],
) -> std::io::Result<Message> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => Connection::open(address).await?,
    };
    open.write(request).await?;
    let answer = open.read().await?;
    *connection = Some(open);
    answer.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

fn write_request(request: &mut Vec<u8>, calls: &Calls, number: usize, id: &str) {
    request.clear();
    let token = calls.tokens.get(number).or(calls.tokens.first());
    let token = token.map_or(String::new(), |t| format!("authorization: Bearer {t}\r\n"));
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nuser-agent: bench\r\n{}{token}\
         content-length: {}\r\n\r\n",
        calls.path,
        calls.headers,
        calls.body.len()
    );
    request.extend_from_slice(head.as_bytes());
    let begin = request.len();
    request.extend_from_slice(&calls.body);
    if let Some(place) = ID.place(&calls.body) {
        request[begin + place.start..begin + place.end].copy_from_slice(id.as_bytes());
    }
}

fn is_right(answer: &Message, id: &str, expected: Expected) -> bool {
    let body = answer.body.as_slice();
    let right = match expected {
        Expected::Any => ID.digits(body) == Some(id.as_bytes()),
        Expected::Long(length) => body.len() == length && ID.digits(body) == Some(id.as_bytes()),
        Expected::Refused => true,
        Expected::Holds(text) => [id, text]
            .iter()
            .all(|part| memmem::find(body, part.as_bytes()).is_some()),
    };
    let status = match expected {
        Expected::Refused => 401,
        Expected::Any | Expected::Long(_) | Expected::Holds(_) => 200,
    };
    answer.status() == status && right
}

fn face(answer: &Message) -> String {
    let body = answer
        .body
        .get(..answer.body.len().min(300))
        .unwrap_or_default();
    format!(
        "{} {} bytes: {}",
        String::from_utf8_lossy(&answer.head),
        answer.body.len(),
        String::from_utf8_lossy(body)
    )
}
