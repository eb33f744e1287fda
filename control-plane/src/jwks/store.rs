//! tmp
/// tmp
pub struct KeyPlan;
/// tmp
pub struct KeyStore;
