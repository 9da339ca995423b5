//! Locations: where events come from, and whether they are generated there.
//!
//! The table is the one IBM publishes for VMware Solutions. Every other name is an operator's own, and events are generated there. Where
//! none are, keys are served and the trail is written all the same: what [`Scope::generates_events`] decides is delivery and nothing else.

use std::borrow::Cow;

use super::Scope;

/// A location that is built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// Its name, as it stands in CRNs.
    pub name: &'static str,
    /// The city.
    pub city: &'static str,
    /// Whether events are generated there.
    pub generates_events: bool,
    /// An older name of it that still occurs.
    pub alias: Option<&'static str>,
}

/// The location of events that belong to none, where one has to be named: in routes. In a CRN an empty segment means the same.
pub const GLOBAL: &str = "global";

/// The most characters of a name: it stands in every event.
pub const NAME_CHARS_MAX: usize = 64;

const fn location(
    name: &'static str,
    city: &'static str,
    generates_events: bool,
    alias: Option<&'static str>,
) -> Location {
    Location {
        name,
        city,
        generates_events,
        alias,
    }
}

/// Every location that is built in.
pub const LOCATIONS: &[Location] = &[
    location("us-south", "Dallas", true, None),
    location("us-east", "Washington", true, None),
    location("ca-tor", "Toronto", true, None),
    location("br-sao", "Sao Paulo", false, None),
    location("jp-tok", "Tokyo", true, Some("ap-north")),
    location("au-syd", "Sydney", false, Some("ap-south")),
    location("jp-osa", "Osaka", false, None),
    location("in-che", "Chennai", false, None),
    location("eu-de", "Frankfurt", true, Some("eu-central")),
    location("eu-gb", "London", false, Some("uk-south")),
    location("eu-es", "Madrid", false, None),
];

/// A name that no location can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// It cannot stand in a CRN, or would be read as something else there or in a route.
    #[error(
        "write 1 to 64 lower-case letters, digits, '-', '_' or '.', beginning with a letter or digit, like eu-de"
    )]
    Name,
    /// It means no location.
    #[error("`global` means events without a location; write where this server is, like eu-de")]
    Global,
}

/// Checks the name of a location and gives the one it is known by now: an alias becomes the name it stands for.
///
/// # Errors
/// No location can have this name.
pub fn resolve(name: &str) -> Result<&str, LocationError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let allowed = |byte: u8| plain(byte) || matches!(byte, b'-' | b'_' | b'.');
    let begins = name.bytes().next().is_some_and(plain);
    if !begins || name.len() > NAME_CHARS_MAX || !name.bytes().all(allowed) {
        return Err(LocationError::Name);
    }
    if name == GLOBAL {
        return Err(LocationError::Global);
    }
    Ok(canonical(name))
}

/// The name that an alias stands for; any other name is its own.
#[must_use]
pub fn canonical(name: &str) -> &str {
    built_in(name).map_or(name, |location| location.name)
}

/// The name of a part of a location, such as `eu-central-1`, with the name that an alias stands for in its place; any other name is its own.
#[must_use]
pub fn canonical_below(name: &str) -> Cow<'_, str> {
    let mut aliases = LOCATIONS
        .iter()
        .filter_map(|location| Some((location.name, location.alias?)));
    let renamed = aliases.find_map(|(today, alias)| {
        let rest = name.strip_prefix(alias)?;
        let is_part = rest.is_empty() || rest.starts_with('-');
        is_part.then(|| format!("{today}{rest}"))
    });
    renamed.map_or(Cow::Borrowed(name), Cow::Owned)
}

fn built_in(name: &str) -> Option<&'static Location> {
    let is_it = |location: &&Location| location.name == name || location.alias == Some(name);
    LOCATIONS.iter().find(is_it)
}

/// Whether events are generated in the location of this name.
#[must_use]
pub fn generates_events(name: &str) -> bool {
    built_in(name).is_none_or(|location| location.generates_events)
}

impl Scope {
    /// Whether it belongs to no location: [`GLOBAL`], as routes name it.
    #[must_use]
    pub fn is_global(&self) -> bool {
        self.location.is_empty() || self.location == GLOBAL
    }

    /// Whether events of this scope may leave the trail for a target. `home` is the location of the server: it decides for events that
    /// belong to none.
    #[must_use]
    pub fn generates_events(&self, home: &str) -> bool {
        generates_events(if self.is_global() {
            home
        } else {
            &self.location
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(location: &str) -> Scope {
        Scope {
            crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
            account: "a".to_owned(),
            location: location.to_owned(),
            instance: String::new(),
        }
    }

    #[test]
    fn events_are_generated_where_the_published_table_says_yes() {
        for (name, expected) in [
            ("us-south", true),
            ("us-east", true),
            ("ca-tor", true),
            ("br-sao", false),
            ("jp-tok", true),
            ("au-syd", false),
            ("jp-osa", false),
            ("in-che", false),
            ("eu-de", true),
            ("eu-gb", false),
            ("eu-es", false),
            // Old names are the same places.
            ("eu-central", true),
            ("uk-south", false),
            ("ap-south", false),
            ("ap-north", true),
            // Any other is an operator's own.
            (Scope::DEFAULT_LOCATION, true),
            ("eu-gb-office", true),
            ("rack.7_b", true),
        ] {
            assert_eq!(generates_events(name), expected, "{name}");
            assert!(resolve(name).is_ok(), "{name}");
            // What belongs to the location does not ask where the server is.
            for home in ["eu-de", "eu-gb"] {
                assert_eq!(scope(name).generates_events(home), expected, "{name}");
            }
        }
        assert_eq!(LOCATIONS.len(), 11);
    }

    #[test]
    fn events_of_no_location_are_generated_where_the_server_is() {
        for location in ["", GLOBAL] {
            assert!(scope(location).is_global());
            assert!(scope(location).generates_events("eu-de"));
            assert!(scope(location).generates_events(Scope::DEFAULT_LOCATION));
            assert!(!scope(location).generates_events("eu-gb"));
            assert!(!scope(location).generates_events("uk-south"));
        }
        assert!(!scope("eu-de").is_global());
    }

    #[test]
    fn an_alias_becomes_the_name_it_stands_for() {
        for (alias, name) in [
            ("eu-central", "eu-de"),
            ("uk-south", "eu-gb"),
            ("ap-south", "au-syd"),
            ("ap-north", "jp-tok"),
        ] {
            assert_eq!(resolve(alias), Ok(name));
        }
        for name in LOCATIONS.iter().map(|location| location.name) {
            assert_eq!(resolve(name), Ok(name));
        }
        assert_eq!(resolve("my-rack"), Ok("my-rack"));
    }

    #[test]
    fn a_name_that_cannot_stand_in_a_crn_or_a_route_is_refused() {
        let long = "a".repeat(NAME_CHARS_MAX + 1);
        for name in [
            "", &long, "EU-DE", "eu:de", "eu/de", "a b", "*", "eu-*", "-x", ".", "münchen", "a\n",
        ] {
            assert_eq!(resolve(name), Err(LocationError::Name), "{name:?}");
        }
        assert_eq!(resolve(GLOBAL), Err(LocationError::Global));
        let longest = "a".repeat(NAME_CHARS_MAX);
        assert_eq!(resolve(&longest), Ok(&*longest));
    }
}
