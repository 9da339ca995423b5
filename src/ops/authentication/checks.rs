//! Checks of user names and passwords: slow once, then from memory.
//!
//! A right credential is hashed once and its mark remembered; so are the marks of wrong ones, a bounded number. A mark is made under a
//! key of this process from the credential that is asked for, so it holds no password and means nothing once another credential is set.
//!
//! What is not remembered is hashed, on threads that may block, never on the runtime's: one at a time for each client, and one at a time
//! over all clients that have sent a wrong one of late and over all that have not. So nobody's wrong ones stand in the way of another's
//! right one, and the memory in use is that of two hashes. A wrong one costs the client one of its attempts; without any left it is
//! refused unseen until some has grown back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use tokio::sync::{OwnedMutexGuard, Semaphore};

use super::attempts::{Attempts, MINUTE_MS};
use super::{Standing, Verdict, name_and_password};
use crate::crypto::{KeyedDigest, Mark, Random, Secret};
use crate::domain::{ClientId, Credential, Identity, InstanceId};
use crate::kmip::message::Credential as Offered;
use crate::ops::error::{Cause, OpError};

/// Marks of wrong credentials that are remembered.
const WRONG_MAX: usize = 4096;
/// Clients whose attempts are remembered before those who have all of them are forgotten.
const CLIENTS_MAX: usize = 4096;

/// What is known about credentials, and who may have how many more looked at.
pub(crate) struct Checks {
    digest: OnceLock<KeyedDigest>,
    known: Arc<Known>,
    attempts_of: Mutex<HashMap<ClientId, Arc<tokio::sync::Mutex<Attempts>>>>,
    /// Wrong credentials a client may send in a minute.
    wrong_per_minute: i64,
    /// For clients that have sent no wrong one of late.
    clean: Arc<Semaphore>,
    /// For the others.
    suspect: Arc<Semaphore>,
}

/// What has been hashed.
struct Known {
    right: RwLock<HashMap<InstanceId, Mark>>,
    wrong: quick_cache::sync::Cache<Mark, ()>,
}

/// A user name and a password to be looked at, and what they are compared with.
struct Question<'a> {
    instance: InstanceId,
    credential: &'a Arc<Credential>,
    username: &'a str,
    password: &'a str,
}

impl Checks {
    pub(crate) fn new(wrong_per_minute: u32) -> Self {
        let known = Known {
            right: RwLock::default(),
            wrong: quick_cache::sync::Cache::new(WRONG_MAX),
        };
        Self {
            digest: OnceLock::new(),
            known: Arc::new(known),
            attempts_of: Mutex::default(),
            wrong_per_minute: i64::from(wrong_per_minute.max(1)),
            clean: Arc::new(Semaphore::new(1)),
            suspect: Arc::new(Semaphore::new(1)),
        }
    }

    /// What a message with these credentials is worth to an instance that asks for `credential`.
    pub(crate) async fn standing(
        &self,
        identity: &Arc<Identity>,
        credential: Option<Arc<Credential>>,
        offered: &[Offered],
        random: &dyn Random,
        now_ms: i64,
    ) -> Result<Standing, OpError> {
        let Some(asked) = &credential else {
            return Ok(Standing::new(identity, None, Verdict::NotAsked));
        };
        let mut verdict = Verdict::Missing;
        for offered in offered {
            verdict = match name_and_password(offered) {
                Some((username, password)) => {
                    let question = Question {
                        instance: identity.instance,
                        credential: asked,
                        username,
                        password,
                    };
                    self.ask(identity.client, &question, random, now_ms).await?
                }
                None => Verdict::Wrong,
            };
            // All of them must be right.
            if verdict != Verdict::Right {
                break;
            }
        }
        Ok(Standing::new(identity, credential, verdict))
    }

