//! The HTTP codes that events carry as `reasonCode`, with their phrases.
//!
//! They name the cause of an outcome in words other systems know; nothing here speaks HTTP.

macro_rules! reasons {
    ($($variant:ident = $code:literal, $phrase:literal;)+) => {
        /// The HTTP code an event carries for the cause of its outcome.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ReasonCode {
            $(#[doc = concat!($code, " ", $phrase)] $variant,)+
        }

        impl ReasonCode {
            /// Every code, in rising order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The number: `reasonCode`.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The phrase: `reasonType`.
            #[must_use]
            pub const fn phrase(self) -> &'static str {
                match self { $(Self::$variant => $phrase,)+ }
            }

            /// The reason with this number.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

reasons! {
    Ok = 200, "OK";
    Created = 201, "Created";
    Accepted = 202, "Accepted";
    NoContent = 204, "No Content";
    BadRequest = 400, "Bad Request";
    Unauthorized = 401, "Unauthorized";
    Forbidden = 403, "Forbidden";
    NotFound = 404, "Not Found";
    Conflict = 409, "Conflict";
    ContentTooLarge = 413, "Content Too Large";
    FailedDependency = 424, "Failed Dependency";
    InternalServerError = 500, "Internal Server Error";
    NotImplemented = 501, "Not Implemented";
    BadGateway = 502, "Bad Gateway";
    ServiceUnavailable = 503, "Service Unavailable";
    GatewayTimeout = 504, "Gateway Timeout";
    VersionNotSupported = 505, "HTTP Version Not Supported";
    InsufficientStorage = 507, "Insufficient Storage";
}
