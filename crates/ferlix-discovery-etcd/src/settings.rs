//! The `etcd.*` properties of the component, read into what a session wants.
//!
//! A value may be a text wherever it is a number or a list: that is how a command line gives it. An empty text is no
//! value. What makes no sense is refused with the name of the property.

use std::path::PathBuf;
use std::time::Duration;

use ferlix_core::property::{FromValue, HIDDEN, Properties, Value};
use ferlix_etcd::{Credentials, EtcdConfig, Password, SessionConfig, TlsConfig, TlsIdentity};
use uuid::Uuid;

use crate::Error;
use crate::directory::Patience;

/// The host of etcd; default `localhost`.
pub const HOSTNAME: &str = "etcd.hostname";
/// The port of etcd; default 2379.
pub const PORT: &str = "etcd.port";
/// Several addresses, a list or a text with commas or spaces between; stands before host and port.
pub const ENDPOINTS: &str = "etcd.endpoints";
/// The first segment of every key; default [`DEFAULT_TOP_KEY`](ferlix_etcd::DEFAULT_TOP_KEY), that of ECF and iPOPO.
pub const TOP_KEY: &str = "etcd.top_key";
/// The second segment of our keys; default a random UUID for each instance.
pub const SESSION_ID: &str = "etcd.session_id";
/// How long our keys outlive us, in seconds; default 30.
pub const LEASE_TTL: &str = "etcd.lease_ttl";
/// How often the lease is renewed, in seconds; default a third of what etcd granted.
pub const KEEPALIVE_INTERVAL: &str = "etcd.keepalive_interval";
/// How long a call to etcd may take, in seconds; default 3.
pub const CALL_TIMEOUT: &str = "etcd.call_timeout";
/// How long the clean end of a session may take, in seconds; default 5.
pub const DISCONNECT_TIMEOUT: &str = "etcd.disconnect_timeout";
/// The host in the `location` of our records; default our address on the connection to etcd.
pub const HOST_IP: &str = "etcd.hostip";
/// How long a record that is missing after an outage is held, in seconds; default that of `etcd.lease_ttl`, 0 for not at
/// all.
pub const RESYNC_HOLD: &str = "etcd.resync_hold";
/// How long what was discovered is believed while etcd is out of reach, in seconds, from when that is noticed; default 0
/// for always: the exporters may be fine.
pub const STALE_AFTER: &str = "etcd.stale_after";
/// How a change of an advertised endpoint is written: `modify` (default) puts it over the old record; `replace` deletes that
/// first, which watchers see as a removal and an addition, and which is the only change that Eclipse ECF takes notice of.
pub const UPDATE_MODE: &str = "etcd.update_mode";
/// The user of etcd.
pub const USER: &str = "etcd.user";
/// The password itself; it is replaced in every listing. Better one of the other two.
pub const PASSWORD: &str = "etcd.password";
/// The file that holds the password.
pub const PASSWORD_FILE: &str = "etcd.password_file";
/// The environment variable that holds the password.
pub const PASSWORD_ENV: &str = "etcd.password_env";
/// The certificates of the authorities to trust (PEM); switches TLS on.
pub const TLS_CA_FILE: &str = "etcd.tls.ca_file";
/// Our own certificate (PEM).
pub const TLS_CERT_FILE: &str = "etcd.tls.cert_file";
/// The private key of our certificate (PEM).
pub const TLS_KEY_FILE: &str = "etcd.tls.key_file";
/// The name to expect in the certificate of etcd; default the host.
pub const TLS_SERVER_NAME: &str = "etcd.tls.server_name";

/// All of them: what a framework property of the same name overrides.
pub(crate) const ALL: [&str; 21] = [
    HOSTNAME,
    PORT,
    ENDPOINTS,
    TOP_KEY,
    SESSION_ID,
    LEASE_TTL,
    KEEPALIVE_INTERVAL,
    CALL_TIMEOUT,
    DISCONNECT_TIMEOUT,
    HOST_IP,
    RESYNC_HOLD,
    STALE_AFTER,
    UPDATE_MODE,
    USER,
    PASSWORD,
    PASSWORD_FILE,
    PASSWORD_ENV,
    TLS_CA_FILE,
    TLS_CERT_FILE,
    TLS_KEY_FILE,
    TLS_SERVER_NAME,
];

/// The defaults that a listing of the factory shows.
pub(crate) fn default_of(key: &str) -> Option<Value> {
    Some(match key {
        HOSTNAME => Value::from("localhost"),
        PORT => Value::from(2379),
        TOP_KEY => Value::from(ferlix_etcd::DEFAULT_TOP_KEY),
        LEASE_TTL => Value::from(30),
        CALL_TIMEOUT => Value::from(3),
        DISCONNECT_TIMEOUT => Value::from(5),
        STALE_AFTER => Value::from(0),
        UPDATE_MODE => Value::from(MODIFY),
        _ => return None,
    })
}

