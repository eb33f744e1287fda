//! The filter.

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { mode: Mode::Read }));
}}

/// What is done besides reading.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing.
    Read,
    /// The answer is put back.
    Write,
    /// As many calls of the host as a filter that decides makes.
    Call,
}

struct Root {
    mode: Mode,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        self.mode = match self.get_plugin_configuration().as_deref() {
            Some(b"write") => Mode::Write,
            Some(b"call") => Mode::Call,
            Some(_) | None => Mode::Read,
        };
        true
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream {
            mode: self.mode,
            sum: 0,
        }))
    }
}

struct Stream {
    mode: Mode,
    sum: u64,
}

impl Stream {
    fn time(&mut self) {
        let now = self
            .get_current_time()
            .duration_since(std::time::UNIX_EPOCH);
        self.sum ^= now.map_or(0, |now| now.as_secs());
    }

    fn ask(&mut self, path: &[&str]) {
        let answer = self.get_property(path.to_vec());
        self.sum += answer.map_or(0, |answer| answer.len() as u64);
    }

    /// Every byte, so that reading cannot be left out.
    fn walk(&mut self, body: &[u8]) {
        self.sum = body
            .iter()
            .fold(self.sum, |sum, byte| sum.rotate_left(5) ^ u64::from(*byte));
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, ends: bool) -> Action {
        if self.mode == Mode::Call {
            self.sum += self.get_http_request_headers_bytes().len() as u64;
            self.time();
            self.ask(&["source", "address"]);
            for name in ["x-a", "x-b", "x-c", "x-d", "x-e"] {
                self.remove_http_request_header(name);
            }
            self.set_http_request_header_bytes("accept", Some(b"application/json"));
        }
        if ends {
            Action::Continue
        } else {
            Action::Pause
        }
    }

    fn on_http_request_body(&mut self, size: usize, ends: bool) -> Action {
        if !ends {
            return Action::Pause;
        }
        if let Some(body) = self.get_http_request_body(0, size) {
            self.walk(&body);
        }
        if self.mode == Mode::Call {
            self.time();
            self.set_property(vec!["reader.verdict"], Some(b"cluster"));
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, ends: bool) -> Action {
        if self.mode == Mode::Call {
            self.sum += self.get_http_response_headers_bytes().len() as u64;
            self.time();
            self.ask(&["response", "code_details"]);
            for name in [
                "x-content-type-options",
                "cache-control",
                "x-correlation-id",
            ] {
                self.set_http_response_header_bytes(name, Some(b"a value"));
            }
        }
        if ends {
            Action::Continue
        } else {
            Action::Pause
        }
    }

    fn on_http_response_body(&mut self, size: usize, ends: bool) -> Action {
        if !ends {
            return Action::Pause;
        }
        if let Some(body) = self.get_http_response_body(0, size) {
            self.walk(&body);
            if self.mode == Mode::Write {
                self.set_http_response_body(0, size, &body);
            }
        }
        if self.mode == Mode::Call {
            self.time();
            self.set_http_response_header_bytes(
                "content-length",
                Some(size.to_string().as_bytes()),
            );
        }
        Action::Continue
    }

    fn on_log(&mut self) {
        if self.mode == Mode::Call {
            self.set_property(vec!["reader.record"], Some(&[b'r'; 700]));
        }
        std::hint::black_box(self.sum);
    }
}
