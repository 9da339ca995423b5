//! The listener over real TLS on the loopback, with certificates made on the spot and a canned
//! answerer.

mod admission;
mod client;
mod lifetime;
mod peer;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::{
    Answerer, Config, Counts, Directory, Gatekeeper, Listener, ServerPair, Serving, TlsFiles, tls,
};
use crate::crypto::certificate::revocation::RevocationList;
use crate::crypto::certificate::subject::Subject;
use crate::crypto::{Authority, Certificate, Fingerprint, Issued, KeyKind, self_signed_client};
use crate::domain::{
    Anchor, Client, ClientId, ClientStatus, Clients, EnrolledCertificate, Identity, Instance,
    InstanceId, ManualClock, NotAdmitted, Revocation, Scope, Trust,
};
use crate::ops::{Answer, Decision, Sighting};

const NOW: i64 = 1_790_000_000;
/// What the canned answerer says to bytes that are no message.
const UNFRAMED: &[u8] = b"that is no message";

/// Answers a message with itself or with what is prepared, once it is allowed to.
struct Canned {
    clients: Mutex<Arc<Clients>>,
    changed: watch::Sender<u64>,
    refusals: Mutex<Vec<Sighting>>,
    allowed: Semaphore,
    prepared: Mutex<Option<Vec<u8>>>,
}

impl Directory for Canned {
    fn clients(&self) -> Arc<Clients> {
        Arc::clone(&self.clients.lock().unwrap())
    }

    fn clients_changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

impl Answerer for Canned {
    async fn enrol(&self, _leaf: &Certificate) -> Result<(), NotAdmitted> {
        Err(NotAdmitted::Unstored)
    }

    async fn answer(&self, _identity: &Arc<Identity>, request: &[u8]) -> Answer {
        let _allowed = self.allowed.acquire().await.unwrap();
        let prepared = self.prepared.lock().unwrap().clone();
        Answer::small(prepared.unwrap_or_else(|| request.to_vec()), false)
    }

    async fn answer_unframed(&self, _identity: &Arc<Identity>, _error: &ttlv::Error) -> Answer {
        Answer::small(UNFRAMED.to_vec(), true)
    }
}

impl Canned {
    /// Trusts a CA for leaves called `vc` of the one client.
    fn trust(&self, ca: &Authority) {
        self.trust_with(ca, Vec::new(), None);
    }

    /// Trusts a CA that has enrolled these and whose list lapses then and revokes these serial numbers.
    fn trust_with(&self, ca: &Authority, leaves: Vec<Fingerprint>, list: Option<(i64, &[u8])>) {
        let mut clients = self.clients.lock().unwrap();
        let anchor = Anchor {
            client: ClientId::new(NOW * 1000, [2; 10]),
            certificate: ca.certificate().clone(),
            subject: Subject::from_text("CN=vc").unwrap(),
            added: NOW,
            warned: None,
            leaves,
        };
        let list = list.map(|(end, serials)| Revocation {
            ca_key: ca.certificate().digests().key,
            list: RevocationList::from_stored(Fingerprint::of(b"list"), None, (NOW, end), serials),
            warned: None,
        });
        let held = Arc::get_mut(&mut clients).expect("nobody looks yet");
        *clients = Arc::new(
            std::mem::take(held)
                .with_anchors(vec![anchor])
                .with_revocations(list.into_iter().collect()),
        );
    }

    /// Replaces the clients: one with these certificates, enabled or not.
    fn enrol(&self, status: ClientStatus, certificates: Vec<EnrolledCertificate>) {
        let instance = Instance {
            id: InstanceId::new(NOW * 1000, [1; 10]),
            name: "default".to_owned(),
            scope: Arc::new(Scope {
                crn_prefix: Scope::DEFAULT_CRN_PREFIX.to_owned(),
                account: Scope::DEFAULT_ACCOUNT.to_owned(),
                location: Scope::DEFAULT_LOCATION.to_owned(),
                instance: "default".to_owned(),
            }),
            credential: None,
            rules: crate::domain::Rules::default(),
            created: NOW,
        };
        let client = Client {
            id: ClientId::new(NOW * 1000, [2; 10]),
            label: "vcenter".to_owned(),
            instance: instance.id,
            status,
            permissions: crate::domain::Permissions::default(),
            certificates,
            created: NOW,
        };
        *self.clients.lock().unwrap() = Arc::new(Clients::new(vec![instance], vec![client]));
        self.changed.send_modify(|version| *version += 1);
    }
}

/// A running listener; it stops when dropped.
struct Running {
    address: SocketAddr,
    service: Arc<Canned>,
    counts: Arc<Counts>,
    clock: Arc<ManualClock>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What differs from one test's listener to another's.
struct Setup {
    server: Issued,
    limits: Config,
    authorities: Vec<Vec<u8>>,
    grace_days: u32,
    refuses_lapsed_lists: bool,
    enrolled: Vec<EnrolledCertificate>,
}

impl Setup {
    fn with(enrolled: Vec<EnrolledCertificate>) -> Self {
        Self {
            server: self_signed("server", KeyKind::EcdsaP256),
            limits: Config::default(),
            authorities: Vec::new(),
            grace_days: 0,
            refuses_lapsed_lists: false,
            enrolled,
        }
    }