const MODIFY: &str = "modify";
const REPLACE: &str = "replace";

/// What the provider is told.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) session: SessionConfig,
    pub(crate) host: Option<String>,
    pub(crate) patience: Patience,
    /// Whether a changed record is deleted before it is put.
    pub(crate) replace: bool,
}

impl Settings {
    /// Reads the properties of an instance.
    pub(crate) fn read(properties: &Properties) -> Result<Self, Error> {
        let given = Given(properties);
        let mut client = EtcdConfig::new(given.endpoints()?);
        client.tls = given.tls()?;
        client.credentials = given.credentials()?;
        if let Some(timeout) = given.seconds(CALL_TIMEOUT)? {
            client.call_timeout = timeout;
        }
        let id = match given.text(SESSION_ID)? {
            Some(id) => id,
            None => Uuid::new_v4().to_string(),
        };
        let mut session = SessionConfig::new(client, id);
        if let Some(key) = given.text(TOP_KEY)? {
            session.top_key = key;
        }
        if let Some(ttl) = given.seconds(LEASE_TTL)? {
            if ttl < Duration::from_secs(1) {
                return Err(wrong(LEASE_TTL, "must be at least 1 second"));
            }
            session.lease_ttl = ttl;
        }
        session.keepalive_interval = given.seconds(KEEPALIVE_INTERVAL)?;
        if let Some(timeout) = given.seconds(DISCONNECT_TIMEOUT)? {
            session.disconnect_timeout = timeout;
        }
        let hold = match given.number(RESYNC_HOLD)? {
            None => session.lease_ttl,
            Some(seconds) => duration(RESYNC_HOLD, seconds)?,
        };
        let stale_after = match given.number(STALE_AFTER)? {
            None => Duration::ZERO,
            Some(seconds) => duration(STALE_AFTER, seconds)?,
        };
        let replace = match given.text(UPDATE_MODE)?.as_deref() {
            None | Some(MODIFY) => false,
            Some(REPLACE) => true,
            Some(other) => {
                return Err(wrong(
                    UPDATE_MODE,
                    format!("must be {MODIFY} or {REPLACE}, not {other:?}"),
                ));
            }
        };
        Ok(Self {
            session,
            host: given.host()?,
            patience: Patience {
                hold,
                stale_after: (!stale_after.is_zero()).then_some(stale_after),
            },
            replace,
        })
    }
}

/// The properties as somebody gave them.
struct Given<'p>(&'p Properties);

