//! KMIP adapters as IBM's own SDK drives them: every call of it that is about them, and clients of KMIP with the certificates that it enrols.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::certificate;
use crate::harness::{
    Connection, Credentials, Event, Server, TlsVersion, activate, create, destroy, get,
    key_template, reason, revoke, skipped,
};

const ADAPTER: &str = "application/vnd.ibm.kms.kmip_adapter+json";
const CERTIFICATE: &str = "application/vnd.ibm.kms.kmip_client_certificate+json";
const ACCOUNT: &str = "00000000000000000000000000000000";

/// A script that has IBM's SDK.
struct Sdk {
    script: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Drop for Sdk {
    fn drop(&mut self) {
        drop(self.script.kill());
        drop(self.script.wait());
    }
}

impl Sdk {
    /// The SDK with an API key, as a bearer token or by way of a token service; none where it is not there, which is then said.
    fn start(server: &Server, key: &str, how: &str) -> Option<Self> {
        let Some(python) = std::env::var_os("KEYLEDGER_TEST_KEYPROTECT") else {
            skipped(
                "KMIP adapters with IBM's SDK: KEYLEDGER_TEST_KEYPROTECT names no Python that has it",
            );
            return None;
        };
        let api = server.api();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/key_protect.py");
        let mut script = Command::new(python)
            .arg(script)
            .args([&format!("https://{}", api.address), key, how])
            .env("REQUESTS_CA_BUNDLE", &api.ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let input = script.stdin.take().expect("a pipe");
        let output = BufReader::new(script.stdout.take().expect("a pipe"));
        Some(Self {
            script,
            input,
            output,
        })
    }

    /// Makes a call for the account.
    #[track_caller]
    fn call(&mut self, method: &str, mut arguments: Value) -> Value {
        let named = arguments.as_object_mut().expect("arguments");
        named
            .entry("bluemix_instance")
            .or_insert_with(|| ACCOUNT.into());
        writeln!(self.input, "{}", json!([method, arguments])).expect("it reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{method}: {error} in {line:?}"))
    }

