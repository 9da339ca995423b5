//! What targets never get, because retention removed it before they had it.

use super::message::routing::Gap;
use super::{Admin, AdminError};
use crate::domain::TargetId;

/// Gaps that are shown of a target at most; events name them all.
const SHOWN: usize = 100;

/// The last gaps of a target, the newest first.
pub(super) async fn of(admin: &Admin, target: TargetId) -> Result<Vec<Gap>, AdminError> {
    let gaps = admin.store.gaps(target, SHOWN).await?;
    let shown = |gap: &crate::store::Gap| Gap {
        first: gap.first.0,
        last: gap.last.0,
    };
    Ok(gaps.iter().map(shown).collect())
}
