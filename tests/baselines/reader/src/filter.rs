//! The filter.

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { writes: false }));
}}

struct Root {
    writes: bool,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        self.writes = self.get_plugin_configuration().as_deref() == Some(b"write");
        true
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream {
            writes: self.writes,
            sum: 0,
        }))
    }
}

struct Stream {
    writes: bool,
    sum: u64,
}

impl Stream {
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
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, ends: bool) -> Action {
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
            if self.writes {
                self.set_http_response_body(0, size, &body);
            }
        }
        Action::Continue
    }

    fn on_log(&mut self) {
        std::hint::black_box(self.sum);
    }
}
