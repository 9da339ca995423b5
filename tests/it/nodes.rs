//! Nodes that share a database on a PostgreSQL server: what one of them does counts on all, at once.

mod bad_input;
mod lost;
mod rotation;
mod stand_in;
mod two;
mod upgrade;
