//! The flat form of endpoint descriptions, against what iPOPO and Eclipse ECF were seen to write.

use ferlix_core::property::{Properties, Value};
use ferlix_remote::Error;
use ferlix_remote::endpoint::{
    EndpointDescription, MAX_PROPERTIES, MAX_WORDS, WireKind, WireProperty, decode, encode,
};
use proptest::prelude::*;

/// A value as a reader of JSON gives it to the decoder.
fn plain(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map_or_else(|| Value::Double(number.as_f64().unwrap()), Value::Long),
        serde_json::Value::String(text) => Value::from(text),
        serde_json::Value::Array(values) => Value::List(values.iter().map(plain).collect()),
        serde_json::Value::Object(members) => Value::Map(
            members
                .iter()
                .map(|(name, value)| (name.clone(), plain(value)))
                .collect(),
        ),
    }
}

fn captured(text: &str) -> Vec<WireProperty> {
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let property = |property: &serde_json::Value| WireProperty {
        name: property["name"].as_str().unwrap().into(),
        kind: WireKind::from_name(property["type"].as_str().unwrap()),
        value: plain(&property["value"]),
    };
    json["properties"]
        .as_array()
        .unwrap()
        .iter()
        .map(property)
        .collect()
}

fn property(name: &str, kind: &str, value: impl Into<Value>) -> WireProperty {
    WireProperty {
        name: name.into(),
        kind: WireKind::from_name(kind),
        value: value.into(),
    }
}

/// The least that a peer must send.
fn minimal() -> Vec<WireProperty> {
    vec![
        property("endpoint.id", "string", "e1"),
        property("objectClass", "string", "a.B c.D"),
        property("service.imported.configs", "string", "x"),
    ]
}

#[test]
fn what_ipopo_writes_is_read_and_written_again_word_for_word() {
    let read = captured(include_str!("../fixtures/ipopo_hello.json"));
    let description = decode(read.clone()).unwrap();
    assert_eq!(
        description.interfaces(),
        ["org.eclipse.ecf.examples.hello.IHello"]
    );
    assert_eq!(description.configurations(), ["ecf.xmlrpc.server"]);
    assert_eq!(description.remote_service_id(), 3);
    assert_eq!(description.service_id(), 22);
    assert_eq!(description.timestamp(), 1_795_347_821_642);
    assert_eq!(description.container_id(), "http://127.0.0.1:8181/xml-rpc");
    assert_eq!(
        description.container_namespace(),
        Some("ecf.namespace.xmlrpc")
    );
    assert_eq!(encode(&description).unwrap(), read);
}

#[test]
fn every_java_type_is_read() {
    for text in [
        include_str!("../fixtures/java_generic.json"),
        include_str!("../fixtures/java_xmlrpc.json"),
    ] {
        let description = decode(captured(text)).unwrap();
        let expected = [
            ("my.str", Value::from("s")),
            ("my.short", Value::Long(3)),
            ("my.int", Value::Int(7)),
            ("my.bool", Value::Bool(true)),
            ("my.float", Value::Float(2.5)),
            ("my.double", Value::Double(1.5)),
            ("my.char", Value::Char('c')),
            ("my.bytes", Value::Bytes(vec![1, 2, 3])),
            ("my.list", Value::from(["a", "b"])),
            ("my.set", Value::Set(vec![Value::from("x")])),
            ("my.arr", Value::from(["p", "q"])),
            ("my.longs", Value::from([1_i64, 2])),
            ("osgi.basic.timeout", Value::Long(50_000)),
        ];
        for (key, value) in expected {
            assert_eq!(description.properties().get(key), Some(&value), "{key}");
        }
        assert_eq!(
            description.package_version("org.eclipse.ecf.examples.hello"),
            "1.1.0"
        );
        assert!(
            description
                .properties()
                .texts("remote.intents.supported")
                .contains(&"osgi.async")
        );
    }
}

