//! The binding to Envoy's proxy-wasm host.

use crate::refusal;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

impl Context for Root {}

impl RootContext for Root {
    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Refusing))
    }
}

/// One exchange that nothing may pass through.
struct Refusing;

impl Context for Refusing {}

impl HttpContext for Refusing {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        // Bytes: the SDK's string getter traps on a value that is not UTF-8.
        let id = self
            .get_http_request_header_bytes("x-request-id")
            .and_then(|v| String::from_utf8(v).ok());
        let id = id.as_deref();
        self.send_http_response(
            refusal::STATUS,
            refusal::headers(id),
            Some(refusal::body(id).as_bytes()),
        );
        Action::Pause
    }

    fn on_http_request_body(&mut self, _: usize, _: bool) -> Action {
        Action::Pause
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        Action::Pause
    }
}
