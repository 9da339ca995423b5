//! Why an operation fails: one cause, and what each party is told of it.
//!
//! The peer gets a Result Reason that its protocol version knows and a fixed sentence; the event gets a [`Failure`] whose reasonCode
//! follows the cause, not the Result Reason (in KMIP 1.x a wrong state *is* Permission Denied). The detail is for the log only.

use crate::audit::Failure;
use crate::domain::attributes::AttributeRefused;
use crate::domain::lifecycle::Refused;
use crate::kmip::enums::ResultReason;
use crate::kmip::error::ItemError;

/// The cause of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// No such object in this instance; an object of another instance looks the same.
    NotFound,
    /// No Unique Identifier was given and no earlier item of the batch left one.
    NoPlaceholder,
    /// The state does not allow it.
    WrongState,
    /// The object is destroyed.
    Destroyed,
    /// An administrator has scheduled the destruction of the object.
    DestructionScheduled,
    /// The object has no material left to give.
    NoMaterial,
    /// The client may not do this.
    NotPermitted,
    /// The client may not do this at this time.
    NotPermittedNow,
    /// The instance asks for a user name and password, and the request has none.
    CredentialMissing,
    /// The user name or password is wrong, or the credential is of a kind that is not asked for.
    CredentialWrong,
    /// The client has sent so many wrong ones that this one was not looked at.
    CredentialNotChecked,
    /// The message or item does not parse.
    Malformed,
    /// The message is longer, or has more items, than the server reads.
    RequestTooLarge,
    /// A field is missing.
    MissingField,
    /// A field's value is not one the server takes.
    InvalidField,
    /// The Name belongs to another object, on creation.
    NameTaken,
    /// The Name belongs to another object, on Add or Modify Attribute.
    NameTakenOnChange,
    /// A client may not do this to the attribute in any state.
    ReadOnly,
    /// The attribute is not known, or not set where it must be.
    AttributeNotSet,
    /// The object has no such instance of the attribute.
    NoInstance,
    /// The application namespace is none that the server makes data for.
    NamespaceNotSupported,
    /// The attribute takes one value and has one.
    SingleValued,
    /// One instance of an attribute too many.
    TooManyInstances,
    /// The operation is not implemented, or unknown.
    OperationNotSupported,
    /// A feature of the operation or message is not implemented.
    FeatureNotSupported,
    /// The key cannot be given in this format.
    FormatNotSupported,
    /// The key cannot be given compressed.
    CompressionNotSupported,
    /// The object is sensitive and wrapping was not asked for.
    Sensitive,
    /// The object may not be extracted.
    NotExtractable,
    /// The protocol version is not spoken here.
    VersionNotSupported,
    /// Key generation or unsealing failed.
    Cryptographic,
    /// The server is locked: nobody has given the passphrase of its master key yet.
    Locked,
    /// The event cannot be stored because the disk is full.
    StorageFull,
    /// The store cannot commit.
    StoreUnavailable,
    /// The connection to the database was lost while it committed: it may have been done or not, and its event tells.
    Unsettled,
    /// The answer would be larger than the server gives.
    ResponseTooLarge,
    /// The searches of one message would look at more objects than the server allows.
    SearchTooLarge,
    /// A later item of the batch failed and this one was taken back.
    Undone,
    /// Others changed the object again and again.
    Conflict,
    /// A rule of our own was broken; logged as a bug.
    Internal,
}

