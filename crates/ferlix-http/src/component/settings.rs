//! The properties of the HTTP service, read into [`ServerOptions`].

use std::time::Duration;

use ferlix_core::property::{FromValue, Properties, Value};

use crate::error::HttpError;
use crate::security::{RateLimit, SecurityOptions};
use crate::server::{ServerOptions, TlsFiles};

/// The address or host name to listen on (default 127.0.0.1; empty means the same). `pelix.http.address` is read when it is
/// absent.
pub const ADDRESS: &str = "ferlix.http.address";
/// The port (default 8080; 0, a negative number or nothing for a free one). Once the service is there, the real port.
/// `pelix.http.port` is read when it is absent.
pub const PORT: &str = "ferlix.http.port";
/// Whether the service speaks HTTPS; set by the service.
pub const HTTPS: &str = "ferlix.http.https";
/// The largest body of a request in bytes (default 1,048,576; 0 or less for no limit); more is answered 413.
pub const MAX_BODY_SIZE: &str = "ferlix.http.max_body_size";
/// The largest request line and header in bytes (default 32,768); more is answered 431.
pub const MAX_HEADER_SIZE: &str = "ferlix.http.max_header_size";
/// How many connections may be open (default 4,096); others wait.
pub const MAX_CONNECTIONS: &str = "ferlix.http.max_connections";
/// The longest pause of a client in seconds (default 60): between requests, within a body, and while it does not read.
pub const SOCKET_TIMEOUT: &str = "ferlix.http.socket_timeout";
/// How long a request line and its header may take in seconds (default 30).
pub const HEADER_TIMEOUT: &str = "ferlix.http.header_timeout";
/// Whether paths that differ in the case of (ASCII) letters differ (default true).
pub const CASE_SENSITIVE_PATHS: &str = "ferlix.http.case_sensitive_paths";
/// The certificate and those that signed it, a PEM file: with [`KEY_FILE`] the service speaks HTTPS.
pub const CERT_FILE: &str = "ferlix.https.cert_file";
/// The private key of the certificate, a PEM file.
pub const KEY_FILE: &str = "ferlix.https.key_file";
/// The certificates of those that sign certificates of clients, a PEM file: clients must show one then.
pub const CLIENT_CA_FILE: &str = "ferlix.https.client_ca_file";
/// `required` (default) or `optional`: whether a client must show a certificate, or may. Nothing without
/// [`CLIENT_CA_FILE`].
pub const CLIENT_AUTH: &str = "ferlix.https.client_auth";
/// How often the files of certificates, passwords and tokens are looked at, in seconds (default 5).
pub const RELOAD_INTERVAL: &str = "ferlix.http.reload_interval";
/// The file of names and salted password hashes: requests need HTTP basic, or another way that is set.
pub const PASSWORD_FILE: &str = "ferlix.http.auth.password_file";
/// The file of names and digests of tokens: requests need a bearer token, or another way that is set.
pub const TOKEN_FILE: &str = "ferlix.http.auth.token_file";
/// What clients are told that credentials are for (default `ferlix`).
pub const AUTH_REALM: &str = "ferlix.http.auth.realm";
/// Whether requests without credentials come in too, without an identity (default false); wrong ones do not.
pub const ANONYMOUS: &str = "ferlix.http.auth.anonymous";
/// Paths that need no credentials, and everything below them: a list, or a text with commas (default none).
pub const OPEN_PATHS: &str = "ferlix.http.auth.open_paths";
/// How many attempts with wrong credentials an address has in a minute (default 30; 0 for no limit); more are answered 429.
pub const AUTH_FAILURES: &str = "ferlix.http.auth.failures";
/// How many requests a client may send in a second (default 0: no limit); more are answered 429. A client is who it has
/// proved to be, else its address.
pub const RATE_LIMIT: &str = "ferlix.http.rate.limit";
/// How many requests a client may send at once (default: those of a second, at least 1).
pub const RATE_BURST: &str = "ferlix.http.rate.burst";
/// The path of the metrics (default `/metrics`; empty for none).
pub const METRICS: &str = "ferlix.http.metrics";
/// How long requests may take to be answered when the service stops, in milliseconds (default 5,000).
pub const DRAIN: &str = "ferlix.stop.drain";
/// Given to servlets as it is.
pub const EXTRA: &str = "http.extra";

