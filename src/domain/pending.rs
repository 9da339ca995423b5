//! Certificates that proved possession of their key, belong to no client, and wait for somebody to approve them.
//!
//! Anybody can make such certificates, so the list is bounded in number and in bytes, and made so that a flood of them does
//! not push out the one that is waited for. When a place is needed, it is taken from the address that has the most of them;
//! of those, from the one that came least often (a vCenter tries again and again; more than a few times count no more, or
//! whoever is loudest would keep a place for ever), the one that was seen longest ago first. Nothing of it is stored: after a restart a certificate is back when its bearer tries again, which
//! vCenter does every five minutes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::crypto::{Certificate, Fingerprint};

/// The most certificates that wait at once.
pub const PENDING_MAX: usize = 64;
/// The most of them that one address has; an IPv6 /64 network counts as one address.
pub const PENDING_PER_ADDRESS_MAX: usize = 8;

/// How many times it came make a difference for a certificate's place.
const COUNT_THAT_RANKS_MAX: u64 = 3;

/// A certificate that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingCertificate {
    /// The certificate, whole: what is approved is exactly this.
    pub certificate: Certificate,
    /// When it came first, seconds since 1970.
    pub first_seen: i64,
    /// When it came last, seconds since 1970.
    pub last_seen: i64,
    /// How often it came.
    pub count: u64,
    /// Where it came from last.
    pub address: IpAddr,
}

/// The certificates that wait.
#[derive(Debug)]
pub struct Pending {
    most: usize,
    most_per_address: usize,
    waiting: HashMap<Fingerprint, PendingCertificate>,
}

impl Default for Pending {
    fn default() -> Self {
        Self::new(PENDING_MAX, PENDING_PER_ADDRESS_MAX)
    }
}

impl Pending {
    /// An empty list of at most `most` certificates, `most_per_address` of one address.
    #[must_use]
    pub fn new(most: usize, most_per_address: usize) -> Self {
        Self {
            most: most.max(1),
            most_per_address: most_per_address.max(1),
            waiting: HashMap::new(),
        }
    }

    /// Notes that the bearer of a certificate came from `address` at `now` (seconds since 1970) and was refused.
    pub fn note(&mut self, certificate: Certificate, address: IpAddr, now: i64) {
        let fingerprint = certificate.fingerprint();
        if let Some(known) = self.waiting.get_mut(&fingerprint) {
            known.last_seen = now;
            known.count = known.count.saturating_add(1);
            known.address = address;
            return;
        }
        let from_there = self.places().get(&neighbourhood(address)).copied();
        if from_there.unwrap_or(0) >= self.most_per_address {
            self.give_up(|waiting| neighbourhood(waiting.address) == neighbourhood(address));
        } else if self.waiting.len() >= self.most {
            self.give_up(|_| true);
        }
        let waiting = PendingCertificate {
            certificate,
            first_seen: now,
            last_seen: now,
            count: 1,
            address,
        };
        self.waiting.insert(fingerprint, waiting);
    }

    /// How many certificates each address has.
    fn places(&self) -> HashMap<IpAddr, usize> {
        let mut places = HashMap::new();
        for waiting in self.waiting.values() {
            *places.entry(neighbourhood(waiting.address)).or_default() += 1;
        }
        places
    }

    /// Frees one place among those that `may_go`.
    fn give_up(&mut self, may_go: impl Fn(&PendingCertificate) -> bool) {
        let places = self.places();
        let rank = |waiting: &PendingCertificate| {
            let neighbours = places.get(&neighbourhood(waiting.address)).copied();
            (
                std::cmp::Reverse(neighbours.unwrap_or(0)),
                waiting.count.min(COUNT_THAT_RANKS_MAX),
                waiting.last_seen,
                waiting.certificate.fingerprint(),
            )
        };
        let candidates = self.waiting.values().filter(|waiting| may_go(waiting));
        if let Some((.., fingerprint)) = candidates.map(rank).min() {
            self.waiting.remove(&fingerprint);
        }
    }

    /// The certificate of this fingerprint, if it waits.
    #[must_use]
    pub fn get(&self, fingerprint: &Fingerprint) -> Option<&PendingCertificate> {
        self.waiting.get(fingerprint)
    }

