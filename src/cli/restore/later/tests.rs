use super::*;
use crate::domain::InstanceId;

fn print(number: u8) -> Fingerprint {
    Fingerprint::from_bytes([number; 32])
}

fn client(number: u8) -> ClientId {
    ClientId::from_bytes([number; 16])
}

fn json(action: Action, target: &str, request: &Value) -> Vec<u8> {
    let event = serde_json::json!({
        "id": "e", "action": action.name(), "outcome": "success", "target": { "name": target },
        "correlationId": "c", "requestData": request,
    });
    event.to_string().into_bytes()
}

/// Of a backup that holds client 1.
fn later() -> Later {
    Later::since(0, 1, [client(1)].into_iter())
}

impl Later {
    fn gains(&mut self, action: Action, number: u8, field: &str, what: u8) {
        let request = serde_json::json!({ "label": "vc", field: print(what).to_string() });
        self.event(&json(action, &client(number).to_string(), &request));
    }

    fn loses(&mut self, number: u8, request: &Value) {
        let target = client(number).to_string();
        self.event(&json(Action::ClientRemove, &target, request));
    }

    fn acts(&self) -> Vec<Act> {
        self.taken.iter().map(|taken| taken.act.clone()).collect()
    }

    fn commands(&self) -> Vec<String> {
        self.lost.iter().map(Lost::text).collect()
    }
}

fn list(prints: &[u8]) -> Value {
    prints
        .iter()
        .map(|one| Value::from(print(*one).to_string()))
        .collect()
}

#[test]
fn a_client_whose_certificate_was_replaced_stays() {
    for action in [
        Action::ClientAdd,
        Action::ClientIssue,
        Action::ClientApprove,
    ] {
        let mut later = later();
        later.gains(action, 1, "fingerprint", 12);
        later.loses(1, &serde_json::json!({ "fingerprint": list(&[11]) }));
        let kept = Act::RemoveCertificates(client(1), vec![print(11)]);
        assert_eq!(later.acts(), [kept]);
        let name = action.short_name();
        let again = format!("{name} vc: keyledger client add vc FILE --renew");
        assert_eq!(later.commands(), [again]);
    }
    let mut later = later();
    later.gains(Action::ClientTrust, 1, "authority", 20);
    later.loses(1, &serde_json::json!({ "fingerprint": list(&[11]) }));
    let kept = Act::RemoveCertificates(client(1), vec![print(11)]);
    assert_eq!(later.acts(), [kept]);
    assert!(later.commands()[0].ends_with("--subject SUBJECT --renew"));
}

#[test]
fn a_client_goes_where_nothing_is_left_of_what_it_gained() {
    let gone = |certificates: &[u8], authorities: &[u8]| {
        let prints = |all: &[u8]| all.iter().map(|one| print(*one)).collect();
        Act::Remove(client(1), prints(certificates), prints(authorities))
    };
    // What it gained was taken away before, and then what it had.
    let mut one = later();
    one.gains(Action::ClientAdd, 1, "fingerprint", 12);
    one.gains(Action::ClientTrust, 1, "authority", 20);
    one.loses(1, &serde_json::json!({ "fingerprint": list(&[12]) }));
    let ca = print(20).to_string();
    one.loses(
        1,
        &serde_json::json!({ "authority": ca, "fingerprint": [] }),
    );
    one.loses(1, &serde_json::json!({ "fingerprint": list(&[11]) }));
    let first = Act::RemoveCertificates(client(1), vec![print(12)]);
    let expected = [first, Act::Untrust(client(1), print(20)), gone(&[11], &[])];
    assert_eq!(one.acts(), expected);
    assert_eq!(one.commands(), [""; 0], "nothing of it is to be made again");
    // With all that it had, whether the trail tells of all of that or not.
    let mut whole = later();
    whole.gains(Action::ClientAdd, 1, "fingerprint", 12);
    whole.gains(Action::ClientTrust, 1, "authority", 20);
    whole.loses(
        1,
        &serde_json::json!({ "fingerprint": list(&[11, 12]), "authority": list(&[20]) }),
    );
    let mut more = later();
    more.gains(Action::ClientAdd, 1, "fingerprint", 13);
    more.loses(1, &serde_json::json!({ "fingerprint": list(&[11, 12]) }));
    assert_eq!(whole.acts(), [gone(&[11, 12], &[20])]);
    assert_eq!(more.acts(), [gone(&[11, 12], &[])]);
    let mut none = later();
    none.gains(Action::ClientAdd, 1, "fingerprint", 13);
    none.loses(1, &serde_json::json!({ "fingerprint": [] }));
    assert_eq!(none.acts(), [gone(&[], &[])]);
    // A list that was cut names not all that goes.
    let mut cut = later();
    let named = [print(11).to_string(), "...".to_owned()];
    cut.loses(1, &serde_json::json!({ "fingerprint": named }));
    assert_eq!(cut.acts(), [Act::Disable(client(1))]);
}

