//! The KMIP client against the listener: whom it trusts, what it says when something is wrong.

use std::time::Duration;

use super::{NOW, Running, Setup, pinned, self_signed};
use crate::client::{Client, ClientError, ConnectOptions, ServerTrust, TlsVersions};
use crate::crypto::{Authority, Issued, KeyKind, Secret};
use crate::domain::{Clock, SystemClock};
use crate::kmip::enums::{ResultReason, ResultStatus};
use crate::kmip::message::{ItemHead, ResponseWriter};
use crate::kmip::object::{KeyBlock, KeyMaterial};
use crate::kmip::payload::{discover_versions, get};
use crate::kmip::{Operation, ProtocolVersion, enums};

const VERSION: ProtocolVersion = ProtocolVersion::V1_4;

fn options(running: &Running, own: &Issued, trust: ServerTrust) -> ConnectOptions {
    ConnectOptions {
        address: running.address.to_string(),
        trust,
        certificate_pem: own.certificate_pem.clone(),
        key_pem: Secret::new(own.key_pem.expose().to_vec()),
        tls: TlsVersions::Both,
        version: VERSION,
        timeout: Duration::from_secs(10),
    }
}

/// A listener, a client it knows, and that client's options.
async fn start() -> (Running, ConnectOptions) {
    let own = self_signed("client", KeyKind::EcdsaP256);
    let setup = Setup::with(pinned(&own.certificate));
    let trust = ServerTrust::Pinned(setup.server.certificate.fingerprint());
    let running = setup.start().await;
    let options = options(&running, &own, trust);
    (running, options)
}

impl Running {
    /// What every message is answered with from now on.
    fn prepare(&self, write: impl FnOnce(&mut ResponseWriter)) {
        let mut writer = ResponseWriter::new(VERSION, NOW);
        write(&mut writer);
        *self.service.prepared.lock().unwrap() = Some(writer.finish());
    }
}

#[tokio::test]
async fn a_pinned_server_answers_typed_calls_in_each_version_of_tls() {
    let (running, mut options) = start().await;
    for tls in [TlsVersions::Both, TlsVersions::Tls12, TlsVersions::Tls13] {
        options.tls = tls;
        let mut client = Client::connect(&options).await.unwrap();
        running.prepare(|writer| {
            let versions = vec![VERSION, ProtocolVersion::V1_1];
            let head = ItemHead::of(Operation::DiscoverVersions);
            writer.success(head, |writer| {
                discover_versions::Response { versions }.encode(writer, VERSION);
            });
        });
        let versions = client.discover_versions().await.unwrap();
        assert_eq!(versions, [VERSION, ProtocolVersion::V1_1]);

        running.prepare(|writer| {
            let algorithm = enums::CryptographicAlgorithm::Aes;
            let answer = get::Response {
                unique_identifier: "a-key".into(),
                key: KeyBlock::raw(KeyMaterial::borrowed(&[7; 16]), algorithm, 128),
            };
            let head = ItemHead::of(Operation::Get);
            writer.success(head, |writer| answer.encode(writer, VERSION));
        });
        let answer = client.get("a-key").await.unwrap();
        assert_eq!(answer.key.material.expose(), [7; 16]);
        assert!(!format!("{answer:?}").contains("7, 7"));
    }
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_not_trusted() {
    let (_running, mut options) = start().await;
    let other = self_signed("other", KeyKind::EcdsaP256);
    options.trust = ServerTrust::Pinned(other.certificate.fingerprint());
    let error = Client::connect(&options).await.err().unwrap().to_string();
    assert!(error.contains("which is not the pinned one"), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[tokio::test]
async fn a_server_of_the_trusted_authority_is_trusted_and_no_other() {
    // The library judges dates by the system's clock.
    let now = SystemClock.now();
    let made = || Authority::create("Keyledger", now, 30, KeyKind::EcdsaP256).unwrap();
    let (ours, theirs) = (made(), made());
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let own = self_signed("client", KeyKind::Rsa2048);
    let setup = Setup {
        server: ours
            .issue_server(&names, KeyKind::Rsa2048, now, 10)
            .unwrap(),
        ..Setup::with(pinned(&own.certificate))
    };
    let running = setup.start().await;
    let trusting = |authority: &Authority| {
        let trust = ServerTrust::Authority(authority.certificate_pem());
        options(&running, &own, trust)
    };
    assert!(Client::connect(&trusting(&ours)).await.is_ok());
    let error = Client::connect(&trusting(&theirs)).await.err().unwrap();
    assert!(matches!(error, ClientError::Connection { .. }), "{error}");
    let by_name = ConnectOptions {
        address: format!("localhost:{}", running.address.port()),
        ..trusting(&ours)
    };
    assert!(Client::connect(&by_name).await.is_ok());
}

#[tokio::test]
async fn a_refused_operation_is_an_error_with_its_reason() {
    let (running, options) = start().await;
    running.prepare(|writer| {
        let head = ItemHead::of(Operation::Destroy);
        writer.failure(head, ResultReason::ItemNotFound, "no such object");
    });
    let mut client = Client::connect(&options).await.unwrap();
    let error = client.destroy("a-key").await.unwrap_err();
    assert!(error.to_string().contains("(no such object)"), "{error}");
    let ClientError::Failed { status, reason, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(status, ResultStatus::OperationFailed);
    assert_eq!(reason, Some(ResultReason::ItemNotFound));
}

#[tokio::test]
async fn a_refused_certificate_is_said_with_the_alert() {
    let (running, known) = start().await;
    let stranger = self_signed("stranger", KeyKind::EcdsaP256);
    let mut options = options(&running, &stranger, known.trust);
    // In TLS 1.2 the refusal arrives within the handshake, in TLS 1.3 after it.
    options.tls = TlsVersions::Tls12;
    let error = Client::connect(&options).await.err().unwrap().to_string();
    assert!(error.contains("CertificateUnknown"), "{error}");
    options.tls = TlsVersions::Tls13;
    let mut client = Client::connect(&options).await.unwrap();
    let error = client.discover_versions().await.unwrap_err().to_string();
    assert!(error.contains("CertificateUnknown"), "{error}");
}

#[tokio::test]
async fn no_answer_in_time_and_no_answer_at_all_are_told_apart() {
    let (running, mut options) = start().await;
    options.timeout = Duration::from_millis(300);
    let mut client = Client::connect(&options).await.unwrap();
    // The request itself comes back, which is no response.
    let error = client.discover_versions().await.unwrap_err();
    assert!(matches!(error, ClientError::Answer(_)), "{error}");

    let mut client = Client::connect(&options).await.unwrap();
    let _all = running.service.allowed.acquire_many(100).await.unwrap();
    let error = client.discover_versions().await.unwrap_err();
    assert!(matches!(error, ClientError::TimedOut), "{error}");
}
