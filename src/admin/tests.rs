//! The router over a real store.
