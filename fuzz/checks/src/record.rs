//! The JSON records of endpoint discovery: what is read and may be advertised is written, and is then read as the same.

use ferlix_discovery_etcd::{Draft, read};

/// Checks that the record of an endpoint that is read, unless its description may not be advertised, can be written and
/// read again, and that the second writing is the first to the byte.
///
/// # Panics
/// When it does not hold.
pub fn record(data: &[u8]) {
    let endpoint = match read(data) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    // A record of a peer may lack what we insist on in our own.
    let Ok(draft) = Draft::new(&endpoint) else {
        return;
    };
    let written = draft.write("127.0.0.1", endpoint.timestamp());
    let shown = || String::from_utf8_lossy(&written);
    let again = read(&written).unwrap_or_else(|error| panic!("{}: {error}", shown()));
    assert_eq!(again.id(), endpoint.id());
    assert_eq!(again.interfaces(), endpoint.interfaces());
    assert_eq!(again.configurations(), endpoint.configurations());
    assert_eq!(again.framework_uuid(), endpoint.framework_uuid());
    assert_eq!(again.service_id(), endpoint.service_id());
    assert_eq!(again.remote_service_id(), endpoint.remote_service_id());
    assert_eq!(again.timestamp(), endpoint.timestamp());
    assert_eq!(again.container_id(), endpoint.container_id());

    let second = Draft::new(&again).unwrap_or_else(|error| panic!("{}: {error}", shown()));
    let second = second.write("127.0.0.1", again.timestamp());
    assert_eq!(String::from_utf8_lossy(&second), shown());
}
