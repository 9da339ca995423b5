//! Which certificates of the server's own are about to lapse: what it is known by, and its CA's, former ones too while they count.

use std::collections::HashMap;
use std::sync::Arc;

use super::Due;
use crate::audit::{Action, Data, Field, Target};
use crate::crypto::{Certificate, Fingerprint};
use crate::domain::clock::rfc3339;
use crate::domain::expiry::warning_due;
use crate::domain::{OwnCertificates, Scope};
use crate::ops::service::Service;
use crate::store::changeset::Write;

const SERVER: &str = "The server's certificate expires soon or has expired: renew it with `keyledger certificate renew-server`, or install its successor.";
const AUTHORITY: &str = "The server's own CA expires soon or has expired: make another with `keyledger certificate rotate-ca`.";
const FORMER: &str = "A former CA of the server's own expires soon or has expired: renew what depends on it, see `keyledger certificate list`.";

pub(super) async fn due(service: &Service, own: &OwnCertificates, now: i64) -> Vec<Due> {
    match service.store().own_warned().await {
        Ok(warned) => all(service.global_scope(), own, &warned, now),
        // Asked again the next time.
        Err(error) => {
            tracing::error!(%error, "Which of the server's own certificates were warned of cannot be read.");
            Vec::new()
        }
    }
}

fn all(
    scope: &Arc<Scope>,
    own: &OwnCertificates,
    warned: &HashMap<Fingerprint, u32>,
    now: i64,
) -> Vec<Due> {
    let server = own.server.iter().map(|held| (of_server(own, held), held));
    let authorities = own.authorities.iter().enumerate();
    let authorities = authorities.map(|(place, ca)| (of_authority(place, ca), ca));
    let mut due = Vec::new();
    for ((action, sentence, data), held) in server.chain(authorities) {
        let fingerprint = held.fingerprint();
        let given = warned.get(&fingerprint).copied();
        let Some(days) = warning_due(held.not_after(), given, now) else {
            continue;
        };
        due.push(Due {
            action,
            scope: Arc::clone(scope),
            target: Target::Resource(fingerprint.to_string()),
            sentence,
            name: held.subject().to_owned(),
            fingerprint,
            end: held.not_after(),
            data: data
                .text(Field::Subject, held.subject())
                .text(Field::NotAfter, rfc3339(held.not_after())),
            kept: Write::OwnWarned(fingerprint, days),
        });
    }
    due
}

fn of_server(own: &OwnCertificates, held: &Certificate) -> (Action, &'static str, Data) {
    let data = Data::new().text(Field::Fingerprint, held.fingerprint().to_string());
    let data = match own.issuer(held) {
        Some(ca) => data.text(Field::Authority, ca.fingerprint().to_string()),
        None => data,
    };
    (Action::ServerCertificateExpire, SERVER, data)
}

fn of_authority(place: usize, ca: &Certificate) -> (Action, &'static str, Data) {
    let data = Data::new().text(Field::Authority, ca.fingerprint().to_string());
    let sentence = if place == 0 { AUTHORITY } else { FORMER };
    (Action::AuthorityExpire, sentence, data)
}
