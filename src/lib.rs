//! Keyledger.
