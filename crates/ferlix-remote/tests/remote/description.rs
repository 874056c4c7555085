//! Endpoint descriptions by the rules of OSGi's chapter 122.4, and those of ECF where they add to them.

use ferlix_core::property::{Properties, Value};
use ferlix_remote::Error;
use ferlix_remote::endpoint::{EndpointDescription, names};

/// What every description has, with further properties.
fn with<const N: usize>(more: [(&str, Value); N]) -> Properties {
    let mut properties = Properties::from([
        ("endpoint.id", Value::from("e1")),
        ("objectClass", Value::from(["org.example.A", "org.other.B"])),
        ("service.imported.configs", Value::from(["x", "y"])),
    ]);
    for (key, value) in more {
        properties.insert(key, value);
    }
    properties
}

fn described<const N: usize>(more: [(&str, Value); N]) -> EndpointDescription {
    EndpointDescription::new(with(more)).unwrap()
}

#[test]
fn an_identity_an_interface_and_a_configuration_are_required() {
    for name in ["endpoint.id", "objectClass", "service.imported.configs"] {
        let mut properties = with([]);
        properties.remove(name);
        let error = EndpointDescription::new(properties).unwrap_err();
        let missing = matches!(error, Error::MissingProperty { name: missing } if missing == name);
        assert!(missing, "{error}");
        for wrong in [
            Value::from(""),
            Value::from("  "),
            Value::List(Vec::new()),
            Value::from(5),
            Value::from([5]),
        ] {
            let error = EndpointDescription::new(with([(name, wrong.clone())])).unwrap_err();
            assert!(
                matches!(error, Error::InvalidProperty { .. }),
                "{name} {wrong:?}: {error}"
            );
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    for wrong in ["", "one", "1.x", "1.2.3.4.5", "-1"] {
        let version = ("endpoint.package.version.org.example", Value::from(wrong));
        assert!(
            EndpointDescription::new(with([version])).is_err(),
            "{wrong:?}"
        );
    }
}

#[test]
fn the_service_is_a_number_and_the_framework_a_text() {
    assert_eq!(described([]).service_id(), 0);
    assert_eq!(
        described([("endpoint.service.id", Value::Long(7))]).service_id(),
        7
    );
    // What travels as a text is read as the number that it is.
    assert_eq!(
        described([("endpoint.service.id", Value::from(" 7 "))]).service_id(),
        7
    );
    for wrong in [
        Value::from("x"),
        Value::Long(-1),
        Value::from(true),
        Value::from([7]),
    ] {
        let properties = with([("endpoint.service.id", wrong)]);
        assert!(EndpointDescription::new(properties).is_err());
    }
    assert_eq!(described([]).framework_uuid(), None);
    let framework = described([("endpoint.framework.uuid", Value::from("f"))]);
    assert_eq!(framework.framework_uuid(), Some("f"));
    assert!(EndpointDescription::new(with([("endpoint.framework.uuid", Value::from(7))])).is_err());
}

#[test]
fn keys_have_no_case_and_what_says_how_to_export_is_left_out() {
    let description = described([
        ("SERVICE.exported.interfaces", Value::from("*")),
        ("service.Exported.configs", Value::from("x")),
        ("service.exported.of.somebody", Value::from(1)),
        ("Hello.Name", Value::from("a")),
    ]);
    let properties = description.properties();
    assert!(
        !properties
            .iter()
            .any(|(key, _)| key.to_ascii_lowercase().starts_with("service.exported"))
    );
    assert_eq!(properties.text("hello.name"), Some("a"));
    assert_eq!(properties.text("service.imported"), Some("true"));
    // The second spelling of a key replaces the first: there are never two.
    let twice = described([
        ("HELLO.name", Value::from("b")),
        ("hello.NAME", Value::from("c")),
    ]);
    let spelled = |(key, _): &(&str, &Value)| key.eq_ignore_ascii_case("hello.name");
    assert_eq!(twice.properties().iter().filter(spelled).count(), 1);
    assert_eq!(twice.properties().text("hello.name"), Some("c"));
    let given = described([("service.imported", Value::from("x"))]);
    assert_eq!(given.properties().text("service.imported"), Some("x"));
}

#[test]
fn values_keep_their_types_inside() {
    let values = [
        ("a", Value::Byte(1)),
        ("b", Value::Short(2)),
        ("c", Value::Int(3)),
        ("d", Value::Long(4)),
        ("e", Value::Float(5.5)),
        ("f", Value::Double(6.5)),
        ("g", Value::Char('x')),
        ("h", Value::Bool(true)),
        ("i", Value::Bytes(vec![1, 2])),
        ("j", Value::Set(vec![Value::Long(1)])),
    ];
    let description = described(values.clone());
    for (key, value) in values {
        assert_eq!(description.properties().get(key), Some(&value));
    }
}

#[test]
fn two_are_equal_by_their_trimmed_identity() {
    use std::collections::HashSet;
    let (first, second) = (
        described([("a", Value::from(1))]),
        described([("endpoint.id", Value::from(" e1\n"))]),
    );
    assert_eq!(first, second);
    assert_eq!(second.id(), "e1");
    assert_eq!(second.properties().text("endpoint.id"), Some("e1"));
    assert_eq!(HashSet::from([first.clone(), second]).len(), 1);
    assert_ne!(first, described([("endpoint.id", Value::from("E1"))]));
}

#[test]
fn the_same_service_is_the_same_framework_and_number() {
    let of = |id: &str, framework: Option<&str>, service: i64| {
        let mut properties = with([
            ("endpoint.id", Value::from(id)),
            ("endpoint.service.id", Value::Long(service)),
        ]);
        if let Some(framework) = framework {
            properties.insert("endpoint.framework.uuid", framework);
        }
        EndpointDescription::new(properties).unwrap()
    };
    let first = of("1", Some("f"), 5);
    assert!(first.is_same_service(&of("2", Some("f"), 5)));
    assert!(!first.is_same_service(&of("2", Some("g"), 5)));
    assert!(!first.is_same_service(&of("2", Some("f"), 6)));
    assert!(!first.is_same_service(&of("2", None, 5)));
    assert!(!of("1", None, 5).is_same_service(&of("2", None, 5)));
    // Number 0 is no service, so that two of them are not the same one.
    assert!(!of("1", Some("f"), 0).is_same_service(&of("2", Some("f"), 0)));
    assert!(of("1", Some("f"), 0).is_same_service(&of("1", Some("g"), 9)));
}

#[test]
fn versions_are_by_package_and_intents_in_any_form() {
    let description = described([
        (
            "Endpoint.Package.Version.org.example",
            Value::from(" 1.2.3 "),
        ),
        ("service.intents", Value::from("one")),
    ]);
    assert_eq!(description.package_version("org.example"), "1.2.3");
    assert_eq!(description.package_version("org.other"), "0.0.0");
    assert_eq!(
        names::package_of("org.example.sub.IHello"),
        "org.example.sub"
    );
    assert_eq!(names::package_of("IHello"), "");
    assert_eq!(description.intents(), ["one"]);
    let intents = |value: Value| described([("service.intents", value)]).intents().to_vec();
    assert_eq!(intents(Value::from(["a", "b"])), ["a", "b"]);
    assert_eq!(intents(Value::Set(vec![Value::from("a")])), ["a"]);
    assert!(intents(Value::from(5)).is_empty());
    let configurations = |value: Value| {
        described([("service.imported.configs", value)])
            .configurations()
            .to_vec()
    };
    assert_eq!(configurations(Value::from("one")), ["one"]);
    assert_eq!(
        configurations(Value::Set(vec![Value::from("a"), Value::from("b")])),
        ["a", "b"]
    );
}

#[test]
fn filters_see_every_property_whatever_the_case() {
    let description = described([
        ("Number", Value::Long(5)),
        ("list", Value::from(["a", "b"])),
    ]);
    for (filter, matches) in [
        ("(endpoint.id=e1)", true),
        ("(&(NUMBER>=4)(Number<=6))", true),
        ("(list=b)", true),
        ("(objectClass=org.other.B)", true),
        ("(service.imported=*)", true),
        ("(list=c)", false),
        ("(missing=*)", false),
    ] {
        assert_eq!(
            description.matches(&filter.parse().unwrap()),
            matches,
            "{filter}"
        );
    }
}