    async fn ask(
        &self,
        client: ClientId,
        question: &Question<'_>,
        random: &dyn Random,
        now_ms: i64,
    ) -> Result<Verdict, OpError> {
        let mark = self.digest(random)?.mark(&[
            question.credential.password.as_str().as_bytes(),
            question.credential.username.as_bytes(),
            question.username.as_bytes(),
            question.password.as_bytes(),
        ]);
        if let Some(verdict) = self.known.verdict(question.instance, &mark) {
            return Ok(verdict);
        }
        let mut attempts = self.attempts(client, now_ms).lock_owned().await;
        // Another request of the client may have been first.
        if let Some(verdict) = self.known.verdict(question.instance, &mark) {
            return Ok(verdict);
        }
        let suspect = attempts.is_used(now_ms);
        if !attempts.take(now_ms, self.wrong_per_minute) {
            return Ok(Verdict::NotChecked);
        }
        let lane = if suspect { &self.suspect } else { &self.clean };
        let lane = Arc::clone(lane).acquire_owned().await;
        let step_ms = MINUTE_MS / self.wrong_per_minute;
        // Another client of the instance may have been first.
        if let Some(verdict) = self.known.verdict(question.instance, &mark) {
            attempts.give_back(step_ms);
            return Ok(verdict);
        }
        let check = Check {
            known: Arc::clone(&self.known),
            instance: question.instance,
            mark,
            credential: Arc::clone(question.credential),
            username: question.username.to_owned(),
            password: Secret::new(question.password.as_bytes().to_vec()),
            attempts,
            step_ms,
        };
        let hashed = tokio::task::spawn_blocking(move || {
            let verdict = check.run();
            drop(lane);
            verdict
        });
        hashed
            .await
            .map_err(|error| OpError::new(Cause::Internal, error.to_string()))
    }

    /// The key is drawn when it is first needed: most servers never do.
    fn digest(&self, random: &dyn Random) -> Result<&KeyedDigest, OpError> {
        if let Some(digest) = self.digest.get() {
            return Ok(digest);
        }
        let made = KeyedDigest::new(random)
            .map_err(|error| OpError::new(Cause::Cryptographic, error.to_string()))?;
        Ok(self.digest.get_or_init(|| made))
    }

    fn attempts(&self, client: ClientId, now_ms: i64) -> Arc<tokio::sync::Mutex<Attempts>> {
        let mut attempts_of = self
            .attempts_of
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if attempts_of.len() >= CLIENTS_MAX && !attempts_of.contains_key(&client) {
            // Who cannot be locked is in use.
            let used = |held: &Arc<tokio::sync::Mutex<Attempts>>| {
                held.try_lock().map_or(true, |held| held.is_used(now_ms))
            };
            attempts_of.retain(|_, held| Arc::strong_count(held) > 1 || used(held));
        }
        Arc::clone(attempts_of.entry(client).or_default())
    }
}

impl Known {
    fn verdict(&self, instance: InstanceId, mark: &Mark) -> Option<Verdict> {
        let right = self.right.read().unwrap_or_else(PoisonError::into_inner);
        if right
            .get(&instance)
            .is_some_and(|right| right.constant_time_eq(mark))
        {
            return Some(Verdict::Right);
        }
        drop(right);
        self.wrong.get(mark).map(|()| Verdict::Wrong)
    }

    /// One right mark for each instance: the latest.
    fn remember(&self, instance: InstanceId, mark: Mark, is_right: bool) {
        if is_right {
            let mut right = self.right.write().unwrap_or_else(PoisonError::into_inner);
            right.insert(instance, mark);
        } else {
            self.wrong.insert(mark, ());
        }
    }
}

/// One hash on its way. It is seen to its end and remembered, even if nobody waits for it any more.
struct Check {
    known: Arc<Known>,
    instance: InstanceId,
    mark: Mark,
    credential: Arc<Credential>,
    username: String,
    password: Secret,
    attempts: OwnedMutexGuard<Attempts>,
    step_ms: i64,
}

