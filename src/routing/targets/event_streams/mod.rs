//! A topic of Event Streams, or of any other Apache Kafka: a record of the topic for each record.
//!
//! A key's events have one record key and so one partition, where they stay in order; a checkpoint is written once all before it are. A batch
//! is delivered when every in-sync replica has it. Any failure ends the connections, so that the next try asks the brokers anew who leads what.

mod partition;
mod record;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rskafka::record::Record as KafkaRecord;
use rskafka::{BackoffConfig, BackoffError};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::crypto::SecretText;
use crate::domain::Clock;
use crate::routing::http::one_line;
use crate::routing::tls::TlsOptions;
use crate::routing::{
    Batch, BatchLimits, Content, Deliver, Endpoint, EndpointError, Surroundings, Undelivered,
};

/// The user name that goes with an API key of Event Streams.
const USER: &str = "token";
/// The most brokers to begin with: the others are learned from any of them.
const BROKERS_MAX: usize = 16;
/// How long it is believed how many partitions a topic has; other clients ask as often.
const PARTITIONS_BELIEVED: Duration = Duration::from_secs(300);
/// The largest answer of a broker that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// The longest time a batch may be given.
const TIMEOUT_SECONDS_MAX: u16 = 300;
/// Bytes of a batch: half of what a broker takes at once by default (1 MiB), which leaves room for keys and headers.
const BATCH_BYTES: usize = 512 * 1024;
/// Whoever feeds a target comes again; the client does not.
const ONE_TRY: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(1),
    max_backoff: Duration::from_millis(1),
    base: 2.0,
    deadline: Some(Duration::ZERO),
};

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventStreamsEndpoint {
    /// The CRN of the instance; shown, and not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_crn: Option<String>,
    /// Brokers to begin with, each as `HOST:PORT`.
    pub brokers: Vec<String>,
    /// The topic, which must exist.
    pub topic: String,
    /// The API key, or the password of `username`. None: no authentication but by the client certificate, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretText>,
    /// The user of SASL PLAIN; Event Streams wants `token`.
    #[serde(default = "token")]
    pub username: String,
    /// The CA certificates that are trusted, PEM; without it those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<String>,
    /// The certificate that is presented, PEM, with its chain if it needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Its private key, PEM without a passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<SecretText>,
    /// Whether to speak without TLS: anybody on the way can read and change events. No API key is sent then.
    #[serde(default)]
    pub insecure: bool,
    /// How many seconds a batch may take.
    #[serde(default = "half_a_minute")]
    pub timeout_seconds: u16,
}

fn token() -> String {
    USER.to_owned()
}

const fn half_a_minute() -> u16 {
    30
}

impl EventStreamsEndpoint {
    /// This topic at these brokers, everything else as it is by default.
    #[must_use]
    pub fn new(brokers: Vec<String>, topic: &str) -> Self {
        Self {
            target_crn: None,
            brokers,
            topic: topic.to_owned(),
            api_key: None,
            username: token(),
            ca_certificate: None,
            client_certificate: None,
            client_key: None,
            insecure: false,
            timeout_seconds: half_a_minute(),
        }
    }

    fn tls(&self) -> TlsOptions<'_> {
        TlsOptions {
            ca_certificate: self.ca_certificate.as_deref(),
            client_certificate: self.client_certificate.as_deref(),
            client_key: self.client_key.as_ref(),
        }
    }

    fn check_insecure(&self) -> Result<(), EndpointError> {
        let problem = |problem: &str| Err(EndpointError::new("insecure", problem));
        if self.insecure && self.api_key.is_some() {
            return problem(
                "is true, and an API key is given, which is not sent where others can read it",
            );
        }
        if self.insecure && (self.ca_certificate.is_some() || self.client_certificate.is_some()) {
            return problem("is true, and certificates are given: leave out one or the other");
        }
        Ok(())
    }

    fn check_access(&self) -> Result<(), EndpointError> {
        let problem = |field, problem: &str| Err(EndpointError::new(field, problem));
        let cannot_be_sent =
            |text: &str| text.is_empty() || text.contains('\0') || text.len() > 4096;
        if cannot_be_sent(&self.username) {
            return problem(
                "username",
                "is empty, holds a character 0 or is longer than 4096 bytes",
            );
        }
        if self
            .api_key
            .as_ref()
            .is_some_and(|key| cannot_be_sent(key.expose()))
        {
            return problem(
                "api_key",
                "is empty, holds a character 0 or is longer than 4096 bytes",
            );
        }
        Ok(())
    }
}

fn is_broker(text: &str) -> bool {
    let Some((host, port)) = text.split_once(':') else {
        return false;
    };
    ServerName::try_from(host).is_ok() && port.parse::<u16>().is_ok_and(|port| port > 0)
}

impl Endpoint for EventStreamsEndpoint {
    const TYPE: &'static str = "event_streams";
    const MEMBER: &'static str = "eventstreams_endpoint";
    type Target = EventStreamsTarget;

