//! The router over its socket.

use super::*;
use crate::admin::socket::REQUEST_BYTES_MAX;

/// Serves the router's socket at `path` until the sender is dropped.
async fn served(world: &World, path: &std::path::Path) -> tokio::sync::oneshot::Sender<()> {
    let socket = ControlSocket::bind(path).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let admin = Arc::clone(&world.admin);
    tokio::spawn(socket.serve(admin, async move { drop(stopped.await) }));
    stop
}

#[tokio::test]
async fn requests_and_errors_read_the_same_over_the_socket() {
    let world = world().await;
    let path = world.directory.path().join("control.sock");
    assert!(Connection::open(&path).await.unwrap().is_none());
    let stop = served(&world, &path).await;
    let mut connection = Connection::open(&path).await.unwrap().unwrap();
    let made = own_certificate("vc");
    let add = Request::ClientAdd(addition("vc", &made.certificate_pem));
    assert_eq!(client(connection.run(&add).await.unwrap()).label, "vc");
    let over_socket = connection.run(&add).await.unwrap_err().to_string();
    let here = world.run(add).await.unwrap_err().to_string();
    assert_eq!(over_socket, here);
    let initiator = &world.trail(1).await[0]["initiator"]["id"];
    assert_eq!(*initiator, format!("LocalUser-{}", peer::own_uid()));
    let Response::Status(status) = connection.run(&Request::Status).await.unwrap() else {
        panic!("not a status");
    };
    assert_eq!((status.clients, status.events), (1, 2));
    drop(stop);
}

#[tokio::test]
async fn a_path_longer_than_a_sockets_address_is_no_limit() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = world().await;
    let deep: PathBuf = world
        .directory
        .path()
        .join("d".repeat(100))
        .join("e".repeat(100));
    std::fs::create_dir_all(&deep).unwrap();
    let path = deep.join("control.sock");
    let stop = served(&world, &path).await;
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut connection = Connection::open(&path).await.unwrap().unwrap();
    assert!(connection.run(&Request::ClientList).await.is_ok());
    drop(stop);
}

#[tokio::test]
async fn a_line_that_is_no_request_or_too_long_does_not_end_the_server() {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let world = world().await;
    let path = world.directory.path().join("control.sock");
    let stop = served(&world, &path).await;
    let mut stream = BufReader::new(tokio::net::UnixStream::connect(&path).await.unwrap());
    stream.write_all(b"{\"format-disk\":{}}\n").await.unwrap();
    let mut answer = String::new();
    stream.read_line(&mut answer).await.unwrap();
    assert!(answer.contains("the request is not understood"), "{answer}");
    let long = vec![b' '; REQUEST_BYTES_MAX + 1];
    // The server may close before all of it is written.
    drop(stream.write_all(&long).await);
    answer.clear();
    assert!(
        matches!(stream.read_line(&mut answer).await, Ok(0) | Err(_)),
        "{answer}"
    );
    let mut next = Connection::open(&path).await.unwrap().unwrap();
    assert!(next.run(&Request::ClientList).await.is_ok());
    drop(stop);
}