impl Cause {
    /// The Result Reason of KMIP 1.0 to 1.4 (operations.md; KMIP 1.4 §11).
    #[must_use]
    pub(crate) const fn result_reason(self) -> ResultReason {
        match self {
            Self::NotFound | Self::NoPlaceholder | Self::NoInstance | Self::NoMaterial => {
                ResultReason::ItemNotFound
            }
            Self::WrongState
            | Self::Destroyed
            | Self::DestructionScheduled
            | Self::NotPermitted
            | Self::NotPermittedNow
            | Self::ReadOnly => ResultReason::PermissionDenied,
            Self::CredentialMissing | Self::CredentialWrong | Self::CredentialNotChecked => {
                ResultReason::AuthenticationNotSuccessful
            }
            Self::NameTakenOnChange | Self::SingleValued => ResultReason::IllegalOperation,
            Self::Malformed
            | Self::RequestTooLarge
            | Self::MissingField
            | Self::VersionNotSupported => ResultReason::InvalidMessage,
            Self::InvalidField | Self::NameTaken | Self::AttributeNotSet => {
                ResultReason::InvalidField
            }
            Self::NamespaceNotSupported => ResultReason::ApplicationNamespaceNotSupported,
            Self::TooManyInstances => ResultReason::IndexOutOfBounds,
            Self::OperationNotSupported => ResultReason::OperationNotSupported,
            Self::FeatureNotSupported => ResultReason::FeatureNotSupported,
            Self::FormatNotSupported => ResultReason::KeyFormatTypeNotSupported,
            Self::CompressionNotSupported => ResultReason::KeyCompressionTypeNotSupported,
            Self::Sensitive => ResultReason::Sensitive,
            Self::NotExtractable => ResultReason::NotExtractable,
            Self::ResponseTooLarge => ResultReason::ResponseTooLarge,
            Self::Cryptographic => ResultReason::CryptographicFailure,
            Self::Locked
            | Self::StorageFull
            | Self::StoreUnavailable
            | Self::Unsettled
            | Self::Conflict
            | Self::Undone
            | Self::SearchTooLarge
            | Self::Internal => ResultReason::GeneralFailure,
        }
    }

    /// The sentence the peer reads. It tells nothing the peer could not know.
    #[must_use]
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::NotFound => "no such object",
            Self::NoPlaceholder => "no unique identifier is given and the ID placeholder is empty",
            Self::WrongState | Self::DestructionScheduled => {
                "the state of the object does not allow this operation"
            }
            Self::Destroyed | Self::NoMaterial => "the object is destroyed",
            Self::NotPermitted | Self::NotPermittedNow => {
                "the client may not perform this operation"
            }
            Self::CredentialMissing => "a user name and a password are required",
            Self::CredentialWrong => "the user name or the password is wrong",
            Self::CredentialNotChecked => {
                "too many wrong user names or passwords; try again in a minute"
            }
            Self::Malformed => "the message is not well formed",
            Self::RequestTooLarge => "the message is too large",
            Self::MissingField => "a required field is missing",
            Self::InvalidField => "a field has a value that is not supported",
            Self::NameTaken | Self::NameTakenOnChange => "the name is in use by another object",
            Self::ReadOnly => "the attribute cannot be set by a client",
            Self::AttributeNotSet => "the attribute is not known or not set",
            Self::NoInstance => "the object has no such instance of the attribute",
            Self::NamespaceNotSupported => "the application namespace is not supported",
            Self::SingleValued => "the attribute takes one value and has one",
            Self::TooManyInstances => "the attribute has too many instances",
            Self::OperationNotSupported => "the operation is not supported",
            Self::FeatureNotSupported => "a feature that the request asks for is not supported",
            Self::FormatNotSupported => "the key format type is not supported",
            Self::CompressionNotSupported => "the key compression type is not supported",
            Self::Sensitive => "the object is sensitive",
            Self::NotExtractable => "the object is not extractable",
            Self::VersionNotSupported => "the protocol version is not supported",
            Self::Cryptographic => "a cryptographic operation failed",
            Self::Locked => {
                "the server is locked until an administrator unlocks it; try again later"
            }
            Self::StorageFull | Self::StoreUnavailable => "the server cannot record the request",
            Self::Unsettled => "the server does not know yet whether this was done; ask again",
            Self::ResponseTooLarge => "the response would be too large",
            Self::SearchTooLarge => "the request searches too many objects",
            Self::Undone => "undone",
            Self::Conflict => "the object changed at the same time; try again",
            Self::Internal => "the server failed",
        }
    }

    /// What the event says (EVENTS.md section 3).
    #[must_use]
    pub(crate) const fn failure(self) -> Failure {
        match self {
            Self::NotFound | Self::NoPlaceholder => Failure::ObjectNotFound,
            Self::WrongState => Failure::WrongState,
            Self::Destroyed | Self::NoMaterial => Failure::ObjectDestroyed,
            Self::DestructionScheduled => Failure::DestructionScheduled,
            Self::NotPermitted | Self::Sensitive | Self::NotExtractable => Failure::NotPermitted,
            Self::NotPermittedNow => Failure::NotPermittedNow,
            Self::CredentialMissing => Failure::CredentialMissing,
            Self::CredentialWrong => Failure::CredentialWrong,
            Self::CredentialNotChecked => Failure::CredentialNotChecked,
            Self::Malformed => Failure::Malformed,
            Self::RequestTooLarge => Failure::RequestTooLarge,
            Self::MissingField => Failure::MissingField,
            Self::InvalidField => Failure::InvalidField,
            Self::NameTaken | Self::NameTakenOnChange => Failure::NameTaken,
            Self::ReadOnly => Failure::AttributeReadOnly,
            Self::SingleValued => Failure::AttributeSingleValued,
            Self::AttributeNotSet | Self::NoInstance => Failure::AttributeUnknown,
            Self::TooManyInstances => Failure::TooManyInstances,
            Self::OperationNotSupported => Failure::OperationNotSupported,
            Self::FeatureNotSupported
            | Self::CompressionNotSupported
            | Self::NamespaceNotSupported => Failure::FeatureNotSupported,
            Self::FormatNotSupported => Failure::FormatNotSupported,
            Self::VersionNotSupported => Failure::VersionNotSupported,
            Self::Cryptographic => Failure::CryptographicFailure,
            Self::Locked => Failure::ServerLocked,
            Self::StorageFull => Failure::StorageFull,
            Self::StoreUnavailable | Self::Unsettled => Failure::StoreUnavailable,
            Self::ResponseTooLarge => Failure::ResponseTooLarge,
            Self::SearchTooLarge => Failure::RequestTooLarge,
            Self::Undone => Failure::Undone,
            Self::Conflict => Failure::Conflict,
            Self::Internal => Failure::Internal,
        }
    }
}