/// Read when [`ADDRESS`] is absent.
const ADDRESS_ALIAS: &str = "pelix.http.address";
/// Read when [`PORT`] is absent.
const PORT_ALIAS: &str = "pelix.http.port";

/// Every key that is read, with its default where it has no alias.
pub(super) fn declared() -> Vec<(&'static str, Option<Value>)> {
    vec![
        (ADDRESS, None),
        (ADDRESS_ALIAS, None),
        (PORT, None),
        (PORT_ALIAS, None),
        (MAX_BODY_SIZE, Some(1_048_576.into())),
        (MAX_HEADER_SIZE, Some(32_768.into())),
        (MAX_CONNECTIONS, Some(4_096.into())),
        (SOCKET_TIMEOUT, Some(60.into())),
        (HEADER_TIMEOUT, Some(30.into())),
        (CASE_SENSITIVE_PATHS, Some(true.into())),
        (CERT_FILE, None),
        (KEY_FILE, None),
        (CLIENT_CA_FILE, None),
        (CLIENT_AUTH, Some("required".into())),
        (RELOAD_INTERVAL, Some(5.into())),
        (PASSWORD_FILE, None),
        (TOKEN_FILE, None),
        (AUTH_REALM, Some("ferlix".into())),
        (ANONYMOUS, Some(false.into())),
        (OPEN_PATHS, None),
        (AUTH_FAILURES, Some(30.into())),
        (RATE_LIMIT, Some(0.into())),
        (RATE_BURST, None),
        (METRICS, Some("/metrics".into())),
        (DRAIN, Some(5_000.into())),
        (EXTRA, None),
    ]
}

/// Reads the properties.
///
/// # Errors
/// [`HttpError::InvalidProperty`] or [`HttpError::TlsIncomplete`].
pub(super) fn read(properties: &Properties) -> Result<ServerOptions, HttpError> {
    let address = properties
        .get(ADDRESS)
        .or_else(|| properties.get(ADDRESS_ALIAS));
    let host = match address {
        None | Some(Value::Null) => String::new(),
        Some(value) => convert(ADDRESS, value, "expected an address or host name")?,
    };
    let host = host.trim();
    let host = if host.is_empty() { "127.0.0.1" } else { host };

    let mut options = ServerOptions::new(host, port(properties)?);
    if let Some(bytes) = given::<i64>(properties, MAX_BODY_SIZE, "expected a number of bytes")? {
        let limit = u64::try_from(bytes).ok().filter(|bytes| *bytes > 0);
        options.max_body_size = limit.unwrap_or(u64::MAX);
    }
    if let Some(bytes) = positive(properties, MAX_HEADER_SIZE, "expected a number of bytes")? {
        options.max_header_size = bytes;
    }
    if let Some(connections) = positive(
        properties,
        MAX_CONNECTIONS,
        "expected a number of connections",
    )? {
        options.max_connections = connections;
    }
    if let Some(timeout) = seconds(properties, SOCKET_TIMEOUT)? {
        options.socket_timeout = timeout;
    }
    if let Some(timeout) = seconds(properties, HEADER_TIMEOUT)? {
        options.header_timeout = timeout;
    }
    if let Some(milliseconds) = given(properties, DRAIN, "expected milliseconds, 0 or more")? {
        options.drain = Duration::from_millis(milliseconds);
    }
    if let Some(sensitive) = given(properties, CASE_SENSITIVE_PATHS, "expected true or false")? {
        options.case_sensitive_paths = sensitive;
    }
    if let Some(interval) = seconds(properties, RELOAD_INTERVAL)? {
        options.reload_interval = interval;
    }
    options.tls = tls(properties)?;
    options.security = security(properties)?;
    Ok(options)
}

/// The path of the metrics; `None` for none.
pub(super) fn metrics(properties: &Properties) -> Result<Option<String>, HttpError> {
    let path: Option<String> = given(properties, METRICS, "expected a path, or nothing")?;
    let path = path.unwrap_or_else(|| "/metrics".to_owned());
    Ok(Some(path.trim().to_owned()).filter(|path| !path.is_empty()))
}

