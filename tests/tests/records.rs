//! What lies in etcd: our records against the profile that both peers read, and against iPOPO's own.

use std::collections::BTreeMap;

use ferlix_tests::tutorial::{INTERFACE, Record, TOP_KEY, wait_for_record, wait_for_records};
use ferlix_tests::{EtcdServer, PythonPeer, Tutorial, for_every_etcd};
use serde_json::{Value, json};

/// The standard properties, in the order in which iPOPO writes them.
const STANDARD: [&str; 11] = [
    "objectClass",
    "endpoint.id",
    "endpoint.service.id",
    "endpoint.framework.uuid",
    "service.imported.configs",
    "remote.configs.supported",
    "remote.intents.supported",
    "ecf.rsvc.id",
    "ecf.endpoint.id",
    "ecf.endpoint.id.ns",
    "ecf.endpoint.ts",
];

/// Those that are another's in every process.
const OWN: [&str; 6] = [
    "endpoint.id",
    "endpoint.service.id",
    "endpoint.framework.uuid",
    "ecf.rsvc.id",
    "ecf.endpoint.id",
    "ecf.endpoint.ts",
];

/// Those that iPOPO does not write: it loses the package's version, and needs no types.
const OURS: [&str; 2] = [
    "endpoint.package.version.org.eclipse.ecf.examples.hello",
    "ferlix.types",
];

fn is_lower_case_uuid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12]
        && text
            .chars()
            .all(|letter| matches!(letter, '0'..='9' | 'a'..='f' | '-'))
}

fn names(record: &Record) -> Vec<&str> {
    let properties = record.value["properties"].as_array();
    properties
        .into_iter()
        .flatten()
        .map(|property| property["name"].as_str().unwrap_or_default())
        .collect()
}

fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit())
}

#[test]
#[ignore = "needs real etcd: cargo xtask test"]
fn a_record_follows_the_profile_that_both_peers_read() {
    for_every_etcd(
        "a_record_follows_the_profile_that_both_peers_read",
        |etcd| {
            let exporter = Tutorial::exporter(etcd, &[]);
            let record = wait_for_record(etcd);

            let key: Vec<_> = record.key.split('/').collect();
            let endpoint = record.text("endpoint.id");
            assert_eq!(key.len(), 3, "{key:?}");
            assert_eq!(key[0], TOP_KEY);
            assert!(is_lower_case_uuid(key[1]), "{key:?}");
            assert!(is_lower_case_uuid(endpoint), "{endpoint}");
            assert_eq!(key[2], endpoint);
            // The session's own key, whose value is its id.
            let session = etcd.entries(&format!("{TOP_KEY}/{}", key[1])).remove(0);
            assert_eq!(
                session,
                (format!("{TOP_KEY}/{}", key[1]), key[1].to_owned())
            );

            let mut value = record.value.clone();
            let properties = value["properties"].take();
            assert_eq!(
                value,
                json!({
                    "location": format!("ecfosgirsvc://127.0.0.1:32565/osgirsvc_{endpoint}"),
                    "priority": 0,
                    "weight": 0,
                    "servicename": format!("osgirsvc_{endpoint}"),
                    "ttl": 30,
                    "servicetype": {
                        "services": ["ecfosgirsvc"],
                        "scopes": ["default"],
                        "protocols": ["default"],
                        "namingauth": "iana",
                    },
                    "properties": null,
                })
            );
            for property in properties.as_array().into_iter().flatten() {
                assert_eq!(property["type"], "string", "{property}");
                assert!(property["value"].is_string(), "{property}");
            }
            let names = names(&record);
            assert_eq!(names[..STANDARD.len()], STANDARD);
            let mut once = names.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), names.len(), "twice: {names:?}");
            for name in names {
                let stays = name.starts_with('.')
                    || name.starts_with("service.exported.")
                    || [
                        "service.id",
                        "service.bundleid",
                        "service.scope",
                        "service.imported",
                    ]
                    .contains(&name);
                assert!(!stays, "{name} is not for others");
            }

            assert_eq!(record.text("objectClass"), INTERFACE);
            assert!(is_decimal(record.text("endpoint.service.id")));
            assert!(is_decimal(record.text("ecf.rsvc.id")));
            assert!(is_lower_case_uuid(record.text("endpoint.framework.uuid")));
            assert_eq!(
                record.text("ecf.endpoint.id"),
                format!("http://127.0.0.1:{}/xml-rpc", exporter.http_port())
            );
            assert_eq!(record.text(OURS[0]), "1.1.0");
            assert_eq!(record.text(OURS[1]), "osgi.basic.timeout=int");
            // Milliseconds of this century, not seconds.
            assert!(record.timestamp() > 1_700_000_000_000, "{record:#?}");
        },
    );
}

