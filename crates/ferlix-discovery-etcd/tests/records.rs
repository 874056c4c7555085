//! Records, against what iPOPO and Eclipse ECF were seen to write.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ferlix_core::property::{Properties, Value};
use ferlix_discovery_etcd::{Draft, Error, read};
use ferlix_remote::endpoint::EndpointDescription;
use proptest::prelude::*;

const IPOPO: &str = include_str!("fixtures/ipopo_etcd_session.txt");
const JAVA_GENERIC: &str = include_str!("fixtures/java_ecf_generic_host.txt");
const JAVA_UPDATED: &str = include_str!("fixtures/java_ecf_generic_host_after_update.txt");
const JAVA_XMLRPC: &str = include_str!("fixtures/java_ecf_xmlrpc_host.txt");

/// The record in a capture: it has a session's key and value, then an endpoint's.
fn value(capture: &str) -> &str {
    capture.lines().nth(3).unwrap()
}

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}

fn write(endpoint: &EndpointDescription, timestamp: i64) -> Vec<u8> {
    Draft::new(endpoint).unwrap().write("127.0.0.1", timestamp)
}

/// The endpoint of iPOPO's sample, as our own exporter describes it.
fn sample(extra: &[(&str, Value)]) -> EndpointDescription {
    let mut properties = Properties::from([
        (
            "objectClass",
            Value::from(["org.eclipse.ecf.examples.hello.IHello"]),
        ),
        ("endpoint.id", "7cb0c0e3-75d8-44ef-a4b2-a55b607173de".into()),
        ("endpoint.service.id", 22_i64.into()),
        (
            "endpoint.framework.uuid",
            "422d15ab-50ed-4937-a9b4-5cfe92a18a27".into(),
        ),
        (
            "service.imported.configs",
            Value::from(["ecf.xmlrpc.server"]),
        ),
        (
            "remote.configs.supported",
            Value::from(["ecf.xmlrpc.server"]),
        ),
        (
            "remote.intents.supported",
            Value::from(["osgi.basic", "osgi.async"]),
        ),
        ("ecf.rsvc.id", 3_i64.into()),
        ("ecf.endpoint.id", "http://127.0.0.1:8181/xml-rpc".into()),
        ("ecf.endpoint.id.ns", "ecf.namespace.xmlrpc".into()),
        ("ecf.endpoint.ts", 1.into()),
    ]);
    for (key, value) in extra {
        properties.insert(*key, value.clone());
    }
    EndpointDescription::new(properties).unwrap()
}

#[test]
fn a_record_is_written_to_the_byte() {
    let endpoint = sample(&[
        ("osgi.basic.timeout", 60_000.into()),
        (
            "endpoint.package.version.org.eclipse.ecf.examples.hello",
            "1.1.0".into(),
        ),
        ("my.list", Value::from(["a", "b"])),
    ]);
    let expected = concat!(
        r#"{"location":"ecfosgirsvc://127.0.0.1:32565/osgirsvc_7cb0c0e3-75d8-44ef-a4b2-a55b607173de","#,
        r#""priority":0,"weight":0,"servicename":"osgirsvc_7cb0c0e3-75d8-44ef-a4b2-a55b607173de","ttl":30,"#,
        r#""servicetype":{"services":["ecfosgirsvc"],"scopes":["default"],"protocols":["default"],"namingauth":"iana"},"#,
        r#""properties":[{"type":"string","name":"objectClass","value":"org.eclipse.ecf.examples.hello.IHello"},"#,
        r#"{"type":"string","name":"endpoint.id","value":"7cb0c0e3-75d8-44ef-a4b2-a55b607173de"},"#,
        r#"{"type":"string","name":"endpoint.service.id","value":"22"},"#,
        r#"{"type":"string","name":"endpoint.framework.uuid","value":"422d15ab-50ed-4937-a9b4-5cfe92a18a27"},"#,
        r#"{"type":"string","name":"service.imported.configs","value":"ecf.xmlrpc.server"},"#,
        r#"{"type":"string","name":"remote.configs.supported","value":"ecf.xmlrpc.server"},"#,
        r#"{"type":"string","name":"remote.intents.supported","value":"osgi.basic osgi.async"},"#,
        r#"{"type":"string","name":"ecf.rsvc.id","value":"3"},"#,
        r#"{"type":"string","name":"ecf.endpoint.id","value":"http://127.0.0.1:8181/xml-rpc"},"#,
        r#"{"type":"string","name":"ecf.endpoint.id.ns","value":"ecf.namespace.xmlrpc"},"#,
        r#"{"type":"string","name":"ecf.endpoint.ts","value":"1795347821642"},"#,
        r#"{"type":"string","name":"endpoint.package.version.org.eclipse.ecf.examples.hello","value":"1.1.0"},"#,
        r#"{"type":"list","name":"my.list","value":["a","b"]},"#,
        r#"{"type":"string","name":"osgi.basic.timeout","value":"60000"},"#,
        r#"{"type":"string","name":"ferlix.types","value":"osgi.basic.timeout=int"}]}"#,
    );
    let written = String::from_utf8(write(&endpoint, 1_795_347_821_642)).unwrap();
    assert_eq!(written, expected);
}

