//! One file for each type of target.

pub mod cloud_logs;
pub mod cloud_object_storage;
pub mod command;
pub mod event_streams;
pub mod file;
#[cfg(test)]
mod sample;
pub mod syslog;
pub mod webhook;