#[test]
fn a_java_update_changes_more_than_the_time_stamp() {
    let before = decode(captured(include_str!("../fixtures/java_generic.json"))).unwrap();
    let after = decode(captured(include_str!(
        "../fixtures/java_generic_updated.json"
    )))
    .unwrap();
    assert_eq!(before, after);
    assert!(!before.same_content(&after));
    let mut repeated = captured(include_str!("../fixtures/java_generic.json"));
    for property in &mut repeated {
        if &*property.name == "ecf.endpoint.ts" {
            property.value = Value::from("1795349999999");
        }
    }
    repeated.reverse();
    assert!(before.same_content(&decode(repeated).unwrap()));
}

#[test]
fn the_writer_follows_the_profile_that_both_peers_read() {
    let description = EndpointDescription::new(Properties::from([
        (
            "objectClass",
            Value::from(["org.example.A", "org.example.B"]),
        ),
        ("endpoint.id", Value::from("e1")),
        ("endpoint.framework.uuid", Value::from("f1")),
        (
            "service.imported.configs",
            Value::from(["ecf.xmlrpc.server"]),
        ),
        (
            "remote.intents.supported",
            Value::from(["osgi.basic", "osgi.async"]),
        ),
        ("service.intents", Value::from(["osgi.basic"])),
        ("endpoint.package.version.org.example", Value::from("1.1.0")),
        ("endpoint.service.id", Value::Long(22)),
        ("service.id", Value::Long(22)),
        ("ecf.rsvc.id", Value::Long(3)),
        ("ecf.endpoint.id", Value::from("http://h:1/x")),
        ("ecf.endpoint.id.ns", Value::from("ns")),
        ("ecf.endpoint.ts", Value::Long(99)),
        ("osgi.basic.timeout", Value::Int(60_000)),
        ("hello.flag", Value::Bool(true)),
        ("hello.list", Value::from(["a", "b"])),
        (
            "hello.numbers",
            Value::Set(vec![Value::Int(1), Value::Int(2)]),
        ),
        (".private", Value::from("x")),
        ("service.bundleid", Value::Long(4)),
        ("service.scope", Value::from("singleton")),
        ("service.exported.configs", Value::from("ecf.xmlrpc.server")),
        ("service.ranking", Value::Int(5)),
        ("nothing", Value::Null),
    ]))
    .unwrap();
    let expected = [
        property("objectClass", "string", "org.example.A org.example.B"),
        property("endpoint.id", "string", "e1"),
        property("endpoint.service.id", "string", "22"),
        property("endpoint.framework.uuid", "string", "f1"),
        property("service.imported.configs", "string", "ecf.xmlrpc.server"),
        property("remote.configs.supported", "string", "ecf.xmlrpc.server"),
        property(
            "remote.intents.supported",
            "string",
            "osgi.basic osgi.async",
        ),
        property("service.intents", "string", "osgi.basic"),
        property("ecf.rsvc.id", "string", "3"),
        property("ecf.endpoint.id", "string", "http://h:1/x"),
        property("ecf.endpoint.id.ns", "string", "ns"),
        property("ecf.endpoint.ts", "string", "99"),
        property("endpoint.package.version.org.example", "string", "1.1.0"),
        property("hello.flag", "string", "true"),
        property("hello.list", "list", ["a", "b"]),
        property("hello.numbers", "set", [1_i64, 2]),
        property("osgi.basic.timeout", "string", "60000"),
        property("service.ranking", "string", "5"),
        property(
            "ferlix.types",
            "string",
            "hello.flag=boolean hello.numbers=int osgi.basic.timeout=int service.ranking=int",
        ),
    ];
    assert_eq!(encode(&description).unwrap(), expected);
}

#[test]
fn nothing_is_written_that_would_end_the_discovery_of_ipopo() {
    let lacking = decode(minimal()).unwrap();
    assert!(matches!(
        encode(&lacking),
        Err(Error::MissingProperty {
            name: "endpoint.framework.uuid"
        })
    ));
    let spaced = EndpointDescription::new(Properties::from([
        ("objectClass", Value::from(["a b"])),
        ("endpoint.id", Value::from("e")),
        ("service.imported.configs", Value::from("x")),
    ]))
    .unwrap();
    assert!(matches!(
        encode(&spaced),
        Err(Error::InvalidProperty { .. })
    ));
}

