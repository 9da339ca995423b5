//! The catalogue against rules and lists that are written out here, none of them taken from the code.

use super::{KEY_TEXT, event, json};
use crate::audit::{Action, Data, Event, Failure, Field, Outcome, ReasonCode, Target};

/// Every action with the code that stored events have for it.
const CODES: &[(u16, &str)] = &[
    (1, "kmip-key.create"),
    (2, "kmip-key.read"),
    (3, "kmip-key-attributes.retrieve"),
    (4, "kmip-key.activate"),
    (5, "kmip-key.revoke"),
    (6, "kmip-key.destroy"),
    (101, "account-apikey.update"),
    (102, "account-notification.update"),
    (103, "instance-secure-data.wipe"),
    (104, "instance-bss-account.migrate"),
    (105, "vcs.create"),
    (106, "vcs.delete"),
    (107, "vcs-host.add"),
    (108, "vcs-host.remove"),
    (109, "vcs.update"),
    (110, "vcs-cluster.create"),
    (111, "vcs-cluster.delete"),
    (112, "vcs-nsx-license.update"),
    (113, "vcs-nfs-storage.add"),
    (114, "vcs-nfs-storage.remove"),
    (115, "vcs-plan.update"),
    (116, "vss.create"),
    (117, "vss.update"),
    (118, "vss-template.remove"),
    (119, "service.create"),
    (120, "service.delete"),
    (201, "kmip-key.register"),
    (202, "kmip-key.locate"),
    (203, "kmip-key-attributes.add"),
    (204, "kmip-key-attributes.modify"),
    (205, "kmip-key-attributes.delete"),
    (206, "kmip-key.rekey"),
    (207, "kmip-key.rekey-key-pair"),
    (208, "kmip-key.create-key-pair"),
    (209, "kmip-key.check"),
    (210, "kmip-key.archive"),
    (211, "kmip-key.recover"),
    (212, "kmip-key.obtain-lease"),
    (213, "kmip-key.get-usage-allocation"),
    (214, "kmip-key.derive"),
    (215, "kmip-key.certify"),
    (216, "kmip-key.recertify"),
    (217, "kmip-key.validate"),
    (218, "kmip-key.encrypt"),
    (219, "kmip-key.decrypt"),
    (220, "kmip-key.sign"),
    (221, "kmip-key.signature-verify"),
    (222, "kmip-key.mac"),
    (223, "kmip-key.mac-verify"),
    (224, "kmip-key.hash"),
    (225, "kmip-key.rng-retrieve"),
    (226, "kmip-key.rng-seed"),
    (227, "kmip-key.import"),
    (228, "kmip-key.export"),
    (229, "kmip-key.create-split-key"),
    (230, "kmip-key.join-split-key"),
    (231, "kmip-key.approve"),
    (232, "kmip-key.refuse"),
    (233, "kmip-key.restore"),
    (301, "kmip-request.refuse"),
    (302, "kmip-protocol.query"),
    (303, "kmip-protocol.discover"),
    (304, "kmip-protocol.ping"),
    (401, "kmip-client.refuse"),
    (402, "kmip-client.add"),
    (403, "kmip-client.disable"),
    (404, "kmip-client.enable"),
    (405, "kmip-client.remove"),
    (406, "kmip-client.issue"),
    (407, "kmip-client.approve"),
    (408, "kmip-client.expire"),
    (409, "kmip-client.admit"),
    (410, "kmip-client.trust"),
    (411, "kmip-client.enrol"),
    (412, "kmip-client.permit"),
    (413, "kmip-client.dismiss"),
    (421, "instance-credential.set"),
    (422, "instance-credential.clear"),
    (423, "instance-rules.update"),
    (431, "administrator.add"),
    (432, "administrator.remove"),
    (433, "administration.refuse"),
    (434, "administrator.expire"),
    (441, "server-certificate.replace"),
    (442, "certificate-authority.rotate"),
    (443, "certificate-authority.retire"),
    (444, "revocation-list.load"),
    (445, "revocation-list.expire"),
    (446, "server-certificate.expire"),
    (447, "certificate-authority.expire"),
    (448, "trusted-authority.expire"),
    (449, "certificate-authority.publish"),
    (501, "kmip-storage.exhaust"),
    (502, "kmip-storage.recover"),
    (601, "routing-target.create"),
    (602, "routing-target.update"),
    (603, "routing-target.delete"),
    (604, "routing-target.follow"),
    (605, "routing-target.drop"),
    (606, "routing-target.skip"),
    (607, "routing-target.validate"),
    (608, "routing-target.retry"),
    (611, "routing-route.create"),
    (612, "routing-route.delete"),
    (613, "routing-settings.update"),
    (614, "routing-route.update"),
    (701, "trail.begin-epoch"),
    (702, "trail-seal.fail"),
    (703, "trail-seal.recover"),
    (704, "trail.trim"),
    (721, "master-key.rotate"),
    (722, "master-key-recovery.set"),
    (723, "master-key.recover"),
    (724, "master-key.unlock"),
    (801, "node.prepare"),
    (802, "node.join"),
    (901, "backup.create"),
    (902, "backup.restore"),
    (903, "backup-key.set"),
    (905, "database.migrate"),
];

