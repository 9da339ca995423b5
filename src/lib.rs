//! Keyledger.

pub mod kmip;
