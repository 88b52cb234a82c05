//! TLS: certificates from files, reloaded; client certificates; clients that don't speak it.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
};

use arc_swap::ArcSwap;
use gateway_core::Peer;
use gateway_server::{
    config::TlsConfig,
    listener::{Tls, TlsError},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use tempfile::TempDir;

use crate::harness::{Client, SHORT, Server, is_closing, options, start};

type TlsClient = Client<StreamOwned<ClientConnection, TcpStream>>;

/// An authority that signs for the server and for its clients, and a folder for the files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate with its key.
struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            issuer: CertifiedIssuer::self_signed(params, key).unwrap(),
            folder: TempDir::new().unwrap(),
        }
    }

    fn sign(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        Identity {
            certificate: params.signed_by(&key, &self.issuer).unwrap(),
            key,
        }
    }

    /// Writes the files of a server's identity and of this authority.
    fn write(&self, identity: &Identity) -> TlsConfig {
        TlsConfig {
            certificate: self.file("certificate.pem", &identity.certificate.pem()),
            private_key: self.file("key.pem", &identity.key.serialize_pem()),
            client_ca: Some(self.file("authority.pem", &self.issuer.pem())),
        }
    }

    fn file(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn start(&self, identity: &Identity) -> Server {
        let mut options = options();
        let tls = Tls::load(&self.write(identity)).unwrap();
        options.tls = Some(Arc::new(ArcSwap::from_pointee(tls)));
        start(options)
    }

    fn connect(&self, server: &Server, identity: Option<&Identity>, alpn: &[&str]) -> TlsClient {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some(identity) => config
                .with_client_auth_cert(
                    vec![identity.certificate.der().clone()],
                    PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap(),
                )
                .unwrap(),
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("gateway.test").unwrap();
        let session = ClientConnection::new(config.into(), name).unwrap();
        Client {
            stream: StreamOwned::new(session, server.connect().stream),
        }
    }
}

fn shown(client: &TlsClient) -> CertificateDer<'static> {
    client.stream.conn.peer_certificates().unwrap()[0].clone()
}

fn is_certified(server: &Server) -> bool {
    match server.arrival().peer {
        Peer::Network { certified, .. } => certified,
        Peer::Simulated => panic!("it came over a network"),
    }
}

#[test]
fn a_client_certificate_is_optional_and_noticed() {
    let authority = Authority::new();
    let server = authority.start(&authority.sign("gateway.test"));
    authority.connect(&server, None, &[]).expect_served();
    assert!(!is_certified(&server));
    let identity = authority.sign("client.test");
    authority
        .connect(&server, Some(&identity), &[])
        .expect_served();
    assert!(is_certified(&server));
}

#[test]
fn a_foreign_client_certificate_is_refused() {
    let authority = Authority::new();
    let server = authority.start(&authority.sign("gateway.test"));
    let foreign = Authority::new().sign("client.test");
    let mut client = authority.connect(&server, Some(&foreign), &[]);
    let sent = client
        .stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut answer = Vec::new();
    sent.and_then(|()| client.stream.read_to_end(&mut answer))
        .expect_err("the handshake fails");
    assert_eq!(answer, b"");
    assert_eq!(server.called(), Vec::<String>::new());
}