    fn limited(limits: Config, enrolled: Vec<EnrolledCertificate>) -> Self {
        Self {
            limits,
            ..Self::with(enrolled)
        }
    }

    async fn start(self) -> Running {
        let service = Arc::new(Canned {
            clients: Mutex::default(),
            changed: watch::channel(0).0,
            refusals: Mutex::default(),
            allowed: Semaphore::new(100),
            prepared: Mutex::default(),
        });
        service.enrol(ClientStatus::Enabled, self.enrolled);
        let witness = Arc::clone(&service);
        let on_sighting = move |sighting| witness.refusals.lock().unwrap().push(sighting);
        let clock = Arc::new(ManualClock::new(NOW * 1000));
        let directory = Arc::clone(&service);
        let gatekeeper = Gatekeeper::new(
            directory,
            Arc::clone(&clock) as _,
            self.authorities,
            Box::new(on_sighting),
        );
        let gatekeeper = gatekeeper.with_grace(self.grace_days);
        let gatekeeper = Arc::new(gatekeeper.refusing_lapsed_lists(self.refuses_lapsed_lists));
        let own = &self.server;
        let files = TlsFiles {
            certificate_name: "server.pem",
            certificate_pem: &own.certificate_pem,
            key_name: "server.key",
            key_pem: str::from_utf8(own.key_pem.expose()).unwrap(),
        };
        let pair = ServerPair::read(&files).unwrap();
        let serving = Serving {
            tls: tls::server_config(pair, tls::TlsPolicy::default(), Arc::clone(&gatekeeper))
                .unwrap(),
            service: Arc::clone(&service),
            limits: self.limits,
            gatekeeper: Arc::clone(&gatekeeper),
        };
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let (stop, stopped) = watch::channel(false);
        Running {
            address: listener.address(),
            service,
            counts: Arc::clone(gatekeeper.counts()),
            clock,
            stop,
            task: tokio::spawn(listener.run(serving, stopped)),
        }
    }
}

impl Running {
    /// The reasons of the refusals that were recorded, waiting for at least `count`.
    async fn refusals(&self, count: usize) -> Vec<NotAdmitted> {
        let recorded = || self.service.refusals.lock().unwrap().len();
        wait_until(|| recorded() >= count).await;
        // One too many would come at once.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let refusals = self.service.refusals.lock().unwrap();
        let reason = |sighting: &Sighting| match sighting.decision {
            Decision::Refused(reason) => reason,
            Decision::InGrace => panic!("nobody is let in for grace"),
        };
        refusals.iter().map(reason).collect()
    }
}

async fn wait_until(condition: impl Fn() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("what was waited for has not happened");
}

fn enrolled(certificate: &Certificate, trust: Trust) -> EnrolledCertificate {
    EnrolledCertificate {
        fingerprint: certificate.fingerprint(),
        trust,
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        subject: certificate.subject().to_owned(),
        added: NOW,
        warned: None,
        digests: None,
        issuer: None,
        serial: None,
    }
}

fn pinned(certificate: &Certificate) -> Vec<EnrolledCertificate> {
    vec![enrolled(certificate, Trust::Pinned)]
}

fn self_signed(name: &str, kind: KeyKind) -> Issued {
    self_signed_client(name, kind, NOW, 10).unwrap()
}

/// A small request message, told apart by `number`.
fn message(number: u8) -> Vec<u8> {
    let mut message = b"\x42\x00\x78\x01\x00\x00\x00\x10".to_vec();
    message.extend([number; 16]);
    message
}
