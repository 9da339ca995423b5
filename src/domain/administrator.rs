//! Who may administer the server from elsewhere: API keys and certificates, each with a role and perhaps one instance.
//!
//! [`Administrators`] is a snapshot like that of the clients: replaced as a whole when something changes. Nothing here reads what was
//! presented: whoever asks has computed the digest of the key, or has had possession of the certificate's key proved.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ApiKeyId, Initiator, InstanceId, Makers, TooManyMakers};
use crate::crypto::Fingerprint;
use crate::crypto::secret::constant_time_eq;

/// How many there may be of what administrators make and the server holds in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantities {
    /// The most instances.
    pub instances: usize,
    /// The most clients.
    pub clients: usize,
    /// The most certificates of one client, those aside that a CA of others enrols.
    pub certificates_per_client: usize,
    /// The most API keys: each login compares with all of them.
    pub api_keys: usize,
    /// The most administrator certificates.
    pub administrators: usize,
}

impl Default for Quantities {
    fn default() -> Self {
        Self {
            instances: 1000,
            clients: 10_000,
            certificates_per_client: 100,
            api_keys: 1000,
            administrators: 1000,
        }
    }
}

/// What an administrator may do; each role may do what those before it may.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks.
    Reader,
    /// Does the everyday work: clients, what instances ask for, routing, recorded events.
    Operator,
    /// Does everything.
    Administrator,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Reader, Self::Operator, Self::Administrator];

    /// The word shown to people and kept in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }

    /// The role a word names.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// An API key: what is known of it once it was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its identifier.
    pub id: ApiKeyId,
    /// Its name for people and in events; unique among API keys.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The one instance it may reach; none: everything.
    pub instance: Option<InstanceId>,
    /// SHA-256 of its text, which has 256 random bits.
    pub digest: [u8; 32],
    /// When it was made, seconds since 1970.
    pub created: i64,
    /// The last second it is good, since 1970; none: until it is removed.
    pub expires: Option<i64>,
    /// Who made it.
    pub makers: Makers,
}

/// A certificate that may administer the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Administrator {
    /// Its name for people and in events; unique among administrators.
    pub label: String,
    /// What it may do.
    pub role: Role,
    /// The one instance it may reach; none: everything.
    pub instance: Option<InstanceId>,
    /// SHA-256 of its DER.
    pub fingerprint: Fingerprint,
    /// Its subject, for people.
    pub subject: String,
    /// First second of validity, since 1970.
    pub not_before: i64,
    /// Last second of validity, since 1970.
    pub not_after: i64,
    /// When it was added, seconds since 1970.
    pub added: i64,
    /// Who added it.
    pub makers: Makers,
    /// How many days before its end it was last warned of; none: not yet.
    pub warned: Option<u32>,
}

/// By what somebody is known to the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Login {
    /// A user of this machine, as the system says.
    Local,
    /// An API key.
    ApiKey(ApiKeyId),
    /// The certificate of an administrator.
    Certificate(Fingerprint),
}

/// By what somebody is known, and what they may do by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// By what they are known.
    pub login: Login,
    /// What they may do.
    pub role: Role,
    /// The one instance they may reach; none: everything.
    pub instance: Option<InstanceId>,
}

impl Rights {
    /// Those of the user that the server runs as, on its machine.
    pub const LOCAL: Self = Self {
        login: Login::Local,
        role: Role::Administrator,
        instance: None,
    };
}

/// Somebody who asks the router for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// How events name them.
    pub initiator: Initiator,
    /// What they may do.
    pub role: Role,
    /// The one instance they may reach; none: everything.
    pub instance: Option<InstanceId>,
    /// By what they are known.
    pub login: Login,
}

impl Caller {
    /// A user of this machine, who may read the files of the server anyhow.
    #[must_use]
    pub const fn local(initiator: Initiator) -> Self {
        Self {
            initiator,
            role: Role::Administrator,
            instance: None,
            login: Login::Local,
        }
    }

    /// By what they are known, and what they may do by it.
    #[must_use]
    pub const fn rights(&self) -> Rights {
        Rights {
            login: self.login,
            role: self.role,
            instance: self.instance,
        }
    }
}

/// Why a credential is not taken. The peer is never told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginRefused {
    /// There is none.
    Missing,
    /// It is nobody's.
    Unknown,
    /// It is an administrator's, and its time is over or has not begun.
    NotNow,
}