#[test]
fn only_http_1_1_is_negotiated() {
    let authority = Authority::new();
    let server = authority.start(&authority.sign("gateway.test"));
    let mut both = authority.connect(&server, None, &["h2", "http/1.1"]);
    both.expect_served();
    assert_eq!(both.stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut only_h2 = authority.connect(&server, None, &["h2"]);
    let refused = only_h2.stream.write_all(b"PRI * HTTP/2.0").unwrap_err();
    assert!(
        refused.to_string().contains("NoApplicationProtocol"),
        "{refused}"
    );
}

#[test]
fn a_reload_shows_the_new_certificate_and_keeps_old_connections() {
    let authority = Authority::new();
    let (old, new) = (
        authority.sign("gateway.test"),
        authority.sign("gateway.test"),
    );
    let server = authority.start(&old);
    let mut before = authority.connect(&server, None, &[]);
    before.expect_served();
    server.reload(Tls::load(&authority.write(&new)).unwrap());
    let mut after = authority.connect(&server, None, &[]);
    after.expect_served();
    before.expect_served();
    assert_eq!(shown(&before), *old.certificate.der());
    assert_eq!(shown(&after), *new.certificate.der());
}

#[test]
fn a_silent_or_halting_handshake_is_closed() {
    let authority = Authority::new();
    let mut options = options();
    options.header_deadline = SHORT;
    let tls = Tls::load(&authority.write(&authority.sign("gateway.test"))).unwrap();
    options.tls = Some(Arc::new(ArcSwap::from_pointee(tls)));
    let server = start(options);
    server.connect().expect_closed();
    let mut halting = server.connect();
    halting.stream.write_all(b"\x16\x03\x01\x02\0\x01").unwrap();
    halting.expect_closed();
    let mut unused = authority.connect(&server, None, &[]);
    while unused.stream.conn.is_handshaking() {
        unused
            .stream
            .conn
            .complete_io(&mut unused.stream.sock)
            .unwrap();
    }
    unused.expect_closed();
    server.stop.gently.cancel();
    server.join();
    assert_eq!(server.options.failures.tls.get(), 2);
}

#[test]
fn plain_text_and_garbage_on_a_tls_port_are_closed() {
    let authority = Authority::new();
    let server = authority.start(&authority.sign("gateway.test"));
    for text in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        &[0xff; 300],
        b"\0",
    ] {
        let mut client = server.connect();
        client.stream.write_all(text).unwrap();
        client.stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        if let Err(error) = client.stream.read_to_end(&mut answer) {
            assert!(is_closing(&error) && error.kind() != ErrorKind::WouldBlock);
        }
        // At most an alert: a record of kind 21.
        assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    }
    authority.connect(&server, None, &[]).expect_served();
    server.stop.gently.cancel();
    server.join();
    assert_eq!(server.options.failures.tls.get(), 3);
}

#[test]
fn an_error_names_the_file_and_what_is_wrong() {
    let authority = Authority::new();
    let identity = authority.sign("gateway.test");
    let other = authority.sign("gateway.test");
    let good = authority.write(&identity);
    let file = |name, text: &str| authority.file(name, text);
    let check = |config: TlsConfig, path: &Path, expected: &str| {
        let error: TlsError = Tls::load(&config).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&path.display().to_string()), "{text}");
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("BEGIN"), "{text}");
    };
    let certificate = |path: &Path| TlsConfig {
        certificate: path.to_owned(),
        ..good.clone()
    };
    let private_key = |path: &Path| TlsConfig {
        private_key: path.to_owned(),
        ..good.clone()
    };
    let client_ca = |path: &Path| TlsConfig {
        client_ca: Some(path.to_owned()),
        ..good.clone()
    };
    let missing = authority.folder.path().join("missing.pem");
    let empty = file("empty.pem", "");
    let cut = file("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let nonsense = file(
        "nonsense.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let bad_key = file(
        "bad.pem",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    let encrypted = file(
        "encrypted.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let old_encrypted = file(
        "old.pem",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    );
    let foreign = file("other.pem", &other.key.serialize_pem());
    for of in [&certificate as &dyn Fn(&Path) -> TlsConfig, &client_ca] {
        check(of(&missing), &missing, "can't read");
        check(of(&empty), &empty, "holds no certificate");
        check(
            of(&good.private_key),
            &good.private_key,
            "holds no certificate",
        );
        check(of(&cut), &cut, "not valid PEM");
        check(of(&nonsense), &nonsense, "can't be used");
    }
    check(private_key(&missing), &missing, "can't read");
    check(private_key(&empty), &empty, "holds no private key");
    check(private_key(&bad_key), &bad_key, "can't be used");
    check(private_key(&encrypted), &encrypted, "is encrypted");
    check(private_key(&old_encrypted), &old_encrypted, "is encrypted");
    check(private_key(&foreign), &foreign, "does not match");
}
