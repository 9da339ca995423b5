//! Fills a store with keys such as vCenter and a backup program would make: through the server's own Create, in this process and in large
//! batches, so that each has sealed material, names, tags and an event.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use keyledger::config::{Layout, Overrides, Settings};
use keyledger::crypto::{Certificate, SystemRandom};
use keyledger::domain::{Clock as _, Identity, SystemClock};
use keyledger::kmip::attribute::{Attribute, AttributeName, AttributeValue, Field};
use keyledger::kmip::enums::{ObjectType, ResultStatus};
use keyledger::kmip::message::{OutgoingItem, RequestHeader, ResponseMessage, encode_request};
use keyledger::kmip::payload::{self, RequestPayload, TemplateAttribute};
use keyledger::kmip::tag::Tag;
use keyledger::kmip::version::ProtocolVersion;
use keyledger::ops::{Config, Keyring, Parts, Service};
use keyledger::providers::file::FileMasterKey;
use keyledger::store::Store;
use tokio::runtime::Runtime;

use crate::interrupt;

/// Keys of one message.
const BATCH: usize = 500;
/// Bounds on messages that this process sends to itself.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The Name of the object of this number.
pub(crate) fn name(number: usize) -> String {
    format!("key-{number}")
}

/// The tag that tells the object of this number from all others.
pub(crate) fn identifier(number: usize) -> String {
    format!("vm-{number}")
}

/// The tag that all objects share.
pub(crate) const COMPONENT: &str = "ESXi Server";

/// The Object Group of the object of this number: a thousand share one.
pub(crate) fn group(number: usize) -> String {
    format!("group-{}", number / 1000)
}

/// Makes so many keys in a directory that `serve --quickstart` has set up, and answers how long that took.
pub(crate) fn fill(runtime: &Runtime, directory: &Path, objects: usize) -> Result<Duration> {
    let start = Instant::now();
    interrupt::run(runtime, async {
        let layout = Layout::new(directory);
        let settings = Settings::load(&layout, &Overrides::default())?;
        let master = FileMasterKey::open(&layout.master_key())?;
        let store = Store::open(&layout.database(), &settings.store, SystemClock.now_ms())?;
        let demo = Certificate::from_pem(&fs::read_to_string(layout.client_certificate("demo"))?)?;
        let now = SystemClock.now_ms() / 1000;
        let admitted = store.clients().admit(&demo.fingerprint(), now, 0);
        let identity = admitted
            .context("the demo client is not admitted")?
            .identity;
        let limits = ttlv::Limits {
            message_bytes_max: MESSAGE_BYTES_MAX,
            items_max: u32::MAX,
            ..ttlv::Limits::default()
        };
        let service = Service::new(Parts {
            keyring: Arc::new(Keyring::open(&store, &master).await?),
            store: store.clone(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            config: Config {
                response_bytes_max: MESSAGE_BYTES_MAX,
                ..settings.kmip.clone()
            },
            limits: limits.clone(),
            answers: settings.limits.budget(),
            global_scope: Arc::new(settings.scope.global()),
            spans: keyledger::ops::spans::Spans::default(),
        });
        for first in (0..objects).step_by(BATCH) {
            let numbers = first..objects.min(first + BATCH);
            create(&service, &identity, numbers, &limits).await?;
        }
        drop(service);
        store.close().await;
        Ok(start.elapsed())
    })
}

async fn create(
    service: &Service,
    identity: &Arc<Identity>,
    numbers: std::ops::Range<usize>,
    limits: &ttlv::Limits,
) -> Result<()> {
    let items: Vec<OutgoingItem> = numbers.map(item).collect();
    let header = RequestHeader::new(ProtocolVersion::V1_4);
    let answer = service
        .answer(identity, &encode_request(&header, &items))
        .await;
    let message = ResponseMessage::decode(&answer.bytes, limits)?;
    ensure!(message.items.len() == items.len(), "a batch was cut off");
    let refused = message
        .items
        .iter()
        .find(|item| item.status != ResultStatus::Success);
    match refused {
        Some(refused) => bail!("a Create was refused: {:?}", refused.reason),
        None => Ok(()),
    }
}

fn item(number: usize) -> OutgoingItem {
    let attribute = |name: &str, value| Attribute {
        name: AttributeName::from_text(name),
        index: None,
        value,
    };
    let text = |name, value: &str| attribute(name, AttributeValue::Text(value.to_owned()));
    let name = AttributeValue::Structure(vec![
        Field::new(Tag::NameValue, AttributeValue::Text(name(number))),
        Field::new(Tag::NameType, AttributeValue::Enumeration(1)),
    ]);
    let attributes = vec![
        attribute("Cryptographic Algorithm", AttributeValue::Enumeration(3)),
        attribute("Cryptographic Length", AttributeValue::Integer(256)),
        attribute("Cryptographic Usage Mask", AttributeValue::Integer(12)),
        attribute("Activation Date", AttributeValue::DateTime(1_000_000_000)),
        attribute("Name", name),
        text("Object Group", &group(number)),
        text("x-Component", COMPONENT),
        text("x-Identifier", &identifier(number)),
    ];
    let request = payload::create::Request {
        object_type: ObjectType::SymmetricKey,
        template: TemplateAttribute::of(attributes),
    };
    OutgoingItem {
        unique_batch_item_id: Some(number.to_be_bytes().to_vec()),
        payload: RequestPayload::Create(request),
    }
}