impl Check {
    fn run(mut self) -> Verdict {
        let is_right = self
            .credential
            .is(self.username.as_bytes(), self.password.expose());
        self.known.remember(self.instance, self.mark, is_right);
        if is_right {
            self.attempts.give_back(self.step_ms);
            Verdict::Right
        } else {
            Verdict::Wrong
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::crypto::{Cost, Fingerprint, PasswordHash, SystemRandom};
    use crate::domain::{Access, Initiator, Permissions, Rules, Scope};
    use crate::kmip::message::Password;

    fn identity(number: u8) -> Arc<Identity> {
        let fingerprint = Fingerprint::of(&[number]);
        Arc::new(Identity {
            not_after: i64::MAX,
            client: ClientId::from_bytes([number; 16]),
            label: format!("client-{number}"),
            instance: InstanceId::from_bytes([1; 16]),
            fingerprint,
            initiator: Arc::new(Initiator::certificate(fingerprint, "client")),
            scope: Arc::new(Scope {
                crn_prefix: String::new(),
                account: String::new(),
                location: String::new(),
                instance: String::new(),
            }),
            access: Access::new(&Permissions::default(), Rules::default()),
            credential: None,
        })
    }

    fn login(password: &str) -> [Offered; 1] {
        [Offered::UsernameAndPassword {
            username: "vc".to_owned(),
            password: Some(Password::new(password.to_owned())),
        }]
    }

    #[tokio::test]
    async fn a_right_one_does_not_wait_for_others_wrong_ones() {
        let cost = Cost::new(64, 1, 1).unwrap();
        let credential = Arc::new(Credential {
            username: "vc".to_owned(),
            password: PasswordHash::make(b"word", cost, &SystemRandom).unwrap(),
        });
        let checks = Checks::new(10);
        let ask = async |client: u8, password: &str| {
            let (asked, offered) = (Some(Arc::clone(&credential)), login(password));
            let identity = identity(client);
            let standing = checks.standing(&identity, asked, &offered, &SystemRandom, 1_000_000);
            standing.await.unwrap().verdict
        };
        assert_eq!(ask(1, "wrong").await, Verdict::Wrong);
        // As if a hash for those who have sent wrong ones never ended.
        let endless = Arc::clone(&checks.suspect).acquire_owned().await.unwrap();
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(200), ask(1, "word"));
        assert!(waiting.await.is_err(), "its turn has not come");
        assert_eq!(ask(2, "word").await, Verdict::Right);
        assert_eq!(ask(1, "word").await, Verdict::Right, "known by now");
        assert_eq!(ask(1, "wrong").await, Verdict::Wrong, "known by now");
        drop(endless);
        assert_eq!(ask(1, "other").await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn what_another_client_has_had_hashed_meanwhile_is_not_hashed_again() {
        let cost = Cost::new(64, 1, 1).unwrap();
        let credential = Arc::new(Credential {
            username: "vc".to_owned(),
            password: PasswordHash::make(b"word", cost, &SystemRandom).unwrap(),
        });
        let checks = Checks::new(10);
        let (identity, offered) = (identity(1), login("other"));
        let asked = Some(Arc::clone(&credential));
        let lane = Arc::clone(&checks.clean).acquire_owned().await.unwrap();
        let asking = checks.standing(&identity, asked, &offered, &SystemRandom, 1_000_000);
        let mut asking = std::pin::pin!(asking);
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(20), &mut asking);
        assert!(waiting.await.is_err(), "its turn has not come");
        // As if it had been found right: a hash would find it wrong.
        let hash = credential.password.as_str().as_bytes();
        let digest = checks.digest(&SystemRandom).unwrap();
        let mark = digest.mark(&[hash, b"vc", b"vc", b"other"]);
        checks.known.remember(identity.instance, mark, true);
        drop(lane);
        assert_eq!(asking.await.unwrap().verdict, Verdict::Right);
        let attempts = checks.attempts(identity.client, 1_000_000);
        assert!(!attempts.lock().await.is_used(1_000_000), "given back");
    }

    #[tokio::test]
    async fn who_has_all_of_the_attempts_left_is_forgotten_when_there_are_many() {
        let checks = Checks::new(10);
        let client = |number: u16| {
            let mut bytes = [0; 16];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            ClientId::from_bytes(bytes)
        };
        let used = checks.attempts(client(0), 1_000_000);
        assert!(used.lock().await.take(1_000_000, 10));
        drop(used);
        let clients = u16::try_from(CLIENTS_MAX).unwrap() + 100;
        for number in 1..clients {
            drop(checks.attempts(client(number), 1_000_000));
        }
        let held = checks.attempts_of.lock().unwrap();
        assert!(held.len() <= CLIENTS_MAX, "{}", held.len());
        assert!(held.contains_key(&client(0)), "a used one is kept");
    }
}