/// A snapshot of everybody who may administer the server from elsewhere.
#[derive(Debug, Default)]
pub struct Administrators {
    keys: Vec<Arc<ApiKey>>,
    certificates: HashMap<Fingerprint, Arc<Administrator>>,
}

impl Administrators {
    /// The snapshot of these.
    #[must_use]
    pub fn new(mut keys: Vec<ApiKey>, certificates: Vec<Administrator>) -> Self {
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        let certificates = certificates.into_iter();
        Self {
            keys: keys.into_iter().map(Arc::new).collect(),
            certificates: certificates
                .map(|held| (held.fingerprint, Arc::new(held)))
                .collect(),
        }
    }

    /// Every API key, by name.
    #[must_use]
    pub fn keys(&self) -> &[Arc<ApiKey>] {
        &self.keys
    }

    fn key(&self, id: ApiKeyId) -> Option<&Arc<ApiKey>> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// Every administrator, by label.
    #[must_use]
    pub fn certificates(&self) -> Vec<Arc<Administrator>> {
        let mut all: Vec<_> = self.certificates.values().cloned().collect();
        all.sort_by(|a, b| a.label.cmp(&b.label));
        all
    }

    /// The administrator that has this certificate.
    #[must_use]
    pub fn certificate(&self, fingerprint: &Fingerprint) -> Option<&Arc<Administrator>> {
        self.certificates.get(fingerprint)
    }

    /// Who has the API key of this digest, at `now` (seconds since 1970). It takes as long whether there is one or not: each key is compared
    /// with, whole.
    ///
    /// # Errors
    /// It is nobody's, or has expired; the initiator is named where it is known.
    pub fn by_key(
        &self,
        digest: &[u8; 32],
        now: i64,
    ) -> Result<Caller, (LoginRefused, Option<Initiator>)> {
        let mut found = None;
        for key in &self.keys {
            if constant_time_eq(&key.digest, digest) {
                found = Some(key);
            }
        }
        let key = found.ok_or((LoginRefused::Unknown, None))?;
        let initiator = Initiator::api_key(key.id, &key.name);
        if key.expires.is_some_and(|expires| now > expires) {
            return Err((LoginRefused::NotNow, Some(initiator)));
        }
        Ok(Caller {
            initiator,
            role: key.role,
            instance: key.instance,
            login: Login::ApiKey(key.id),
        })
    }

    /// Who has this certificate, at `now` (seconds since 1970).
    ///
    /// # Errors
    /// It is nobody's, or is not valid now; the initiator is named where it is known.
    pub fn by_certificate(
        &self,
        fingerprint: &Fingerprint,
        now: i64,
    ) -> Result<Caller, (LoginRefused, Option<Initiator>)> {
        let held = self.certificates.get(fingerprint);
        let held = held.ok_or((LoginRefused::Unknown, None))?;
        let initiator = Initiator::administrator(*fingerprint, &held.label);
        if !(held.not_before..=held.not_after).contains(&now) {
            return Err((LoginRefused::NotNow, Some(initiator)));
        }
        Ok(Caller {
            initiator,
            role: held.role,
            instance: held.instance,
            login: Login::Certificate(*fingerprint),
        })
    }

    /// Who made the credential that somebody is known by; nobody, where it is there no more.
    #[must_use]
    pub fn makers(&self, login: Login) -> Makers {
        let held = match login {
            Login::Local => None,
            Login::ApiKey(id) => self.key(id).map(|key| &key.makers),
            Login::Certificate(fingerprint) => {
                self.certificate(&fingerprint).map(|held| &held.makers)
            }
        };
        held.cloned().unwrap_or_default()
    }

    /// The makers of what somebody makes who is known by this, and in events by `id`.
    ///
    /// # Errors
    /// There are more than are kept.
    pub fn makers_by(&self, login: Login, id: &str) -> Result<Makers, TooManyMakers> {
        let held = self.makers(login);
        match login {
            Login::Local => Ok(held),
            Login::ApiKey(_) => Ok(Makers::of_api_key(id, &held)),
            Login::Certificate(_) => Makers::of_certificate(id, &held),
        }
    }