/// Every reason: number, phrase, and the severity a failure has at least because of it.
const REASONS: &[(u16, &str, &str)] = &[
    (200, "OK", "warning"),
    (201, "Created", "warning"),
    (202, "Accepted", "warning"),
    (204, "No Content", "warning"),
    (400, "Bad Request", "warning"),
    (401, "Unauthorized", "critical"),
    (403, "Forbidden", "critical"),
    (404, "Not Found", "warning"),
    (409, "Conflict", "warning"),
    (413, "Content Too Large", "warning"),
    (424, "Failed Dependency", "warning"),
    (500, "Internal Server Error", "warning"),
    (501, "Not Implemented", "warning"),
    (502, "Bad Gateway", "warning"),
    (503, "Service Unavailable", "critical"),
    (504, "Gateway Timeout", "warning"),
    (505, "HTTP Version Not Supported", "warning"),
    (507, "Insufficient Storage", "critical"),
];

/// The reasonCode of every cause, by its stored code.
const CAUSES: &[(u16, &[u8])] = &[
    (400, &[12, 13, 14, 16, 17, 18, 19]),
    (401, &[6, 7, 8, 9, 10, 11, 40, 41, 60, 61, 62]),
    (403, &[3, 4, 5, 42, 43, 44, 46, 47, 50, 53, 55, 63, 64]),
    (404, &[1]),
    (409, &[2, 15, 27, 28, 29, 30, 51, 52]),
    (413, &[24, 25]),
    (424, &[26]),
    (500, &[34, 35, 45]),
    (501, &[20, 21, 22, 23]),
    (503, &[31, 33, 54]),
    (507, &[32]),
];

const MANAGEMENT: &[&str] = &[
    "account-apikey",
    "account-notification",
    "instance-secure-data",
    "instance-bss-account",
    "vcs",
    "vcs-host",
    "vcs-cluster",
    "vcs-nsx-license",
    "vcs-nfs-storage",
    "vcs-plan",
    "vss",
    "vss-template",
    "service",
];

/// What an event of an action must say, from its name alone.
struct Expected {
    object: &'static str,
    verb: &'static str,
    severity: &'static str,
    data_event: bool,
    global: bool,
    type_uri: String,
    display_name: &'static str,
}

/// What concerns the server as a whole.
const NODE: &[&str] = &[
    "administration",
    "administrator",
    "backup",
    "backup-key",
    "database",
    "master-key",
    "master-key-recovery",
    "node",
    "server-certificate",
    "certificate-authority",
    "kmip-storage",
    "trail",
    "trail-seal",
    "routing-target",
    "routing-route",
    "routing-settings",
];

/// What is about the service as a whole, not about keys and the clients that use them.
const SERVICE: &[&str] = &[
    "administration",
    "administrator",
    "backup",
    "backup-key",
    "database",
    "master-key",
    "master-key-recovery",
    "node",
    "instance-credential",
    "instance-rules",
    "revocation-list",
    "trusted-authority",
    "server-certificate",
    "certificate-authority",
    "trail",
    "trail-seal",
    "routing-target",
    "routing-route",
    "routing-settings",
];

fn expected(name: &'static str) -> Expected {
    let (object, verb) = name.split_once('.').unwrap();
    let severity = match (object, verb) {
        // Who may use keys and how, and what lets them: credentials.
        ("kmip-client", "expire" | "admit") | ("administrator", "expire") => "warning",
        ("kmip-client", "refuse") => "normal",
        ("kmip-client" | "instance-credential" | "instance-rules" | "account-apikey", _) => {
            "critical"
        }
        // What every key hangs on, and what holds all of them.
        ("backup" | "backup-key" | "database" | "master-key" | "master-key-recovery", _) => {
            "critical"
        }
        // Who holds every key, and writes a trail.
        ("node", _) => "critical",
        // Who may administer it, and who tried.
        ("administrator", _) => "critical",
        ("administration", "refuse") => "warning",
        // What the server is known by, and what it knows clients by.
        (_, "expire") => "warning",
        ("server-certificate" | "certificate-authority" | "revocation-list", _) => "critical",
        // Who hears of what happens.
        ("routing-target", "validate" | "retry") => "warning",
        ("routing-target" | "routing-route" | "routing-settings", _) => "critical",
        ("kmip-storage", "exhaust") | ("trail", "begin-epoch") | ("trail-seal", "fail") => {
            "critical"
        }
        ("kmip-key", "approve" | "refuse" | "restore") => "critical",
        (_, "destroy" | "delete" | "wipe" | "remove") => "critical",
        (_, "update" | "activate" | "revoke" | "add" | "modify" | "migrate") => "warning",
        ("trail", "trim") => "warning",
        (_, "rekey" | "rekey-key-pair" | "recertify" | "archive" | "recover") => "warning",
        _ => "normal",
    };
    let uses_key = "read export derive encrypt decrypt sign signature-verify mac mac-verify hash rng-retrieve \
                    rng-seed create-split-key join-split-key";
    let uses_key = object == "kmip-key" && uses_key.split(' ').any(|word| word == verb);
    // Keys leave in a backup, too.
    let data_event = uses_key || name == "backup.create";
    let management = MANAGEMENT.contains(&object);
    Expected {
        object,
        verb,
        severity,
        data_event,
        global: management
            || ["kmip-client.refuse", "kmip-client.dismiss"].contains(&name)
            || NODE.contains(&object),
        type_uri: match object {
            "kmip-key-attributes" => "vmware-solutions/kmip-key/attributes".to_owned(),
            other => format!("vmware-solutions/{other}"),
        },
        display_name: if management || SERVICE.contains(&object) {
            "VMware Solutions"
        } else {
            "KMIP for VMware"
        },
    }
}

