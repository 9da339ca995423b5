//! One file for each type of target.

pub mod file;
pub mod webhook;