    /// Whether who is known by this would be taken at `now` (seconds since 1970): they were not removed, and their dates hold.
    #[must_use]
    pub fn is_good(&self, login: Login, now: i64) -> bool {
        match login {
            Login::Local => true,
            Login::ApiKey(id) => self
                .key(id)
                .is_some_and(|key| key.expires.is_none_or(|expires| now <= expires)),
            Login::Certificate(fingerprint) => self.by_certificate(&fingerprint, now).is_ok(),
        }
    }

    /// Whether somebody still has these rights: neither the credential nor what it may do was taken away or changed. Dates are not looked at.
    #[must_use]
    pub fn may_act(&self, rights: &Rights) -> bool {
        let held = match rights.login {
            Login::Local => return true,
            Login::ApiKey(id) => self.key(id).map(|key| (key.role, key.instance)),
            Login::Certificate(fingerprint) => {
                let held = self.certificates.get(&fingerprint);
                held.map(|held| (held.role, held.instance))
            }
        };
        held == Some((rights.role, rights.instance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000;

    fn key(number: u8, expires: Option<i64>) -> ApiKey {
        ApiKey {
            id: ApiKeyId::new(0, [number; 10]),
            name: format!("key-{number}"),
            role: Role::Operator,
            instance: None,
            digest: [number; 32],
            created: 0,
            expires,
            makers: Makers::default(),
        }
    }

    #[test]
    fn a_key_is_good_to_its_last_second_and_unknown_ones_are_nobody_s() {
        let held = Administrators::new(vec![key(1, Some(NOW)), key(2, None)], Vec::new());
        let caller = held.by_key(&[1; 32], NOW).unwrap();
        assert_eq!(caller.role, Role::Operator);
        assert_eq!(caller.initiator.name, "key-1");
        assert!(held.may_act(&caller.rights()));
        let (refused, whose) = held.by_key(&[1; 32], NOW + 1).unwrap_err();
        assert_eq!(refused, LoginRefused::NotNow);
        assert_eq!(whose.as_ref(), Some(&caller.initiator));
        assert!(held.is_good(caller.login, NOW) && !held.is_good(caller.login, NOW + 1));
        assert!(held.by_key(&[2; 32], i64::MAX).is_ok());
        assert_eq!(
            held.by_key(&[3; 32], NOW).unwrap_err(),
            (LoginRefused::Unknown, None)
        );
        assert!(!Administrators::default().may_act(&caller.rights()));
    }

    #[test]
    fn who_comes_back_with_another_role_or_instance_has_not_the_rights_of_before() {
        let before = Administrators::new(vec![key(1, None)], Vec::new());
        let rights = before.by_key(&[1; 32], NOW).unwrap().rights();
        let demoted = ApiKey {
            role: Role::Reader,
            ..key(1, None)
        };
        let limited = ApiKey {
            instance: Some(InstanceId::new(0, [1; 10])),
            ..key(1, None)
        };
        for now in [demoted, limited] {
            assert!(!Administrators::new(vec![now], Vec::new()).may_act(&rights));
        }
        assert!(Administrators::default().may_act(&Rights::LOCAL));
    }

    #[test]
    fn a_certificate_is_good_within_its_dates() {
        let fingerprint = Fingerprint::of(b"a");
        let held = Administrator {
            label: "anna".to_owned(),
            role: Role::Administrator,
            instance: None,
            fingerprint,
            subject: "CN=anna".to_owned(),
            not_before: NOW - 1,
            not_after: NOW + 1,
            added: 0,
            makers: Makers::default(),
            warned: None,
        };
        let held = Administrators::new(Vec::new(), vec![held]);
        assert!(held.by_certificate(&fingerprint, NOW).is_ok());
        for never in [NOW - 2, NOW + 2] {
            let (refused, _) = held.by_certificate(&fingerprint, never).unwrap_err();
            assert_eq!(refused, LoginRefused::NotNow);
            assert!(!held.is_good(Login::Certificate(fingerprint), never));
        }
        assert!(held.is_good(Login::Certificate(fingerprint), NOW));
        let (refused, _) = held
            .by_certificate(&Fingerprint::of(b"b"), NOW)
            .unwrap_err();
        assert_eq!(refused, LoginRefused::Unknown);
    }

    #[test]
    fn roles_are_in_order_and_have_one_word_each() {
        assert!(Role::Reader < Role::Operator && Role::Operator < Role::Administrator);
        for role in Role::ALL {
            assert_eq!(Role::from_text(role.as_str()), Some(role));
        }
        assert_eq!(Role::from_text("root"), None);
    }
}
