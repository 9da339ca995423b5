//! The limit: a TLS server that reads each frame and answers the same bytes, whatever was asked.
//!
//! It is this executable started once more, so that it has a process and a runtime of its own as
//! the real server has. It does what no KMIP server over TLS can leave out, and nothing else.

use std::io::{BufRead, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use ttlv::{HEADER_BYTES, Limits, frame_bytes};

use crate::process::{LISTENING, Process};
use crate::requests::REQUEST_MESSAGE;
use crate::tls::server_config;

/// The first argument of the executable when it is to be the limit.
pub(crate) const ARGUMENT: &str = "--limit";

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const BUFFER_BYTES: usize = 4096;

/// A running limit that answers one answer.
pub(crate) struct Limit {
    process: Process,
}

impl Limit {
    /// Starts a limit with the real server's certificates. It reads the answer as one line of
    /// hexadecimal from its standard input.
    pub(crate) fn start(certs: &Path, answer: &[u8]) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this executable")?;
        let mut command = Command::new(program);
        command.arg(ARGUMENT).arg(certs);
        let line = format!("{}\n", hex::encode(answer));
        let log = certs.join("limit.log");
        let process = Process::start(command, line.as_bytes(), &log).context("the limit")?;
        Ok(Self { process })
    }

    /// Where it listens, and the number of its process.
    pub(crate) fn place(&self) -> (SocketAddr, u32) {
        (self.process.address(), self.process.id())
    }
}

/// Is the limit, until the standard input ends.
pub(crate) fn serve(certs: &Path) -> Result<()> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let answer: Arc<[u8]> = hex::decode(line.trim())
        .context("the canned answer is no hexadecimal")?
        .into();
    let acceptor = TlsAcceptor::from(server_config(certs)?);
    let runtime = Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{LISTENING}{}", listener.local_addr()?);
        let accepting = tokio::spawn(accept(listener, acceptor, answer));
        tokio::select! {
            _ = accepting => bail!("accepting connections ended"),
            _ = end_of_input() => Ok(()),
        }
    })
}

/// Resolves when the process that started this one closed its end, or died.
fn end_of_input() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut rest = Vec::new();
        let _ended = std::io::stdin().lock().read_to_end(&mut rest);
        drop(sender);
    });
    receiver
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, answer: Arc<[u8]>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (acceptor, answer) = (acceptor.clone(), answer.clone());
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, &acceptor, &answer).await {
                        eprintln!("{error:#}");
                    }
                });
            }
            Err(error) => {
                eprintln!("cannot accept: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers every frame of one connection. Memory is allocated per connection, not per request.
async fn converse(stream: TcpStream, acceptor: &TlsAcceptor, answer: &[u8]) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await.context("handshake")?;
    let limits = Limits::default();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut filled: usize = 0;
    loop {
        let read = stream
            .read(buffer.get_mut(filled..).unwrap_or_default())
            .await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        while let Some(bytes) = frame(buffer.get(..filled).unwrap_or_default(), &limits)? {
            if bytes > filled {
                buffer.resize(bytes.max(BUFFER_BYTES), 0);
                break;
            }
            buffer.copy_within(bytes..filled, 0);
            filled -= bytes;
            stream.write_all(answer).await?;
            stream.flush().await?;
        }
    }
}

/// The length of the message that begins here, once its header is there.
fn frame(bytes: &[u8], limits: &Limits) -> Result<Option<usize>> {
    let header = bytes.first_chunk::<HEADER_BYTES>();
    let length = header.map(|header| frame_bytes(header, REQUEST_MESSAGE, limits));
    Ok(length.transpose()?)
}