fn security(properties: &Properties) -> Result<SecurityOptions, HttpError> {
    let mut security = SecurityOptions {
        password_file: file(properties, PASSWORD_FILE)?.map(Into::into),
        token_file: file(properties, TOKEN_FILE)?.map(Into::into),
        open_paths: properties
            .texts(OPEN_PATHS)
            .iter()
            .flat_map(|text| text.split(','))
            .map(|path| path.trim().to_owned())
            .filter(|path| !path.is_empty())
            .collect(),
        ..SecurityOptions::default()
    };
    if let Some(realm) = given::<String>(properties, AUTH_REALM, "expected a text")? {
        let fits = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && !b"\"\\".contains(&byte);
        if !realm.bytes().all(fits) {
            let expected = "expected visible ASCII characters without quotes and backslashes";
            return Err(invalid(AUTH_REALM, &realm.into(), expected));
        }
        security.realm = realm;
    }
    if let Some(anonymous) = given(properties, ANONYMOUS, "expected true or false")? {
        security.anonymous = anonymous;
    }
    let expected = "expected a number of attempts, 0 or more";
    if let Some(failures) = given(properties, AUTH_FAILURES, expected)? {
        security.failures = failures;
    }
    security.rate = rate(properties)?;
    Ok(security)
}

fn rate(properties: &Properties) -> Result<Option<RateLimit>, HttpError> {
    let expected = "expected requests a second, 0 or more";
    let limit: Option<f64> = given(properties, RATE_LIMIT, expected)?;
    let per_second = limit.unwrap_or(0.0);
    if !(0.0..=1e9).contains(&per_second) {
        return Err(invalid(RATE_LIMIT, &per_second.into(), expected));
    }
    let expected = "expected a number of requests";
    let burst = match positive(properties, RATE_BURST, expected)? {
        Some(burst) => u32::try_from(burst)
            .map_err(|_| invalid(RATE_BURST, &Value::from(burst as f64), expected))?,
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 1e9"
        )]
        None => per_second.ceil().max(1.0) as u32,
    };
    Ok((per_second > 0.0).then_some(RateLimit { per_second, burst }))
}

/// The name of a file; `None` when absent or empty.
fn file(properties: &Properties, key: &'static str) -> Result<Option<String>, HttpError> {
    let file: Option<String> = given(properties, key, "expected the name of a file")?;
    Ok(file.filter(|file| !file.is_empty()))
}

fn port(properties: &Properties) -> Result<u16, HttpError> {
    const EXPECTED: &str = "expected a port up to 65535, or 0 for a free one";
    let value = match properties.get(PORT).or_else(|| properties.get(PORT_ALIAS)) {
        None => return Ok(8080),
        Some(Value::Null) => return Ok(0),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(0),
        Some(value) => value,
    };
    let port: i64 = convert(PORT, value, EXPECTED)?;
    u16::try_from(port.max(0)).map_err(|_| invalid(PORT, value, EXPECTED))
}

fn tls(properties: &Properties) -> Result<Option<TlsFiles>, HttpError> {
    let authorities = file(properties, CLIENT_CA_FILE)?;
    match (file(properties, CERT_FILE)?, file(properties, KEY_FILE)?) {
        (None, None) if authorities.is_some() => {
            Err(HttpError::TlsIncomplete { missing: CERT_FILE })
        }
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            let mut files = TlsFiles::new(certificate, key);
            files.client_authorities = authorities.map(Into::into);
            files.client_required = client_required(properties)?;
            Ok(Some(files))
        }
        (None, Some(_)) => Err(HttpError::TlsIncomplete { missing: CERT_FILE }),
        (Some(_), None) => Err(HttpError::TlsIncomplete { missing: KEY_FILE }),
    }
}

fn client_required(properties: &Properties) -> Result<bool, HttpError> {
    const EXPECTED: &str = "expected required or optional";
    let word: Option<String> = given(properties, CLIENT_AUTH, EXPECTED)?;
    match word.as_deref().map(str::trim) {
        None | Some("required" | "") => Ok(true),
        Some("optional") => Ok(false),
        Some(other) => Err(invalid(CLIENT_AUTH, &other.into(), EXPECTED)),
    }
}