impl Given<'_> {
    /// A value; nothing, an empty text and an empty list are none.
    fn value(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            Value::List(elements) => !elements.is_empty(),
            _ => true,
        })
    }

    fn text(&self, key: &'static str) -> Result<Option<String>, Error> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        match value.as_str() {
            Some(text) => Ok(Some(text.trim().to_owned())),
            None => Err(wrong(
                key,
                format!("must be a text, not of type {}", value.type_name()),
            )),
        }
    }

    fn number(&self, key: &'static str) -> Result<Option<f64>, Error> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        f64::from_value(value.clone())
            .map(Some)
            .map_err(|_| wrong(key, format!("must be a number of seconds, not {value}")))
    }

    /// A time that is more than nothing.
    fn seconds(&self, key: &'static str) -> Result<Option<Duration>, Error> {
        let Some(seconds) = self.number(key)? else {
            return Ok(None);
        };
        let time = duration(key, seconds)?;
        if time.is_zero() {
            return Err(wrong(key, "must be more than 0 seconds"));
        }
        Ok(Some(time))
    }

    fn endpoints(&self) -> Result<Vec<String>, Error> {
        if let Some(value) = self.value(ENDPOINTS) {
            let texts = value.strings().into_iter();
            let words = texts.flat_map(|text| text.split([',', ' ', '\t', '\n']));
            let endpoints: Vec<String> = words
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect();
            if endpoints.is_empty() {
                return Err(wrong(ENDPOINTS, "holds no address"));
            }
            return Ok(endpoints);
        }
        let host = self.text(HOSTNAME)?;
        let host = host.as_deref().unwrap_or("localhost");
        let port = match self.value(PORT) {
            None => 2379,
            Some(value) => u16::from_value(value.clone())
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| {
                    wrong(
                        PORT,
                        format!("must be a number from 1 to 65535, not {value}"),
                    )
                })?,
        };
        let bare_ipv6 = host.contains(':') && !host.starts_with('[') && !host.contains("://");
        Ok(vec![if bare_ipv6 {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }])
    }

    /// A host as it may stand in a URI.
    fn host(&self) -> Result<Option<String>, Error> {
        let Some(host) = self.text(HOST_IP)? else {
            return Ok(None);
        };
        let plain = |character: char| {
            character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_')
        };
        let is_address = host.parse::<std::net::Ipv6Addr>().is_ok();
        if is_address || host.chars().all(plain) {
            Ok(Some(host))
        } else {
            Err(wrong(
                HOST_IP,
                format!("must be a host name or an address, not {host:?}"),
            ))
        }
    }

    fn tls(&self) -> Result<Option<TlsConfig>, Error> {
        let file = |key| Ok::<_, Error>(self.text(key)?.map(PathBuf::from));
        let (certificate, key) = (file(TLS_CERT_FILE)?, file(TLS_KEY_FILE)?);
        let server_name = self.text(TLS_SERVER_NAME)?;
        let Some(authority) = file(TLS_CA_FILE)? else {
            return if certificate.is_some() || key.is_some() || server_name.is_some() {
                Err(wrong(
                    TLS_CA_FILE,
                    "is missing: without it there is no authority to trust",
                ))
            } else {
                Ok(None)
            };
        };
        let mut tls = TlsConfig::new(authority);
        tls.server_name = server_name;
        tls.identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(TlsIdentity::new(certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(wrong(
                    TLS_KEY_FILE,
                    format!("is missing beside {TLS_CERT_FILE}"),
                ));
            }
            (None, Some(_)) => {
                return Err(wrong(
                    TLS_CERT_FILE,
                    format!("is missing beside {TLS_KEY_FILE}"),
                ));
            }
        };
        Ok(Some(tls))
    }

    fn credentials(&self) -> Result<Option<Credentials>, Error> {
        // A password is taken as it is: spaces around it may belong to it.
        let password = self.value(PASSWORD).map(|value| match value.as_str() {
            Some(HIDDEN) => Err(wrong(
                PASSWORD,
                "must be given again: it was dropped when the last configuration was refused",
            )),
            Some(text) => Ok(Password::Value(text.to_owned())),
            None => Err(wrong(PASSWORD, "must be a text")),
        });
        let file = self.text(PASSWORD_FILE)?;
        let variable = self.text(PASSWORD_ENV)?;
        let mut passwords: Vec<Password> = password.transpose()?.into_iter().collect();
        passwords.extend(file.map(|path| Password::File(path.into())));
        passwords.extend(variable.map(Password::Environment));
        match (self.text(USER)?, passwords.pop()) {
            (_, Some(_)) if !passwords.is_empty() => Err(wrong(
                PASSWORD,
                format!("give one of {PASSWORD}, {PASSWORD_FILE} and {PASSWORD_ENV}, not several"),
            )),
            (Some(user), Some(password)) => Ok(Some(Credentials::new(user, password))),
            (Some(_), None) => Err(wrong(
                USER,
                format!("needs a password: {PASSWORD_FILE}, {PASSWORD_ENV} or {PASSWORD}"),
            )),
            (None, Some(_)) => Err(wrong(USER, "is missing beside its password")),
            (None, None) => Ok(None),
        }
    }
}

fn duration(key: &'static str, seconds: f64) -> Result<Duration, Error> {
    // A year is longer than anybody means, and far from where adding to a clock overflows.
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| time.as_secs() <= 365 * 24 * 3600)
        .ok_or_else(|| {
            wrong(
                key,
                format!("must be a number of seconds from 0 to a year, not {seconds}"),
            )
        })
}

