//! Callers of the router: what becomes of a request when who asked goes away, or is changed or removed meanwhile.

use super::super::access::asked;
use super::super::message::{AdministratorAdd, ApiKeyAdd};
use super::*;
use crate::domain::{Caller, Role};
use crate::ops::Keyring;

impl World {
    /// Adds an administrator of this role with this certificate, in the place of one of that label.
    pub(super) async fn administrator(&self, label: &str, role: Role, made: &Issued) -> Caller {
        let label = label.to_owned();
        let gone = Request::AdministratorRemove {
            label: label.clone(),
        };
        // There need not be one.
        drop(self.run(gone).await);
        let request = AdministratorAdd {
            label,
            role,
            instance: None,
            certificate: made.certificate_pem.clone(),
        };
        self.run(Request::AdministratorAdd(request)).await.unwrap();
        let held = self.admin.store.administrators();
        let fingerprint = made.certificate.fingerprint();
        held.by_certificate(&fingerprint, NOW).unwrap()
    }
}

#[tokio::test]
async fn what_changes_something_is_carried_out_though_nobody_waits_for_it() {
    let world = world().await;
    let keyring = Arc::new(Keyring::default());
    let master = FileMasterKey::open(&world.directory.path().join("master.key")).unwrap();
    let scope = world.admin.instance(None).unwrap().scope.global();
    let founder = Founder {
        master: Arc::new(master),
        scope,
        keyring: Some(Arc::clone(&keyring)),
    };
    let admin = Arc::into_inner(world.admin).expect("nobody else has it");
    let admin = Arc::new(admin.with_founder(Ok(founder)));
    let caller = Caller::local(user());
    {
        let name = "another".to_owned();
        let run = admin.run_as(
            &caller,
            None,
            Request::InstanceAdd {
                name,
                adapter: None,
            },
        );
        tokio::pin!(run);
        // It begins, and who asked is gone.
        tokio::select! {
            biased;
            _ = &mut run => panic!("it takes longer than that"),
            () = std::future::ready(()) => {}
        }
    }
    let is_usable = || {
        let made = admin.instance(Some("another")).ok()?;
        keyring.sealing(made.id)
    };
    for _ in 0..3000 {
        if is_usable().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(is_usable().is_some(), "made, and its data key is in use");
    assert!(
        admin.changes.try_lock().is_ok(),
        "the next change may begin"
    );
}

#[tokio::test]
async fn a_key_that_removes_itself_is_told_so() {
    let world = world().await;
    let request = ApiKeyAdd {
        name: "ci".into(),
        role: Role::Administrator,
        instance: None,
        digest: hex::encode([7; 32]),
        expires: None,
    };
    world.run(Request::ApiKeyAdd(request)).await.unwrap();
    let caller = world.admin.store.administrators().by_key(&[7; 32], NOW);
    let caller = caller.unwrap();
    let remove = Request::ApiKeyRemove { name: "ci".into() };
    let done = world.admin.run_as(&caller, None, remove).await;
    assert!(matches!(done, Ok(Response::ApiKey(_))), "{done:?}");
    let refused = world.admin.run_as(&caller, None, Request::Status).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Forbidden);
}

#[tokio::test]
async fn what_was_asked_for_in_a_role_is_not_committed_in_a_lesser_one() {
    let world = world().await;
    let made = own_certificate("anna");
    let before = world.administrator("anna", Role::Operator, &made).await;
    let now = world.administrator("anna", Role::Reader, &made).await;
    assert_eq!(before.login, now.login);
    let ours = world.admin.instance(None).unwrap();
    let deed = || Deed {
        action: Action::ClientDisable,
        initiator: before.initiator.clone(),
        target: "x".into(),
        scope: Arc::clone(&ours.scope),
        request: Data::new(),
    };
    let head = world.admin.store.head();
    // The request passed the gate before.
    let commit = world.admin.commit(deed(), Vec::new());
    let refused = asked::during(before.rights(), None, commit).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Forbidden);
    assert_eq!(world.admin.store.head(), head, "nothing was recorded");
    let commit = world.admin.commit(deed(), Vec::new());
    asked::during(now.rights(), None, commit).await.unwrap();
    let stale = world.admin.run_as(&before, None, Request::ClientList).await;
    assert_eq!(stale.unwrap_err().kind, ErrorKind::Forbidden);
}
