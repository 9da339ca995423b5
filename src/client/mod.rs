//! A small KMIP client: what the command line and the tests speak to any KMIP server with.
//!
//! One connection, one request at a time, each answered before the next. It trusts a server by a CA or by the fingerprint of its
//! certificate, and always presents a certificate of its own.

mod calls;
mod connect;

pub use connect::{ConnectOptions, ServerTrust, TlsVersions};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use crate::kmip::enums::{ResultReason, ResultStatus};
use crate::kmip::error::DecodeError;
use crate::kmip::message::{
    Credential, OutgoingItem, RequestHeader, ResponseItem, ResponseMessage, encode_request,
};
use crate::kmip::payload::RequestPayload;
use crate::kmip::tag::Tag;
use crate::kmip::version::ProtocolVersion;

/// Why a call did not succeed. Each text is one line.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A certificate, key or address given to the client is of no use.
    #[error("{0}")]
    Options(String),
    /// The server cannot be reached, or ended the connection.
    #[error("{context}: {source}")]
    Connection {
        /// What was tried.
        context: String,
        /// What came of it.
        source: std::io::Error,
    },
    /// The server took too long.
    #[error("the server did not answer in time")]
    TimedOut,
    /// The answer is no KMIP response, or not to what was asked.
    #[error("the answer cannot be read: {0}")]
    Answer(String),
    /// The server refused the operation.
    #[error("the server refused: {}{}", reason_text(*.status, *.reason), message_text(.message.as_deref()))]
    Failed {
        /// The status, not Success.
        status: ResultStatus,
        /// The reason, if one was given.
        reason: Option<ResultReason>,
        /// The server's own words.
        message: Option<String>,
    },
}

fn reason_text(status: ResultStatus, reason: Option<ResultReason>) -> &'static str {
    reason.map_or_else(|| status.name(), ResultReason::name)
}

fn message_text(message: Option<&str>) -> String {
    message
        .map(|message| format!(" ({message})"))
        .unwrap_or_default()
}

impl From<DecodeError> for ClientError {
    fn from(error: DecodeError) -> Self {
        Self::Answer(error.to_string())
    }
}

/// A connection to a KMIP server.
pub struct Client {
    stream: TlsStream<TcpStream>,
    version: ProtocolVersion,
    timeout: std::time::Duration,
    /// What every request says besides our certificate.
    credential: Vec<Credential>,
}

impl Client {
    /// Connects and completes the TLS handshake.
    ///
    /// # Errors
    /// The files are of no use, the server cannot be reached, or is not the trusted one.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ClientError> {
        let stream = connect::connect(options).await?;
        Ok(Self {
            stream,
            version: options.version,
            timeout: options.timeout,
            credential: Vec::new(),
        })
    }

    /// The client with a credential that every request carries.
    #[must_use]
    pub fn with_credential(mut self, credential: Credential) -> Self {
        self.credential = vec![credential];
        self
    }

    /// Sends one whole message and returns the whole answer.
    ///
    /// # Errors
    /// The connection ends, or nothing comes in time.
    pub async fn request(&mut self, message: &[u8]) -> Result<Vec<u8>, ClientError> {
        let exchange = exchange(&mut self.stream, message);
        tokio::time::timeout(self.timeout, exchange)
            .await
            .map_err(|_| ClientError::TimedOut)?
    }

    /// Sends one operation and hands the answer's payload to `read`.
    async fn call<T>(
        &mut self,
        payload: RequestPayload,
        read: impl FnOnce(ttlv::Structure<'_>, ProtocolVersion) -> Result<T, DecodeError>,
    ) -> Result<T, ClientError> {
        let mut header = RequestHeader::new(self.version);
        header.authentication = std::mem::take(&mut self.credential);
        let item = OutgoingItem {
            unique_batch_item_id: None,
            payload,
        };
        // It may hold a password.
        let request = Zeroizing::new(encode_request(&header, &[item]));
        self.credential = header.authentication;
        // It may hold a key.
        let answer = Zeroizing::new(self.request(&request).await?);
        let message = ResponseMessage::decode(&answer, &ttlv::Limits::default())?;
        let item = message.items.first();
        let item = item.ok_or_else(|| ClientError::Answer("it has no batch item".to_owned()))?;
        check(item)?;
        let payload = item.payload;
        let payload = payload.ok_or_else(|| ClientError::Answer("it has no payload".to_owned()))?;
        Ok(read(payload, message.header.version)?)
    }
}

fn check(item: &ResponseItem<'_>) -> Result<(), ClientError> {
    if item.status == ResultStatus::Success {
        return Ok(());
    }
    let (status, reason) = (item.status, item.reason);
    Err(ClientError::Failed {
        status,
        reason,
        message: item.message.map(str::to_owned),
    })
}

async fn exchange(
    stream: &mut TlsStream<TcpStream>,
    message: &[u8],
) -> Result<Vec<u8>, ClientError> {
    let failed = |source| ClientError::Connection {
        context: "the connection failed".to_owned(),
        source,
    };
    stream.write_all(message).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    let mut header = [0_u8; ttlv::HEADER_BYTES];
    stream.read_exact(&mut header).await.map_err(failed)?;
    // An answer may be larger than a request: a server's limit is its own.
    let limits = ttlv::Limits {
        message_bytes_max: 16 * 1024 * 1024,
        ..ttlv::Limits::default()
    };
    let bytes = ttlv::frame_bytes(&header, Tag::ResponseMessage.raw(), &limits)
        .map_err(|error| ClientError::Answer(error.to_string()))?;
    let mut answer = vec![0_u8; bytes];
    let (first, rest) = answer.split_at_mut(ttlv::HEADER_BYTES);
    first.copy_from_slice(&header);
    stream.read_exact(rest).await.map_err(failed)?;
    Ok(answer)
}