#[test]
fn our_properties_of_ipopos_sample_are_ipopos() {
    let theirs = json(value(IPOPO).as_bytes());
    let endpoint = sample(&[("osgi.basic.timeout", "60000".into())]);
    let ours = json(&write(&endpoint, 1_795_347_821_642));
    assert_eq!(ours["properties"], theirs["properties"]);
    for same in ["priority", "weight", "servicetype"] {
        assert_eq!(ours[same], theirs[same], "{same}");
    }
    let members = |value: &serde_json::Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(members(&ours), members(&theirs));
}

#[test]
fn ipopos_record_is_read_and_written_again_as_it_was() {
    let endpoint = read(value(IPOPO).as_bytes()).unwrap();
    assert!(endpoint.same_content(&sample(&[("osgi.basic.timeout", "60000".into())])));
    assert_eq!(endpoint.timestamp(), 1_795_347_821_642);
    let again = json(&write(&endpoint, endpoint.timestamp()));
    assert_eq!(
        again["properties"],
        json(value(IPOPO).as_bytes())["properties"]
    );
}

#[test]
fn every_property_and_type_of_java_is_read() {
    let endpoint = read(value(JAVA_GENERIC).as_bytes()).unwrap();
    let expected = Properties::from([
        ("ecf.generic.server.port", Value::from("3288")),
        (
            "endpoint.package.version.org.eclipse.ecf.examples.hello",
            "1.1.0".into(),
        ),
        ("my.short", Value::Long(3)),
        ("ecf.endpoint.ts", Value::Long(1_795_349_169_297)),
        ("my.str", "s".into()),
        (
            "remote.configs.supported",
            Value::from(["ecf.generic.server"]),
        ),
        ("my.int", Value::Int(7)),
        ("my.bool", true.into()),
        ("endpoint.id", "0362bdfa-b806-40b0-b5ec-227bf8f5991a".into()),
        (
            "endpoint.framework.uuid",
            "0f734951-ecce-4b8d-a8e3-e2d4d0b0fcb7".into(),
        ),
        ("my.float", Value::Float(2.5)),
        ("my.list", Value::from(["a", "b"])),
        ("ecf.generic.server.hostname", "127.0.0.1".into()),
        ("my.set", Value::Set(vec!["x".into()])),
        ("my.arr", Value::from(["p", "q"])),
        ("my.char", Value::Char('c')),
        ("my.longs", Value::from([1_i64, 2])),
        ("my.bytes", Value::Bytes(vec![1, 2, 3])),
        (
            "objectClass",
            Value::from(["org.eclipse.ecf.examples.hello.IHello"]),
        ),
        ("ecf.endpoint.id", "ecftcp://127.0.0.1:3288/server".into()),
        ("endpoint.service.id", Value::Long(64)),
        ("osgi.basic.timeout", Value::Long(50_000)),
        (
            "remote.intents.supported",
            Value::from([
                "osgi.basic",
                "osgi.async",
                "osgi.private",
                "passByValue",
                "exactlyOnce",
                "ordered",
            ]),
        ),
        ("my.double", Value::Double(1.5)),
        (
            "ecf.endpoint.id.ns",
            "org.eclipse.ecf.core.identity.StringID".into(),
        ),
        (
            "service.imported.configs",
            Value::from(["ecf.generic.server"]),
        ),
        ("ecf.rsvc.id", Value::Long(1)),
        ("service.imported", "true".into()),
    ]);
    assert_eq!(endpoint.properties(), &expected);
    assert_eq!(
        endpoint.package_version("org.eclipse.ecf.examples.hello"),
        "1.1.0"
    );

    let xmlrpc = read(value(JAVA_XMLRPC).as_bytes()).unwrap();
    assert_eq!(xmlrpc.container_id(), "http://127.0.0.1:8281/xml-rpc");
    assert_eq!(
        xmlrpc.properties().get("my.bytes"),
        Some(&Value::Bytes(vec![1, 2, 3]))
    );
    assert!(!xmlrpc.same_content(&endpoint));
}

