//! By whom and under which identifier the request that is under way was asked for: what each event and each commit of it needs to know.
//!
//! It is kept with the task that carries the request out, as its functions are many and most have nothing to do with it.

use std::future::Future;

use crate::domain::{Login, RequestId};

tokio::task_local! {
    static ASKED: (Login, Option<RequestId>);
}

/// Carries out a request that was asked for by this login, under this identifier.
pub(in crate::admin) async fn during<F: Future>(
    login: Login,
    correlation: Option<RequestId>,
    request: F,
) -> F::Output {
    ASKED.scope((login, correlation), request).await
}

/// By whom the request under way was asked for; the server's own user outside of one.
pub(in crate::admin) fn login() -> Login {
    ASKED.try_with(|(login, _)| *login).unwrap_or(Login::Local)
}

/// What the events of the request under way are known by, if that was said.
pub(in crate::admin) fn correlation() -> Option<RequestId> {
    ASKED
        .try_with(|(_, correlation)| *correlation)
        .ok()
        .flatten()
}