/// A failed operation: its cause, and a detail that goes to the log and nowhere else.
#[derive(Debug)]
pub(crate) struct OpError {
    /// Why.
    pub(crate) cause: Cause,
    /// What exactly; for the log.
    pub(crate) detail: String,
}

impl OpError {
    /// A failure with a detail for the log.
    pub(crate) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
        }
    }
}

impl From<Cause> for OpError {
    fn from(cause: Cause) -> Self {
        Self {
            cause,
            detail: String::new(),
        }
    }
}

impl From<Refused> for OpError {
    fn from(refused: Refused) -> Self {
        Self::from(match refused {
            Refused::WrongState => Cause::WrongState,
            Refused::Destroyed => Cause::Destroyed,
            Refused::Scheduled => Cause::DestructionScheduled,
            Refused::OccurrenceWithoutCompromise => Cause::InvalidField,
        })
    }
}

impl From<AttributeRefused> for OpError {
    fn from(refused: AttributeRefused) -> Self {
        let cause = match refused {
            AttributeRefused::ReadOnly(_) | AttributeRefused::NotApplicable(_) => Cause::ReadOnly,
            AttributeRefused::SingleValued(_) => Cause::SingleValued,
            AttributeRefused::Frozen(_) => Cause::WrongState,
            AttributeRefused::Unknown(_) | AttributeRefused::NotSet(_) => Cause::AttributeNotSet,
            AttributeRefused::NoInstance(_) => Cause::NoInstance,
            AttributeRefused::Invalid(_) | AttributeRefused::IndexNeeded(_) => Cause::InvalidField,
            AttributeRefused::Namespace => Cause::NamespaceNotSupported,
            AttributeRefused::Missing(_) => Cause::MissingField,
            AttributeRefused::TooMany(_) => Cause::TooManyInstances,
            AttributeRefused::NameTaken => Cause::NameTaken,
        };
        Self::new(cause, refused.to_string())
    }
}

impl From<&ItemError> for OpError {
    fn from(error: &ItemError) -> Self {
        let cause = match error.reason {
            ResultReason::InvalidField => Cause::InvalidField,
            ResultReason::OperationNotSupported => Cause::OperationNotSupported,
            ResultReason::FeatureNotSupported => Cause::FeatureNotSupported,
            ResultReason::MissingData => Cause::MissingField,
            // Whatever else a decoder says, the item did not parse.
            _ => Cause::Malformed,
        };
        Self::new(cause, error.detail.clone())
    }
}