#[test]
fn an_update_of_java_is_one_and_its_new_location_alone_is_none() {
    let before = read(value(JAVA_GENERIC).as_bytes()).unwrap();
    let after = read(value(JAVA_UPDATED).as_bytes()).unwrap();
    assert_eq!(after.id(), before.id());
    assert!(!after.same_content(&before));
    assert_eq!(after.properties().text("my.str"), Some("modified"));

    // The same as before, but for what Java changes each time.
    let moved = value(JAVA_UPDATED).replace("\"modified\"", "\"s\"");
    assert_ne!(moved, value(JAVA_GENERIC));
    assert!(read(moved.as_bytes()).unwrap().same_content(&before));
}

#[test]
fn the_least_that_is_an_endpoint_is_read() {
    let least = r#" {"properties": [
        {"name": "endpoint.id", "value": "e"},
        {"value": "a.B c.D", "name": "objectClass", "more": [null, {}]},
        {"type": "string", "name": "service.imported.configs", "value": "x"},
        {"type": "string", "name": "gone", "value": null},
        {"type": "unheard-of", "name": "odd", "value": {"a": [1, 2.5, 18446744073709551615]}}
    ], "more": {"a": [1]}} "#;
    let endpoint = read(least.as_bytes()).unwrap();
    assert_eq!(endpoint.interfaces(), ["a.B", "c.D"]);
    assert_eq!(endpoint.properties().get("gone"), None);
    let odd = endpoint.properties().get("odd").unwrap().to_string();
    assert_eq!(odd, "{'a': [1, 2.5, 1.8446744073709552e19]}");
}

/// A record with these members in `properties` after the required ones.
fn with(properties: &str) -> String {
    format!(
        r#"{{"properties":[{{"type":"string","name":"endpoint.id","value":"e"}},
        {{"type":"string","name":"objectClass","value":"a.B"}},
        {{"type":"string","name":"service.imported.configs","value":"x"}}{properties}]}}"#
    )
}

/// Of the error with which a record is refused.
fn kind(record: &[u8]) -> &'static str {
    match read(record) {
        Ok(endpoint) => panic!("read: {endpoint:?}"),
        Err(error) => error.kind(),
    }
}

