//! What a client asks for when it has a symmetric key made (KMIP 1.4 §4.1).

use crate::domain::attributes::{AttributeRefused, Bounds, attach};
use crate::domain::{Dates, InstanceId, Object, ObjectId};
use crate::kmip::attribute::{Attribute, AttributeName, AttributeValue, StandardAttribute};
use crate::kmip::enums::{CryptographicAlgorithm, ObjectType, State};

/// The lengths of AES keys, in bits; the last where a request names none.
const AES_BITS: &[i32] = &[128, 192, 256];
/// The length of 3DES keys, in bits without those of parity. Keys of two parts, 112 bits, are too weak to be made.
const TRIPLE_DES_BITS: &[i32] = &[168];

/// A symmetric key to be made, and its template.
#[derive(Debug)]
pub struct NewKey<'a> {
    /// Its identifier.
    pub id: ObjectId,
    /// The instance it will belong to.
    pub instance: InstanceId,
    /// The attributes asked for.
    pub template: &'a [Attribute],
    /// Bounds on what is attached.
    pub bounds: Bounds,
    /// The moment, seconds since 1970.
    pub now: i64,
}

impl NewKey<'_> {
    /// The object without material: Pre-Active, or Active by its Activation Date.
    ///
    /// # Errors
    /// A required attribute is missing, or one cannot be given at creation.
    pub fn object(&self) -> Result<Object, AttributeRefused> {
        let algorithm = self.algorithm()?;
        let length = self.length(algorithm)?;
        let mask = self.single(StandardAttribute::CryptographicUsageMask)?;
        let mask = mask.ok_or(AttributeRefused::Missing("Cryptographic Usage Mask"))?;
        let fresh = self.single(StandardAttribute::Fresh)?;
        let mut object = self.blank(algorithm, length, mask.as_integer().unwrap_or_default());
        object.fresh = fresh.and_then(AttributeValue::as_boolean).unwrap_or(true);
        for attribute in self.template {
            if !is_parameter(&attribute.name) {
                attach(&mut object, attribute, self.bounds, self.now)?;
            }
        }
        self.remember_sensitivity(&mut object);
        object.state_version = 1;
        object.attributes_version = 1;
        Ok(object)
    }

    fn blank(&self, algorithm: CryptographicAlgorithm, length: i32, usage_mask: i32) -> Object {
        let dates = Dates {
            initial: self.now,
            last_change: self.now,
            ..Dates::default()
        };
        Object {
            id: self.id,
            instance: self.instance,
            object_type: ObjectType::SymmetricKey,
            state: State::PreActive,
            dates,
            algorithm: Some(algorithm),
            length: Some(length),
            usage_mask,
            digest: None,
            revocation: None,
            names: Vec::new(),
            attributes: Vec::new(),
            fresh: true,
            last_read: None,
            destroy_due: None,
            state_version: 1,
            attributes_version: 1,
            data_key_epoch: 0,
            material: None,
        }
    }

    fn algorithm(&self) -> Result<CryptographicAlgorithm, AttributeRefused> {
        let value = self.single(StandardAttribute::CryptographicAlgorithm)?;
        let value = value.ok_or(AttributeRefused::Missing("Cryptographic Algorithm"))?;
        let algorithm = value
            .as_enumeration()
            .and_then(CryptographicAlgorithm::from_code);
        let is_made = |algorithm: &CryptographicAlgorithm| !lengths(*algorithm).is_empty();
        let invalid = || AttributeRefused::Invalid("Cryptographic Algorithm".to_owned());
        algorithm.filter(is_made).ok_or_else(invalid)
    }

    fn length(&self, algorithm: CryptographicAlgorithm) -> Result<i32, AttributeRefused> {
        let lengths = lengths(algorithm);
        let length = match self.single(StandardAttribute::CryptographicLength)? {
            Some(value) => value.as_integer(),
            None => lengths.last().copied(),
        };
        let invalid = || AttributeRefused::Invalid("Cryptographic Length".to_owned());
        length
            .filter(|length| lengths.contains(length))
            .ok_or_else(invalid)
    }

    /// The value of an attribute that may be given once.
    fn single(
        &self,
        attribute: StandardAttribute,
    ) -> Result<Option<&AttributeValue>, AttributeRefused> {
        let name = AttributeName::Standard(attribute);
        let mut found = self.template.iter().filter(|given| given.name == name);
        let first = found.next();
        match found.next() {
            Some(_) => Err(AttributeRefused::SingleValued(attribute.name().to_owned())),
            None => Ok(first.map(|given| &given.value)),
        }
    }

    /// Always Sensitive and Never Extractable start from what the client asked for (KMIP 1.4 §3.48, §3.50).
    fn remember_sensitivity(&self, object: &mut Object) {
        use StandardAttribute as A;
        for (given, value, kept) in [
            (A::Sensitive, true, A::AlwaysSensitive),
            (A::Extractable, false, A::NeverExtractable),
        ] {
            let is_given = |attribute: &Attribute| {
                attribute.name == AttributeName::Standard(given)
                    && attribute.value == AttributeValue::Boolean(value)
            };
            if object.attributes.iter().any(is_given) {
                object
                    .attributes
                    .push(Attribute::standard(kept, AttributeValue::Boolean(true)));
            }
        }
    }
}

/// The lengths in which keys of an algorithm are made, in bits; none for an algorithm no keys are made for.
const fn lengths(algorithm: CryptographicAlgorithm) -> &'static [i32] {
    match algorithm {
        CryptographicAlgorithm::Aes => AES_BITS,
        CryptographicAlgorithm::Des3 => TRIPLE_DES_BITS,
        _ => &[],
    }
}

/// What describes the key to be made rather than being attached to it.
fn is_parameter(name: &AttributeName) -> bool {
    matches!(
        name,
        AttributeName::Standard(
            StandardAttribute::CryptographicAlgorithm
                | StandardAttribute::CryptographicLength
                | StandardAttribute::CryptographicUsageMask
                | StandardAttribute::Fresh
        )
    )
}
