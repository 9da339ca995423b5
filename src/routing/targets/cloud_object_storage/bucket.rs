//! Delivers to a bucket: objects are made, and none is ever replaced.
//!
//! A name may be taken: by what an earlier try wrote, whose answer was lost, or by events that the trail has no more since the database was
//! put back to an older copy. The first counts as delivered; beside the second the object gets a name that its content makes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, GetOptions, ObjectStore as _, PutMode, PutOptions,
};

use super::connector::Asked;
use super::objects::{Held, Object, objects};
use crate::crypto::SecretText;
use crate::routing::{Batch, Deliver, Undelivered, http};

/// Metadata of an object: how many records it holds, and the SHA-256 of its content in hex.
const RECORDS: &str = "keyledger-records";
const SHA256: &str = "keyledger-sha256";

/// Delivers to a bucket.
pub struct CloudObjectStorageTarget {
    pub(super) store: AmazonS3,
    /// Whether the service makes an object only where there is none.
    pub(super) is_conditional: bool,
    /// How long the last answer asked to be left alone.
    pub(super) asked: Arc<Asked>,
    /// What errors call it.
    pub(super) place: String,
    /// What must not come back in an error.
    pub(super) secret: SecretText,
}

impl fmt::Debug for CloudObjectStorageTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudObjectStorageTarget")
            .finish_non_exhaustive()
    }
}

/// What there is under a name.
enum There {
    /// An object that says what it holds.
    Ours(Held),
    /// Another object.
    Other,
    /// We may not look.
    Hidden,
    /// Nothing, or the service does not say.
    Unknown,
}

impl CloudObjectStorageTarget {
    /// Writes an object and gives what is left of it to write.
    async fn write<'a>(
        &self,
        batch: &Batch,
        object: Object<'a>,
    ) -> Result<Option<Object<'a>>, Undelivered> {
        if !self.is_conditional {
            return self.write_apart(batch, &object).await;
        }
        let path = Path::from_iter(object.name());
        let Err(refusal) = self.put(batch, &object, &path).await else {
            return Ok(None);
        };
        if !refusal.by_service {
            return Err(self.undelivered(&refusal));
        }
        match self.there(&path).await {
            There::Ours(held) => match object.after(&held) {
                Ok(left) => Ok(left),
                Err(object) => self.write_apart(batch, &object).await,
            },
            There::Other => self.write_apart(batch, &object).await,
            There::Hidden if refusal.is_taken => self.write_apart(batch, &object).await,
            There::Hidden | There::Unknown => Err(self.undelivered(&refusal)),
        }
    }

    /// Writes an object under the name that its content makes: whatever is there under it is the same.
    async fn write_apart<'a>(
        &self,
        batch: &Batch,
        object: &Object<'_>,
    ) -> Result<Option<Object<'a>>, Undelivered> {
        let path = Path::from_iter(object.own_name());
        let Err(refusal) = self.put(batch, object, &path).await else {
            return Ok(None);
        };
        // A bucket that keeps what it has for good refuses to have it written again, for a reason of its own.
        let is_there = refusal.is_taken
            || refusal.by_service
                && matches!(self.there(&path).await, There::Ours(held) if held == object.held());
        if is_there {
            Ok(None)
        } else {
            Err(self.undelivered(&refusal))
        }
    }

    async fn put(&self, batch: &Batch, object: &Object<'_>, path: &Path) -> Result<(), Refusal> {
        let mode = if self.is_conditional {
            PutMode::Create
        } else {
            PutMode::Overwrite
        };
        let options = PutOptions {
            mode,
            attributes: attributes(batch, object),
            ..PutOptions::default()
        };
        let put = self.store.put_opts(path, object.lines().into(), options);
        put.await.map(drop).map_err(|error| Refusal {
            after: self.asked.take(),
            ..Refusal::of(&error)
        })
    }

    /// Looks at what is there under a name.
    async fn there(&self, path: &Path) -> There {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        let there = match self.store.get_opts(path, options).await {
            Ok(there) => there,
            Err(Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) => {
                return There::Hidden;
            }
            Err(_) => return There::Unknown,
        };
        let metadata = |name: &'static str| there.attributes.get(&Attribute::Metadata(name.into()));
        let held = || {
            Some(Held {
                records: metadata(RECORDS)?.parse().ok()?,
                digest: metadata(SHA256)?.to_string(),
            })
        };
        held().map_or(There::Other, There::Ours)
    }

    fn undelivered(&self, refusal: &Refusal) -> Undelivered {
        let reason = http::one_line(&refusal.text, &[&self.secret]);
        Undelivered::again(format!("{}: {reason}", self.place), refusal.after)
    }
}

impl Deliver for CloudObjectStorageTarget {
    async fn deliver(&mut self, batch: &Batch) -> Result<(), Undelivered> {
        for object in objects(batch) {
            let mut left = Some(object);
            while let Some(object) = left {
                left = self.write(batch, object).await?;
            }
        }
        Ok(())
    }
}

/// What is kept beside an object: its form, whose records it holds, and which.
fn attributes(batch: &Batch, object: &Object<'_>) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, "application/x-ndjson".into());
    let Held { records, digest } = object.held();
    let metadata = [
        ("keyledger-origin", Some(batch.origin.name.clone())),
        ("keyledger-epoch", Some(batch.origin.epoch.to_string())),
        ("keyledger-sequences", object.sequences()),
        (RECORDS, Some(records.to_string())),
        (SHA256, Some(digest)),
    ];
    for (name, value) in metadata {
        // Only such text comes back from every service as it was given.
        if let Some(value) = value.filter(|value| value.is_ascii()) {
            attributes.insert(Attribute::Metadata(name.into()), value.into());
        }
    }
    attributes
}

/// Why an object was not written.
struct Refusal {
    /// Whether the service itself said so.
    by_service: bool,
    /// Whether it said that there is such an object.
    is_taken: bool,
    /// Code and message of its answer, or what happened instead of one.
    text: String,
    /// How long it asks to be left alone.
    after: Option<Duration>,
}

impl Refusal {
    fn of(error: &Error) -> Self {
        let cause = http::root_cause(error);
        let element = |name: &str| {
            let (_, rest) = cause.split_once(&format!("<{name}>"))?;
            let (text, _) = rest.split_once(&format!("</{name}>"))?;
            Some(text.to_owned())
        };
        let (code, message) = (element("Code"), element("Message"));
        let is_taken = is_taken(error);
        Self {
            by_service: is_taken || code.is_some(),
            is_taken,
            text: match (code, message) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code,
                (None, _) => cause,
            },
            after: None,
        }
    }
}

/// Whether an object was not made because there is one. The library says so too where another request was making it, which may have failed.
fn is_taken(error: &Error) -> bool {
    let Error::AlreadyExists { source, .. } = error else {
        return false;
    };
    let within = source.downcast_ref::<Error>();
    matches!(
        within,
        Some(Error::Precondition { .. } | Error::NotModified { .. })
    )
}