#[test]
fn a_client_that_was_made_after_the_backup_is_made_again_and_then_given_more() {
    let mut later = later();
    later.gains(Action::ClientIssue, 2, "fingerprint", 12);
    later.gains(Action::ClientAdd, 2, "fingerprint", 13);
    let expected = [
        "kmip-client.issue vc: keyledger client issue vc",
        "kmip-client.add vc: keyledger client add vc FILE --renew",
    ];
    assert_eq!(later.commands(), expected);
}

#[test]
fn the_next_certificate_makes_the_client_where_the_one_that_made_it_is_gone() {
    let mut later = later();
    later.gains(Action::ClientIssue, 2, "fingerprint", 12);
    later.gains(Action::ClientAdd, 2, "fingerprint", 13);
    later.gains(Action::ClientAdd, 2, "fingerprint", 14);
    later.loses(2, &serde_json::json!({ "fingerprint": list(&[12]) }));
    let expected = [
        "kmip-client.add vc: keyledger client add vc FILE",
        "kmip-client.add vc: keyledger client add vc FILE --renew",
    ];
    assert_eq!(later.commands(), expected);
    // So does what it gained when it had lost all.
    let mut bare = self::later();
    bare.gains(Action::ClientTrust, 2, "authority", 20);
    bare.loses(
        2,
        &serde_json::json!({ "authority": print(20).to_string(), "fingerprint": [] }),
    );
    bare.gains(Action::ClientAdd, 2, "fingerprint", 13);
    assert_eq!(bare.commands(), expected[..1]);
    // One that the backup holds is there.
    let mut later = self::later();
    later.gains(Action::ClientAdd, 1, "fingerprint", 12);
    later.gains(Action::ClientAdd, 1, "fingerprint", 13);
    later.loses(1, &serde_json::json!({ "fingerprint": list(&[12]) }));
    assert_eq!(later.commands(), expected[1..]);
}

#[test]
fn what_was_said_of_clients_and_instances_that_were_made_after_the_backup_is_to_be_said_again() {
    let instance = InstanceId::new(1, [1; 10]).to_string();
    let permit = serde_json::json!({ "label": "vc", "operations": ["get"], "windows": [] });
    let rules = serde_json::json!({ "instance": "second", "denied": ["destroy"] });
    let label = serde_json::json!({ "label": "vc" });
    let say = |later: &mut Later, number: u8| {
        let client = client(number).to_string();
        for _ in 0..2 {
            later.event(&json(Action::ClientPermit, &client, &permit));
            later.event(&json(Action::InstanceRulesUpdate, &instance, &rules));
        }
        later.event(&json(Action::ClientDisable, &client, &label));
    };
    // Of those that it holds it is done again.
    let mut held = later();
    say(&mut held, 1);
    assert_eq!((held.acts().len(), held.lost.len()), (5, 0));
    let mut made = later();
    made.event(&json(Action::ServiceCreate, &instance, &rules));
    made.gains(Action::ClientIssue, 2, "fingerprint", 12);
    say(&mut made, 2);
    assert_eq!(made.acts(), []);
    let said = [
        "service.create second: keyledger instance add second",
        "kmip-client.issue vc: keyledger client issue vc",
        "kmip-client.permit vc: keyledger client permit vc --operations NAMES",
        "instance-rules.update second: keyledger instance rules second --deny NAMES",
        "kmip-client.disable vc: keyledger client disable vc",
    ];
    assert_eq!(made.commands(), said);
    // Enabled again, it is what it was.
    made.event(&json(Action::ClientEnable, &client(2).to_string(), &label));
    assert_eq!(made.commands(), said[..4]);
    // With the client and the instance goes what was said of them.
    made.loses(2, &serde_json::json!({ "fingerprint": list(&[12]) }));
    for action in [Action::InstanceSecureDataWipe, Action::ServiceDelete] {
        made.event(&json(action, &instance, &rules));
    }
    assert_eq!(made.commands(), [""; 0]);
}

#[test]
fn only_what_tells_of_a_change_is_held_and_all_of_it_counts() {
    let mut later = later();
    let key = ObjectId::new(1, [1; 10]).to_string();
    let none = serde_json::json!({});
    let failed = String::from_utf8(json(Action::KeyRevoke, &key, &none)).unwrap();
    let failed = failed.replace("\"success\"", "\"failure\"");
    let by_hand = serde_json::json!({ "recordedBy": "LocalUser-0" });
    for (sequence, event) in (0..).zip([
        json(Action::KeyRead, &key, &none),
        failed.into_bytes(),
        json(Action::KeyDestroy, &key, &none),
        json(Action::KeyRead, &key, &by_hand),
        b"unreadable".to_vec(),
        json(Action::KeyRead, &key, &none),
    ]) {
        later.take(Met::Event(sequence, &event));
    }
    let held: Vec<_> = later.met.values().map(Option::is_some).collect();
    assert_eq!(held, [false, false, true, true, true, false]);
    later.read(&BTreeMap::from([(1, 5)]));
    assert_eq!((later.events, later.unproved), (5, 1));
    assert_eq!(later.acts(), [Act::Destroy(key.parse().unwrap())]);
    assert_eq!(later.changes.len(), 2, "{:?}", later.changes);
}
