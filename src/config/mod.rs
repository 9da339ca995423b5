//! Configuration: what stands in `keyledger.toml`, what it means, and where things lie on disk.
//!
//! [`mod@file`] is the text as written, [`Settings`] what was checked, [`Layout`] the names below the directory. Precedence: built-in
//! default, file, environment, flag; the last two arrive here as [`Overrides`]. Nothing here opens a store or a socket. After
//! [`Settings::load`] no other module checks the shape of a setting again.

pub mod administration;
pub mod draft;
pub mod file;
pub mod layout;
mod limits;
pub mod names;
pub mod pair;
pub mod settings;
pub mod sparse;
mod store;
pub mod switch;
mod telemetry;
mod trail;

pub use layout::{Layout, LayoutError};
pub use settings::{MasterKeySettings, Overrides, Settings, SettingsError};
