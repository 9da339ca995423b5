//! The door of `ops`: bytes of a request in, bytes of its answer out.
