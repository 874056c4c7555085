//! The properties of the HTTP service, read into [`ServerOptions`].

use std::time::Duration;

use ferlix_core::property::{FromValue, Properties, Value};

use crate::error::HttpError;
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
    options.tls = tls(properties)?;
    Ok(options)
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
    let file = |key| {
        let file: Option<String> = given(properties, key, "expected the name of a file")?;
        Ok(file.filter(|file| !file.is_empty()))
    };
    match (file(CERT_FILE)?, file(KEY_FILE)?) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
            certificate: certificate.into(),
            key: key.into(),
        })),
        (None, Some(_)) => Err(HttpError::TlsIncomplete { missing: CERT_FILE }),
        (Some(_), None) => Err(HttpError::TlsIncomplete { missing: KEY_FILE }),
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