    fn check(&self) -> Result<(), EndpointError> {
        let problem = |field, problem: &str| Err(EndpointError::new(field, problem));
        if self.brokers.is_empty() || self.brokers.len() > BROKERS_MAX {
            return problem("brokers", "is not a list of 1 to 16 brokers");
        }
        if !self.brokers.iter().all(|broker| is_broker(broker)) {
            return problem(
                "brokers",
                "holds something else than HOST:PORT, by name or IPv4 address: write such as broker-0.example.com:9093",
            );
        }
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let topic = &self.topic;
        if !(1..=249).contains(&topic.len())
            || !topic.bytes().all(letters)
            || topic == "."
            || topic == ".."
        {
            return problem("topic", "is not 1 to 249 letters, digits and . _ -");
        }
        self.check_access()?;
        self.tls().check()?;
        self.check_insecure()?;
        if !(1..=TIMEOUT_SECONDS_MAX).contains(&self.timeout_seconds) {
            let problem = format!("write a number of seconds from 1 to {TIMEOUT_SECONDS_MAX}");
            return Err(EndpointError::new("timeout_seconds", problem));
        }
        Ok(())
    }

    fn secrets(&mut self) -> Vec<(Cow<'static, str>, &mut SecretText)> {
        let secrets = [
            ("api_key", self.api_key.as_mut()),
            ("client_key", self.client_key.as_mut()),
        ];
        let given = secrets
            .into_iter()
            .filter_map(|(name, secret)| Some((Cow::Borrowed(name), secret?)));
        given.collect()
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits {
            bytes: BATCH_BYTES,
            ..BatchLimits::default()
        }
    }

    fn open(&self, surroundings: &Surroundings) -> Result<EventStreamsTarget, EndpointError> {
        self.check()?;
        let tls = if self.insecure {
            None
        } else {
            Some(Arc::new(self.tls().client_config()?))
        };
        Ok(EventStreamsTarget {
            brokers: self.brokers.clone(),
            topic: self.topic.clone(),
            access: self.api_key.clone().map(|key| (self.username.clone(), key)),
            tls,
            time_limit: Duration::from_secs(self.timeout_seconds.into()),
            clock: Arc::clone(&surroundings.clock),
            cluster: None,
        })
    }
}

/// Writes to a topic.
pub struct EventStreamsTarget {
    brokers: Vec<String>,
    topic: String,
    /// User and password.
    access: Option<(String, SecretText)>,
    tls: Option<Arc<ClientConfig>>,
    time_limit: Duration,
    clock: Arc<dyn Clock>,
    cluster: Option<Cluster>,
}

/// The brokers as they are known, with connections to the leaders of partitions.
struct Cluster {
    client: Client,
    /// The topic's partitions, in order.
    partitions: Vec<i32>,
    /// When they were asked for.
    asked: Instant,
    leaders: BTreeMap<i32, Arc<PartitionClient>>,
}

impl Deliver for EventStreamsTarget {
    async fn deliver(&mut self, batch: &Batch) -> Result<(), Undelivered> {
        // Taken away, so that after a failure, or when this is dropped, everything is asked and connected anew.
        let kept = self.cluster.take();
        // Boxed: what the client awaits is nested deeper than the compiler follows from the top of the program.
        let delivering = Box::pin(self.deliver_through(kept, batch));
        let delivered = timeout(self.time_limit, delivering).await;
        let cluster = delivered.unwrap_or_else(|_| {
            let seconds = self.time_limit.as_secs();
            Err(Undelivered::Retry(format!(
                "the brokers did not take the records within {seconds} s"
            )))
        })?;
        self.cluster = Some(cluster);
        Ok(())
    }
}

impl EventStreamsTarget {
    async fn deliver_through(
        &self,
        kept: Option<Cluster>,
        batch: &Batch,
    ) -> Result<Cluster, Undelivered> {
        let mut cluster = match kept {
            Some(cluster) if cluster.asked.elapsed() < PARTITIONS_BELIEVED => cluster,
            Some(_) | None => self.connect().await?,
        };
        // A checkpoint comes after all that it seals, whatever partitions that is in.
        let before_checkpoints = batch
            .records
            .split_inclusive(|record| matches!(record.content, Content::Checkpoint(_)));
        for records in before_checkpoints {
            let (events, checkpoint) = match records.split_last() {
                Some((last, before)) if matches!(last.content, Content::Checkpoint(_)) => {
                    (before, std::slice::from_ref(last))
                }
                _ => (records, Default::default()),
            };
            for together in [events, checkpoint] {
                let mut shares: BTreeMap<i32, Vec<KafkaRecord>> = BTreeMap::new();
                for record in together {
                    let record = record::of(&batch.origin, record, self.clock.now_ms());
                    let key = record.key.as_deref().unwrap_or_default();
                    let partition = partition::partition(key, &cluster.partitions);
                    let partition = partition.ok_or_else(|| self.no_topic())?;
                    shares.entry(partition).or_default().push(record);
                }
                self.produce(&mut cluster, shares).await?;
            }
        }
        Ok(cluster)
    }

