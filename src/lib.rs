//! Keyledger: a KMIP key server in which no answer leaves before the event that records it is durable.
//!
//! The map, from the top level down; a module names only modules of its own level or below (a test checks it).
//!
//! | level | modules |
//! |---|---|
//! | 6 | [`cli`]: the command line |
//! | 5 | [`config`]: settings and names on disk |
//! | 4 | [`server`]: the KMIP listener; [`admin`]: administration |
//! | 3 | [`ops`]: KMIP behaviour; [`routing`]: what follows the trail; [`client`]: the small KMIP client |
//! | 2 | [`store`]: SQL; [`providers`]: the master key |
//! | 1 | [`audit`]: events; [`domain`]: decisions; [`crypto`]: cryptography |
//! | 0 | [`kmip`]: vocabulary, over the crate `ttlv`: bytes |

pub mod admin;
pub mod audit;
pub mod cli;
pub mod client;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod kmip;
pub mod ops;
pub mod providers;
pub mod routing;
pub mod server;
pub mod store;
