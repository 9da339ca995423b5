//! Instances, and the user name and password that one asks its clients for.

#![allow(
    unused_qualifications,
    reason = "the macro that describes parameters qualifies their type"
)]

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::gate::Call;
use super::input::{Asked, Body, Segments};
use super::problem::{Problem, renamed};
use crate::admin::message::{
    Instance, InstanceCredential, InstanceRemove, InstanceRules, NewCredential,
};
use crate::admin::{Request, Response};
use crate::crypto::{Cost, PasswordHash, SecretText, SystemRandom};
use crate::domain::Credential;

/// Every instance that the caller may reach.
#[derive(Serialize, ToSchema)]
struct Instances {
    /// By name.
    instances: Vec<Instance>,
}

/// A new instance.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInstance {
    /// Its name: 1 to 64 letters, digits, `.`, `_` or `-`, the first a letter or digit.
    name: String,
}

/// What an instance asks its clients for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Asks {
    /// The user name, as it is entered in vCenter; it may be empty.
    #[serde(default)]
    username: String,
    /// The password. Its hash is kept, and nothing shows it again.
    #[schema(value_type = String, format = Password)]
    password: SecretText,
}

/// What an instance forbids all of its clients.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRules {
    /// The operations that none of them may perform; empty: each goes by its own permissions.
    denied: Vec<String>,
}

/// How an instance is removed.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Removal {
    /// Whether it may have clients and keys.
    #[serde(default)]
    #[param(required = false)]
    force: bool,
}

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list_instances, make_instance))
        .routes(routes!(show_instance, remove_instance))
        .routes(routes!(set_rules))
        .routes(routes!(set_credential, clear_credential))
}

/// Lists instances.
#[utoipa::path(get, path = "/api/v1/instances", tag = "instances", responses((status = 200, description = "Every instance.", body = Instances)))]
async fn list_instances(call: Call) -> Result<Json<Instances>, Problem> {
    let instances = all(&call).await?;
    Ok(Json(Instances { instances }))
}

async fn all(call: &Call) -> Result<Vec<Instance>, Problem> {
    match call.run(Request::InstanceList).await? {
        Response::Instances(instances) => Ok(instances),
        _ => Err(Problem::unexpected()),
    }
}

/// Makes an instance with a data key of its own.
#[utoipa::path(post, path = "/api/v1/instances", tag = "instances", request_body = NewInstance,
    responses((status = 201, description = "It was made.", body = Instance)))]
async fn make_instance(
    call: Call,
    Body(new): Body<NewInstance>,
) -> Result<(StatusCode, Json<Instance>), Problem> {
    let request = Request::InstanceAdd {
        name: new.name,
        adapter: None,
    };
    let made = changed(&call, request).await;
    let made = made.map_err(|problem| renamed(problem, &[("instance", "name")]))?;
    Ok((StatusCode::CREATED, made))
}

/// Shows an instance.
#[utoipa::path(get, path = "/api/v1/instances/{name}", tag = "instances", params(("name" = String, Path, description = "Its name or identifier.")),
    responses((status = 200, description = "It.", body = Instance)))]
async fn show_instance(
    call: Call,
    Segments(name): Segments<String>,
) -> Result<Json<Instance>, Problem> {
    let instances = all(&call).await?;
    let is_it = |held: &Instance| held.name == name || held.id == name;
    let found = instances.into_iter().find(is_it);
    found.map(Json).ok_or_else(|| {
        let message = format!("instance: there is no instance `{}`", name.escape_debug());
        Problem::new(StatusCode::NOT_FOUND, "not_found", message)
    })
}

/// Removes an instance with its clients, and with the data keys that alone open its keys: for good.
#[utoipa::path(delete, path = "/api/v1/instances/{name}", tag = "instances", params(("name" = String, Path, description = "Its name."), Removal),
    responses((status = 200, description = "It as it was.", body = Instance)))]
async fn remove_instance(
    call: Call,
    Segments(instance): Segments<String>,
    Asked(removal): Asked<Removal>,
) -> Result<Json<Instance>, Problem> {
    let removal = InstanceRemove {
        instance,
        force: removal.force,
        with_clients: false,
    };
    changed(&call, Request::InstanceRemove(removal)).await
}

