//! Routes and routing settings: made, changed, shown and removed. A change holds from the next batch of each target on.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::message::routing::{NewRoute, NewRule, Route, RouteRequest, RoutingResponse};
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
        RouteRequest::Create(new) => {
            let _turn = admin.changes.lock().await;
            RoutingResponse::Route(create(admin, initiator, new).await?)
        }
        RouteRequest::Set(new) => {
            let _turn = admin.changes.lock().await;
            let held = admin.store.routing().route(&new.name).cloned();
            let route = match held {
                Some(held) => put(admin, initiator, held, None, Some(new.rules)).await?,
                None => create(admin, initiator, new).await?,
            };
            RoutingResponse::Route(route)
        }
        RouteRequest::Update(change) => {
            let _turn = admin.changes.lock().await;
            let held = found_route(admin, &change.route)?;
            let route = put(admin, initiator, held, change.name, change.rules).await?;
            RoutingResponse::Route(route)
        }
        RouteRequest::List => {
            let routing = admin.store.routing();
            let routes = routing.routes.iter().map(|route| shown(admin, route));
            RoutingResponse::Routes(routes.collect::<Result<_, _>>()?)
        }
        RouteRequest::Show(named) => {
            let route = found_route(admin, &named.name)?;
            RoutingResponse::Route(shown(admin, &route)?)
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
    let routing = admin.store.routing();
    routing.check_settings(&new, &admin.routing_limits)?;
    let data = serde_json::to_value(&new).unwrap_or_default();
    let write = Write::RoutingSettings(new.clone());
    let action = Action::RoutingSettingsUpdate;
    commit(admin, initiator, action, "settings", &data, write).await?;
    Ok(Response::Routing(RoutingResponse::Settings(new)))
}

/// Makes a route. The caller holds its turn.
async fn create(admin: &Admin, initiator: Initiator, new: NewRoute) -> Result<Route, AdminError> {
    let rules = resolved(admin, &new.rules)?;
    let routing = admin.store.routing();
    routing.check_route(&new.name, &rules, None, &admin.routing_limits)?;
    let now = admin.now();
    let route = routing::Route {
        id: RouteId::new(admin.clock.now_ms(), admin.random_bytes()?),
        name: new.name,
        rules,
        created: now,
        updated: now,
        version: 1,
    };
    keep(admin, initiator, Action::RouteCreate, &route).await
}

/// Puts another name or other rules in the place of a route's. The caller holds its turn.
async fn put(
    admin: &Admin,
    initiator: Initiator,
    held: routing::Route,
    name: Option<String>,
    rules: Option<Vec<NewRule>>,
) -> Result<Route, AdminError> {
    let rules = rules.map(|rules| resolved(admin, &rules)).transpose()?;
    let route = routing::Route {
        name: name.unwrap_or(held.name),
        rules: rules.unwrap_or(held.rules),
        updated: admin.now(),
        version: held.version + 1,
        ..held
    };
    let (replaces, limits) = (Some(route.id), &admin.routing_limits);
    let routing = admin.store.routing();
    routing.check_route(&route.name, &route.rules, replaces, limits)?;
    keep(admin, initiator, Action::RouteUpdate, &route).await
}

async fn keep(
    admin: &Admin,
    initiator: Initiator,
    action: Action,
    route: &routing::Route,
) -> Result<Route, AdminError> {
    let data = json!({ "id": route.id.to_string(), "name": route.name, "rules": route.rules });
    let write = Write::Route(route.clone());
    commit(
        admin,
        initiator,
        action,
        &route.id.to_string(),
        &data,
        write,
    )
    .await?;
    shown(admin, route)
}

/// Rules with identifiers in place of names, and locations by the names they have today.
fn resolved(admin: &Admin, rules: &[NewRule]) -> Result<Vec<Rule>, AdminError> {
    let id = |name: &String| -> Result<TargetId, AdminError> {
        let held = admin.store.routing().target(name).map(|held| held.id);
        let unknown = || {
            let problem = format!("there is no target `{name}`; see `keyledger target list`");
            AdminError::from(RoutingError::invalid("target_ids", problem))
        };
        held.ok_or_else(unknown)
    };
    let resolved = |rule: &NewRule| {
        let today = |name: &String| location::canonical_below(name).into_owned();
        Ok(Rule {
            locations: rule.locations.iter().map(today).collect(),
            target_ids: rule.targets.iter().map(id).collect::<Result<_, _>>()?,
        })
    };
    rules.iter().map(resolved).collect()
}

fn found_route(admin: &Admin, name: &str) -> Result<routing::Route, AdminError> {
    let route = admin.store.routing().route(name).cloned();
    let unknown = || {
        let text = format!("route: there is no route `{name}`; see `keyledger route list`");
        RoutingError::NotFound(text).into()
    };
    route.ok_or_else(unknown)
}

async fn remove(
    admin: &Admin,
    initiator: Initiator,
    name: &str,
) -> Result<RoutingResponse, AdminError> {
    let _turn = admin.changes.lock().await;
    let route = found_route(admin, name)?;
    let data = json!({ "id": route.id.to_string(), "name": route.name });
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
    Ok(RoutingResponse::Route(shown(admin, &route)?))
}

/// The most bytes of what an event tells of a route or the settings: the rest of it needs some too.
const DATA_BYTES_MAX: usize = 12 * 1024;

/// What an event tells. Where that would be too much for it, because the limits were raised, lists are told by their length.
fn fitting(data: &Value) -> Map<String, Value> {
    let mut told = data.as_object().cloned().unwrap_or_default();
    if data.to_string().len() > DATA_BYTES_MAX {
        for value in told.values_mut() {
            if let Value::Array(items) = value {
                *value = json!(items.len());
            }
        }
    }
    told
}

async fn commit(
    admin: &Admin,
    initiator: Initiator,
    action: Action,
    target: &str,
    data: &Value,
    write: Write,
) -> Result<(), AdminError> {
    let deed = Deed {
        action,
        initiator,
        target: target.to_owned(),
        scope: admin.global_scope()?,
        request: Data::object(&fitting(data)),
    };
    admin.commit(deed, vec![write]).await
}

fn shown(admin: &Admin, route: &routing::Route) -> Result<Route, AdminError> {
    let id = route.id.to_string();
    Ok(Route {
        crn: admin
            .global_scope()?
            .resource_crn(Action::RouteCreate.object_type(), &id),
        id,
        name: route.name.clone(),
        version: route.version,
        rules: route.rules.clone(),
        created_at: rfc3339(route.created),
        updated_at: rfc3339(route.updated),
        api_version: 2,
        message: warning(&route.rules),
    })
}

/// Says which locations of rules with targets generate no events.
fn warning(rules: &[Rule]) -> Option<String> {
    let delivering = rules.iter().filter(|rule| !rule.target_ids.is_empty());
    let named = delivering.flat_map(|rule| &rule.locations);
    let without: BTreeSet<_> = named
        .filter(|name| !location::generates_events(name))
        .map(String::as_str)
        .collect();
    let names = without.into_iter().collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| {
        format!("No events are generated in {names}: nothing is delivered from there, the trail has them all the same.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_tells_the_whole_or_how_much_there_is() {
        let small = json!({"name": "a", "rules": [{"locations": ["*"], "target_ids": []}]});
        assert_eq!(Value::Object(fitting(&small)), small);
        let large = json!({"name": "a", "rules": vec!["x".repeat(100); 200]});
        assert_eq!(
            Value::Object(fitting(&large)),
            json!({"name": "a", "rules": 200})
        );
    }
}
