//! By whom and under which identifier the request that is under way was asked for: what each event and each commit of it needs to know.
//!
//! It is kept with the task that carries the request out, as its functions are many and most have nothing to do with it.

use std::future::Future;

use crate::domain::{RequestId, Rights};

tokio::task_local! {
    static ASKED: (Rights, Option<RequestId>);
}

/// Carries out a request that was asked for with these rights, under this identifier.
pub(in crate::admin) async fn during<F: Future>(
    rights: Rights,
    correlation: Option<RequestId>,
    request: F,
) -> F::Output {
    ASKED.scope((rights, correlation), request).await
}

/// With which rights the request under way was asked for; those of the server's own user outside of one.
pub(in crate::admin) fn rights() -> Rights {
    ASKED
        .try_with(|(rights, _)| *rights)
        .unwrap_or(Rights::LOCAL)
}

/// What the events of the request under way are known by, if that was said.
pub(in crate::admin) fn correlation() -> Option<RequestId> {
    ASKED
        .try_with(|(_, correlation)| *correlation)
        .ok()
        .flatten()
}