/// A time in seconds, with a fraction if need be.
fn seconds(properties: &Properties, key: &'static str) -> Result<Option<Duration>, HttpError> {
    const EXPECTED: &str = "expected seconds, more than 0";
    let Some(seconds) = given::<f64>(properties, key, EXPECTED)? else {
        return Ok(None);
    };
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    if duration.is_zero() {
        let value = properties.get(key).unwrap_or(&Value::Null);
        return Err(invalid(key, value, EXPECTED));
    }
    // Longer than a month is as good as that, and can be added to any moment.
    Ok(Some(duration.min(Duration::from_secs(30 * 24 * 60 * 60))))
}

fn positive(
    properties: &Properties,
    key: &'static str,
    expected: &str,
) -> Result<Option<usize>, HttpError> {
    let number: Option<i64> = given(properties, key, expected)?;
    number
        .map(|number| {
            let usable = usize::try_from(number).ok().filter(|number| *number > 0);
            usable.ok_or_else(|| invalid(key, &number.into(), &format!("{expected}, more than 0")))
        })
        .transpose()
}

/// The value of a key, if there is one.
fn given<T: FromValue>(
    properties: &Properties,
    key: &'static str,
    expected: &str,
) -> Result<Option<T>, HttpError> {
    match properties.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => convert(key, value, expected).map(Some),
    }
}

fn convert<T: FromValue>(key: &'static str, value: &Value, expected: &str) -> Result<T, HttpError> {
    T::from_value(value.clone()).map_err(|_| invalid(key, value, expected))
}

