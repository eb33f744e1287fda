//! The binding to Envoy: contexts of the SDK around [`Driver`], and host calls of our own,
//! because the SDK's panic on a header that is not UTF-8 and on a status they do not expect.

mod envoy;
mod ffi;
mod signature;
#[cfg(feature = "panic-switch")]
mod trap;
mod worker;

use crate::driver::{Driver, Step};
use envoy::{Envoy, warn};
use mcp_zero_gate::{Exchange, Loaded};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};
use std::rc::Rc;
use worker::Worker;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { worker: worker::this(), loaded: None }));
}}

/// One configuration of the filter. Every configuration of a VM shares its worker.
struct Root {
    worker: Rc<Worker>,
    /// None until a snapshot came.
    loaded: Option<Loaded>,
}

impl Context for Root {}

impl RootContext for Root {
    /// False refuses the configuration: Envoy keeps the one before, and tells the control
    /// plane so.
    fn on_configure(&mut self, size: usize) -> bool {
        let configuration = match envoy::configuration(size) {
            Ok(bytes) => bytes,
            Err(e) => {
                warn(&e.to_string());
                return false;
            }
        };
        match self.worker.configure(&configuration) {
            Ok(loaded) => {
                self.loaded = loaded;
                true
            }
            Err(()) => false,
        }
    }

    /// Ends the streams whose last bytes have had time to leave.
    fn on_tick(&mut self) {
        self.worker.cut_all();
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        self.worker.current(self.loaded.as_ref());
        self.worker.began();
        let stream = Stream {
            driver: Driver::new(),
            envoy: Envoy::new(id, Rc::clone(&self.worker)),
            worker: Rc::clone(&self.worker),
        };
        #[cfg(feature = "panic-switch")]
        let stream = trap::Trapped::new(stream);
        Some(Box::new(stream))
    }
}

/// One HTTP stream.
struct Stream {
    driver: Driver<Exchange>,
    envoy: Envoy,
    worker: Rc<Worker>,
}

impl Stream {
    /// Runs a callback with the worker's world. No callback runs inside another, so the
    /// world is free; were it not, nothing would pass.
    fn run(
        &mut self,
        callback: impl FnOnce(&mut Driver<Exchange>, &mut Envoy, &mut mcp_zero_gate::World) -> Step,
    ) -> Action {
        let Ok(mut world) = self.worker.world.try_borrow_mut() else {
            warn("the worker's state is in use");
            return Action::Pause;
        };
        match callback(&mut self.driver, &mut self.envoy, &mut world) {
            Step::Continue => Action::Continue,
            Step::Pause => Action::Pause,
        }
    }
}

impl Context for Stream {
    fn on_http_call_response(&mut self, token: u32, headers: usize, _: usize, _: usize) {
        self.run(|driver, envoy, world| {
            driver.on_answer(token, headers > 0, envoy, world);
            Step::Pause
        });
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, ends: bool) -> Action {
        self.run(|driver, envoy, world| driver.on_request_headers(ends, envoy, world))
    }

    fn on_http_request_body(&mut self, size: usize, ends: bool) -> Action {
        self.run(|driver, envoy, world| driver.on_request_body(size, ends, envoy, world))
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.run(|driver, envoy, world| driver.on_request_trailers(envoy, world))
    }

    fn on_http_response_headers(&mut self, _: usize, ends: bool) -> Action {
        self.run(|driver, envoy, world| driver.on_response_headers(ends, envoy, world))
    }

    fn on_http_response_body(&mut self, size: usize, ends: bool) -> Action {
        self.run(|driver, envoy, world| driver.on_response_body(size, ends, envoy, world))
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.run(|driver, envoy, world| driver.on_response_trailers(envoy, world))
    }

    fn on_log(&mut self) {
        self.worker.ended();
        self.driver.on_log(|| self.worker.mark(), &mut self.envoy);
    }
}
