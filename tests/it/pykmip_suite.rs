//! PyKMIP's own integration tests (release 0.10.0), as they come with its sources, against this server.
//!
//! Every test that pytest collects is run on a server of its own, because the tests destroy all that Locate finds when they end, or is in
//! [`EXCLUDED`] with the reason; a test that is excluded and not there fails this one, as a collected test that does not pass does.

use std::ffi::OsString;
use std::fs;
use std::process::Command;

use crate::harness::Server;

/// Where the tests are in PyKMIP's sources.
const SUITE: &str = "kmip/tests/integration";

const ALGORITHM: &str = "makes an IDEA key: only AES and 3DES are made here";
const NAME_TWICE: &str =
    "gives two keys the same Name, which the standard allows one object at a time (KMIP 1.4 §3.2)";
const OWN_SERVER: &str = "starts a server of PyKMIP's own, which its release does not contain";
const REGISTER: &str = "asks for Register, which is not implemented";
const CREATE_KEY_PAIR: &str = "asks for Create Key Pair, which is not implemented";
const DERIVE_KEY: &str = "asks for Register and Derive Key, which are not implemented";
const ENCRYPT: &str = "asks for Encrypt and Decrypt, which are not implemented";
const SIGN: &str = "asks for Create Key Pair, Sign and Signature Verify, which are not implemented";
const WRAPPED: &str = "asks for a wrapped key, which Get does not give";

/// The tests that are not run: file, test, reason.
const EXCLUDED: &[(&str, &str, &str)] = &[
    (LOW, "test_cert_register_get_destroy", REGISTER),
    (LOW, "test_certificate_register_locate_destroy", REGISTER),
    (LOW, "test_key_pair_create_get_destroy", CREATE_KEY_PAIR),
    (LOW, "test_opaque_data_register_get_destroy", REGISTER),
    (LOW, "test_passphrase_register_get_destroy", REGISTER),
    (LOW, "test_private_key_register_get_destroy", REGISTER),
    (LOW, "test_public_key_register_get_destroy", REGISTER),
    (LOW, "test_split_key_register_get_destroy", REGISTER),
    (
        LOW,
        "test_symmetric_key_create_getattributes_locate_destroy",
        NAME_TWICE,
    ),
    (LOW, "test_symmetric_key_register_get_destroy", REGISTER),
    (OWN, "test_create", OWN_SERVER),
    (OWN, "test_destroy", OWN_SERVER),
    (OWN, "test_get", OWN_SERVER),
    (OWN, "test_register", OWN_SERVER),
    (
        HIGH,
        "test_asymmetric_key_pair_create_get_destroy",
        CREATE_KEY_PAIR,
    ),
    (HIGH, "test_certificate_register_locate_destroy", REGISTER),
    (HIGH, "test_create_get_wrapped_destroy", WRAPPED),
    (HIGH, "test_create_getattributes_locate_destroy", ALGORITHM),
    (HIGH, "test_create_key_pair_sign_signature_verify", SIGN),
    (HIGH, "test_derive_key_using_encryption", DERIVE_KEY),
    (HIGH, "test_derive_key_using_hmac", DERIVE_KEY),
    (HIGH, "test_derive_key_using_nist_800_108c", DERIVE_KEY),
    (HIGH, "test_derive_key_using_pbkdf2", DERIVE_KEY),
    (HIGH, "test_encrypt_decrypt", ENCRYPT),
    (HIGH, "test_modify_delete_attribute", ALGORITHM),
    (HIGH, "test_opaque_object_register_get_destroy", REGISTER),
    (HIGH, "test_private_key_register_get_destroy", REGISTER),
    (HIGH, "test_public_key_register_get_destroy", REGISTER),
    (HIGH, "test_register_wrapped_get_destroy", REGISTER),
    (HIGH, "test_secret_data_register_get_destroy", REGISTER),
    (HIGH, "test_split_key_register_get_destroy", REGISTER),
    (HIGH, "test_symmetric_key_register_get_destroy", REGISTER),
    (HIGH, "test_x509_certificate_register_get_destroy", REGISTER),
];

