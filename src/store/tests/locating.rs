//! Objects found by what their indexes tell.

use super::*;
use crate::domain::locate::Head;
use crate::store::query::By;
use crate::store::{LocateQuery, sql, sqlite};

fn query(by: By) -> LocateQuery {
    LocateQuery {
        instance: instance_id(1),
        by,
        after: None,
        limit: 100,
    }
}

pub(super) async fn found(place: &Place, by: By) -> Vec<ObjectId> {
    let page = place.store().locate(query(by)).await.unwrap();
    assert_eq!(page.next, None);
    page.heads.iter().map(|head| head.id).collect()
}

pub(super) fn by_name(text: &str, live: bool) -> By {
    By::Name {
        text: text.to_owned(),
        name_type: None,
        live,
    }
}

fn by_values(values: &[(&str, &str)]) -> By {
    let stored = |(name, text): &(&str, &str)| {
        let value = AttributeValue::Text((*text).to_owned());
        ((*name).to_owned(), value.to_stored())
    };
    By::Values(values.iter().map(stored).collect())
}

fn tagged(number: u8, tags: &[(&str, &str)]) -> Object {
    let tag =
        |(name, text): &(&str, &str)| custom(name, None, AttributeValue::Text((*text).to_owned()));
    Object {
        attributes: tags.iter().map(tag).collect(),
        ..object(number)
    }
}

#[tokio::test]
async fn objects_are_found_by_custom_attribute() {
    let place = Place::new().await;
    let value = AttributeValue::Text("vSphere".to_owned());
    for number in [3, 1, 2] {
        let attributes = vec![custom("x-Product", Some(0), value.clone())];
        place
            .insert(&Object {
                attributes,
                ..object(number)
            })
            .await
            .unwrap();
    }
    let by =
        |name: &str, value: &AttributeValue| By::Values(vec![(name.to_owned(), value.to_stored())]);
    assert_eq!(
        found(&place, by("x-Product", &value)).await,
        [id(1), id(2), id(3)]
    );
    assert!(found(&place, by("x-Other", &value)).await.is_empty());
    let other = AttributeValue::Text("NSX".to_owned());
    assert!(found(&place, by("x-Product", &other)).await.is_empty());
    let retagged = Object {
        attributes: vec![custom("x-Product", Some(0), other.clone())],
        attributes_version: 2,
        ..object(2)
    };
    place
        .apply([Write::Attributes(Arc::new(retagged))])
        .await
        .unwrap();
    assert_eq!(found(&place, by("x-Product", &value)).await, [id(1), id(3)]);
    assert_eq!(found(&place, by("x-Product", &other)).await, [id(2)]);
}

#[tokio::test]
async fn an_object_is_found_by_a_value_until_the_last_instance_of_it_is_gone() {
    let place = Place::new().await;
    let tags = |version, tags: &[&str]| Object {
        attributes_version: version,
        ..tagged(
            1,
            &tags.iter().map(|tag| ("x-Tag", *tag)).collect::<Vec<_>>(),
        )
    };
    place.insert(&tags(1, &["a", "a", "b"])).await.unwrap();
    for (version, left, with_a, with_b) in [
        (2, &["a", "a", "b"][..], true, true),
        (3, &["a", "b"], true, true),
        (4, &["b", "b"], false, true),
        (5, &["a"], true, false),
        (6, &[], false, false),
    ] {
        let changed = Arc::new(tags(version, left));
        place.apply([Write::Attributes(changed)]).await.unwrap();
        for (value, expected) in [("a", with_a), ("b", with_b)] {
            let found = found(&place, by_values(&[("x-Tag", value)])).await;
            assert_eq!(found.len(), usize::from(expected), "{value} of {left:?}");
        }
    }
}

#[tokio::test]
async fn pages_go_on_after_the_last_id() {
    let place = Place::new().await;
    place.apply([Write::Instance(instance(2))]).await.unwrap();
    for number in 1..=5 {
        place.insert(&object(number)).await.unwrap();
    }
    place
        .insert(&Object {
            instance: instance_id(2),
            ..object(6)
        })
        .await
        .unwrap();
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = LocateQuery {
            after,
            limit: 2,
            ..query(By::All)
        };
        let page = place.store().locate(page).await.unwrap();
        assert!(page.heads.len() <= 2);
        seen.extend(page.heads.iter().map(|head| head.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=5).map(id).collect::<Vec<_>>());
}

#[tokio::test]
async fn searches_use_the_indexes() {
    if is_on_a_server("searches_use_the_indexes") {
        return;
    }
    let place = Place::new().await;
    let reader = sqlite::open_reader(&place.path()).unwrap();
    let db = reader.file().unwrap();
    for sql in [
        sql::locate::BY_ID,
        sql::locate::BY_NAME,
        sql::locate::BY_LIVE_NAME,
        sql::locate::BY_VALUE,
        sql::locate::HAS_VALUE,
        sql::locate::HOW_MANY,
        sql::locate::ALL,
        sql::locate::OBJECTS,
    ] {
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        for number in 1..=statement.parameter_count() {
            statement.raw_bind_parameter(number, 1).unwrap();
        }
        let mut rows = statement.raw_query();
        let mut plan = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            plan.push(row.get::<_, String>("detail").unwrap());
        }
        let whole = sql == sql::locate::OBJECTS;
        // Of whole objects a page of identifiers is put in order, which costs no more than it holds.
        let scans = |step: &String| {
            step.starts_with("SCAN object") || (!whole && step.contains("TEMP B-TREE"))
        };
        assert!(!plan.iter().any(scans), "{sql}: {plan:?}");
        assert!(
            plan.iter().any(|step| step.starts_with("SEARCH")),
            "{sql}: {plan:?}"
        );
        let reads_rows = |step: &String| {
            step.starts_with("SEARCH object ") && !step.contains("COVERING INDEX object_head")
        };
        assert!(whole || !plan.iter().any(reads_rows), "{sql}: {plan:?}");
    }
}

