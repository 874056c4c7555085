//! Sessions on real etcd processes with TLS and with users.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ferlix_etcd::{
    Client, Credentials, Error, EtcdConfig, Password, Session, SessionState, TlsConfig, TlsIdentity,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::process::{Etcd, binaries, ran};
use crate::records::fixed;
use crate::view::{status_is, watching};

/// An authority, and what it has signed, as files.
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// `ca`, `server` and `client`, each with `.pem` and `.key`.
    fn new() -> Self {
        let certificates = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // A name of its own, so that one authority is not taken for another.
        let name = certificates.folder.path().display().to_string();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        certificates.write("ca.pem", &authority.pem());
        let issuer = Issuer::new(params, key);
        for name in ["server", "client"] {
            let names = vec!["127.0.0.1".to_owned(), format!("{name}.test")];
            let mut params = CertificateParams::new(names).unwrap();
            // etcd is a client of its own, too.
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ];
            let key = KeyPair::generate().unwrap();
            let signed = params.signed_by(&key, &issuer).unwrap();
            certificates.write(&format!("{name}.pem"), &signed.pem());
            certificates.write(&format!("{name}.key"), &key.serialize_pem());
        }
        certificates
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn argument(&self, option: &str, name: &str) -> String {
        format!("--{option}={}", self.path(name).display())
    }

    /// An etcd that asks for client certificates.
    fn etcd(&self, binary: &Path) -> Etcd {
        let arguments = [
            self.argument("cert-file", "server.pem"),
            self.argument("key-file", "server.key"),
            self.argument("trusted-ca-file", "ca.pem"),
            "--client-cert-auth".to_owned(),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Etcd::start_with(binary, "https", &arguments)
    }

    fn tls(&self, with_identity: bool) -> TlsConfig {
        let mut tls = TlsConfig::new(self.path("ca.pem"));
        if with_identity {
            let identity = TlsIdentity::new(self.path("client.pem"), self.path("client.key"));
            tls.identity = Some(identity);
        }
        tls
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn both_sides_show_certificates_and_what_is_wrong_with_them_is_said() {
    for binary in binaries() {
        let certificates = Certificates::new();
        let etcd = certificates.etcd(&binary);
        let (a, mut view) = etcd.session_with("a", |config| {
            config.client.tls = Some(certificates.tls(true));
        });
        watching(&a).await;
        a.put("one", fixed("1")).await.unwrap();
        view.until_known("top/a/one", "1").await;

        let mut config = etcd.config();
        config.tls = Some(certificates.tls(false));
        let error = first_refusal(&config).await;
        assert!(error.in_full().contains("client certificate"), "{error:?}");

        let others = Certificates::new();
        config.tls = Some(certificates.tls(true));
        config.tls.as_mut().unwrap().ca = others.path("ca.pem");
        let error = first_refusal(&config).await;
        assert!(
            matches!(error, Error::Tls { .. }) && error.in_full().contains("UnknownIssuer"),
            "{error:?}"
        );

        config.tls = Some(certificates.tls(true));
        config.tls.as_mut().unwrap().server_name = Some("elsewhere.test".into());
        let error = first_refusal(&config).await;
        assert!(matches!(error, Error::Tls { .. }), "{error:?}");
        config.tls.as_mut().unwrap().server_name = Some("server.test".into());
        Client::connect(config.clone()).await.unwrap();

        config.tls.as_mut().unwrap().ca = certificates.path("nothing.pem");
        let error = first_refusal(&config).await;
        assert!(matches!(error, Error::File { .. }), "{error:?}");
        a.close().await;
        ran(
            &binary,
            "both_sides_show_certificates_and_what_is_wrong_with_them_is_said",
        );
    }
}

/// What a connection, or the first call on it, is refused with.
async fn first_refusal(config: &EtcdConfig) -> Error {
    match Client::connect(config.clone()).await {
        Err(error) => error,
        Ok(client) => client.range(b"a", b"b").await.unwrap_err(),
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn certificates_that_are_replaced_are_used_at_the_next_attempt() {
    for binary in binaries() {
        let certificates = Certificates::new();
        let etcd = certificates.etcd(&binary);
        let right = std::fs::read_to_string(certificates.path("ca.pem")).unwrap();
        let others = Certificates::new();
        let wrong = std::fs::read_to_string(others.path("ca.pem")).unwrap();
        certificates.write("trusted.pem", &wrong);
        let (a, _view) = etcd.session_with("a", |config| {
            let mut tls = certificates.tls(true);
            tls.ca = certificates.path("trusted.pem");
            config.client.tls = Some(tls);
        });
        status_is(&a, "it says what is wrong", |status| {
            matches!(status.last_error, Some(Error::Tls { .. }))
        })
        .await;
        certificates.write("trusted.pem", &right);
        watching(&a).await;
        ran(
            &binary,
            "certificates_that_are_replaced_are_used_at_the_next_attempt",
        );
    }
}

/// Runs etcdctl, as root with a password once there are users.
fn etcdctl(etcd: &Etcd, user: Option<&str>, arguments: &[&str]) {
    let user = user.map(|user| ["--user", user]);
    let arguments = [user.as_ref().map_or(&[][..], |user| user), arguments].concat();
    etcd.etcdctl(&[&etcd.endpoint()], &arguments);
}

const ROOT: &str = "root:rootpw";

/// An etcd with users whose tokens live for two seconds; `discovery` may use what is below `top` only.
async fn etcd_with_users(binary: &Path, folder: &TempDir) -> Etcd {
    let key = folder.path().join("jwt.key");
    std::fs::write(&key, "not much of a secret").unwrap();
    let token = format!(
        "--auth-token=jwt,sign-method=HS256,priv-key={},ttl=2s",
        key.display()
    );
    let etcd = Etcd::start_with(binary, "http", &[&token]);
    etcd.client().await;
    for arguments in [
        &["user", "add", ROOT][..],
        &["user", "grant-role", "root", "root"],
        &["role", "add", "discovery"],
        &[
            "role",
            "grant-permission",
            "discovery",
            "readwrite",
            "top",
            "top0",
        ],
        &["user", "add", "discovery:s3cret"],
        &["user", "grant-role", "discovery", "discovery"],
        &["auth", "enable"],
    ] {
        etcdctl(&etcd, None, arguments);
    }
    etcd
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn tokens_that_are_too_old_are_renewed() {
    for binary in binaries() {
        let folder = tempfile::tempdir().unwrap();
        let etcd = etcd_with_users(&binary, &folder).await;
        let password = folder.path().join("password");
        std::fs::write(&password, "s3cret\n").unwrap();
        let (a, mut view) = etcd.session_with("a", |config| {
            let credentials = Credentials::new("discovery", Password::File(password.clone()));
            config.client.credentials = Some(credentials);
        });
        watching(&a).await;
        let begun = Instant::now();
        let mut round = 0;
        while begun.elapsed() < Duration::from_secs(5) {
            round += 1;
            a.put("one", fixed(round.to_string())).await.unwrap();
            view.until_known("top/a/one", &round.to_string()).await;
        }
        // A token is too old as well when somebody changed what users may do.
        for more in ["m1", "m2", "m3", "m4", "m5"] {
            let arguments = ["role", "grant-permission", "discovery", "read", more];
            etcdctl(&etcd, Some(ROOT), &arguments);
            round += 1;
            a.put("one", fixed(round.to_string())).await.unwrap();
            view.until_known("top/a/one", &round.to_string()).await;
        }
        let status = a.status();
        assert!(status.last_error.is_none(), "{:?}", status.last_error);
        assert_eq!(status.counts.recoveries, 0);
        assert_eq!(status.counts.puts, round + 1);
        a.close().await;
        ran(&binary, "tokens_that_are_too_old_are_renewed");
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn users_that_may_not_are_told_so_and_go_on_when_they_may() {
    for binary in binaries() {
        let folder = tempfile::tempdir().unwrap();
        let etcd = etcd_with_users(&binary, &folder).await;
        let session = |id: &str, user: Option<(&str, &str)>| {
            etcd.session_with(id, |config| {
                config.top_key = "elsewhere".into();
                config.client.credentials = user.map(|(user, password)| {
                    Credentials::new(user, Password::Value(password.into()))
                });
            })
        };
        let (nobody, _view) = session("nobody", None);
        let (wrong, _view) = session("wrong", Some(("discovery", "guess")));
        let (elsewhere, _view) = session("elsewhere", Some(("discovery", "s3cret")));
        for session in [&nobody, &wrong] {
            let status = status_is(session, "the user is refused", |status| {
                matches!(status.last_error, Some(Error::Authentication { .. }))
            })
            .await;
            assert!(!format!("{status:?}").contains("guess"));
        }
        status_is(&elsewhere, "permission is denied", |status| {
            matches!(status.last_error, Some(Error::PermissionDenied { .. }))
                && status.state == SessionState::Lost
        })
        .await;
        // Only a person can help, so none of them asks more often than every two and a half seconds.
        let asks_seldom = async |session: &Session| {
            let begun = Instant::now();
            let before = session.status().counts.attempts;
            status_is(session, "it has asked twice more", |status| {
                status.counts.attempts >= before + 2
            })
            .await;
            let time = begun.elapsed();
            assert!(time >= Duration::from_millis(2500), "{time:?}");
        };
        tokio::join!(
            asks_seldom(&nobody),
            asks_seldom(&wrong),
            asks_seldom(&elsewhere)
        );
        etcdctl(
            &etcd,
            Some(ROOT),
            &[
                "role",
                "grant-permission",
                "discovery",
                "readwrite",
                "elsewhere",
                "elsewhere0",
            ],
        );
        watching(&elsewhere).await;
        elsewhere.put("one", fixed("1")).await.unwrap();
        for session in [&nobody, &wrong, &elsewhere] {
            session.close().await;
        }
        ran(
            &binary,
            "users_that_may_not_are_told_so_and_go_on_when_they_may",
        );
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_watch_with_a_token_that_is_too_old_gets_a_new_one() {
    for binary in binaries() {
        let folder = tempfile::tempdir().unwrap();
        let etcd = etcd_with_users(&binary, &folder).await;
        let mut config = etcd.config();
        let password = Password::Value("s3cret".into());
        config.credentials = Some(Credentials::new("discovery", password));
        // It does nothing but open watches, so nothing else renews its token.
        let client = Client::connect(config.clone()).await.unwrap();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            let watch = client.watch(b"top/", b"top0", 0).await;
            assert!(watch.is_ok(), "after {:?}: {watch:?}", begun.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let denied = client.watch(b"elsewhere/", b"elsewhere0", 0).await;
        assert!(
            matches!(denied, Err(Error::PermissionDenied { call: "watch", .. })),
            "{denied:?}"
        );
        ran(
            &binary,
            "a_watch_with_a_token_that_is_too_old_gets_a_new_one",
        );
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn who_may_read_but_not_write_sees_everything_and_is_told_why_nothing_is_put() {
    for binary in binaries() {
        let folder = tempfile::tempdir().unwrap();
        let etcd = etcd_with_users(&binary, &folder).await;
        let grant = |kind: &str| {
            let arguments = [
                "role",
                "grant-permission",
                "discovery",
                kind,
                "elsewhere",
                "elsewhere0",
            ];
            etcdctl(&etcd, Some(ROOT), &arguments);
        };
        grant("read");
        let (a, mut view) = etcd.session_with("a", |config| {
            config.top_key = "elsewhere".into();
            let password = Password::Value("s3cret".into());
            config.client.credentials = Some(Credentials::new("discovery", password));
        });
        let denied = a.put("one", fixed("1")).await;
        assert!(
            matches!(denied, Err(Error::PermissionDenied { call: "a put", .. }))
                || matches!(denied, Ok(ferlix_etcd::WriteOutcome::Queued)),
            "{denied:?}"
        );
        let status = status_is(&a, "it says why, and watches", |status| {
            matches!(
                status.last_error,
                Some(Error::PermissionDenied { call: "a put", .. })
            ) && status.state == SessionState::Watching
        })
        .await;
        assert_eq!(status.counts.recoveries, 0);
        let arguments = ["put", "elsewhere/other/x", "1"];
        etcdctl(&etcd, Some(ROOT), &arguments);
        view.until_known("elsewhere/other/x", "1").await;
        grant("readwrite");
        view.until_known("elsewhere/a/one", "1").await;
        a.close().await;
        ran(
            &binary,
            "who_may_read_but_not_write_sees_everything_and_is_told_why_nothing_is_put",
        );
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn an_authority_and_all_its_certificates_are_replaced_while_the_session_lives() {
    for binary in binaries() {
        let certificates = Certificates::new();
        let mut etcd = certificates.etcd(&binary);
        let (a, mut view) = etcd.session_with("a", |config| {
            config.client.tls = Some(certificates.tls(true));
        });
        watching(&a).await;
        a.put("one", fixed("1")).await.unwrap();
        view.until_known("top/a/one", "1").await;
        let before = a.status();
        let others = Certificates::new();
        for name in [
            "ca.pem",
            "server.pem",
            "server.key",
            "client.pem",
            "client.key",
        ] {
            let text = std::fs::read_to_string(others.path(name)).unwrap();
            certificates.write(name, &text);
        }
        etcd.kill();
        etcd.start_again();
        let after = status_is(&a, "it is connected anew", |status| {
            status.counts.resyncs > before.counts.resyncs && status.state == SessionState::Watching
        })
        .await;
        assert_eq!(after.lease_id, before.lease_id);
        a.put("one", fixed("2")).await.unwrap();
        view.until_known("top/a/one", "2").await;
        a.close().await;
        ran(
            &binary,
            "an_authority_and_all_its_certificates_are_replaced_while_the_session_lives",
        );
    }
}
