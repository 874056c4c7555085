//! Python's own client calls a server that asks who calls: by HTTPS, with a password, a token or a certificate.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::fs;
use std::path::{Path, PathBuf};

use ferlix::http::HttpService;
use ferlix::prelude::*;
use ferlix::remote::admin::RemoteServiceAdmin;
use ferlix_tests::PythonPeer;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair};
use rcgen::{CertifiedIssuer, KeyUsagePurpose};
use serde_json::json;

#[remote_service("ferlix.test.Guarded", version = "1.0.0")]
trait Guarded: Send + Sync {
    async fn echo(&self, value: Value) -> Result<Value, CallError>;
    async fn twice(&self, number: i32) -> Result<i64, CallError>;
}

#[component(
    factory = "guarded-factory",
    instance = "guarded",
    provides(dyn Guarded),
    property(
        "service.exported.interfaces" = "*",
        "service.exported.configs" = "ecf.xmlrpc.server",
        "service.exported.rules" = ["allow user:robot", "allow known * echo"],
    )
)]
#[derive(Debug, Default)]
struct GuardedImpl;

#[service_impl]
impl Guarded for GuardedImpl {
    /// Who calls, and what it sent.
    async fn echo(&self, value: Value) -> Result<Value, CallError> {
        let context = CallContext::current().unwrap();
        let name = context.identity().unwrap().name().to_owned();
        Ok(Value::List(vec![Value::from(name), value]))
    }

    async fn twice(&self, number: i32) -> Result<i64, CallError> {
        Ok(2 * i64::from(number))
    }
}

bundle!(
    GUARDED = "ferlix.test.guarded",
    components = [GuardedImpl],
    activator = None
);

/// An authority, and a certificate for a server and one for a client.
fn certificates(folder: &Path) {
    let named = |name: &str| {
        let mut parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.distinguished_name = DistinguishedName::new();
        let subject = &mut parameters.distinguished_name;
        subject.push(DnType::CommonName, name);
        // What Python's strict verification asks for.
        parameters.use_authority_key_identifier_extension = true;
        parameters
    };
    let mut parameters = named("authority");
    parameters.subject_alt_names.clear();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
    for name in ["server", "carol"] {
        let key = KeyPair::generate().unwrap();
        let signed = named(name).signed_by(&key, &issuer).unwrap();
        fs::write(folder.join(format!("{name}.pem")), signed.pem()).unwrap();
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs iPOPO: cargo xtask test"]
async fn pythons_client_proves_who_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| -> String {
        let path: PathBuf = folder.path().join(name);
        path.to_str().unwrap().to_owned()
    };
    certificates(folder.path());
    let (token, entry) = ferlix::http::new_token("robot").unwrap();
    fs::write(file("tokens"), entry).unwrap();
    let entry = ferlix::http::password_entry("alice", "wonderland").unwrap();
    fs::write(file("passwords"), entry).unwrap();

    let framework = Framework::builder()
        .install(ferlix::bundles::REMOTE_BUNDLES)
        .start()
        .await
        .unwrap();
    let context = framework.context();
    let properties = Properties::from([
        ("ferlix.http.port", Value::from(0)),
        ("ferlix.http.address", Value::from("localhost")),
        ("ferlix.https.cert_file", Value::from(file("server.pem"))),
        ("ferlix.https.key_file", Value::from(file("server.key"))),
        ("ferlix.https.client_ca_file", Value::from(file("ca.pem"))),
        ("ferlix.https.client_auth", Value::from("optional")),
        (
            "ferlix.http.auth.password_file",
            Value::from(file("passwords")),
        ),
        ("ferlix.http.auth.token_file", Value::from(file("tokens"))),
    ]);
    ferlix::http::instantiate(&context, properties)
        .await
        .unwrap();
    ferlix::remote::topology::instantiate(&context, Properties::new())
        .await
        .unwrap();
    framework.install(&GUARDED).unwrap().start().await.unwrap();
    framework.settle().await;
    let port = context
        .service::<dyn HttpService>(None)
        .unwrap()
        .address()
        .port();
    let admin = context.service::<dyn RemoteServiceAdmin>(None).unwrap();
    let exported = admin.exported_services().remove(0);
    let endpoint = exported.exported_endpoint().unwrap();
    assert!(
        endpoint
            .properties()
            .get("service.exported.rules")
            .is_none(),
        "rules are nobody else's business"
    );
    let arguments = [
        port.to_string(),
        endpoint.remote_service_id().to_string(),
        file("ca.pem"),
        "alice".to_owned(),
        "wonderland".to_owned(),
        token,
        file("carol.pem"),
        file("carol.key"),
    ];
    let outcomes = tokio::task::spawn_blocking(move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        PythonPeer::cases("xmlrpc_secure.py", &arguments)
    })
    .await
    .unwrap();
    let unknown = json!({"http": 401});
    for (case, wanted) in [
        ("password", json!({"result": ["alice", "a"]})),
        (
            "kept",
            json!({"result": (0..5).map(|n| json!(["alice", n])).collect::<Vec<_>>()}),
        ),
        ("token", json!({"result": ["robot", "b"]})),
        ("certificate", json!({"result": ["carol", "c"]})),
        ("nobody", unknown.clone()),
        ("wrong-password", unknown.clone()),
        ("wrong-user", unknown.clone()),
        ("wrong-token", unknown),
        (
            "untrusted",
            json!({"error": "TLS", "reason": "CERTIFICATE_VERIFY_FAILED"}),
        ),
        (
            "refused",
            json!({"fault": [1, "RemoteServiceError:Unknown method twice"]}),
        ),
        (
            "missing",
            json!({"fault": [1, "RemoteServiceError:Unknown method thrice"]}),
        ),
        ("allowed", json!({"result": 4})),
    ] {
        let outcome = outcomes.get(case);
        assert_eq!(outcome, Some(&wanted), "{case}");
    }
    assert_eq!(outcomes.len(), 12);
    drop(admin);
    framework.stop().await.unwrap();
}
