//! What our calls say of us: by token, by password, by certificate; and what is never said.

use std::fs;

use ferlix_http::{TlsFiles, password_entry};

use super::*;

#[tokio::test]
async fn a_secret_that_is_replaced_at_both_ends_is_followed() {
    let tokens = Tokens::new(&["alice", "bob"]);
    let mut options = tokens.server();
    options.security.anonymous = false;
    options.security.failures = 0;
    let services = Arc::new(Services::new(ServicesOptions {
        timeout: Duration::from_secs(20),
        ..ServicesOptions::default()
    }));
    services.insert(3, dispatchers(None), None);
    let server = serve(services, options).await;
    let file = |name: &str| tokens.folder.path().join(name);
    let caller = caller(&server, &tokens.client("alice"));
    let alice = witness(&caller);
    assert!(soon(alice.tell()).await.unwrap().starts_with("alice "));
    // The token is withdrawn: refused, whatever is tried.
    let entries = fs::read_to_string(file("tokens")).unwrap();
    fs::write(file("tokens"), "").unwrap();
    let error = soon(async {
        loop {
            match alice.tell().await {
                Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(error) => break error,
            }
        }
    })
    .await;
    let CallError::Refused { reason, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(reason, "401 Unauthorized: it does not know our credentials");
    let said = format!("{error} {error:?} {caller:?}");
    let (_, secret) = &tokens.secrets[0];
    assert!(!said.contains(secret), "{said}");
    // Another takes its place.
    fs::write(file("tokens"), entries).unwrap();
    fs::copy(file("bob"), file("alice")).unwrap();
    soon(async {
        while !alice
            .tell()
            .await
            .is_ok_and(|told| told.starts_with("bob "))
        {
            let entries: Vec<_> = fs::read_to_string(file("tokens"))
                .unwrap()
                .lines()
                .filter(|line| !line.starts_with("alice"))
                .map(str::to_owned)
                .collect();
            fs::write(file("tokens"), entries.join("\n")).unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn without_credentials_the_error_says_what_to_set() {
    let tokens = Tokens::new(&["alice"]);
    let mut options = tokens.server();
    options.security.anonymous = false;
    let services = Arc::new(Services::new(ServicesOptions {
        timeout: Duration::from_secs(20),
        ..ServicesOptions::default()
    }));
    services.insert(3, dispatchers(None), None);
    let server = serve(services, options).await;
    let nobody = witness(&caller(&server, &TransportOptions::default()));
    let said = soon(nobody.tell()).await.unwrap_err().to_string();
    assert!(
        said.contains("401") && said.contains("ecf.xmlrpc.client.auth"),
        "{said}"
    );
    // Named for another host: not said to this one.
    let mut elsewhere = tokens.client("alice");
    elsewhere.credentials.as_mut().unwrap().hosts = vec!["example.org".to_owned()];
    let kept = witness(&caller(&server, &elsewhere));
    let error = soon(kept.tell()).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
}

/// An authority and what it signs, written to files.
struct Authority {
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let issuer = rcgen::CertifiedIssuer::self_signed(parameters, key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn sign(&self, name: &str) {
        let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        let subject = &mut parameters.distinguished_name;
        subject.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let signed = parameters.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.file(&format!("{name}.pem")), signed.pem()).unwrap();
        fs::write(self.file(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    fn client(&self, name: &str) -> TransportOptions {
        let identity = (
            self.file(&format!("{name}.pem")).into(),
            self.file(&format!("{name}.key")).into(),
        );
        TransportOptions {
            tls: Some(ferlix_xmlrpc::client::TlsFiles {
                authorities: self.file("ca.pem").into(),
                identity: Some(identity),
            }),
            // So that a call after a change makes a connection of its own.
            idle_timeout: Duration::from_millis(1),
            ..TransportOptions::default()
        }
    }
}

#[tokio::test]
async fn a_certificate_is_the_identity_and_a_new_one_is_shown_when_it_is_there() {
    let authority = Authority::new();
    for name in ["server", "alice", "bob"] {
        authority.sign(name);
    }
    let mut files = TlsFiles::new(authority.file("server.pem"), authority.file("server.key"));
    files.client_authorities = Some(authority.file("ca.pem").into());
    let mut options = options();
    options.tls = Some(files);
    let services = Arc::new(Services::new(ServicesOptions {
        timeout: Duration::from_secs(20),
        ..ServicesOptions::default()
    }));
    services.insert(3, dispatchers(None), None);
    let server = serve(services, options).await;
    let caller = |options: &TransportOptions| {
        let transport = Transport::new(options).unwrap();
        let url = format!("https://localhost:{}/xml-rpc", server.address().port());
        XmlRpcCaller::new(&transport, &url, 3, "org.example.Witness").unwrap()
    };
    let alice = witness(&caller(&authority.client("alice")));
    assert!(soon(alice.tell()).await.unwrap().starts_with("alice "));
    let mut without = authority.client("alice");
    without.tls.as_mut().unwrap().identity = None;
    let nobody = witness(&caller(&without));
    let error = soon(nobody.tell()).await.unwrap_err();
    let refused = matches!(
        error,
        CallError::Unreachable { .. } | CallError::Lost { .. }
    );
    assert!(refused, "{error:?}");
    // A half-written pair first, then the whole one.
    fs::copy(authority.file("bob.pem"), authority.file("alice.pem")).unwrap();
    assert!(soon(alice.tell()).await.unwrap().starts_with("alice "));
    fs::copy(authority.file("bob.key"), authority.file("alice.key")).unwrap();
    soon(async {
        while !soon(alice.tell()).await.unwrap().starts_with("bob ") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_framework_calls_with_password_and_tls_by_properties_alone() {
    let authority = Authority::new();
    authority.sign("server");
    fs::write(
        authority.file("passwords"),
        password_entry("alice", "geheim").unwrap(),
    )
    .unwrap();
    fs::write(authority.file("secret"), "geheim\n").unwrap();
    let framework = framework(Properties::from([
        ("ferlix.http.address", "localhost".to_owned()),
        ("ferlix.https.cert_file", authority.file("server.pem")),
        ("ferlix.https.key_file", authority.file("server.key")),
        (
            "ferlix.http.auth.password_file",
            authority.file("passwords"),
        ),
        ("ecf.xmlrpc.client.tls.ca_file", authority.file("ca.pem")),
        ("ecf.xmlrpc.client.auth.user", "alice".to_owned()),
        (
            "ecf.xmlrpc.client.auth.secret_file",
            authority.file("secret"),
        ),
        ("ecf.xmlrpc.server.rules", "allow user:alice".to_owned()),
    ]))
    .await;
    let (url, proxy) = import_own(&framework).await;
    assert!(url.starts_with("https://localhost:"), "{url}");
    assert!(soon(proxy.tell()).await.unwrap().starts_with("alice "));
    framework.stop().await.unwrap();
}
