//! Syslog: a real rsyslog, which lets nobody in without a certificate of its CA and writes down what it understood of each message.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use keyledger::audit::Data;
use keyledger::crypto::{Authority, Issued, KeyKind, SecretText};
use keyledger::routing::targets::syslog::{Facility, SyslogEndpoint};
use keyledger::routing::{Content, Undelivered};
use rustix::process::{Pid, Signal};
use serde_json::Value;
use tempfile::TempDir;

use super::checks::{arrives, deliver_at_last};
use super::records::{batch, event, events};
use super::{Received, ReceivingEnd, Site, battery};
use crate::harness::{fresh_directory, kept_port, now, skipped, until};

/// Who may connect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clients {
    Certified,
    Plain,
}

/// A rsyslog with a directory, a port and a CA of its own.
pub(crate) struct Rsyslog {
    directory: TempDir,
    address: SocketAddr,
    authority: Authority,
    client: Issued,
    clients: Clients,
    process: Option<Child>,
}

/// `rsyslogd`, which Debian keeps out of the reach of users' `PATH`.
fn rsyslogd() -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut path: Vec<_> = std::env::split_paths(&path).collect();
    path.push("/usr/sbin".into());
    let mut command = Command::new("rsyslogd");
    command.env("PATH", std::env::join_paths(path).expect("a path"));
    command
}

impl Rsyslog {
    fn start_for(clients: Clients) -> Option<Self> {
        let found = rsyslogd().arg("-v").stdout(Stdio::null()).status();
        let driver = ["/usr/lib", "/usr/lib64"]
            .iter()
            .any(|library| holds_driver(library));
        if !found.is_ok_and(|status| status.success()) || !driver {
            skipped("no rsyslogd with rsyslog-gnutls here");
            return None;
        }
        let kind = KeyKind::EcdsaP256;
        let authority = Authority::create("CA of a test", now(), 10, kind).expect("a CA");
        let client = authority
            .issue_client("keyledger", kind, now(), 10)
            .expect("a certificate");
        let mut end = Self {
            directory: fresh_directory(),
            address: SocketAddr::from(([127, 0, 0, 1], kept_port())),
            authority,
            client,
            clients,
            process: None,
        };
        end.configure();
        end.start_again();
        Some(end)
    }

