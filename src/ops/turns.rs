//! Whose turn it is to look into the store for a search.
//!
//! A client has one look under way at a time, however many connections it searches on, and each look is short. So the store's queue of
//! searches holds one of each client, and a client that does nothing but search slows down itself.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::domain::ClientId;

/// Enough that two clients seldom share one, and a fixed amount of memory.
const PLACES: usize = 256;

/// The turns of all clients.
pub(crate) struct Turns(Vec<Semaphore>);

impl Turns {
    pub(crate) fn new() -> Self {
        Self((0..PLACES).map(|_| Semaphore::new(1)).collect())
    }

    /// Waits for the client's turn, which ends when the permit is dropped.
    pub(crate) async fn wait(&self, client: ClientId) -> Option<SemaphorePermit<'_>> {
        // The end of an identifier is random.
        let [.., high, low] = *client.as_bytes();
        let place = usize::from(u16::from_be_bytes([high, low])) % PLACES;
        self.0.get(place)?.acquire().await.ok()
    }
}