    /// Takes a certificate off the list; whether it was there.
    pub fn remove(&mut self, fingerprint: &Fingerprint) -> bool {
        self.waiting.remove(fingerprint).is_some()
    }

    /// Takes off the list what somebody has enrolled in another way.
    pub fn retain(&mut self, mut waits: impl FnMut(&Fingerprint) -> bool) {
        self.waiting.retain(|fingerprint, _| waits(fingerprint));
    }

    /// All that wait, the one seen last first.
    #[must_use]
    pub fn list(&self) -> Vec<PendingCertificate> {
        let mut list: Vec<_> = self.waiting.values().cloned().collect();
        list.sort_by_key(|waiting| {
            let fingerprint = waiting.certificate.fingerprint();
            (std::cmp::Reverse(waiting.last_seen), fingerprint)
        });
        list
    }
}

/// What counts as one address: a single IPv6 host commonly has a whole /64 network to choose from.
#[must_use]
pub fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{KeyKind, self_signed_client};

    const NOW: i64 = 1_800_000_000;

    fn certificate(name: &str) -> Certificate {
        self_signed_client(name, KeyKind::EcdsaP256, NOW, 30)
            .unwrap()
            .certificate
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_certificate_that_comes_again_keeps_its_place_and_is_counted() {
        let mut pending = Pending::default();
        let one = certificate("one");
        pending.note(one.clone(), address("192.0.2.1"), NOW);
        pending.note(one.clone(), address("192.0.2.2"), NOW + 5);
        let [waiting] = &pending.list()[..] else {
            panic!("one certificate")
        };
        assert_eq!((waiting.first_seen, waiting.last_seen), (NOW, NOW + 5));
        assert_eq!((waiting.count, waiting.address), (2, address("192.0.2.2")));
        assert!(pending.remove(&one.fingerprint()));
        assert!(!pending.remove(&one.fingerprint()));
        assert!(pending.list().is_empty());
    }

    #[test]
    fn a_flood_from_one_address_takes_no_place_of_another() {
        let mut pending = Pending::new(8, 4);
        let real = certificate("vcenter");
        pending.note(real.clone(), address("192.0.2.1"), NOW);
        for number in 0..40 {
            let made_up = certificate(&format!("made up {number}"));
            pending.note(made_up, address("198.51.100.7"), NOW + number);
        }
        assert_eq!(pending.list().len(), 5);
        assert!(pending.get(&real.fingerprint()).is_some());
        let newest = pending.list().first().unwrap().certificate.clone();
        assert_eq!(newest.subject(), "made up 39");
    }

    #[test]
    fn a_flood_from_networks_of_ipv6_takes_its_own_places() {
        let mut pending = Pending::new(8, 4);
        let real = certificate("vcenter");
        pending.note(real.clone(), address("2001:db8::1"), NOW);
        for number in 0_u16..40 {
            let from = format!("2001:db8:{:x}::{number}", number % 3 + 1);
            pending.note(certificate("made up"), address(&from), NOW + 1);
        }
        assert_eq!(pending.list().len(), 8);
        assert!(pending.get(&real.fingerprint()).is_some());
    }

    #[test]
    fn a_loud_stranger_does_not_outrank_for_ever() {
        let mut pending = Pending::new(8, 4);
        let from = address("192.0.2.1");
        for number in 0..4 {
            let loud = certificate(&format!("loud {number}"));
            for _ in 0..100 {
                pending.note(loud.clone(), from, NOW);
            }
        }
        let real = certificate("vcenter");
        for second in 1..=3 {
            pending.note(real.clone(), from, NOW + second);
        }
        pending.note(certificate("another"), from, NOW + 10);
        assert!(pending.get(&real.fingerprint()).is_some());
    }

    #[test]
    fn of_one_address_what_came_again_outlives_what_came_once() {
        let mut pending = Pending::new(8, 4);
        let real = certificate("vcenter");
        for second in 0..2 {
            pending.note(real.clone(), address("192.0.2.1"), NOW + second);
        }
        for number in 0..20 {
            pending.note(
                certificate("made up"),
                address("192.0.2.1"),
                NOW + 10 + number,
            );
        }
        assert_eq!(pending.list().len(), 4);
        assert!(pending.get(&real.fingerprint()).is_some());
    }
}