/// Says which operations an instance forbids all of its clients.
#[utoipa::path(put, path = "/api/v1/instances/{name}/rules", tag = "instances", params(("name" = String, Path, description = "Its name.")),
    request_body = NewRules, responses((status = 200, description = "So it does.", body = Instance)))]
async fn set_rules(
    call: Call,
    Segments(instance): Segments<String>,
    Body(new): Body<NewRules>,
) -> Result<Json<Instance>, Problem> {
    let rules = InstanceRules {
        instance,
        denied: new.denied,
    };
    changed(&call, Request::InstanceRules(rules)).await
}

/// Sets the user name and password that an instance asks its clients for.
#[utoipa::path(put, path = "/api/v1/instances/{name}/credential", tag = "instances", params(("name" = String, Path, description = "Its name.")),
    request_body = Asks, responses((status = 200, description = "It asks for them from now on.", body = Instance)))]
async fn set_credential(
    call: Call,
    Segments(instance): Segments<String>,
    Body(asks): Body<Asks>,
) -> Result<Json<Instance>, Problem> {
    let most = Credential::PASSWORD_BYTES_MAX;
    if asks.password.is_empty() || asks.password.expose().len() > most {
        let message = format!("password: write 1 to {most} bytes");
        return Err(Problem::invalid(message));
    }
    let mut change = InstanceCredential {
        instance,
        credential: None,
    };
    // A hash costs much: it is made for nobody who may not have it set.
    let request = Request::InstanceCredential(change.clone());
    call.check(request).await?;
    change.credential = Some(NewCredential {
        username: asks.username,
        password: hashed(&call.api, asks.password).await?,
    });
    let set = changed(&call, Request::InstanceCredential(change)).await;
    set.map_err(|problem| renamed(problem, &[("user name", "username")]))
}

/// The hash of a password, made beside the other work: it takes its time on purpose.
async fn hashed(api: &Api, password: SecretText) -> Result<PasswordHash, Problem> {
    let make = move || {
        PasswordHash::make(
            password.expose().as_bytes(),
            Cost::RECOMMENDED,
            &SystemRandom,
        )
    };
    let made = in_turn(&api.hashing, make).await?;
    made.map_err(|_| Problem::unexpected())
}

/// Carries out what takes much memory when its turn comes. The turn ends with the work: it goes on when nobody waits for it any more.
async fn in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = Arc::clone(turns).acquire_owned().await;
    let turn = turn.map_err(|_| Problem::unexpected())?;
    let work = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(turn);
        done
    });
    work.await.map_err(|_| Problem::unexpected())
}

/// Clears the user name and password: the certificates of its clients are enough from now on.
#[utoipa::path(delete, path = "/api/v1/instances/{name}/credential", tag = "instances", params(("name" = String, Path, description = "Its name.")),
    responses((status = 200, description = "It asks for nothing from now on.", body = Instance)))]
async fn clear_credential(
    call: Call,
    Segments(instance): Segments<String>,
) -> Result<Json<Instance>, Problem> {
    let change = InstanceCredential {
        instance,
        credential: None,
    };
    changed(&call, Request::InstanceCredential(change)).await
}

async fn changed(call: &Call, request: Request) -> Result<Json<Instance>, Problem> {
    match call.run(request).await? {
        Response::Instance(instance) => Ok(Json(instance)),
        _ => Err(Problem::unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use tokio::sync::Semaphore;

    use super::in_turn;

    #[tokio::test]
    async fn a_turn_lasts_as_long_as_the_work_not_as_who_waits_for_it() {
        let turns = Arc::new(Semaphore::new(1));
        let (begun, is_begun) = tokio::sync::oneshot::channel();
        let (end, ends) = mpsc::channel::<()>();
        let work = move || {
            begun.send(()).unwrap();
            ends.recv().unwrap();
        };
        {
            let waiting = in_turn(&turns, work);
            tokio::pin!(waiting);
            tokio::select! {
                _ = &mut waiting => panic!("it has not ended"),
                begun = is_begun => begun.unwrap(),
            }
        }
        assert_eq!(
            turns.available_permits(),
            0,
            "who waited is gone, the work goes on"
        );
        end.send(()).unwrap();
        assert!(in_turn(&turns, || ()).await.is_ok());
    }
}
