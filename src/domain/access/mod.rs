//! What a client may do: its own permissions, the rules of its instance, and the hours in which both hold.
//!
//! Permissions name operations on keys. Query and Discover Versions touch no key and are always allowed: a client that cannot ask what
//! it may do cannot be told. Everything is worked out when the snapshot of clients is built ([`Access`]): a request costs the test of
//! one bit.

mod window;

use std::fmt;
use std::sync::Arc;

use crate::kmip::operation::Operation;
pub use window::{Window, WindowError};

/// The most windows a client may have.
pub const WINDOWS_MAX: usize = 8;

/// A set of operations that permissions are about: one bit for each, numbered by its code in the standard.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Operations(u64);

impl Operations {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// Every operation there is or will be.
    pub const ALL: Self = Self(u64::MAX);

    /// The operations that a permission can name: those that are carried out here and touch keys.
    pub fn nameable() -> impl Iterator<Item = Operation> {
        let all = Operation::ALL.iter().copied();
        all.filter(|operation| operation.is_implemented() && !is_exempt(*operation))
    }

    /// The set with this operation.
    #[must_use]
    pub const fn with(self, operation: Operation) -> Self {
        Self(self.0 | bit(operation))
    }

    /// The set without the operations of another.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether the operation is one of them.
    #[must_use]
    pub const fn contains(self, operation: Operation) -> bool {
        self.0 & bit(operation) != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The number they are stored as.
    #[must_use]
    pub const fn code(self) -> i64 {
        i64::from_ne_bytes(self.0.to_ne_bytes())
    }

    /// The operations that a stored number stands for.
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        Self(u64::from_ne_bytes(code.to_ne_bytes()))
    }

    /// The operations of these names, such as `get` or `get-attributes`.
    ///
    /// # Errors
    /// The first name that no permission can have.
    pub fn from_names<T: AsRef<str>>(
        names: impl IntoIterator<Item = T>,
    ) -> Result<Self, UnknownOperation> {
        let mut operations = Self::NONE;
        for name in names {
            let name = name.as_ref().trim();
            let found = Self::nameable().find(|operation| name_of(*operation) == name);
            let found = found.ok_or_else(|| UnknownOperation::new(name))?;
            operations = operations.with(found);
        }
        Ok(operations)
    }

    /// The names of those that a permission can name, in the order of the standard's codes.
    #[must_use]
    pub fn names(self) -> Vec<String> {
        let held = Self::nameable().filter(|operation| self.contains(*operation));
        held.map(name_of).collect()
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// Codes of the standard end at 0x3b; one that has no bit is permitted by nothing but [`Operations::ALL`], whose bits are all set.
const fn bit(operation: Operation) -> u64 {
    1_u64.wrapping_shl(operation.code())
}

/// What touches no key is never refused.
const fn is_exempt(operation: Operation) -> bool {
    matches!(operation, Operation::Query | Operation::DiscoverVersions)
}

/// The name of an operation on the command line and in events: `get-attributes`.
fn name_of(operation: Operation) -> String {
    operation.name().to_ascii_lowercase().replace(' ', "-")
}

/// A text that names no operation that can be permitted or denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}; the operations are: {}", Operations::ALL.names().join(", "))]
pub struct UnknownOperation {
    name: String,
}

impl UnknownOperation {
    fn new(name: &str) -> Self {
        let always = ["query", "discover-versions"].contains(&name);
        let name = name.escape_debug();
        Self {
            name: if always {
                format!("`{name}` touches no key and is always permitted")
            } else {
                format!("`{name}` is no operation that can be permitted or denied")
            },
        }
    }
}

/// What a client may do as far as it itself goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// The operations it may perform; none: all that the server carries out, now and in later releases.
    pub operations: Option<Operations>,
    /// When it may act on keys; empty: at any time.
    pub windows: Vec<Window>,
}

/// What an instance forbids all of its clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// Operations that none of them may perform.
    pub denied: Operations,
}

/// What a client may do in its instance: permissions and rules put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    operations: Operations,
    windows: Option<Arc<[Window]>>,
}

/// Why a client may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The operation is not among those it may perform.
    Operation,
    /// It may not act at this time.
    Time,
}

impl Access {
    /// What remains of a client's permissions under its instance's rules.
    #[must_use]
    pub fn new(permissions: &Permissions, rules: Rules) -> Self {
        let operations = permissions.operations.unwrap_or(Operations::ALL);
        let windows = &permissions.windows;
        Self {
            operations: operations.without(rules.denied),
            windows: (!windows.is_empty()).then(|| windows.as_slice().into()),
        }
    }

    /// Whether the client may perform an operation at `now`, seconds since 1970.
    ///
    /// # Errors
    /// Why not.
    pub fn permits(&self, operation: Operation, now: i64) -> Result<(), Denied> {
        if is_exempt(operation) {
            return Ok(());
        }
        if !self.operations.contains(operation) {
            return Err(Denied::Operation);
        }
        match &self.windows {
            Some(windows) if !windows.iter().any(|window| window.contains(now)) => {
                Err(Denied::Time)
            }
            _ => Ok(()),
        }
    }

    /// Whether the client may perform an operation at some time.
    #[must_use]
    pub const fn includes(&self, operation: Operation) -> bool {
        is_exempt(operation) || self.operations.contains(operation)
    }
}

#[cfg(test)]
mod tests;
