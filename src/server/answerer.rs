//! What stands behind the sockets: the KMIP behaviour, or a canned stand-in.
//!
//! The server is generic over it, so that tests and the benchmark that measures the limit of TLS
//! itself run the very same listener without a store.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use crate::crypto::Certificate;
use crate::domain::{Clients, Identity, NotAdmitted};
use crate::ops::{Answer, Service};
use crate::store::Store;

/// Knows who may connect.
pub trait Directory: Send + Sync + 'static {
    /// The clients there are now.
    fn clients(&self) -> Arc<Clients>;

    /// Fires after [`Directory::clients`] has changed.
    fn clients_changed(&self) -> watch::Receiver<u64>;
}

/// Answers messages.
pub trait Answerer: Directory {
    /// Answers one whole request message, header included. Never fails: refusals are answers too.
    fn answer(
        &self,
        identity: &Arc<Identity>,
        request: &[u8],
    ) -> impl Future<Output = Answer> + Send;

    /// Enrols a certificate that a trusted CA vouches for, or says why it is not enrolled after this.
    fn enrol(&self, leaf: &Certificate) -> impl Future<Output = Result<(), NotAdmitted>> + Send;

    /// Answers bytes that cannot be framed as a message. The connection is closed after it,
    /// whatever the answer says.
    fn answer_unframed(
        &self,
        identity: &Arc<Identity>,
        error: &ttlv::Error,
    ) -> impl Future<Output = Answer> + Send;
}

impl<D: Directory + ?Sized> Directory for Arc<D> {
    fn clients(&self) -> Arc<Clients> {
        (**self).clients()
    }

    fn clients_changed(&self) -> watch::Receiver<u64> {
        (**self).clients_changed()
    }
}

impl Directory for Store {
    fn clients(&self) -> Arc<Clients> {
        Self::clients(self)
    }

    fn clients_changed(&self) -> watch::Receiver<u64> {
        Self::clients_changed(self)
    }
}

impl Directory for Service {
    fn clients(&self) -> Arc<Clients> {
        self.store().clients()
    }

    fn clients_changed(&self) -> watch::Receiver<u64> {
        self.store().clients_changed()
    }
}

impl Answerer for Service {
    async fn enrol(&self, leaf: &Certificate) -> Result<(), NotAdmitted> {
        Self::enrol(self, leaf).await
    }

    async fn answer(&self, identity: &Arc<Identity>, request: &[u8]) -> Answer {
        Self::answer(self, identity, request).await
    }

    async fn answer_unframed(&self, identity: &Arc<Identity>, error: &ttlv::Error) -> Answer {
        Self::answer_unframed(self, identity, error).await
    }
}