#[test]
fn bad_records_are_refused_by_kind() {
    read(with("").as_bytes()).unwrap();
    let json: [&[u8]; 14] = [
        b"",
        b"x",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        br#"{"properties":{}}"#,
        br#"{"properties":[1]}"#,
        br#"{"properties":[{"type":"string","value":"v"}]}"#,
        br#"{"properties":[{"name":1,"value":"v"}]}"#,
        br#"{"properties":[],"properties":[]}"#,
        br#"{"properties":[]} trailing"#,
        br#"{"properties":[{"name":"\ud800","value":1}]}"#,
    ];
    for bad in json {
        assert_eq!(kind(bad), "json", "{}", String::from_utf8_lossy(bad));
    }
    for bad in [
        r#"{"properties":[]}"#.to_owned(),
        with(r#",{"type":"char","name":"c","value":""}"#),
        with(r#",{"type":"list","name":"l","value":"text"}"#),
        with(r#",{"type":"int","name":"i","value":5000000000}"#),
        with(r#",{"type":"bytes","name":"b","value":"*"}"#),
        with(r#",{"type":"string","name":"ecf.rsvc.id","value":"x"}"#),
        with(r#",{"type":"string","name":"endpoint.id","value":"f"}"#),
    ] {
        assert_eq!(kind(bad.as_bytes()), "endpoint", "{bad}");
    }
    let other = r#"{"servicetype":{"services":["osgiservices"]},"properties":[]}"#;
    assert_eq!(kind(other.as_bytes()), "other-service");
}

#[test]
fn a_service_type_counts_where_it_names_services() {
    let of_type = |kind: &str| with("").replacen('{', &format!(r#"{{"servicetype":{kind},"#), 1);
    for ours in [
        "null",
        "true",
        "-1",
        "1.5",
        r#""ecfosgirsvc""#,
        r#"["other"]"#,
        "{}",
        r#"{"services":"other"}"#,
        r#"{"services":{"services":["other"]},"scopes":["other"]}"#,
        r#"{"scopes":["other"],"services":[1,null,["x"],"other","ecfosgirsvc"]}"#,
    ] {
        read(of_type(ours).as_bytes()).unwrap_or_else(|error| panic!("{ours}: {error}"));
    }
    for other in [
        r#"{"services":[]}"#,
        r#"{"services":["other",{"services":["ecfosgirsvc"]}]}"#,
        r#"{"scopes":["ecfosgirsvc"],"services":[["ecfosgirsvc"]]}"#,
    ] {
        assert_eq!(kind(of_type(other).as_bytes()), "other-service", "{other}");
    }
    let twice = r#"{"services":["ecfosgirsvc"],"services":["other"]}"#;
    assert_eq!(kind(of_type(twice).as_bytes()), "json");
}

#[test]
fn size_depth_and_counts_are_limited() {
    let limit = |text: &str| match read(text.as_bytes()) {
        Err(Error::Limit { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let property = |value: &str| with(&format!(r#",{{"name":"p","value":{value}}}"#));
    read(property(&deep(16)).as_bytes()).unwrap();
    assert!(limit(&property(&deep(17))).contains("nesting"));
    assert!(limit(&property(&deep(100_000))).contains("nesting"));
    assert!(limit(&property(&format!("[{}1]", "1,".repeat(20_000)))).contains("values"));
    let one = |index: usize| format!(r#",{{"name":"p{index}","value":1}}"#);
    let properties: String = (0..1021).map(one).collect();
    read(with(&properties).as_bytes()).unwrap();
    let properties: String = (0..1022).map(one).collect();
    assert!(limit(&with(&properties)).contains("endpoint properties"));
    assert!(limit(&" ".repeat(4 * 1024 * 1024 + 1)).contains("size"));
    // What is skipped cannot end the stack either.
    let skipped = format!(r#"{{"more":{}}}"#, deep(100_000));
    assert!(read(skipped.as_bytes()).is_err());
}

#[test]
fn what_would_hurt_a_peer_is_refused_with_the_reason() {
    let refused = |extra: &[(&str, Value)]| Draft::new(&sample(extra)).unwrap_err().to_string();
    assert!(refused(&[("endpoint.id", "a/b".into())]).contains("segment"));
    let two_words = refused(&[("remote.intents.supported", Value::from(["a b"]))]);
    assert!(
        two_words.contains("remote.intents.supported"),
        "{two_words}"
    );
    assert!(refused(&[("ecf.endpoint.id", " ".into())]).contains("ecf.endpoint.id"));
    let mut without = sample(&[]).properties().clone();
    without.remove("endpoint.framework.uuid");
    let error = Draft::new(&EndpointDescription::new(without).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }));
    assert!(
        error.to_string().contains("endpoint.framework.uuid"),
        "{error}"
    );
}

#[test]
fn a_location_is_a_uri_whatever_the_names() {
    let endpoint = sample(&[("endpoint.id", "käse & more".into())]);
    let draft = Draft::new(&endpoint).unwrap();
    let location = |host: &str| {
        json(&draft.write(host, 1))["location"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        location("2001:db8::1"),
        "ecfosgirsvc://[2001:db8::1]:32565/osgirsvc_k%C3%A4se%20%26%20more"
    );
    assert_eq!(location("h"), location("h"), "stable");
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        any::<char>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
    ]
}

fn property_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => scalar(),
        1 => prop::collection::vec(".{0,8}".prop_map(Value::from), 0..5).prop_map(Value::List),
        1 => prop::collection::vec(any::<i32>().prop_map(Value::from), 1..5).prop_map(Value::List),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(
        values in prop::collection::vec(property_value(), 0..8),
        timestamp in 0..i64::MAX,
    ) {
        let names: Vec<String> = (0..values.len()).map(|index| format!("my.p{index}")).collect();
        let extra: Vec<(&str, Value)> = names.iter().map(String::as_str).zip(values).collect();
        let endpoint = sample(&extra);
        let again = read(&write(&endpoint, timestamp)).unwrap();
        prop_assert_eq!(again.timestamp(), timestamp);
        for (name, value) in extra {
            prop_assert_eq!(again.properties().get(name), Some(&value), "{}", name);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_change_of_a_good_record_makes_the_reader_panic(
        position in 0_usize..1400,
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = value(JAVA_GENERIC).as_bytes().to_vec();
        let position = position % bytes.len();
        bytes[position] = byte;
        if cut {
            bytes.truncate(position);
        }
        let _ = read(&bytes);
    }
}
