//! Targets, routes and settings in tables.

use crate::store::engine::{Connection, OptionalExtension as _, params};

use super::taken;
use crate::crypto::Wrapped;
use crate::domain::routing::{Rendering, Route, Routing, RoutingSettings, Target};
use crate::domain::{RouteId, TargetId};
use crate::store::error::{ApplyError, Thing};
use crate::store::{StoreError, TargetSecrets};

/// All of it.
pub(in crate::store) fn snapshot(db: &Connection) -> Result<Routing, StoreError> {
    Ok(Routing {
        targets: targets(db)?,
        routes: routes(db)?,
        settings: settings(db)?,
    })
}

fn targets(db: &Connection) -> Result<Vec<Target>, StoreError> {
    let sql = "SELECT id, name, target_type, region, rendering, endpoint, created, updated, version FROM target ORDER BY name";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut targets = Vec::new();
    while let Some(row) = rows.next()? {
        let rendering: String = row.get(4)?;
        targets.push(Target {
            id: TargetId::from_bytes(row.get(0)?),
            name: row.get(1)?,
            target_type: row.get(2)?,
            region: row.get(3)?,
            rendering: Rendering::from_name(&rendering)
                .ok_or_else(|| StoreError::damaged("the rendering of a target"))?,
            endpoint: row.get(5)?,
            created: row.get(6)?,
            updated: row.get(7)?,
            version: row.get(8)?,
        });
    }
    Ok(targets)
}

fn routes(db: &Connection) -> Result<Vec<Route>, StoreError> {
    let sql = "SELECT id, name, rules, created, updated, version FROM route ORDER BY name";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut routes = Vec::new();
    while let Some(row) = rows.next()? {
        let rules: String = row.get(2)?;
        routes.push(Route {
            id: RouteId::from_bytes(row.get(0)?),
            name: row.get(1)?,
            rules: serde_json::from_str(&rules)
                .map_err(|_| StoreError::damaged("the rules of a route"))?,
            created: row.get(3)?,
            updated: row.get(4)?,
            version: row.get(5)?,
        });
    }
    Ok(routes)
}

fn settings(db: &Connection) -> Result<RoutingSettings, StoreError> {
    let sql = "SELECT settings FROM routing_settings";
    let text: Option<String> = db.query_row(sql, [], |row| row.get(0)).optional()?;
    let damaged = |_| StoreError::damaged("the routing settings");
    text.map_or_else(
        || Ok(RoutingSettings::default()),
        |text| serde_json::from_str(&text).map_err(damaged),
    )
}

/// The wrapped secrets of a target, by field.
pub(in crate::store) fn secrets(
    db: &Connection,
    target: TargetId,
) -> Result<TargetSecrets, StoreError> {
    let sql = "SELECT field, wrapped FROM target_secret WHERE target = ?1 ORDER BY field";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([target.as_bytes()], |row| {
        Ok((row.get(0)?, Wrapped::from_bytes(row.get(1)?)))
    })?;
    Ok(rows)
}

/// Keeps a target, new or changed, with all of its secrets.
pub(in crate::store) fn set_target(
    db: &Connection,
    target: &Target,
    secrets: &TargetSecrets,
) -> Result<(), ApplyError> {
    let sql = "INSERT INTO target (id, name, target_type, region, rendering, endpoint, created, updated, version) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO UPDATE SET name = excluded.name, \
               region = excluded.region, rendering = excluded.rendering, endpoint = excluded.endpoint, updated = excluded.updated, \
               version = excluded.version";
    let Target {
        id,
        name,
        target_type,
        region,
        rendering,
        endpoint,
        created,
        updated,
        version,
    } = target;
    let row = params![
        id.as_bytes(),
        name,
        target_type,
        region,
        rendering.as_str(),
        endpoint,
        created,
        updated,
        version
    ];
    db.execute(sql, row)
        .map_err(|error| taken(error, Thing::Target, Thing::Target))?;
    db.execute(
        "DELETE FROM target_secret WHERE target = ?1",
        [id.as_bytes()],
    )?;
    for (field, wrapped) in secrets {
        let sql = "INSERT INTO target_secret (target, field, wrapped) VALUES (?1, ?2, ?3)";
        db.execute(sql, params![id.as_bytes(), field, wrapped.as_bytes()])?;
    }
    Ok(())
}

/// Removes a target, and what is kept of its delivery.
pub(in crate::store) fn remove_target(db: &Connection, target: TargetId) -> Result<(), ApplyError> {
    let id = target.as_bytes();
    if db.execute("DELETE FROM target WHERE id = ?1", [id])? == 0 {
        return Err(ApplyError::Missing(Thing::Target));
    }
    db.execute("DELETE FROM delivery WHERE target = ?1", [id])?;
    db.execute("DELETE FROM parked WHERE target = ?1", [id])?;
    db.execute("DELETE FROM gap WHERE target = ?1", [id])?;
    Ok(())
}

/// Keeps a route, new or changed.
pub(in crate::store) fn set_route(db: &Connection, route: &Route) -> Result<(), ApplyError> {
    let sql = "INSERT INTO route (id, name, rules, created, updated, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, rules = excluded.rules, updated = excluded.updated, \
               version = excluded.version";
    let Route {
        id,
        name,
        rules,
        created,
        updated,
        version,
    } = route;
    let rules =
        serde_json::to_string(rules).map_err(|_| StoreError::damaged("the rules of a route"))?;
    let row = params![id.as_bytes(), name, rules, created, updated, version];
    match db.execute(sql, row) {
        Err(error) if error.is_unique_violation() => Err(ApplyError::Exists(Thing::Route)),
        done => Ok(done.map(|_| ())?),
    }
}

/// Removes a route.
pub(in crate::store) fn remove_route(db: &Connection, route: RouteId) -> Result<(), ApplyError> {
    match db.execute("DELETE FROM route WHERE id = ?1", [route.as_bytes()])? {
        0 => Err(ApplyError::Missing(Thing::Route)),
        _ => Ok(()),
    }
}

/// Keeps the settings.
pub(in crate::store) fn set_settings(
    db: &Connection,
    settings: &RoutingSettings,
) -> Result<(), ApplyError> {
    let text =
        serde_json::to_string(settings).map_err(|_| StoreError::damaged("the routing settings"))?;
    db.execute(
        "INSERT INTO routing_settings (id, settings) VALUES (1, ?1)
        ON CONFLICT (id) DO UPDATE SET settings = excluded.settings",
        [text],
    )?;
    Ok(())
}
