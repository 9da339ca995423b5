//! One file for each type of target.

pub mod cloud_logs;
pub mod cloud_object_storage;
pub mod command;
pub mod file;
pub mod webhook;
