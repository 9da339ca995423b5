//! Who made a credential of the administration: what keeps one administrator from being two.
//!
//! What is made over the API counts as whoever made it, and so does what that makes in turn. Whoever makes something on the server's machine
//! vouches for it: it stands alone. Makers are kept with what they made, by initiator ID: they may be removed, or come back under another name.

/// The most makers that are kept with one credential.
const MOST: usize = 32;

/// The initiator IDs of those who made a credential, the nearest first; none: it was made on the server's machine, or before this was kept.
///
/// Of API keys the first of all stands for those between: what a key was made by never changes, so that whoever shares the key shares that one.
/// A certificate may be removed and be added again by others; so each is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Makers(Vec<String>);

/// A credential has so many makers that one more cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyMakers;

impl Makers {
    /// The makers of what an API key makes.
    #[must_use]
    pub fn of_api_key(id: &str, makers: &Self) -> Self {
        if makers.0.is_empty() {
            return Self(vec![id.to_owned()]);
        }
        makers.clone()
    }

    /// The makers of what an administrator with a certificate makes.
    ///
    /// # Errors
    /// There are as many as are kept.
    pub fn of_certificate(id: &str, makers: &Self) -> Result<Self, TooManyMakers> {
        let others = makers.0.iter().filter(|maker| *maker != id).cloned();
        let all: Vec<_> = std::iter::once(id.to_owned()).chain(others).collect();
        (all.len() <= MOST)
            .then_some(Self(all))
            .ok_or(TooManyMakers)
    }

    /// The makers that a stored text names.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_owned).collect())
    }

    /// As they are stored: no initiator ID has a space.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.join(" ")
    }

    /// Their initiator IDs, the nearest first.
    #[must_use]
    pub fn ids(&self) -> &[String] {
        &self.0
    }

    /// Whom both the credential `id` of these makers and another have in common: the same credential, one that made the other, or a maker of both.
    /// Where there is somebody, the two are one administrator.
    #[must_use]
    pub fn shared<'a>(&'a self, id: &'a str, other: (&str, &Self)) -> Option<&'a str> {
        let (other, others) = other;
        let mut all = std::iter::once(id).chain(self.0.iter().map(String::as_str));
        all.find(|one| *one == other || others.0.iter().any(|maker| maker == one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_by_key(id: &str, makers: &Makers) -> Makers {
        Makers::of_api_key(id, makers)
    }

    fn made_by(id: &str, makers: &Makers) -> Makers {
        Makers::of_certificate(id, makers).unwrap()
    }

    #[test]
    fn what_one_made_counts_as_that_one_however_often_removed() {
        let nobody = Makers::default();
        let second = made_by_key("ApiKey-1", &nobody);
        let third = made_by_key("ApiKey-2", &second);
        assert_eq!(
            third.shared("ApiKey-3", ("ApiKey-1", &nobody)),
            Some("ApiKey-1")
        );
        assert_eq!(
            nobody.shared("ApiKey-1", ("ApiKey-3", &third)),
            Some("ApiKey-1")
        );
        // Both of one, which may be there no more.
        assert_eq!(
            third.shared("ApiKey-3", ("ApiKey-4", &second)),
            Some("ApiKey-1")
        );
        assert_eq!(
            nobody.shared("ApiKey-1", ("ApiKey-1", &nobody)),
            Some("ApiKey-1")
        );
        assert_eq!(nobody.shared("ApiKey-1", ("ApiKey-9", &nobody)), None);
        assert_eq!(third.shared("ApiKey-3", ("ApiKey-9", &nobody)), None);
    }

    #[test]
    fn a_certificate_that_others_add_again_is_still_the_maker_of_what_it_made() {
        let nobody = Makers::default();
        // x added a, a made b, and then y added a anew.
        let a = made_by("x", &nobody);
        let b = made_by("a", &a);
        let anew = made_by("y", &nobody);
        assert_eq!(anew.shared("a", ("b", &b)), Some("a"));
        assert_eq!(b.shared("b", ("a", &nobody)), Some("a"));
        assert_eq!(b.shared("b", ("y", &nobody)), None);
    }

    #[test]
    fn makers_read_back_as_they_were_kept() {
        for makers in [
            Makers::default(),
            made_by("b", &made_by("a", &Makers::default())),
        ] {
            assert_eq!(Makers::from_text(&makers.to_text()), makers);
        }
    }

    #[test]
    fn an_api_key_that_replaces_itself_does_so_for_good_and_certificates_to_a_limit() {
        let mut makers = Makers::default();
        for number in 0..1000 {
            makers = made_by_key(&format!("ApiKey-{number}"), &makers);
        }
        assert_eq!(makers.ids(), ["ApiKey-0"]);
        for number in 1..MOST {
            makers = made_by(&number.to_string(), &makers);
        }
        assert_eq!(
            made_by("1", &makers).ids().len(),
            MOST,
            "it is named already"
        );
        assert_eq!(Makers::of_certificate("more", &makers), Err(TooManyMakers));
    }
}