    fn configure(&self) {
        let directory = self.directory.path();
        let names = ["127.0.0.1".to_owned()];
        let issued = self
            .authority
            .issue_server(&names, KeyKind::EcdsaP256, now(), 10)
            .expect("a certificate");
        fs::write(directory.join("ca.pem"), self.authority.certificate_pem()).expect("a file");
        fs::write(directory.join("server.pem"), &issued.certificate_pem).expect("a file");
        fs::write(directory.join("server.key"), issued.key_pem.expose()).expect("a file");
        let driver = match self.clients {
            Clients::Certified => {
                r#"StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid""#
            }
            Clients::Plain => r#"StreamDriver.Name="ptcp" StreamDriver.Mode="0""#,
        };
        let fields = [
            "pri",
            "timereported",
            "hostname",
            "app-name",
            "procid",
            "msgid",
            "structured-data",
            "msg",
        ];
        let fields = fields.map(|name| {
            let date = if name == "timereported" {
                r#"dateFormat="rfc3339""#
            } else {
                ""
            };
            format!("property(outname=\"{name}\" name=\"{name}\" {date} format=\"jsonf\")\n")
        });
        let configuration = format!(
            "global(workDirectory=\"{directory}\" maxMessageSize=\"64k\" defaultNetstreamDriverCAFile=\"{directory}/ca.pem\"
                defaultNetstreamDriverCertFile=\"{directory}/server.pem\" defaultNetstreamDriverKeyFile=\"{directory}/server.key\")
             module(load=\"imtcp\" {driver})
             template(name=\"fields\" type=\"list\" option.jsonf=\"on\") {{ {fields} }}
             ruleset(name=\"keep\") {{ action(type=\"omfile\" file=\"{directory}/received\" template=\"fields\") }}
             input(type=\"imtcp\" port=\"{port}\" address=\"127.0.0.1\" ruleset=\"keep\" SupportOctetCountedFraming=\"on\")\n",
            directory = directory.display(),
            fields = fields.concat(),
            port = self.address.port(),
        );
        fs::write(directory.join("rsyslog.conf"), configuration).expect("a file");
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            let pid = i32::try_from(process.id()).expect("a process number");
            let pid = Pid::from_raw(pid).expect("a process number");
            rustix::process::kill_process(pid, signal).expect("it is ours and not reaped");
        }
    }

    fn end_by(&mut self, signal: Signal) {
        self.signal(Signal::CONT);
        self.signal(signal);
        if let Some(mut process) = self.process.take() {
            process.wait().expect("it ends");
        }
    }

    /// What it understood, message by message.
    fn understood(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.directory.path().join("received")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

fn holds_driver(library: &str) -> bool {
    let folders = fs::read_dir(library)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut folders = folders.chain([library.into()]);
    folders.any(|folder| folder.join("rsyslog/lmnsd_gtls.so").exists())
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.end_by(Signal::KILL);
    }
}

impl ReceivingEnd for Rsyslog {
    type Endpoint = SyslogEndpoint;

    fn start() -> Option<Self> {
        Self::start_for(Clients::Certified)
    }

    fn endpoint(&self) -> SyslogEndpoint {
        let mut endpoint = SyslogEndpoint::new(&self.address.to_string());
        endpoint.timeout_seconds = 5;
        match self.clients {
            Clients::Plain => endpoint.insecure = true,
            Clients::Certified => {
                endpoint.ca_certificate = Some(self.authority.certificate_pem());
                endpoint.client_certificate = Some(self.client.certificate_pem.clone());
                let key = String::from_utf8(self.client.key_pem.expose().to_vec()).expect("PEM");
                endpoint.client_key = Some(SecretText::new(key));
            }
        }
        endpoint
    }

    fn received(&mut self) -> Vec<Received> {
        let record = |message: &Value| {
            let text = message["msg"].as_str().expect("a text");
            let data = message["structured-data"]
                .as_str()
                .expect("structured data");
            let id = data
                .split("id=\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            Received {
                kind: message["msgid"].as_str().expect("a text").to_owned(),
                id: id.expect("an id").to_owned(),
                json: text.strip_prefix('\u{feff}').unwrap_or(text).into(),
            }
        };
        self.understood().iter().map(record).collect()
    }

    fn stop(&mut self) {
        self.end_by(Signal::TERM);
    }

    fn start_again(&mut self) {
        self.signal(Signal::CONT);
        if self.process.is_some() {
            return;
        }
        let directory = self.directory.path();
        let log = fs::File::create(directory.join("log")).expect("a file");
        let mut command = rsyslogd();
        command
            .arg("-n")
            .arg("-f")
            .arg(directory.join("rsyslog.conf"));
        command.arg("-i").arg(directory.join("pid"));
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the file"))
            .stderr(log);
        self.process = Some(command.spawn().expect("rsyslogd runs"));
        until("rsyslogd to listen", || {
            TcpStream::connect(self.address).ok()
        });
    }

    fn fall_silent(&mut self) -> bool {
        self.signal(Signal::STOP);
        true
    }

    fn wrong(&self) -> Vec<(&'static str, SyslogEndpoint)> {
        let changed = |change: fn(&mut SyslogEndpoint)| {
            let mut endpoint = self.endpoint();
            change(&mut endpoint);
            endpoint
        };
        vec![
            ("address", changed(|it| it.address = "127.0.0.1".to_owned())),
            (
                "ca_certificate",
                changed(|it| it.ca_certificate = Some("none".to_owned())),
            ),
            (
                "client_certificate",
                changed(|it| it.client_certificate = None),
            ),
            (
                "hostname",
                changed(|it| it.hostname = Some("two words".to_owned())),
            ),
            ("insecure", changed(|it| it.insecure = true)),
            ("timeout_seconds", changed(|it| it.timeout_seconds = 0)),
        ]
    }

    fn secrets(&self) -> Vec<String> {
        vec![String::from_utf8(self.client.key_pem.expose().to_vec()).expect("PEM")]
    }
}

battery!(Rsyslog);

#[test]
fn rsyslog_reads_every_field_as_it_was_meant() {
    let Some(mut site) = Site::<Rsyslog>::start() else {
        return;
    };
    let mut endpoint = site.end.endpoint();
    endpoint.facility = Facility::Local3;
    endpoint.hostname = Some("kms-1.example.com".to_owned());
    endpoint.app_name = "kms".to_owned();
    endpoint.structured_data_id = "audit@41058".to_owned();
    let record = event(Data::new());
    let Content::Event(sequence, event) = &record.content else {
        panic!("an event")
    };
    site.deliver_by(&endpoint, &batch(vec![record.clone()]))
        .expect("delivered");
    let message = until("the message to arrive", || site.end.understood().pop());
    let time = jiff::Timestamp::from_millisecond(event.time_ms).expect("a time");
    let expected = [
        ("pri", "158".to_owned()),
        ("timereported", format!("{time:.3}")),
        ("hostname", "kms-1.example.com".to_owned()),
        ("app-name", "kms".to_owned()),
        ("procid", "1".to_owned()),
        ("msgid", "event".to_owned()),
        (
            "structured-data",
            format!(
                "[audit@41058 id=\"{}\" origin=\"node-1\" epoch=\"1\" sequence=\"{sequence}\" action=\"vmware-solutions.kmip-key.read\" \
                 outcome=\"success\" severity=\"normal\" reasonCode=\"200\" initiator=\"{}\" initiatorName=\"vCenter \\\"Köln\\\" 1\" \
                 target=\"{}\" instance=\"{}\" location=\"eu-de\" correlationId=\"{}\"]",
                event.id,
                event.initiator.id,
                event.target_name().expect("a key"),
                event.scope.instance,
                event.correlation,
            ),
        ),
        (
            "msg",
            format!("\u{feff}{}", String::from_utf8_lossy(&record.json)),
        ),
    ];
    for (field, expected) in expected {
        assert_eq!(message[field], expected, "{field}");
    }
    site.end.stop();
}

#[test]
fn nothing_is_lost_and_all_is_in_order_while_rsyslog_comes_and_goes() {
    let Some(mut site) = Site::<Rsyslog>::start() else {
        return;
    };
    let batches: Vec<_> = (0..12).map(|_| events(4)).collect();
    for (round, next) in batches.iter().enumerate() {
        if round % 4 == 3 {
            // What it has taken it has written down before it goes; a part of its protocol says so to nobody.
            arrives(&mut site, &batches[..round].iter().collect::<Vec<_>>());
            site.end.end_by(if round % 8 == 3 {
                Signal::TERM
            } else {
                Signal::KILL
            });
            assert!(matches!(site.deliver(next), Err(Undelivered::Retry(_))));
            site.end.start_again();
        }
        deliver_at_last(&mut site, next);
    }
    arrives(&mut site, &batches.iter().collect::<Vec<_>>());
}

#[test]
fn plain_tcp_is_spoken_where_the_endpoint_says_so() {
    let Some(end) = Rsyslog::start_for(Clients::Plain) else {
        return;
    };
    let mut site = Site::of(end);
    let batches = [events(3), events(2)];
    for batch in &batches {
        site.deliver(batch).expect("delivered");
    }
    arrives(&mut site, &batches.each_ref());
}

#[test]
fn who_is_not_trusted_gets_nothing_and_who_has_no_certificate_is_told() {
    let Some(mut site) = Site::<Rsyslog>::start() else {
        return;
    };
    let other = Authority::create("another CA", now(), 10, KeyKind::EcdsaP256).expect("a CA");
    let mut distrusting = site.end.endpoint();
    distrusting.ca_certificate = Some(other.certificate_pem());
    let outcome = site.deliver_by(&distrusting, &events(1));
    assert!(
        matches!(&outcome, Err(Undelivered::Retry(reason)) if reason.contains("certificate")),
        "{outcome:?}"
    );
    let mut nobody = site.end.endpoint();
    (nobody.client_certificate, nobody.client_key) = (None, None);
    // In TLS 1.3 the refusal comes after the handshake, and a busy machine may be late with it.
    until("the refusal", || {
        match site.deliver_by(&nobody, &events(1)) {
            Err(Undelivered::Retry(_) | Undelivered::RetryAfter(..)) => Some(()),
            Err(Undelivered::Park(reason)) => panic!("it is not to be parked: {reason}"),
            Ok(()) => None,
        }
    });
    let welcome = events(1);
    site.deliver(&welcome).expect("delivered");
    arrives(&mut site, &[&welcome]);
}
