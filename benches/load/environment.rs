//! What the environment says to a bench.

use anyhow::{Context, Result};

/// Whether only a few seconds are wanted, to see that it runs.
pub(crate) fn is_smoke() -> Result<bool> {
    Ok(variable("KEYLEDGER_BENCH_SMOKE")?.is_some_and(|value| value != "0"))
}

/// The variable's value, if it is set to something.
#[allow(
    clippy::disallowed_methods,
    reason = "cargo leaves a bench no other way to be told what CI wants"
)]
pub(crate) fn variable(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(Some(value)),
        Ok(_) | Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {name}")),
    }
}
