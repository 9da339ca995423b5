//! What stands between a session and its server: a relay that can be cut, and that speaks TLS if it has a certificate.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// A relay to a server.
pub(in crate::store::postgres) struct Relay {
    /// The server's URL by way of the relay.
    pub(in crate::store::postgres) url: String,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Relay {
    pub(in crate::store::postgres) fn to(url: &str, tls: Option<ServerConfig>) -> Self {
        let (user, rest) = url.split_once('@').unwrap();
        let (server, rest) = rest.split_once('/').unwrap();
        let database = rest.split('?').next().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (at, port) = std::sync::mpsc::channel();
        let (server, tls) = (
            server.to_owned(),
            tls.map(|tls| TlsAcceptor::from(Arc::new(tls))),
        );
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                at.send(listener.local_addr().unwrap().port()).unwrap();
                tokio::select! {
                    () = relay_all(listener, server, tls) => {}
                    _ = stopped => {}
                }
            });
        });
        let port = port.recv().unwrap();
        Self {
            url: format!("{user}@127.0.0.1:{port}/{database}?connect_timeout=5"),
            stop,
            thread,
        }
    }

    /// Ends all connections, takes no more, and gives the URL that led to it.
    pub(in crate::store::postgres) fn cut(self) -> String {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
        self.url
    }
}

async fn relay_all(listener: TcpListener, server: String, tls: Option<TlsAcceptor>) {
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let (server, tls) = (server.clone(), tls.clone());
        tokio::task::spawn(async move {
            let mut server = TcpStream::connect(server).await.unwrap();
            // Who is refused hangs up.
            match tls {
                None => drop(copy_bidirectional(&mut client, &mut server).await),
                Some(tls) => {
                    let mut request = [0; 8];
                    client.read_exact(&mut request).await.unwrap();
                    client.write_all(b"S").await.unwrap();
                    if let Ok(mut client) = tls.accept(client).await {
                        drop(copy_bidirectional(&mut client, &mut server).await);
                    }
                }
            }
        });
    }
}

/// The port of a server that speaks no TLS to the one who asks.
pub(in crate::store::postgres) fn plain() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.read_exact(&mut [0; 8]).unwrap();
        client.write_all(b"N").unwrap();
    });
    port
}

/// Has a CA make a certificate for names such as `DNS:localhost`, in a directory: `ca.pem` is the CA's. None without openssl.
pub(in crate::store::postgres) fn certified(directory: &Path, names: &str) -> Option<ServerConfig> {
    let run = |arguments: &str| {
        let made = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(directory)
            .output()
            .ok()?;
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        Some(())
    };
    std::fs::write(directory.join("names"), format!("subjectAltName={names}\n")).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    run(&format!(
        "req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"
    ))?;
    run(&format!(
        "req {key} -keyout key.pem -out request.pem -subj /CN=server"
    ))?;
    run(
        "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out certificate.pem",
    )?;
    let certificate = CertificateDer::from_pem_file(directory.join("certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(directory.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Some(config)
}
