//! The administration API over the wire: who may what, what is refused and how, and that nothing leaks.

mod backing_up;
mod destroying;
mod document;
mod every_input;
mod inputs;
mod key_protect;
mod login;
mod observed;
mod races;
mod resources;
mod roles;
mod scopes;
mod tailing;
mod wire;

use keyledger::crypto::authority::{KeyKind, self_signed_client};

use crate::harness::{Credentials, now};

/// A certificate that nobody knows yet, and its text.
fn certificate(name: &str) -> (Credentials, String) {
    let made = self_signed_client(name, KeyKind::EcdsaP256, now(), 30).expect("made");
    let credentials = Credentials::from_pem(&made.certificate_pem, made.key_pem.expose());
    (credentials, made.certificate_pem)
}
