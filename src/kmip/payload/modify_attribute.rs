//! Modify Attribute (KMIP 1.4 §4.15): a new value for one instance of an attribute that is set.
//!
//! Its fields are those of Add Attribute. Without an Attribute Index the instance of index 0 is meant.

pub use super::add_attribute::{Request, Response};