fn invalid(name: &'static str, value: &Value, expected: &str) -> HttpError {
    HttpError::InvalidProperty {
        name,
        value: value.to_string(),
        reason: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options<const N: usize>(given: [(&'static str, Value); N]) -> ServerOptions {
        read(&Properties::from(given)).unwrap()
    }

    #[test]
    fn the_defaults_are_those_of_the_factory() {
        let declared = declared().into_iter();
        let defaults: Properties = declared
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        for properties in [Properties::new(), defaults] {
            let options = read(&properties).unwrap();
            assert_eq!((options.host.as_str(), options.port), ("127.0.0.1", 8080));
            assert_eq!(options.max_body_size, 1_048_576);
            assert_eq!(options.max_header_size, 32_768);
            assert_eq!(options.max_connections, 4_096);
            assert_eq!(options.socket_timeout, Duration::from_secs(60));
            assert_eq!(options.header_timeout, Duration::from_secs(30));
            assert_eq!(options.drain, Duration::from_secs(5));
            assert!(options.case_sensitive_paths && options.tls.is_none());
        }
    }

    #[test]
    fn ports_as_programs_and_command_lines_give_them() {
        for (value, port) in [
            (Value::from(8181), 8181),
            (Value::from("8181"), 8181),
            (Value::from(0), 0),
            (Value::from(-1), 0),
            (Value::from("-1"), 0),
            (Value::from(""), 0),
            (Value::Null, 0),
            (Value::from(65_535), 65_535),
        ] {
            assert_eq!(options([(PORT, value.clone())]).port, port, "{value:?}");
        }
        for value in [Value::from(65_536), Value::from("http"), Value::from(true)] {
            let error = read(&Properties::from([(PORT, value.clone())])).unwrap_err();
            let expected = format!(
                "property ferlix.http.port is {value}: expected a port up to 65535, or 0 for a free one"
            );
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn the_old_names_are_read_when_ours_are_absent() {
        let old = [
            (ADDRESS_ALIAS, Value::from("::1")),
            (PORT_ALIAS, Value::from(9000)),
        ];
        let read_options = options(old.clone());
        assert_eq!(
            (read_options.host.as_str(), read_options.port),
            ("::1", 9000)
        );
        let mut both = Properties::from(old);
        both.insert(ADDRESS, "");
        both.insert(PORT, 9001);
        let read_options = read(&both).unwrap();
        assert_eq!(
            (read_options.host.as_str(), read_options.port),
            ("127.0.0.1", 9001)
        );
    }

    #[test]
    fn limits_and_times() {
        assert_eq!(options([(MAX_BODY_SIZE, 0.into())]).max_body_size, u64::MAX);
        assert_eq!(
            options([(MAX_BODY_SIZE, "-5".into())]).max_body_size,
            u64::MAX
        );
        assert_eq!(options([(MAX_BODY_SIZE, "77".into())]).max_body_size, 77);
        assert_eq!(
            options([(SOCKET_TIMEOUT, "0.5".into())])
                .socket_timeout
                .as_millis(),
            500
        );
        assert_eq!(options([(DRAIN, 0.into())]).drain, Duration::ZERO);
        for (key, value) in [
            (SOCKET_TIMEOUT, Value::from(0)),
            (SOCKET_TIMEOUT, Value::from(f64::NAN)),
            (HEADER_TIMEOUT, Value::from("soon")),
            (MAX_CONNECTIONS, Value::from(0)),
            (MAX_HEADER_SIZE, Value::from(-1)),
            (DRAIN, Value::from(-1)),
            (CASE_SENSITIVE_PATHS, Value::from("perhaps")),
        ] {
            let error = read(&Properties::from([(key, value.clone())])).unwrap_err();
            let said = error.to_string();
            assert!(
                said.starts_with(&format!("property {key} is {value}: expected ")),
                "{said}"
            );
        }
    }

    #[test]
    fn who_may_come_in_is_read() {
        let read_options = options([
            (PASSWORD_FILE, "p".into()),
            (TOKEN_FILE, "".into()),
            (OPEN_PATHS, "/metrics, /open".into()),
            (ANONYMOUS, "true".into()),
            (AUTH_FAILURES, "7".into()),
            (RATE_LIMIT, "2.5".into()),
            (RELOAD_INTERVAL, 1.into()),
        ]);
        let security = read_options.security;
        assert_eq!(security.password_file.unwrap().to_str(), Some("p"));
        assert_eq!(security.token_file, None);
        assert_eq!(security.open_paths, ["/metrics", "/open"]);
        assert!(security.anonymous);
        assert_eq!((security.failures, security.realm.as_str()), (7, "ferlix"));
        let rate = RateLimit {
            per_second: 2.5,
            burst: 3,
        };
        assert_eq!(security.rate, Some(rate));
        assert_eq!(read_options.reload_interval, Duration::from_secs(1));
        let listed = options([
            (OPEN_PATHS, Value::from(["/a", "/b"])),
            (RATE_LIMIT, 0.1.into()),
            (RATE_BURST, 10.into()),
        ]);
        assert_eq!(listed.security.open_paths, ["/a", "/b"]);
        assert_eq!(listed.security.rate.unwrap().burst, 10);
        assert_eq!(options([]).security.rate, None);
        for (key, value) in [
            (AUTH_REALM, Value::from("a\"b")),
            (AUTH_FAILURES, Value::from(-1)),
            (ANONYMOUS, Value::from("perhaps")),
            (RATE_LIMIT, Value::from(-1)),
            (RATE_LIMIT, Value::from(f64::NAN)),
            (RATE_LIMIT, Value::from("much")),
            (RATE_BURST, Value::from(0)),
        ] {
            let error = read(&Properties::from([(key, value.clone())])).unwrap_err();
            let said = error.to_string();
            assert!(said.starts_with(&format!("property {key} is ")), "{said}");
        }
    }

    #[test]
    fn certificates_of_clients_need_https() {
        let files = [
            (CERT_FILE, Value::from("c")),
            (KEY_FILE, "k".into()),
            (CLIENT_CA_FILE, "a".into()),
        ];
        let required = options(files.clone()).tls.unwrap();
        assert!(required.client_required && required.client_authorities.is_some());
        let mut optional = Properties::from(files);
        optional.insert(CLIENT_AUTH, "optional");
        assert!(!read(&optional).unwrap().tls.unwrap().client_required);
        optional.insert(CLIENT_AUTH, "maybe");
        assert!(read(&optional).is_err());
        let error = read(&Properties::from([(CLIENT_CA_FILE, "a")])).unwrap_err();
        assert!(matches!(error, HttpError::TlsIncomplete { .. }), "{error}");
    }

    #[test]
    fn https_needs_both_files() {
        let both = options([(CERT_FILE, "c".into()), (KEY_FILE, "k".into())]);
        assert_eq!(both.tls.unwrap().key.to_str(), Some("k"));
        let error = read(&Properties::from([(CERT_FILE, "c"), (KEY_FILE, "")])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "HTTPS needs both ferlix.https.cert_file and ferlix.https.key_file: ferlix.https.key_file is not set"
        );
    }
}
