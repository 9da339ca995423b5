//! Tests of the program as a whole: a real server on a free port, real TLS, and what its command line says afterwards.
//!
//! Every test checks what was answered and what was recorded. Messages are built and read by `harness` with the codec alone, so
//! that a mistake in the program's own KMIP layer cannot hide itself.
#![cfg(test)]

mod harness;

mod administration;
mod all_targets;
mod anchors;
mod approval;
mod approved;
mod at_rest;
mod backup;
mod backup_under_load;
mod bad_input;
mod bad_messages;
mod certificates;
mod cli;
mod concurrency;
mod confined;
mod credentials;
mod delivery;
mod delivery_faults;
mod destruction;
mod disk_full;
mod durability;
mod epochs;
mod exports;
mod faults;
mod identity;
mod inspection;
mod instances;
mod instructions;
mod kept_hashes;
mod kmip_command;
mod lapsing;
mod limits;
mod locations;
mod management;
mod master_key;
mod metrics;
mod migrate;
mod narrowed;
mod nodes;
mod official;
mod operations;
mod ops;
mod permissions;
mod power;
mod proofs;
mod proved_epochs;
mod pykmip;
mod pykmip_suite;
mod refusals;
mod rendering;
mod restores;
mod retention;
mod revocations;
mod routing;
mod routing_documents;
mod sealed;
mod secrets;
mod signing;
mod synced;
mod target_battery;
mod telemetry;
mod tidy;
mod transcripts;
mod upgrades;
mod vcenter;