/// Tests of PyKMIP's low-level client.
const LOW: &str = "services/test_integration.py::TestIntegration";
/// Tests of that client with a server of PyKMIP's.
const OWN: &str = "services/test_kmip_client.py::TestKMIPClientIntegration";
/// Tests of PyKMIP's high-level client.
const HIGH: &str = "services/test_proxykmipclient.py::TestProxyKmipClientIntegration";

#[test]
fn pykmips_own_tests_pass_or_are_excluded_by_name() {
    let Some(suite) = Suite::at_hand() else {
        println!("skipped: KEYLEDGER_TEST_PYTHON names no Python with PyKMIP");
        return;
    };
    let collected = suite.collected();
    let excluded: Vec<String> = EXCLUDED
        .iter()
        .map(|(class, test, _)| format!("{class}::{test}"))
        .collect();
    for name in &excluded {
        assert!(collected.contains(name), "{name} is excluded and not there");
    }
    for name in collected.iter().filter(|name| !excluded.contains(name)) {
        let server = Server::start();
        let before = server.events().len();
        let said = suite.pytest(&server, &[&format!("{SUITE}/{name}")]);
        assert!(said.contains("\n1 passed"), "{name}: {said}");
        println!("passed: {name}");
        assert!(server.events().len() > before, "{name} is recorded");
    }
    for (_, test, reason) in EXCLUDED {
        println!("excluded: {test}, because it {reason}");
    }
}

/// The Python that has PyKMIP, and the folder of PyKMIP's sources.
struct Suite {
    python: OsString,
    sources: OsString,
}

impl Suite {
    fn at_hand() -> Option<Self> {
        let python = std::env::var_os("KEYLEDGER_TEST_PYTHON")?;
        let sources = std::env::var_os("KEYLEDGER_TEST_PYKMIP_SUITE").expect(
            "KEYLEDGER_TEST_PYKMIP_SUITE names the folder of PyKMIP's sources, as in tests/run",
        );
        Some(Self { python, sources })
    }

    /// The names of all tests, from the folder of the suite on.
    fn collected(&self) -> Vec<String> {
        let said = self.pytest(&Server::start(), &["--collect-only", SUITE]);
        assert!(said.contains("tests collected"), "{said}");
        assert!(!said.contains("error"), "all could be read: {said}");
        let names = said.lines().filter(|line| line.contains("::"));
        let names = names.filter_map(|line| line.strip_prefix(SUITE)?.strip_prefix('/'));
        names.map(str::to_owned).collect()
    }

    /// Runs pytest, with this server for PyKMIP's clients, and returns what it says.
    fn pytest(&self, server: &Server, arguments: &[&str]) -> String {
        configure(server);
        let modules = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");
        let output = Command::new(&self.python)
            .args(["-m", "pytest", "-q", "-p", "wrap_socket"])
            .args(["-p", "no:cacheprovider", "-W", "ignore"])
            .args(arguments)
            .current_dir(&self.sources)
            .env("HOME", server.path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONPATH", modules)
            .output()
            .expect("Python runs");
        [output.stdout, output.stderr]
            .map(|stream| String::from_utf8_lossy(&stream).into_owned())
            .concat()
    }
}

/// Writes the file in which PyKMIP's clients find the server, in the home they are given.
fn configure(server: &Server) {
    let certs = server.path().join("certs");
    let file = |name: &str| certs.join(name).display().to_string();
    let settings = [
        ("host", server.address().ip().to_string()),
        ("port", server.address().port().to_string()),
        ("certfile", file("clients/demo.pem")),
        ("keyfile", file("clients/demo.key")),
        ("ca_certs", file("ca.pem")),
        ("cert_reqs", "CERT_REQUIRED".to_owned()),
        ("ssl_version", "PROTOCOL_SSLv23".to_owned()),
        ("do_handshake_on_connect", "True".to_owned()),
        ("suppress_ragged_eofs", "True".to_owned()),
    ];
    let lines = settings.map(|(name, value)| format!("{name}={value}\n"));
    let folder = server.path().join(".pykmip");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(
        folder.join("pykmip.conf"),
        format!("[client]\n{}", lines.concat()),
    )
    .expect("a file");
}