fn named(name: &str) -> Action {
    Action::from_name(&format!("vmware-solutions.{name}")).unwrap()
}

#[test]
fn stored_codes_are_those_of_every_release() {
    assert_eq!(Action::ALL.len(), CODES.len());
    for (code, name) in CODES {
        assert_eq!(named(name).code(), *code, "{name}");
    }
}

#[test]
fn causes_have_the_code_of_their_kind() {
    let mut count = 0;
    for (reason, codes) in CAUSES {
        for code in *codes {
            let cause = Failure::from_code(*code).unwrap();
            assert_eq!(cause.reason().code(), *reason, "{}", cause.sentence());
            count += 1;
        }
    }
    assert_eq!(Failure::ALL.len(), count);
}

/// Every action, outcome and reason: message, severity, dataEvent, reason, target and place.
#[test]
fn every_event_follows_the_rules_of_the_format() {
    assert_eq!(ReasonCode::ALL.len(), REASONS.len());
    for (_, name) in CODES {
        let expected = expected(name);
        let base = event(named(name));
        let (target, target_name, typed) = if expected.object.starts_with("kmip-key") {
            (base.target.clone(), KEY_TEXT, "kmip-key")
        } else {
            let resource = Target::Resource("r-1".to_owned());
            (resource, "r-1", expected.object)
        };
        for (code, phrase, of_cause) in REASONS {
            for outcome in Outcome::ALL.iter().copied() {
                let event = Event {
                    outcome,
                    target: target.clone(),
                    reason: ReasonCode::from_code(*code).unwrap(),
                    failure: Some(Failure::ObjectNotFound),
                    ..base.clone()
                };
                let written: serde_json::Value = serde_json::from_str(&json(&event)).unwrap();
                let is_failure = outcome == Outcome::Failure;
                let end = match outcome {
                    Outcome::Success => "",
                    Outcome::Failure => " -failure",
                    Outcome::Pending => " -pending",
                };
                let severity = match (expected.severity, is_failure, *of_cause) {
                    ("critical", _, _) | (_, true, "critical") => "critical",
                    ("normal", false, _) => "normal",
                    _ => "warning",
                };
                let place = if expected.global {
                    ":a/acc::"
                } else {
                    "eu-de:a/acc:inst:"
                };
                let crn = format!("crn:v1:bluemix:public:vmware-solutions:{place}");
                let mut reason = serde_json::json!({"reasonCode": code, "reasonType": phrase});
                if is_failure {
                    reason["reasonForFailure"] = "the key does not exist".into();
                }
                for (field, value) in [
                    ("action", format!("vmware-solutions.{name}").into()),
                    (
                        "message",
                        format!(
                            "{}: {} {} {target_name}{end}",
                            expected.display_name, expected.verb, expected.object
                        )
                        .into(),
                    ),
                    ("severity", severity.into()),
                    ("dataEvent", expected.data_event.into()),
                    ("reason", reason),
                    (
                        "target",
                        serde_json::json!({
                            "id": format!("{crn}{typed}:{target_name}"),
                            "name": target_name,
                            "typeURI": expected.type_uri,
                        }),
                    ),
                    ("logSourceCRN", format!("{crn}:").into()),
                    ("saveServiceCopy", true.into()),
                ] {
                    assert_eq!(written[field], value, "{name} {outcome:?} {code}: {field}");
                }
            }
        }
    }
}

/// A request that names no key is about the instance, whatever was asked.
#[test]
fn an_event_without_a_key_is_about_the_instance() {
    for (_, name) in CODES {
        let expected = expected(name);
        let event = Event {
            target: Target::Instance,
            request: Data::new().text(Field::Operation, "o"),
            ..event(named(name))
        };
        let written: serde_json::Value = serde_json::from_str(&json(&event)).unwrap();
        assert_eq!(written["target"]["id"], written["logSourceCRN"], "{name}");
        assert!(written["target"].get("name").is_none(), "{name}");
        let message = format!(
            "{}: {} {}",
            expected.display_name, expected.verb, expected.object
        );
        assert_eq!(written["message"], message);
    }
}
