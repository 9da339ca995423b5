//! Why something failed, as fixed sentences: the event's `reasonForFailure`.
//!
//! Only these sentences enter the trail, never the text of an internal error, which could carry what
//! must not leave the process. Codes are stored state: never changed, never reused.

use super::reason::ReasonCode;

macro_rules! failures {
    ($($variant:ident = $code:literal, $reason:ident, $sentence:literal;)+) => {
        /// Why something failed: the cause, not what the peer was told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Failure {
            $(#[doc = concat!("`", $sentence, "`")] $variant,)+
        }

        impl Failure {
            /// Every cause, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code kept in stored events; never 0, which stands for no failure there.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The cause with this stored code.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }

            /// The sentence: `reasonForFailure`.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)+ }
            }

            /// The code that fits the cause: `reasonCode`.
            #[must_use]
            pub const fn reason(self) -> ReasonCode {
                match self { $(Self::$variant => ReasonCode::$reason,)+ }
            }
        }
    };
}

failures! {
    ObjectNotFound = 1, NotFound, "the key does not exist";
    WrongState = 2, Conflict, "the key's state does not allow it";
    NotPermitted = 3, Forbidden, "the client is not permitted to do this";
    ClientDisabled = 4, Forbidden, "the client is disabled";
    ClientPending = 5, Forbidden, "the client waits for approval";
    CertificateUnknown = 6, Unauthorized, "the certificate belongs to no client";
    CertificateExpired = 7, Unauthorized, "the certificate has expired";
    CertificateNotYetValid = 8, Unauthorized, "the certificate is not yet valid";
    CertificateNotIssued = 9, Unauthorized, "the certificate is not signed by this server's CA";
    CredentialWrong = 10, Unauthorized, "the credential is wrong";
    CredentialMissing = 11, Unauthorized, "the credential is missing";
    Malformed = 12, BadRequest, "the request is not well formed";
    MissingField = 13, BadRequest, "a required field is missing";
    InvalidField = 14, BadRequest, "a field has a value that is not allowed";
    NameTaken = 15, Conflict, "the name belongs to another key";
    AttributeReadOnly = 16, BadRequest, "the attribute cannot be changed by a client";
    AttributeSingleValued = 17, BadRequest, "the attribute takes one value only";
    AttributeUnknown = 18, BadRequest, "the attribute is not known or not set";
    TooManyInstances = 19, BadRequest, "the attribute has too many values";
    OperationNotSupported = 20, NotImplemented, "the operation is not supported";
    FeatureNotSupported = 21, NotImplemented, "the feature is not supported";
    FormatNotSupported = 22, NotImplemented, "the key format is not supported";
    VersionNotSupported = 23, NotImplemented, "the protocol version is not supported";
    RequestTooLarge = 24, ContentTooLarge, "the request is too large";
    ResponseTooLarge = 25, ContentTooLarge, "the response is larger than the client accepts";
    Undone = 26, FailedDependency, "a later item of the batch failed and this one was undone";
    Conflict = 27, Conflict, "the key was changed by another request meanwhile";
    ObjectDestroyed = 28, Conflict, "the key is destroyed";
    ObjectArchived = 29, Conflict, "the key is archived";
    UsageNotPermitted = 30, Conflict, "the key may not be used for this";
    StoreUnavailable = 31, ServiceUnavailable, "the store is not available";
    StorageFull = 32, InsufficientStorage, "the store is full";
    ProviderUnavailable = 33, ServiceUnavailable, "the key provider is not available";
    CryptographicFailure = 34, InternalServerError, "the cryptographic operation failed";
    Internal = 35, InternalServerError, "an internal error";
    CredentialNotChecked = 40, Unauthorized, "too many wrong credentials; this one was not checked";
    CertificateAmbiguous = 41, Unauthorized, "the certificate fits several trusted CAs";
    CertificateRemoved = 42, Forbidden, "the certificate was removed from its client";
    CertificateTooMany = 43, Forbidden, "the trusted CA has enrolled as many certificates as it may";
    CertificateTwice = 44, Forbidden, "the certificate is enrolled already, in another encoding";
    CertificateRevoked = 46, Forbidden, "the certificate was revoked by its CA";
    RevocationListLapsed = 47, Forbidden, "the revocation list of the certificate's CA has lapsed";
    NotPermittedNow = 50, Forbidden, "the client is not permitted to do this at this time";
    DestructionScheduled = 51, Conflict, "the key's destruction is scheduled";
    CalledOff = 52, Conflict, "the destruction was called off";
    SameAdministrator = 53, Forbidden, "the administrator who asked for it may not approve it";
    KinAdministrator = 55, Forbidden, "who approves it counts as the administrator who asked for it: one made the other, or one made both";
    Reported = 45, InternalServerError, "the system that performed it reported a failure";
    ServerLocked = 54, ServiceUnavailable, "the server is locked";
    LoginMissing = 60, Unauthorized, "no credential that may administer the server was given";
    LoginUnknown = 61, Unauthorized, "the API key or certificate belongs to no administrator";
    LoginExpired = 62, Unauthorized, "the API key or certificate of the administrator is not valid now";
    RoleTooLow = 63, Forbidden, "the administrator's role does not allow it";
    OutOfReach = 64, Forbidden, "the administrator is limited to another instance, or to what is done over the network";
}
