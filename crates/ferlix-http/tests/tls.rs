//! HTTPS with certificates from files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ferlix_http::{HttpError, HttpService as _, Server, ServerOptions, TlsFiles};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use support::{Client, mount, options, server, text, within};

struct Certificate {
    directory: TempDir,
    der: CertificateDer<'static>,
}

impl Certificate {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("cert.pem"), made.cert.pem()).unwrap();
        fs::write(
            directory.path().join("key.pem"),
            made.signing_key.serialize_pem(),
        )
        .unwrap();
        Self {
            directory,
            der: made.cert.der().clone(),
        }
    }

    fn options(&self) -> ServerOptions {
        let mut options = options();
        let file = |name: &str| self.directory.path().join(name);
        options.tls = Some(TlsFiles::new(file("cert.pem"), file("key.pem")));
        options
    }

    fn connector(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }
}

async fn tcp(server: &Server) -> TcpStream {
    within(TcpStream::connect(server.address())).await.unwrap()
}

#[tokio::test]
async fn requests_are_answered_over_tls() {
    let certificate = Certificate::new();
    let server = server(certificate.options()).await;
    assert!(server.is_secure());
    mount(&server, "/", text("secret"));
    let name = "localhost".try_into().unwrap();
    let stream = within(certificate.connector().connect(name, tcp(&server).await))
        .await
        .unwrap();
    let mut client = Client::on(stream);
    for _ in 0..3 {
        assert_eq!(client.get("/").await.body, "secret");
    }
    within(server.shutdown()).await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_told() {
    let certificate = Certificate::new();
    let server = server(certificate.options()).await;
    let mut client = Client::connect(&server).await;
    let answer = client.get("/").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body, "This port speaks HTTPS: use it.\n");
}

#[tokio::test]
async fn a_client_that_does_not_shake_hands_is_cut() {
    let certificate = Certificate::new();
    let mut options = certificate.options();
    options.header_timeout = Duration::from_millis(50);
    let server = server(options).await;
    let mut silent = Client::connect(&server).await;
    assert_eq!(silent.rest().await, "");
    let mut begun = Client::connect(&server).await;
    begun.send([22, 3, 1]).await;
    assert_eq!(begun.rest().await, "");
}

#[tokio::test]
async fn bad_files_are_named() {
    let certificate = Certificate::new();
    let path = certificate.directory.path();
    let with = |cert: &Path, key: &Path| {
        let mut options = options();
        options.tls = Some(TlsFiles::new(cert, key));
        options
    };
    fs::write(path.join("empty.pem"), "").unwrap();
    let (cert, key) = (path.join("cert.pem"), path.join("key.pem"));
    let other = Certificate::new();
    let other_key = other.directory.path().join("key.pem");
    for (options, file) in [
        (with(&path.join("none.pem"), &key), path.join("none.pem")),
        (with(&path.join("empty.pem"), &key), path.join("empty.pem")),
        (with(&cert, &path.join("empty.pem")), path.join("empty.pem")),
        (with(&cert, &cert), cert.clone()),
        (with(&cert, &other_key), other_key.clone()),
    ] {
        let error = Server::bind(options).await.unwrap_err();
        let HttpError::File(named) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(named.file, file, "{error}");
    }
}

/// An authority, and the files of what it signed.
struct Authority {
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let subject = &mut parameters.distinguished_name;
        subject.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let issuer = rcgen::CertifiedIssuer::self_signed(parameters, key).unwrap();
        Self { issuer }
    }

    /// Certificate and key, as they stand in files.
    fn sign(&self, name: &str) -> (String, String) {
        let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        let subject = &mut parameters.distinguished_name;
        subject.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let signed = parameters.signed_by(&key, &self.issuer).unwrap();
        (signed.pem(), key.serialize_pem())
    }

    /// What connects to servers that this authority has signed, as somebody or as nobody.
    fn connector(&self, identity: Option<&(String, String)>) -> TlsConnector {
        use rustls_pki_types::PrivateKeyDer;
        use rustls_pki_types::pem::PemObject as _;
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        TlsConnector::from(Arc::new(config))
    }
}

