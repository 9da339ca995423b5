//! How long certificates are still valid: clients', trusted CAs', administrators', our CA's and the server's own.

use super::family::Families;
use crate::admin::Admin;
use crate::domain::ClientStatus;
use crate::domain::expiry::days_left;

/// Characters of a fingerprint that tell certificates of one client apart.
const SHORT: usize = 16;

pub(super) fn add(families: &mut Families, admin: &Admin) {
    let snapshot = admin.store.clients();
    let mut samples = Vec::new();
    let mut add = |kind: &str, client: &str, fingerprint: String, not_after: i64| {
        let mut fingerprint = fingerprint;
        fingerprint.truncate(SHORT);
        let labels = vec![
            ("kind", kind.to_owned()),
            ("client", client.to_owned()),
            ("fingerprint", fingerprint),
        ];
        samples.push((labels, days(days_left(not_after, admin.now()))));
    };
    let own = admin.own.held();
    for ca in &own.authorities {
        add("ca", "", ca.fingerprint().to_string(), ca.not_after());
    }
    if let Some(own) = &own.server {
        add("server", "", own.fingerprint().to_string(), own.not_after());
    }
    let clients = snapshot.clients();
    for client in clients
        .iter()
        .filter(|client| client.status == ClientStatus::Enabled)
    {
        for held in &client.certificates {
            add(
                "client",
                &client.label,
                held.fingerprint.to_string(),
                held.not_after,
            );
        }
        for anchor in snapshot
            .anchors()
            .iter()
            .filter(|anchor| anchor.client == client.id)
        {
            let ca = &anchor.certificate;
            add(
                "authority",
                &client.label,
                ca.fingerprint().to_string(),
                ca.not_after(),
            );
        }
    }
    for anchor in snapshot.anchors() {
        let Some(held) = snapshot.revocation(&anchor.certificate) else {
            continue;
        };
        let client = snapshot.client(anchor.client);
        let label = client.map(|client| client.label.as_str());
        let ca = anchor.certificate.fingerprint().to_string();
        let label = label.unwrap_or_default();
        add("revocation-list", label, ca, held.list.next_update);
    }
    for held in admin.store.administrators().certificates() {
        // No client has one: whose it is goes by the fingerprint, as the server's own.
        let fingerprint = held.fingerprint.to_string();
        add("administrator", "", fingerprint, held.not_after);
    }
    families.gauge(
        "certificate_days_left",
        "Whole days a certificate is still valid; negative once it has lapsed.",
        samples,
    );
}

#[expect(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and days are few"
)]
const fn days(number: i64) -> f64 {
    number as f64
}
