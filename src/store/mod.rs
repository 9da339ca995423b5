//! The store: a few verbs over SQLite. SQL lives below this module and nowhere else.
//!
//! Load an object by id, locate objects, the snapshot of clients, **apply** changesets, read the trail from a sequence. All writes go through
//! one thread (`writer`) that commits many changesets with one sync; an [`Store::apply`] that returned `Ok` is durable. It decides
//! nothing about KMIP and holds no key in clear.

pub mod changeset;
mod error;