    /// Writes to all partitions at once, and waits for all.
    async fn produce(
        &self,
        cluster: &mut Cluster,
        shares: BTreeMap<i32, Vec<KafkaRecord>>,
    ) -> Result<(), Undelivered> {
        let mut written = JoinSet::new();
        for (partition, records) in shares {
            let leader = match cluster.leaders.get(&partition) {
                Some(leader) => Arc::clone(leader),
                None => {
                    let connecting = cluster.client.partition_client(
                        &self.topic,
                        partition,
                        UnknownTopicHandling::Error,
                    );
                    let leader =
                        Arc::new(connecting.await.map_err(|error| self.undelivered(&error))?);
                    cluster.leaders.insert(partition, Arc::clone(&leader));
                    leader
                }
            };
            written.spawn(async move { leader.produce(records, Compression::NoCompression).await });
        }
        let mut outcome = Ok(());
        while let Some(one) = written.join_next().await {
            let failed = match one {
                Ok(Ok(_)) => continue,
                Ok(Err(error)) => self.undelivered(&error),
                Err(error) => Undelivered::Retry(format!("a write failed: {error}")),
            };
            // What is refused for good is told first: the worker then finds out which record it is.
            if outcome.is_ok() || matches!(failed, Undelivered::Park(_)) {
                outcome = Err(failed);
            }
        }
        outcome
    }

    async fn connect(&self) -> Result<Cluster, Undelivered> {
        let mut builder = ClientBuilder::new(self.brokers.clone())
            .client_id("keyledger")
            .max_message_size(ANSWER_BYTES_MAX)
            .backoff_config(ONE_TRY);
        if let Some(tls) = &self.tls {
            builder = builder.tls_config(Arc::clone(tls));
        }
        if let Some((user, password)) = &self.access {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            builder = builder.sasl_config(SaslConfig::Plain(credentials));
        }
        let client = builder
            .build()
            .await
            .map_err(|error| self.undelivered(&error))?;
        let topics = client
            .list_topics()
            .await
            .map_err(|error| self.undelivered(&error))?;
        let topic = topics.into_iter().find(|topic| topic.name == self.topic);
        let partitions = topic
            .map(|topic| topic.partitions.into_iter().collect())
            .unwrap_or_default();
        Ok(Cluster {
            client,
            partitions,
            asked: Instant::now(),
            leaders: BTreeMap::new(),
        })
    }

    fn no_topic(&self) -> Undelivered {
        let topic = &self.topic;
        Undelivered::Retry(format!(
            "the brokers know no topic {topic}: create it, or let this API key see it"
        ))
    }

    fn undelivered(&self, error: &Error) -> Undelivered {
        let Some(code) = protocol_error(error) else {
            let secrets: Vec<_> = self.access.iter().map(|(_, secret)| secret).collect();
            let cause = one_line(&cause(error), &secrets);
            return Undelivered::Retry(format!("the brokers cannot be used: {cause}"));
        };
        self.refused(code)
    }

    /// What becomes of a batch that a broker answered like this.
    fn refused(&self, code: ProtocolError) -> Undelivered {
        match code {
            ProtocolError::MessageTooLarge | ProtocolError::RecordListTooLarge => {
                Undelivered::Park(
                    "the broker takes no record of this size: raise max.message.bytes of the topic"
                        .to_owned(),
                )
            }
            ProtocolError::InvalidRecord => {
                Undelivered::Park("the broker refuses the record as invalid".to_owned())
            }
            ProtocolError::InvalidTimestamp => {
                Undelivered::Park("the topic takes no record of this age".to_owned())
            }
            ProtocolError::UnknownTopicOrPartition => self.no_topic(),
            ProtocolError::TopicAuthorizationFailed | ProtocolError::ClusterAuthorizationFailed => {
                let topic = &self.topic;
                Undelivered::Retry(format!(
                    "the brokers do not let this user write to {topic}: give it the role Writer"
                ))
            }
            other => Undelivered::Retry(format!("the broker answered {other:?}")),
        }
    }
}

/// What a broker answered, if it did; the client wraps it when it would have tried again.
fn protocol_error(error: &Error) -> Option<ProtocolError> {
    match error {
        Error::ServerError { protocol_error, .. } => Some(*protocol_error),
        Error::RetryFailed(BackoffError::DeadlineExceded { source, .. }) => {
            source.downcast_ref().and_then(protocol_error)
        }
        // Open by design: everything else is of connections.
        _ => None,
    }
}

/// The cause, without what the client says of the tries it was not allowed.
fn cause(error: &Error) -> String {
    let text = error.to_string();
    let cause = text
        .rsplit_once("Source: ")
        .map(|(_, cause)| cause.to_owned());
    cause.unwrap_or(text)
}