#[test]
#[ignore = "needs real etcd: cargo xtask test"]
fn all_keys_go_with_the_lease_and_follow_the_configuration() {
    for_every_etcd(
        "all_keys_go_with_the_lease_and_follow_the_configuration",
        |etcd| {
            let _exporter =
                Tutorial::exporter(etcd, &["etcd.top_key=org.example.top", "etcd.lease_ttl=12"]);
            etcd.wait_for_entries("org.example.top/", "a session and an endpoint", |entries| {
                entries.len() == 2
            });
            assert_eq!(etcd.entries(TOP_KEY), []);
            let printed = etcd.etcdctl(&["get", "--prefix", "org.example.top/", "-w", "json"]);
            let answer: Value = serde_json::from_str(&printed).unwrap();
            let leases: Vec<_> = answer["kvs"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|entry| entry["lease"].as_i64().unwrap_or_default())
                .collect();
            assert_eq!(leases.len(), 2, "{printed}");
            assert!(leases[0] != 0 && leases[0] == leases[1], "{printed}");
            let lease = etcd.etcdctl(&["lease", "timetolive", &format!("{:x}", leases[0])]);
            assert!(lease.contains("granted with TTL(12s)"), "{lease}");
        },
    );
}

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn a_record_says_what_ipopo_says_of_the_same_service() {
    for_every_etcd(
        "a_record_says_what_ipopo_says_of_the_same_service",
        |etcd| {
            let ipopos = of_ipopo(etcd);
            let _exporter = Tutorial::exporter(etcd, &[]);
            let record = wait_for_record(etcd);

            let ours: Vec<_> = names(&record)
                .into_iter()
                .filter(|name| !OURS.contains(name))
                .map(str::to_owned)
                .collect();
            let theirs: Vec<_> = names(&ipopos).into_iter().map(str::to_owned).collect();
            assert_eq!(ours, theirs);
            assert_eq!(compared(&record), compared(&ipopos));
            for name in OWN {
                let (ours, theirs) = (record.text(name), ipopos.text(name));
                assert_eq!(is_decimal(ours), is_decimal(theirs), "{name}");
                assert_eq!(
                    is_lower_case_uuid(ours),
                    is_lower_case_uuid(theirs),
                    "{name}"
                );
            }
            for field in ["priority", "weight", "servicetype"] {
                assert_eq!(record.value[field], ipopos.value[field]);
            }
        },
    );
}

/// What iPOPO writes of the tutorial's service.
fn of_ipopo(etcd: &EtcdServer) -> Record {
    let port = etcd.port().to_string();
    let exporter = PythonPeer::start("ipopo_exporter.py", &["--etcd-port", &port]);
    exporter.event("started");
    let record = wait_for_record(etcd);
    exporter.stop();
    wait_for_records(etcd, "no endpoint", <[_]>::is_empty);
    record
}

fn compared(record: &Record) -> BTreeMap<&str, &Value> {
    record
        .properties
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .filter(|(name, _)| !OWN.contains(name) && !OURS.contains(name))
        .collect()
}
