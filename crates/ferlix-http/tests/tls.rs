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
        options.tls = Some(TlsFiles {
            certificate: file("cert.pem"),
            key: file("key.pem"),
        });
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
        options.tls = Some(TlsFiles {
            certificate: cert.to_owned(),
            key: key.to_owned(),
        });
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
        let HttpError::TlsFile { file: named, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(*named, file, "{error}");
    }
}