fn wrong(key: &'static str, reason: impl Into<String>) -> Error {
    Error::Property {
        key,
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<const N: usize>(given: [(&str, Value); N]) -> Result<Settings, Error> {
        Settings::read(&Properties::from(given))
    }

    fn refused<const N: usize>(given: [(&str, Value); N]) -> String {
        read(given).unwrap_err().to_string()
    }

    #[test]
    fn without_properties_the_defaults_hold() {
        let settings = read([]).unwrap();
        assert_eq!(settings.session.client.endpoints, ["localhost:2379"]);
        assert_eq!(settings.session.top_key, ferlix_etcd::DEFAULT_TOP_KEY);
        assert_eq!(settings.session.lease_ttl, Duration::from_secs(30));
        assert_eq!(settings.session.keepalive_interval, None);
        assert_eq!(settings.patience.hold, Duration::from_secs(30));
        assert_eq!(settings.patience.stale_after, None);
        assert!(!settings.replace);
        Uuid::parse_str(&settings.session.session_id).unwrap();
        assert_ne!(
            settings.session.session_id,
            read([]).unwrap().session.session_id,
            "each instance its own"
        );
    }

    #[test]
    fn texts_of_a_command_line_are_numbers_and_lists() {
        let settings = read([
            (HOSTNAME, "etcd.example".into()),
            (PORT, "2380".into()),
            (LEASE_TTL, "10".into()),
            (KEEPALIVE_INTERVAL, "2.5".into()),
            (CALL_TIMEOUT, "1".into()),
            (RESYNC_HOLD, "0".into()),
            (STALE_AFTER, "90".into()),
            (UPDATE_MODE, "replace".into()),
            (SESSION_ID, " ".into()),
            (HOST_IP, "10.0.0.7".into()),
        ])
        .unwrap();
        assert_eq!(settings.session.client.endpoints, ["etcd.example:2380"]);
        assert_eq!(settings.session.lease_ttl, Duration::from_secs(10));
        assert_eq!(
            settings.session.keepalive_interval,
            Some(Duration::from_millis(2500))
        );
        assert_eq!(settings.session.client.call_timeout, Duration::from_secs(1));
        assert_eq!(settings.patience.hold, Duration::ZERO);
        let stale_after = settings.patience.stale_after;
        assert_eq!(stale_after, Some(Duration::from_secs(90)));
        assert!(settings.replace);
        assert_eq!(settings.host.as_deref(), Some("10.0.0.7"));

        for several in [
            Value::from("a:1, b:2 c"),
            Value::from(["a:1", "b:2", "c"]),
            Value::from(["a:1,b:2", "c"]),
        ] {
            let settings = read([(ENDPOINTS, several), (HOSTNAME, "unused".into())]).unwrap();
            assert_eq!(settings.session.client.endpoints, ["a:1", "b:2", "c"]);
        }
        let ipv6 = read([(HOSTNAME, "::1".into())]).unwrap();
        assert_eq!(ipv6.session.client.endpoints, ["[::1]:2379"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        assert!(refused([(PORT, "x".into())]).contains(PORT));
        assert!(refused([(PORT, 0.into())]).contains(PORT));
        assert!(refused([(PORT, 70_000.into())]).contains(PORT));
        assert!(refused([(LEASE_TTL, "soon".into())]).contains(LEASE_TTL));
        assert!(refused([(LEASE_TTL, 0.5.into())]).contains(LEASE_TTL));
        assert!(refused([(CALL_TIMEOUT, 0.into())]).contains(CALL_TIMEOUT));
        assert!(refused([(CALL_TIMEOUT, (-1).into())]).contains(CALL_TIMEOUT));
        assert!(refused([(RESYNC_HOLD, f64::NAN.into())]).contains(RESYNC_HOLD));
        assert!(refused([(STALE_AFTER, (-1).into())]).contains(STALE_AFTER));
        assert!(refused([(UPDATE_MODE, "merge".into())]).contains("modify or replace"));
        assert!(refused([(HOSTNAME, 5.into())]).contains(HOSTNAME));
        assert!(refused([(HOST_IP, "a b".into())]).contains(HOST_IP));
        assert!(refused([(ENDPOINTS, " , ".into())]).contains(ENDPOINTS));
        assert!(refused([(USER, "u".into())]).contains(USER));
        assert!(refused([(PASSWORD_FILE, "f".into())]).contains(USER));
        let two = refused([
            (USER, "u".into()),
            (PASSWORD, "geheim".into()),
            (PASSWORD_ENV, "E".into()),
        ]);
        assert!(two.contains("several") && !two.contains("geheim"), "{two}");
        assert!(refused([(TLS_CERT_FILE, "c".into())]).contains(TLS_CA_FILE));
        let half = refused([(TLS_CA_FILE, "a".into()), (TLS_CERT_FILE, "c".into())]);
        assert!(half.contains(TLS_KEY_FILE));
    }

    #[test]
    fn tls_and_user_reach_the_client_without_showing_the_password() {
        let settings = read([
            (USER, "root".into()),
            (PASSWORD, " geheim ".into()),
            (TLS_CA_FILE, "ca.pem".into()),
            (TLS_CERT_FILE, "c.pem".into()),
            (TLS_KEY_FILE, "k.pem".into()),
            (TLS_SERVER_NAME, "etcd".into()),
        ])
        .unwrap();
        let client = &settings.session.client;
        let tls = client.tls.as_ref().unwrap();
        assert_eq!(tls.ca, PathBuf::from("ca.pem"));
        assert_eq!(tls.server_name.as_deref(), Some("etcd"));
        assert!(tls.identity.is_some());
        let password = &client.credentials.as_ref().unwrap().password;
        assert!(matches!(password, Password::Value(text) if text == " geheim "));
        assert!(!format!("{settings:?}").contains("geheim"));
    }
}