    /// Makes a call that must succeed with this status; gives its result.
    #[track_caller]
    fn done(&mut self, status: u16, method: &str, arguments: Value) -> Value {
        let answer = self.call(method, arguments);
        assert_eq!(answer["status"], json!(status), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Makes a call that must be refused so, about this field, in a sentence that holds these words.
    #[track_caller]
    fn refused(
        &mut self,
        (status, code): (u16, &str),
        (field, words): (&str, &str),
        method: &str,
        arguments: Value,
    ) {
        let answer = self.call(method, arguments);
        assert_eq!(answer["status"], json!(status), "{method}: {answer}");
        let said = answer["error"].as_str().expect("what the SDK says");
        assert!(said.contains(words), "{method}: {answer}");
        let body = &answer["body"];
        let metadata =
            json!({"collectionType": "application/vnd.ibm.kms.error+json", "collectionTotal": 1});
        assert_eq!(body["metadata"], metadata);
        let resource = &body["resources"][0];
        let message = resource["errorMsg"].as_str().expect("a sentence");
        assert!(message.contains(said), "{body}");
        let reason = &resource["reasons"][0];
        assert_eq!(reason["code"], code, "{body}");
        assert_eq!(reason["status"], status, "{body}");
        let told = reason["target"]["name"].as_str().unwrap_or_default();
        assert_eq!(told, field, "{body}");
    }

    /// Makes an adapter; gives it and who made it.
    #[track_caller]
    fn made_by_key(&mut self, name: &str) -> (Value, String) {
        let made = self.make(name);
        let crk_id = format!("crk-of-{name}");
        assert_eq!(made["profile_data"], json!({"crk_id": crk_id}));
        assert_eq!(made["created_by"], made["updated_by"]);
        let by = made["created_by"].as_str().expect("who made it").to_owned();
        assert!(by.starts_with("ApiKey-"), "{made}");
        (made, by)
    }

    #[track_caller]
    fn make(&mut self, name: &str) -> Value {
        let arguments = adapter(
            &json!({"name": name, "profile": "native_1.0", "profile_data": {"crk_id": format!("crk-of-{name}")}}),
        );
        self.done(201, "create_kmip_adapter", arguments)["resources"][0].clone()
    }

    /// Enrols a certificate that is made for it.
    #[track_caller]
    fn enrol(&mut self, adapter: &str, name: &str) -> (Credentials, Value) {
        let (credentials, pem) = certificate(name);
        let body = certificate_of(adapter, &json!({"name": name, "certificate": pem}));
        let added = self.done(201, "add_kmip_client_certificate", body);
        let added = added["resources"][0].clone();
        let text = added["certificate"].as_str().expect("its text");
        assert_eq!(text.trim(), pem.trim());
        (credentials, added)
    }
}

fn adapter(resource: &Value) -> Value {
    json!({"metadata": {"collectionType": ADAPTER, "collectionTotal": 1}, "resources": [resource]})
}

fn certificate_of(adapter: &str, resource: &Value) -> Value {
    json!({"adapter_id": adapter, "metadata": {"collectionType": CERTIFICATE, "collectionTotal": 1}, "resources": [resource]})
}

/// What each resource of an answer has under a name.
fn each(answer: &Value, name: &str) -> Vec<Value> {
    let resources = answer["resources"].as_array().expect("resources");
    resources.iter().map(|held| held[name].clone()).collect()
}

fn new_key(connection: &mut Connection) -> String {
    connection.ask(create(key_template())).success().uid()
}

#[test]
fn an_adapter_lives_with_its_certificates_and_keys() {
    let server = Server::start_set("[destruction]\nrecovery-days = 0\n");
    let key = server.api_key("script", "administrator", &[]);
    let Some(mut sdk) = Sdk::start(&server, &key, "iam") else {
        return;
    };
    let (made, by) = sdk.made_by_key("vsphere");
    let (credentials, added) = sdk.enrol("vsphere", "vc-1");
    assert_eq!(added["created_by"], by.as_str());
    // It counts at once.
    let mut client = server.connect_as(&credentials);
    let (first, second) = (new_key(&mut client), new_key(&mut client));
    client.ask(activate(&first)).success();
    client.ask(get(&first)).success();
    let place = |id: &str| json!({"adapter_id": made["id"], "id": id});
    let shown = sdk.done(200, "get_kmip_object", place(&first))["resources"][0].clone();
    assert_eq!(
        (&shown["state"], &shown["kmip_object_type"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(shown["created_by_kmip_client_cert_id"], added["id"]);
    assert_eq!(shown["updated_by_kmip_client_cert_id"], added["id"]);
    assert_eq!(shown["created_by"], by.as_str());
    let conflict = (409, "CONFLICT_ERR");
    let in_use = ("", "Active");
    sdk.refused(conflict, in_use, "delete_kmip_object", place(&first));
    let (keys, itself) = (("id", "1 clients and 2 keys"), json!({"id": "vsphere"}));
    sdk.refused(conflict, keys, "delete_kmip_adapter", itself.clone());
    sdk.done(204, "delete_kmip_object", place(&second));
    let mut forced = place(&first);
    forced["force"] = json!(true);
    sdk.done(204, "delete_kmip_object", forced);
    let gone = sdk.done(200, "get_kmip_object", place(&first))["resources"][0].clone();
    assert_eq!(gone["state"], 5);
    assert_eq!(gone["destroyed_by"], by.as_str());
    assert!(gone["destroyed_at"].is_string() && gone["destroyed_by_kmip_client_cert_id"].is_null());
    client.ask(get(&first)).failure(reason::ITEM_NOT_FOUND);
    let named = json!({"adapter_id": "vsphere", "id": "vc-1"});
    sdk.done(204, "delete_kmip_client_certificate", named.clone());
    client.wait_for_close().expect("it is cut off at once");
    let again = server.try_connect(Some(&credentials), TlsVersion::V1_2);
    assert!(again.is_err(), "nor comes in again");
    let missing = (404, "NOT_FOUND_ERR");
    let none = ("id", "no certificate");
    sdk.refused(missing, none, "get_kmip_client_certificate", named);
    // The certificate is gone, and what it made tells of it still.
    let shown = sdk.done(200, "get_kmip_object", place(&first))["resources"][0].clone();
    assert_eq!(shown["created_by_kmip_client_cert_id"], added["id"]);
    sdk.done(204, "delete_kmip_adapter", json!({"id": made["id"]}));
    let none = ("id", "no KMIP adapter");
    sdk.refused(missing, none, "get_kmip_adapter", itself);
    assert_eq!(actions_of(&server, &by), EXPECTED);
}

fn actions_of(server: &Server, initiator: &str) -> Vec<String> {
    let events = server.events();
    let of_them = events.iter().filter(|event| event.initiator() == initiator);
    let line = |event: &Event| format!("{} {}", event.action(), event.outcome());
    of_them.map(line).collect()
}

/// What the script above leaves in the trail.
const EXPECTED: [&str; 8] = [
    "service.create success",
    "kmip-client.add success",
    "kmip-key.destroy failure",
    "kmip-key.destroy success",
    "kmip-key.destroy success",
    "kmip-client.remove success",
    "instance-secure-data.wipe success",
    "service.delete success",
];

#[test]
fn lists_come_in_pages_and_by_what_is_asked_for() {
    let server = Server::start();
    let key = server.api_key("script", "administrator", &[]);
    let Some(mut sdk) = Sdk::start(&server, &key, "bearer") else {
        return;
    };
    for name in ["a", "b", "c"] {
        sdk.make(name);
    }
    let page = json!({"limit": 2, "offset": 1, "total_count": true});
    let listed = sdk.done(200, "get_kmip_adapters", page);
    let metadata = json!({"collectionType": ADAPTER, "collectionTotal": 2, "totalCount": 4});
    assert_eq!(listed["metadata"], metadata);
    assert_eq!(each(&listed, "name"), ["a", "b"]);
    let listed = sdk.done(200, "get_kmip_adapters", json!({"crk_id": "crk-of-b"}));
    assert_eq!(each(&listed, "name"), ["b"]);
    assert!(listed["metadata"].get("totalCount").is_none());
    let (credentials, _) = sdk.enrol("b", "vc-b");
    sdk.enrol("b", "backup-b");
    let certificates = sdk.done(
        200,
        "get_kmip_client_certificates",
        json!({"adapter_id": "b"}),
    );
    assert_eq!(each(&certificates, "name"), ["vc-b", "backup-b"]);
    let page = json!({"adapter_id": "b", "limit": 1, "offset": 1, "total_count": true});
    let certificates = sdk.done(200, "get_kmip_client_certificates", page);
    assert_eq!(each(&certificates, "name"), ["backup-b"]);
    assert_eq!(certificates["metadata"]["totalCount"], 2);
    let by_id = json!({"adapter_id": "b", "id": certificates["resources"][0]["id"]});
    let one = sdk.done(200, "get_kmip_client_certificate", by_id);
    assert_eq!(each(&one, "name"), ["backup-b"]);
    let mut client = server.connect_as(&credentials);
    let keys: Vec<_> = (0..5).map(|_| new_key(&mut client)).collect();
    client.ask(activate(&keys[1])).success();
    client.ask(activate(&keys[2])).success();
    client.ask(revoke(&keys[2], 5)).success();
    client.ask(destroy(&keys[3])).success();
    let mut listed = |more: Value| {
        let mut which = json!({"adapter_id": "b", "total_count": true});
        let more = more.as_object().expect("arguments").clone();
        which.as_object_mut().expect("arguments").extend(more);
        let listed = sdk.done(200, "get_kmip_objects", which);
        (
            each(&listed, "id"),
            listed["metadata"]["totalCount"].clone(),
        )
    };
    let some = |places: &[usize]| places.iter().map(|at| json!(keys[*at])).collect::<Vec<_>>();
    assert_eq!(listed(json!({})), (some(&[0, 1, 2, 4]), json!(4)));
    assert_eq!(listed(json!({"state": [2, 3]})), (some(&[1, 2]), json!(2)));
    assert_eq!(listed(json!({"state": [5]})), (some(&[3]), json!(1)));
    let page = json!({"limit": 2, "offset": 1});
    assert_eq!(listed(page), (some(&[1, 2]), json!(4)));
    assert_eq!(listed(json!({"offset": 9})), (some(&[]), json!(4)));
    let other = sdk.done(200, "get_kmip_objects", json!({"adapter_id": "a"}));
    assert_eq!(each(&other, "id"), Vec::<Value>::new());
    let correlated = sdk.call("get_kmip_adapters", json!({"correlation_id": "my-own-1"}));
    assert_eq!(correlated["headers"]["correlation-id"], "my-own-1");
}

const INVALID: (u16, &str) = (400, "INVALID_FIELD_ERR");
const MISSING: (u16, &str) = (404, "NOT_FOUND_ERR");
const CONFLICT: (u16, &str) = (409, "CONFLICT_ERR");

fn native(more: &Value) -> Value {
    let mut resource = json!({"profile": "native_1.0", "profile_data": {"crk_id": "k"}});
    let more = more.as_object().expect("members").clone();
    resource.as_object_mut().expect("members").extend(more);
    adapter(&resource)
}

#[test]
fn a_wrong_certificate_is_told_with_its_field_and_changes_nothing() {
    let server = Server::start();
    let key = server.api_key("script", "administrator", &[]);
    let Some(mut sdk) = Sdk::start(&server, &key, "bearer") else {
        return;
    };
    sdk.make("a");
    sdk.enrol("a", "known");
    let before = server.events().len();
    let (_, pem) = certificate("fresh");
    let (_, other) = certificate("other");
    let private = "-----BEGIN PRIVATE";
    let private = format!("{private} KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let call = "add_kmip_client_certificate";
    let field = "resources[0].certificate";
    for (text, words) in [
        (format!("{pem}{other}"), "chain"),
        (private, "private key"),
        ("garbage".to_owned(), "BEGIN CERTIFICATE"),
        (String::new(), "empty"),
    ] {
        let body = certificate_of("a", &json!({"name": "n", "certificate": text}));
        sdk.refused(INVALID, (field, words), call, body);
    }
    let known = json!({"adapter_id": "a", "id": "known"});
    let held = sdk.done(200, "get_kmip_client_certificate", known);
    let twice = json!({"name": "again", "certificate": held["resources"][0]["certificate"]});
    let twice = certificate_of("a", &twice);
    sdk.refused(CONFLICT, (field, "already enrolled"), call, twice);
    let taken = certificate_of("a", &json!({"name": "known", "certificate": pem}));
    sdk.refused(CONFLICT, ("resources[0].name", "is taken"), call, taken);
    let unknown = certificate_of("none", &json!({"certificate": pem}));
    sdk.refused(MISSING, ("adapter_id", "none"), call, unknown);
    let mut wrong_type = certificate_of("a", &json!({"certificate": pem}));
    wrong_type["metadata"]["collectionType"] = json!(ADAPTER);
    let field = ("metadata.collectionType", CERTIFICATE);
    sdk.refused(INVALID, field, call, wrong_type);
    let mut two = certificate_of("a", &json!({"certificate": pem}));
    two["resources"] = json!([{"certificate": pem}, {"certificate": other}]);
    sdk.refused(INVALID, ("resources", "one"), call, two);
    assert_eq!(server.events().len(), before);
}

#[test]
fn a_wrong_name_or_profile_is_told_with_its_field_and_one_that_is_not_given_is_drawn() {
    let server = Server::start();
    let key = server.api_key("script", "administrator", &[]);
    let Some(mut sdk) = Sdk::start(&server, &key, "bearer") else {
        return;
    };
    sdk.make("a");
    let before = server.events().len();
    let (_, pem) = certificate("fresh");
    let uuid = "0199f1d2-7a3b-7c4d-8e5f-0123456789ab";
    for name in ["", "a b", "a.b", "-a", uuid, &"x".repeat(65)] {
        let field = ("resources[0].name", "");
        let body = certificate_of("a", &json!({"name": name, "certificate": pem}));
        sdk.refused(INVALID, field, "add_kmip_client_certificate", body);
        let body = native(&json!({"name": name}));
        sdk.refused(INVALID, field, "create_kmip_adapter", body);
    }
    let long = json!({"crk_id": "x".repeat(200)});
    for (field, body) in [
        ("profile", native(&json!({"profile": "native_2.0"}))),
        ("profile_data", adapter(&json!({"profile": "native_1.0"}))),
        (
            "profile_data.crk_id",
            native(&json!({"profile_data": long})),
        ),
        (
            "description",
            native(&json!({"description": "x".repeat(241)})),
        ),
    ] {
        let field = format!("resources[0].{field}");
        sdk.refused(INVALID, (&field, ""), "create_kmip_adapter", body);
    }
    let taken = native(&json!({"name": "a"}));
    let field = ("resources[0].name", "exists already");
    sdk.refused(CONFLICT, field, "create_kmip_adapter", taken);
    assert_eq!(server.events().len(), before);
    let made = sdk.done(201, "create_kmip_adapter", native(&json!({})));
    let name = made["resources"][0]["name"].as_str().expect("a name");
    assert!(name.starts_with("kmip_adapter_"), "{made}");
    let body = certificate_of(name, &json!({"certificate": pem}));
    let added = sdk.done(201, "add_kmip_client_certificate", body);
    let name = added["resources"][0]["name"].as_str().expect("a name");
    assert!(name.starts_with("kmip_cert_"), "{added}");
}

#[test]
fn what_is_in_another_adapter_or_account_is_not_there() {
    let server = Server::start();
    let key = server.api_key("script", "administrator", &[]);
    let Some(mut sdk) = Sdk::start(&server, &key, "bearer") else {
        return;
    };
    sdk.make("a");
    sdk.enrol("a", "known");
    let uid = server.new_key();
    let before = server.events().len();
    for (field, mut which) in [
        ("limit", json!({"limit": 0})),
        ("limit", json!({"limit": 5001})),
        ("state", json!({"state": [7]})),
    ] {
        which["adapter_id"] = json!("a");
        sdk.refused(INVALID, (field, ""), "get_kmip_objects", which);
    }
    let (remove, none) = ("delete_kmip_client_certificate", ("adapter_id", "none"));
    let nowhere = json!({"adapter_id": "none"});
    sdk.refused(MISSING, none, "get_kmip_objects", nowhere);
    let nowhere = json!({"adapter_id": "none", "id": "none"});
    sdk.refused(MISSING, none, remove, nowhere);
    let other = json!({"adapter_id": "default", "id": "known"});
    sdk.refused(MISSING, ("id", "known"), remove, other);
    let mut other = json!({"adapter_id": "a", "id": uid});
    sdk.refused(MISSING, ("", "no key"), "get_kmip_object", other.clone());
    other["force"] = json!(true);
    sdk.refused(MISSING, ("", "no key"), "delete_kmip_object", other);
    let account = "another-account";
    let elsewhere = json!({"bluemix_instance": account, "id": "a"});
    let field = ("id", "another-account/a");
    sdk.refused(MISSING, field, "delete_kmip_adapter", elsewhere);
    let listed = sdk.done(
        200,
        "get_kmip_adapters",
        json!({"bluemix_instance": account}),
    );
    assert_eq!(each(&listed, "name"), Vec::<Value>::new());
    let mut body = native(&json!({}));
    body["bluemix_instance"] = json!(account);
    let field = ("Bluemix-Instance", ACCOUNT);
    sdk.refused(INVALID, field, "create_kmip_adapter", body);
    assert_eq!(server.events().len(), before);
}

#[test]
fn the_sdk_may_what_its_key_may() {
    let server = Server::start_set("[destruction]\nrecovery-days = 7\n");
    let key = server.api_key("reader", "reader", &[]);
    let Some(mut sdk) = Sdk::start(&server, &key, "iam") else {
        return;
    };
    let uid = server.new_key();
    let forbidden = (403, "FORBIDDEN_ERR");
    sdk.done(200, "get_kmip_adapters", json!({}));
    let (_, pem) = certificate("x");
    let body = certificate_of("default", &json!({"certificate": pem}));
    sdk.refused(
        forbidden,
        ("", "operator"),
        "add_kmip_client_certificate",
        body,
    );
    let administrator = ("", "administrator");
    let place = json!({"adapter_id": "default", "id": uid});
    sdk.refused(
        forbidden,
        administrator,
        "delete_kmip_object",
        place.clone(),
    );
    sdk.refused(
        forbidden,
        administrator,
        "delete_kmip_adapter",
        json!({"id": "default"}),
    );
    server.cli(&["api-key", "remove", "reader"]).success();
    let unauthorized = (401, "UNAUTHORIZED_ERR");
    sdk.refused(
        unauthorized,
        ("", "a valid API key"),
        "get_kmip_adapters",
        json!({}),
    );
    // Where destruction can be undone, it is under way when it is answered.
    let key = server.api_key("script", "administrator", &[]);
    let mut sdk = Sdk::start(&server, &key, "bearer").expect("it is there");
    let held = sdk.done(202, "delete_kmip_object", place.clone());
    assert_eq!(each(&held, "recoverable"), [true]);
    let shown = sdk.done(200, "get_kmip_object", place)["resources"][0].clone();
    assert_eq!(shown["recoverable"], json!(true));
    assert!(!server.log().contains(&key));
}

/// Whoever may enrol could otherwise have a script take away a decoy in place of what it names by its identifier.
#[test]
fn no_name_stands_in_for_an_identifier() {
    let server = Server::start();
    let api = server.api_as("administrator");
    let list = "/api/v2/kmip_adapters/default/certificates";
    let all = || api.get(list).expect(200).json()["resources"].clone();
    let demo = all()[0].clone();
    assert_eq!(demo["name"], "demo");
    let id = demo["id"].as_str().expect("an identifier").to_owned();
    let decoy = json!({"label": id, "certificate": certificate("decoy").1});
    api.post("/api/v1/clients", &decoy).expect(201);
    api.send("DELETE", &format!("{list}/{id}"), None)
        .expect(204);
    let left = all();
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
    assert_eq!(left[0]["name"], json!(id));
    // By now it is the name of the decoy only.
    api.send("DELETE", &format!("{list}/{id}"), None)
        .expect(204);
    let nothing = api.send("DELETE", &format!("{list}/{id}"), None);
    nothing.expect(404);
}

/// The newest certificate of a client bears its name: asked for again by that name, the next one would be taken away, and at last the client.
#[test]
fn a_name_of_several_certificates_takes_none_away() {
    let server = Server::start();
    let api = server.api_as("administrator");
    let list = "/api/v2/kmip_adapters/default/certificates";
    let more = json!({"certificate": certificate("more").1});
    api.post("/api/v1/clients/demo/certificates", &more)
        .expect(201);
    let by_name = api.send("DELETE", &format!("{list}/demo"), None);
    by_name.expect(409);
    let held = api.get(list).expect(200).json();
    assert_eq!(held["resources"].as_array().map(Vec::len), Some(2));
}
