//! The least that a Wasm filter can do with bodies: hold each until it is whole, read every
//! byte once; with the configuration `write` put the answer back, with `call` make as many calls
//! of the host as a filter that decides. What a filter costs before it does
//! anything useful; it decides nothing.

#[cfg(target_arch = "wasm32")]
mod filter;