#[tokio::test]
async fn a_head_tells_what_the_object_holds() {
    let place = Place::new().await;
    let bare = Object {
        algorithm: None,
        length: None,
        ..object(2)
    };
    for object in [full(1), bare] {
        place.insert(&object).await.unwrap();
        let page = place
            .store()
            .locate(query(By::Id(object.id)))
            .await
            .unwrap();
        let expected = Head {
            id: object.id,
            state: object.state,
            object_type: object.object_type,
            algorithm: object.algorithm,
            length: object.length,
            usage_mask: object.usage_mask,
            initial: object.dates.initial,
            activation: object.dates.activation,
            deactivation: object.dates.deactivation,
        };
        assert_eq!(page.heads, [expected]);
    }
    assert!(found(&place, By::Id(id(3))).await.is_empty());
    let elsewhere = LocateQuery {
        instance: instance_id(2),
        ..query(By::Id(id(1)))
    };
    assert!(
        place
            .store()
            .locate(elsewhere)
            .await
            .unwrap()
            .heads
            .is_empty()
    );
}

#[tokio::test]
async fn several_values_are_all_to_be_there() {
    let place = Place::new().await;
    for number in 1..=3 {
        let vm = if number == 2 { "vm-2" } else { "vm" };
        let tags = [
            ("x-Component", "ESXi Server"),
            ("x-VM", vm),
            ("Object Group", "g"),
        ];
        place.insert(&tagged(number, &tags)).await.unwrap();
    }
    let component = ("x-Component", "ESXi Server");
    for (values, expected) in [
        (vec![component], vec![id(1), id(2), id(3)]),
        (vec![component, ("x-VM", "vm-2")], vec![id(2)]),
        (vec![("x-VM", "vm-2"), component], vec![id(2)]),
        (
            vec![("x-VM", "vm"), component, ("Object Group", "g")],
            vec![id(1), id(3)],
        ),
        (vec![component, ("x-VM", "none")], vec![]),
    ] {
        assert_eq!(
            found(&place, by_values(&values)).await,
            expected,
            "{values:?}"
        );
    }
}

#[tokio::test]
async fn a_name_of_another_type_is_another_name() {
    let place = Place::new().await;
    place.insert(&named(1, "disk")).await.unwrap();
    for (name_type, expected) in [
        (NameType::UninterpretedTextString, vec![id(1)]),
        (NameType::Uri, vec![]),
    ] {
        for live in [true, false] {
            let by = By::Name {
                text: "disk".to_owned(),
                name_type: Some(name_type),
                live,
            };
            assert_eq!(found(&place, by).await, expected);
        }
    }
}

#[tokio::test]
async fn a_page_ends_where_it_stopped_looking() {
    let place = Place::new().await;
    for number in 1..=3 {
        let twice = Object {
            names: vec![name(0, "disk"), name(1, "disk")],
            ..destroyed(&object(number))
        };
        place.insert(&twice).await.unwrap();
    }
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = LocateQuery {
            after,
            limit: 3,
            ..query(by_name("disk", false))
        };
        let page = place.store().locate(page).await.unwrap();
        seen.extend(page.heads.iter().map(|head| head.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [id(1), id(2), id(3)], "each once, none left out");
}

/// Makes a database one of the first release, which did not find objects by their groups.
fn make_first(path: &std::path::Path) {
    let newer = path.with_extension("newer");
    std::fs::rename(path, &newer).unwrap();
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(concat!(
        "PRAGMA application_id = 0x4b4c4447;
        CREATE TABLE migration (name TEXT PRIMARY KEY, applied INTEGER NOT NULL) STRICT;",
        include_str!("../sqlite/migrations/0001_start.sql"),
        "INSERT INTO migration VALUES ('0001_start', 0);
        PRAGMA user_version = 1;"
    ))
    .unwrap();
    db.execute("ATTACH ?1 AS newer", [newer.to_str().unwrap()])
        .unwrap();
    let list = |sql: &str| -> Vec<String> {
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let tables = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name != 'migration'";
    for table in list(tables) {
        let columns = format!("SELECT name FROM pragma_table_info('{table}', 'main')");
        let columns = list(&columns).join(", ");
        db.execute_batch(&format!(
            "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}"
        ))
        .unwrap();
    }
    db.execute_batch("DELETE FROM main.object_custom WHERE name = 'Object Group'")
        .unwrap();
}

#[tokio::test]
async fn groups_of_an_older_database_are_found() {
    if is_on_a_server("groups_of_an_older_database_are_found") {
        return;
    }
    let mut place = Place::new().await;
    place
        .insert(&tagged(1, &[("Object Group", "g"), ("x-VM", "vm")]))
        .await
        .unwrap();
    place.store = None;
    make_first(&place.path());
    place.reopen();
    assert_eq!(
        found(&place, by_values(&[("Object Group", "g")])).await,
        [id(1)]
    );
    assert_eq!(found(&place, by_values(&[("x-VM", "vm")])).await, [id(1)]);
}