/// Who the server says came; `None` when it does not let anybody in.
async fn who(server: &Server, connector: &TlsConnector) -> Option<String> {
    let name = "localhost".try_into().unwrap();
    let stream = within(connector.connect(name, tcp(server).await))
        .await
        .ok()?;
    let mut client = tokio::io::BufReader::new(stream);
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    // With TLS 1.3 a client learns of its refusal when it reads only.
    let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    within(client.write_all(request.as_bytes())).await.ok()?;
    let mut answer = String::new();
    within(client.read_to_string(&mut answer)).await.ok()?;
    answer
        .starts_with("HTTP/1.1 200 ")
        .then(|| answer.rsplit("\r\n").next().unwrap_or_default().to_owned())
}

fn greeter(server: &Server) {
    let who = ferlix_http::handler_fn(async |request: http::Request<ferlix_http::Body>| {
        let identity = request.body().info().and_then(|info| info.identity());
        let name = identity.map_or("stranger", |identity| identity.name());
        let body = ferlix_http::Body::from(name.to_owned());
        Ok::<_, ferlix_http::BoxError>(http::Response::new(body))
    });
    mount(server, "/", who);
}

#[tokio::test]
async fn a_certificate_of_a_client_is_its_identity() {
    let (servers, clients, others) = (
        Authority::new("servers"),
        Authority::new("clients"),
        Authority::new("others"),
    );
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let (certificate, key) = servers.sign("server");
    let mut files = TlsFiles::new(write("cert.pem", &certificate), write("key.pem", &key));
    files.client_authorities = Some(write("clients.pem", &clients.issuer.pem()));
    let (alice, mallory) = (clients.sign("alice"), others.sign("alice"));
    for required in [true, false] {
        files.client_required = required;
        let mut options = options();
        options.tls = Some(files.clone());
        options.security.open_paths = vec!["/open".to_owned()];
        let server = server(options).await;
        greeter(&server);
        let known = who(&server, &servers.connector(Some(&alice))).await;
        assert_eq!(known.as_deref(), Some("alice"));
        assert_eq!(who(&server, &servers.connector(Some(&mallory))).await, None);
        // Where a certificate is optional, the handshake is done, and the request refused.
        assert_eq!(who(&server, &servers.connector(None)).await, None);
        // Where strangers may come in, they need none; the handshake says whether they may.
        let mut options = support::options();
        options.tls = Some(files.clone());
        options.security.anonymous = true;
        let server = support::server(options).await;
        greeter(&server);
        let stranger = who(&server, &servers.connector(None)).await;
        assert_eq!(stranger.as_deref(), (!required).then_some("stranger"));
        assert_eq!(who(&server, &servers.connector(Some(&mallory))).await, None);
    }
}

#[tokio::test]
async fn certificates_that_change_are_used_and_halves_are_not() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, content: &str| fs::write(path(name), content).unwrap();
    let (certificate, key) = old.sign("server");
    write("cert.pem", &certificate);
    write("key.pem", &key);
    write("clients.pem", &old.issuer.pem());
    let mut files = TlsFiles::new(path("cert.pem"), path("key.pem"));
    files.client_authorities = Some(path("clients.pem"));
    let mut options = options();
    options.tls = Some(files);
    options.reload_interval = Duration::from_millis(10);
    let server = server(options).await;
    greeter(&server);
    let (before, after) = (old.sign("before"), new.sign("after"));
    let old_server = old.connector(Some(&before));
    assert_eq!(who(&server, &old_server).await.as_deref(), Some("before"));

    // A new certificate whose key is still to come: the old pair goes on.
    let (certificate, key) = new.sign("server");
    write("cert.pem", &certificate);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(who(&server, &old_server).await.as_deref(), Some("before"));
    write("key.pem", &key[..key.len() / 2]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(who(&server, &old_server).await.as_deref(), Some("before"));
    write("key.pem", &key);
    let new_server = new.connector(Some(&before));
    within(async {
        while who(&server, &new_server).await.as_deref() != Some("before") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(who(&server, &old_server).await, None);
    // And whom it trusts.
    write("clients.pem", &new.issuer.pem());
    let new_client = new.connector(Some(&after));
    within(async {
        while who(&server, &new_client).await.as_deref() != Some("after") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(who(&server, &new_server).await, None);
}
