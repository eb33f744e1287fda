//! The least that a Wasm filter can do with bodies: hold each until it is whole, read every
//! byte once, and with the configuration `write` put the answer back. What a filter costs
//! before it does anything useful; it decides nothing.

#[cfg(target_arch = "wasm32")]
mod filter;