#[test]
fn little_is_required_of_a_peer() {
    let description = decode(minimal()).unwrap();
    assert_eq!(description.interfaces(), ["a.B", "c.D"]);
    assert_eq!(description.container_id(), "e1");
    assert_eq!((description.service_id(), description.timestamp()), (0, 0));
    assert_eq!(description.framework_uuid(), None);
}

#[test]
fn unknown_types_are_taken_raw_and_null_is_left_out() {
    let mut wire = minimal();
    wire.push(property("a", "org.example.Strange", 5_i64));
    wire.push(property("b", "string", Value::Null));
    wire.push(property("endpoint.package.version.", "string", "1.0"));
    let description = decode(wire).unwrap();
    assert_eq!(description.properties().get("a"), Some(&Value::Long(5)));
    assert!(!description.properties().contains("b"));
    assert!(
        !description
            .properties()
            .contains("endpoint.package.version.")
    );
}

#[test]
fn a_bad_record_says_which_property_is_bad() {
    let cases = [
        (property("ecf.rsvc.id", "string", "three"), "ecf.rsvc.id"),
        (
            property("ecf.endpoint.ts", "string", "-1"),
            "ecf.endpoint.ts",
        ),
        (property("c", "char", ""), "c"),
        (property("l", "list", "text"), "l"),
        (property("i", "int", 1_i64 << 40), "i"),
        (property("b", "bytes", "*"), "b"),
        (
            property("endpoint.package.version.a", "string", "one"),
            "endpoint.package.version.a",
        ),
        (property("OBJECTCLASS", "string", "x"), "OBJECTCLASS"),
    ];
    for (bad, name) in cases {
        let mut wire = minimal();
        wire.push(bad);
        let error = decode(wire).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    for missing in 0..3 {
        let mut wire = minimal();
        wire.remove(missing);
        assert!(matches!(decode(wire), Err(Error::MissingProperty { .. })));
    }
    let many = (0..=MAX_PROPERTIES).map(|index| property(&format!("p{index}"), "string", "x"));
    assert!(matches!(decode(many), Err(Error::TooLarge { .. })));
}

#[test]
fn only_the_first_type_of_a_key_counts() {
    let mut wire = minimal();
    wire.push(property("P", "string", "5"));
    wire.push(property("q", "string", "x"));
    wire.push(property(
        "ferlix.types",
        "string",
        "p=long P=int q=int q=char",
    ));
    let description = decode(wire).unwrap();
    assert_eq!(description.properties().get("p"), Some(&Value::Long(5)));
    // It does not fit, so the value stays as it is: later pairs are not tried.
    assert_eq!(description.properties().get("q"), Some(&Value::from("x")));
}

#[test]
fn the_words_of_a_property_are_counted() {
    let with = |count: usize| {
        let mut wire = minimal();
        wire.push(property("service.intents", "string", "a ".repeat(count)));
        decode(wire)
    };
    assert_eq!(with(MAX_WORDS).unwrap().intents().len(), MAX_WORDS);
    assert!(matches!(
        with(MAX_WORDS + 1),
        Err(Error::TooLarge {
            limit: MAX_WORDS,
            ..
        })
    ));
    // A list is no way around it, nor may we write what peers of our kind refuse.
    let many = vec!["a"; MAX_WORDS + 1];
    let mut wire = minimal();
    wire.push(property("service.intents", "list", many.clone()));
    assert!(matches!(decode(wire), Err(Error::TooLarge { .. })));
    let mut properties = decode(minimal()).unwrap().properties().clone();
    properties.insert("objectClass", many);
    let description = EndpointDescription::new(properties).unwrap();
    assert!(matches!(encode(&description), Err(Error::TooLarge { .. })));
}

#[test]
fn no_intents_are_written_as_an_empty_text_and_read_as_none() {
    let mut wire = minimal();
    for name in [
        "endpoint.framework.uuid",
        "ecf.endpoint.id",
        "ecf.endpoint.id.ns",
    ] {
        wire.push(property(name, "string", "x"));
    }
    let written = encode(&decode(wire).unwrap()).unwrap();
    assert!(written.contains(&property("remote.intents.supported", "string", "")));
    let read = decode(written).unwrap();
    assert!(!read.properties().contains("remote.intents.supported"));
}

#[test]
fn errors_repeat_only_the_beginning_of_what_a_peer_sent() {
    let long = "é".repeat(100_000);
    for bad in [
        vec![
            property(&long, "string", "x"),
            property(&long, "string", "y"),
        ],
        vec![property(&long, "int", "x")],
        vec![property("ecf.rsvc.id", "string", long.as_str())],
        vec![property(
            "endpoint.package.version.a",
            "string",
            long.as_str(),
        )],
    ] {
        let mut wire = minimal();
        wire.extend(bad);
        let error = decode(wire).unwrap_err().to_string();
        assert!(
            error.len() < 500 && error.contains('…'),
            "{} bytes",
            error.len()
        );
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i8>().prop_map(Value::Byte),
        any::<i16>().prop_map(Value::Short),
        any::<i32>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::Long),
        prop::num::f32::NORMAL.prop_map(Value::Float),
        prop::num::f64::NORMAL.prop_map(Value::Double),
        any::<char>().prop_map(Value::Char),
        any::<String>().prop_map(Value::String),
        prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY)].prop_map(Value::Double),
    ]
}

