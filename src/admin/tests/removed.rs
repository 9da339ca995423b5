//! What somebody asked for who was removed meanwhile is not committed: no act has a way around that.

use super::super::access::asked;
use super::super::message::{BackupRequest, KeyRevoke};
use super::super::restored::{Act, Taken};
use super::*;
use crate::crypto::RecipientKey;
use crate::domain::{ApiKeyId, DestructionPolicy, Login, Rights};

/// Carries a request out as one of an API key that is there no more.
async fn as_removed<F: Future>(request: F) -> F::Output {
    let nobody = Rights {
        login: Login::ApiKey(ApiKeyId::new(NOW * 1000, [7; 10])),
        ..Rights::LOCAL
    };
    asked::during(nobody, None, request).await
}

#[tokio::test]
async fn no_act_of_a_removed_administrator_is_committed() {
    let world = world().await;
    let admin = Arc::into_inner(world.admin).expect("nobody else has it");
    let world = World {
        admin: Arc::new(admin.with_destruction(Ok(DestructionPolicy::default()))),
        ..world
    };
    let pem = own_certificate("vc").certificate_pem;
    world.add(addition("vc", &pem)).await.unwrap();
    let vc = world.admin.store().clients().labelled("vc").unwrap().id;
    let id = world.insert_key(1, State::Active, "vm-1").await;
    let head = world.admin.store().head();
    let backup_key = RecipientKey::draw(&SystemRandom).unwrap().recipient();
    for request in [
        Request::ClientRemove(ClientRemove {
            label: "vc".into(),
            ..ClientRemove::default()
        }),
        Request::KeyRevoke(KeyRevoke {
            id: id.to_string(),
            reason: "superseded".into(),
            message: None,
        }),
        Request::Backup(BackupRequest::SetKey {
            public: hex::encode(backup_key.as_bytes()),
        }),
    ] {
        let name = request.name();
        let refused = as_removed(world.run(request)).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Forbidden, "{name}: {refused}");
    }
    for act in [
        Act::Revoke(id, crate::kmip::enums::RevocationReasonCode::Superseded),
        Act::Destroy(id),
        Act::Disable(vc),
    ] {
        let taken = Taken {
            event: "e".into(),
            act,
        };
        let refused = as_removed(world.admin.take_away(&user(), &taken)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Forbidden, "{taken:?}: {refused}");
    }
    assert_eq!(world.admin.store().head(), head, "nothing was committed");
}
