//! Routes and routing settings: set, listed and removed. A change holds from the next batch of each target on.

use serde_json::{Map, Value, json};

use super::message::routing::{NewRoute, NewRule, Route, RouteRequest, RoutingResponse};
use super::targets::{found, global_scope};
use super::{Admin, AdminError, Deed, Response};
use crate::audit::{Action, Data};
use crate::domain::clock::rfc3339;
use crate::domain::location;
use crate::domain::routing::{self, RoutingError, RoutingSettings, Rule};
use crate::domain::{Initiator, RouteId, TargetId};
use crate::store::changeset::Write;

/// Carries out a request about routes.
pub(super) async fn run(
    admin: &Admin,
    initiator: Initiator,
    request: RouteRequest,
) -> Result<Response, AdminError> {
    let answer = match request {
        RouteRequest::Set(new) => set(admin, initiator, new).await?,
        RouteRequest::List => {
            let routing = admin.store.routing();
            let routes = routing.routes.iter().map(|route| shown(admin, route));
            RoutingResponse::Routes(routes.collect::<Result<_, _>>()?)
        }
        RouteRequest::Remove(named) => remove(admin, initiator, &named.name).await?,
    };
    Ok(Response::Routing(answer))
}

/// Replaces the settings as a whole, or gives them.
pub(super) async fn settings(
    admin: &Admin,
    initiator: Initiator,
    new: Option<RoutingSettings>,
) -> Result<Response, AdminError> {
    let Some(new) = new else {
        let settings = admin.store.routing().settings.clone();
        return Ok(Response::Routing(RoutingResponse::Settings(settings)));
    };
    let _turn = admin.changes.lock().await;
    admin
        .store
        .routing()
        .check_default_targets(&new.default_targets)?;
    let data = serde_json::to_value(&new).unwrap_or_default();
    let write = Write::RoutingSettings(new.clone());
    commit(
        admin,
        initiator,
        Action::RoutingSettingsUpdate,
        "settings",
        &data,
        write,
    )
    .await?;
    Ok(Response::Routing(RoutingResponse::Settings(new)))
}

async fn set(
    admin: &Admin,
    initiator: Initiator,
    new: NewRoute,
) -> Result<RoutingResponse, AdminError> {
    let _turn = admin.changes.lock().await;
    let routing = admin.store.routing();
    let rules = new
        .rules
        .iter()
        .map(|rule| resolved(admin, rule))
        .collect::<Result<Vec<_>, _>>()?;
    let held = routing.route(&new.name);
    let name = held.map_or_else(|| new.name.clone(), |held| held.name.clone());
    routing.check_route(&name, &rules, held.map(|held| held.id))?;
    let now = admin.now();
    let route = routing::Route {
        id: match held {
            Some(held) => held.id,
            None => RouteId::new(admin.clock.now_ms(), admin.random_bytes()?),
        },
        name,
        rules,
        created: held.map_or(now, |held| held.created),
        updated: now,
        version: held.map_or(1, |held| held.version + 1),
    };
    let data = json!({ "name": route.name, "rules": route.rules });
    let write = Write::Route(route.clone());
    commit(
        admin,
        initiator,
        Action::RouteSet,
        &route.id.to_string(),
        &data,
        write,
    )
    .await?;
    Ok(RoutingResponse::Route(shown(admin, &route)?))
}

/// A rule with identifiers in place of names, and locations by the name they have today.
fn resolved(admin: &Admin, rule: &NewRule) -> Result<Rule, AdminError> {
    let id = |name: &String| -> Result<TargetId, AdminError> { Ok(found(admin, name)?.id) };
    let now = |name: &String| location::resolve(name).unwrap_or(name).to_owned();
    Ok(Rule {
        locations: rule.locations.iter().map(now).collect(),
        target_ids: rule.targets.iter().map(id).collect::<Result<_, _>>()?,
    })
}

async fn remove(
    admin: &Admin,
    initiator: Initiator,
    name: &str,
) -> Result<RoutingResponse, AdminError> {
    let _turn = admin.changes.lock().await;
    let routing = admin.store.routing();
    let route = routing.route(name);
    let route = route
        .ok_or_else(|| RoutingError::NotFound(format!("route: there is no route `{name}`")))?;
    let data = json!({ "name": route.name });
    let write = Write::RouteRemoved(route.id);
    commit(
        admin,
        initiator,
        Action::RouteDelete,
        &route.id.to_string(),
        &data,
        write,
    )
    .await?;
    Ok(RoutingResponse::Route(shown(admin, route)?))
}

async fn commit(
    admin: &Admin,
    initiator: Initiator,
    action: Action,
    target: &str,
    data: &Value,
    write: Write,
) -> Result<(), AdminError> {
    let nothing = Map::new();
    let deed = Deed {
        action,
        initiator,
        target: target.to_owned(),
        scope: global_scope(admin)?,
        request: Data::object(data.as_object().unwrap_or(&nothing)),
    };
    admin.commit(deed, vec![write]).await
}

fn shown(admin: &Admin, route: &routing::Route) -> Result<Route, AdminError> {
    let id = route.id.to_string();
    Ok(Route {
        crn: global_scope(admin)?.resource_crn("route", &id),
        id,
        name: route.name.clone(),
        version: route.version,
        rules: route.rules.clone(),
        created_at: rfc3339(route.created),
        updated_at: rfc3339(route.updated),
    })
}