/// Everything whose type survives: scalars, bytes, and lists and sets of one type.
fn value() -> impl Strategy<Value = Value> {
    let elements = prop_oneof![
        prop::collection::vec(any::<i32>().prop_map(Value::Int), 0..4),
        prop::collection::vec(any::<i64>().prop_map(Value::Long), 0..4),
        prop::collection::vec(any::<char>().prop_map(Value::Char), 0..4),
        prop::collection::vec(any::<String>().prop_map(Value::String), 0..4),
        prop::collection::vec(prop::num::f32::NORMAL.prop_map(Value::Float), 0..4),
    ];
    prop_oneof![
        4 => scalar(),
        1 => prop::collection::vec(any::<u8>(), 0..8).prop_map(Value::Bytes),
        1 => elements.prop_map(Value::List),
        1 => prop::collection::btree_set(any::<String>(), 0..4)
            .prop_map(|texts| Value::Set(texts.into_iter().map(Value::String).collect())),
    ]
}

proptest! {
    #[test]
    fn what_we_write_we_read_back(extras in prop::collection::btree_map("[a-zA-Z =%.é]{1,12}", value(), 0..8)) {
        let mut properties = Properties::from([
            ("objectClass", Value::from(["org.example.A"])),
            ("endpoint.id", Value::from("e1")),
            ("endpoint.framework.uuid", Value::from("f1")),
            ("endpoint.service.id", Value::Long(22)),
            ("service.imported.configs", Value::from(["x"])),
            ("remote.configs.supported", Value::from(["x"])),
            ("ecf.rsvc.id", Value::Long(3)),
            ("ecf.endpoint.id", Value::from("c")),
            ("ecf.endpoint.id.ns", Value::from("ns")),
            ("ecf.endpoint.ts", Value::Long(99)),
        ]);
        for (key, value) in extras {
            if !key.starts_with('.') {
                properties.insert(format!("x{key}"), value);
            }
        }
        let description = EndpointDescription::new(properties).unwrap();
        let read = decode(encode(&description).unwrap()).unwrap();
        prop_assert_eq!(read.properties(), description.properties());
        prop_assert!(read.same_content(&description));
    }

    #[test]
    fn no_record_makes_the_reader_panic(
        wire in prop::collection::vec(("[a-z.]{0,12}|endpoint.id|objectClass|ferlix.types", "[a-z]{0,6}|list|int|char", value()), 0..8)
    ) {
        let _ = decode(wire.into_iter().map(|(name, kind, value)| property(&name, &kind, value)));
    }
}
