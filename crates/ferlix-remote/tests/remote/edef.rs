//! EDEF against the file that iPOPO wrote for the tutorial's service, and against hostile and odd input.

use ferlix_core::property::{Properties, Value};
use ferlix_remote::Error;
use ferlix_remote::edef::{MAX_BYTES, MAX_DEPTH, MAX_VALUES, read, write};
use ferlix_remote::endpoint::{EndpointDescription, MAX_PROPERTIES};
use proptest::prelude::*;

const TUTORIAL: &str = include_str!("../fixtures/ipopo_hello.edef.xml");

/// A document of one description with these properties after the required ones.
fn document(properties: &str) -> String {
    format!(
        "<endpoint-descriptions xmlns=\"http://www.osgi.org/xmlns/rsa/v1.0.0\"><endpoint-description>\
         <property name=\"endpoint.id\" value=\"e\"/>\
         <property name=\"objectClass\"><array><value>a.B</value></array></property>\
         <property name=\"service.imported.configs\" value=\"x\"/>{properties}\
         </endpoint-description></endpoint-descriptions>"
    )
}

/// The value of the property `p` in a document.
fn value(property: &str) -> Result<Value, Error> {
    let descriptions = read(&document(property))?;
    Ok(descriptions[0].properties().get("p").unwrap().clone())
}

#[test]
fn the_tutorials_file_is_written_as_ipopo_writes_it() {
    let descriptions = read(TUTORIAL).unwrap();
    assert_eq!(descriptions.len(), 1);
    assert_eq!(
        descriptions[0].properties().get("ecf.rsvc.id"),
        Some(&Value::Long(3))
    );
    assert_eq!(
        descriptions[0]
            .properties()
            .texts("remote.intents.supported"),
        ["osgi.basic", "osgi.async"]
    );
    assert_eq!(write(&descriptions), TUTORIAL);
}

#[test]
fn package_versions_follow_the_framework_and_the_timeout_is_a_long() {
    let mut properties = read(TUTORIAL).unwrap()[0].properties().clone();
    properties.insert("osgi.basic.timeout", 60_000);
    properties.insert("endpoint.package.version.org.example", "1.1.0");
    let text = write([&EndpointDescription::new(properties).unwrap()]);
    let added = "\t\t<property name=\"endpoint.package.version.org.example\" value-type=\"String\" value=\"1.1.0\" />\n";
    assert_eq!(text.replace(added, ""), TUTORIAL);
    let before = text.split(added).next().unwrap();
    assert!(
        before
            .trim_end()
            .ends_with("value=\"077984cc-9ba6-4399-ab0d-06529cabd755\" />")
    );
}

#[test]
fn every_scalar_type_is_read_in_both_spellings() {
    for (kind, text, expected) in [
        ("String", " a ", Value::from(" a ")),
        ("long", " 5 ", Value::Long(5)),
        ("Long", "-5", Value::Long(-5)),
        ("double", "1.5", Value::Double(1.5)),
        ("Double", "Infinity", Value::Double(f64::INFINITY)),
        ("float", "2.5", Value::Float(2.5)),
        ("Float", "2.5", Value::Float(2.5)),
        ("int", "7", Value::Int(7)),
        ("Integer", "7", Value::Int(7)),
        ("byte", "-128", Value::Byte(-128)),
        ("Byte", "127", Value::Byte(127)),
        ("char", "c", Value::Char('c')),
        ("Character", "é", Value::Char('é')),
        ("boolean", "true", Value::Bool(true)),
        ("Boolean", "False", Value::Bool(false)),
        ("short", "3", Value::Short(3)),
        ("Short", "3", Value::Short(3)),
    ] {
        let property = format!("<property name=\"p\" value-type=\"{kind}\" value=\"{text}\"/>");
        assert_eq!(value(&property).unwrap(), expected, "{kind}");
    }
    assert_eq!(
        value("<property name=\"p\" value=\"&lt;&#x41;&amp;\"/>").unwrap(),
        Value::from("<A&")
    );
}

#[test]
fn the_four_forms_of_many_values_are_read() {
    let strings = "<value> a</value><value><![CDATA[<b>]]>&amp;</value>";
    for tag in ["array", "list"] {
        let property = format!("<property name=\"p\"><{tag}>{strings}</{tag}></property>");
        assert_eq!(value(&property).unwrap(), Value::from([" a", "<b>&"]));
    }
    assert_eq!(
        value("<property name=\"p\" value-type=\"Long\"><set><value>1</value></set></property>")
            .unwrap(),
        Value::Set(vec![Value::Long(1)])
    );
    assert_eq!(
        value(
            "<property name=\"p\" value-type=\"byte\"><array><value>-1</value></array></property>"
        )
        .unwrap(),
        Value::Bytes(vec![255])
    );
    assert_eq!(
        value("<property name=\"p\"><xml><!-- no --><a xmlns=\"u\"><?pi?><b c=\"&lt;\">t &amp;</b></a></xml></property>").unwrap(),
        Value::from("<a xmlns=\"u\"><b c=\"&lt;\">t &amp;</b></a>")
    );
}

#[test]
fn what_others_write_beyond_the_specification_is_read() {
    // Aries: the text of the element; the schema: mixed content; other name spaces: ignored.
    assert_eq!(
        value("<property name=\"p\" value-type=\"int\">7</property>").unwrap(),
        Value::Int(7)
    );
    assert_eq!(
        value("text <o:other xmlns:o=\"urn:o\"><property/>text</o:other><property name=\"p\" value=\"x\"/>").unwrap(),
        Value::from("x")
    );
    let bare = document("").replace(" xmlns=\"http://www.osgi.org/xmlns/rsa/v1.0.0\"", "");
    assert_eq!(read(&bare).unwrap()[0].id(), "e");
    assert_eq!(read("<endpoint-descriptions/>").unwrap().len(), 0);
}

#[test]
fn what_is_wrong_is_said() {
    for (property, part) in [
        ("<property value=\"x\"/>", "no name"),
        ("<property name=\"p\"/>", "no value"),
        (
            "<property name=\"p\" value-type=\"Strange\" value=\"x\"/>",
            "unknown value type Strange",
        ),
        (
            "<property name=\"p\" value-type=\"int\" value=\"x\"/>",
            "\"x\" is no int",
        ),
        (
            "<property name=\"p\" value=\"x\"><list/></property>",
            "more than one value",
        ),
        (
            "<property name=\"p\"><list/><set/></property>",
            "more than one value",
        ),
        (
            "<property name=\"p\"><bag/></property>",
            "unknown element bag",
        ),
        (
            "<property name=\"p\"><list><v/></list></property>",
            "expected element value",
        ),
        (
            "<property name=\"p\" value-type=\"int\"><xml><a/></xml></property>",
            "not of type String",
        ),
        (
            "<property name=\"p\"><xml><a/><b/></xml></property>",
            "more than one root",
        ),
        ("<property name=\"p\"><xml/></property>", "no root"),
        (
            "<property name=\"P\" value=\"x\"/><property name=\"p\" value=\"x\"/>",
            "given twice",
        ),
        ("<property name=\"p\" value=\"&x;\"/>", ""),
        (
            "<property name=\"p\"><list><value>&x;</value></list></property>",
            "unknown entity x",
        ),
    ] {
        let error = value(property).unwrap_err();
        assert!(matches!(error, Error::Edef { .. }), "{property}: {error}");
        assert!(error.to_string().contains(part), "{property}: {error}");
    }
    for broken in [
        "",
        "x",
        "<a/>",
        "<endpoint-descriptions>",
        "<endpoint-descriptions/><endpoint-descriptions/>",
        "</a>",
        "<",
    ] {
        assert!(
            matches!(read(broken), Err(Error::Edef { .. })),
            "{broken:?}"
        );
    }
    let missing = document("").replace("endpoint.id", "other");
    assert!(matches!(
        read(&missing),
        Err(Error::MissingProperty {
            name: "endpoint.id"
        })
    ));
}

#[test]
fn a_document_type_is_refused() {
    let bomb = format!("<!DOCTYPE a [<!ENTITY x \"y\">]>{}", document(""));
    let error = read(&bomb).unwrap_err();
    assert!(error.to_string().contains("document type"), "{error}");
}

#[test]
fn limits_are_kept() {
    assert!(matches!(
        read(&" ".repeat(MAX_BYTES + 1)),
        Err(Error::TooLarge { .. })
    ));
    let deep = format!("<property name=\"p\"><xml>{}", "<a>".repeat(MAX_DEPTH));
    assert!(matches!(
        read(&document(&deep)),
        Err(Error::TooLarge { .. })
    ));
    let many = format!(
        "<property name=\"p\"><list>{}</list></property>",
        "<value/>".repeat(MAX_VALUES)
    );
    assert!(matches!(
        read(&document(&many)),
        Err(Error::TooLarge { .. })
    ));
}

#[test]
fn a_description_has_no_more_properties_than_peers_take() {
    let properties = |count: usize| -> String {
        let property = |index| format!("<property name=\"p{index}\" value=\"\"/>");
        (0..count).map(property).collect()
    };
    // Three are in the document already.
    let most = read(&document(&properties(MAX_PROPERTIES - 3))).unwrap();
    assert_eq!(read(&write(&most)).unwrap(), most);
    assert!(matches!(
        read(&document(&properties(MAX_PROPERTIES - 2))),
        Err(Error::TooLarge {
            limit: MAX_PROPERTIES,
            ..
        })
    ));
}

#[test]
fn characters_that_xml_forbids_are_refused_even_as_references() {
    for bad in [
        "\u{1}", "&#1;", "&#x1F;", "&#xFFFE;", "&#xFFFF;", "\u{FFFF}",
    ] {
        for property in [
            format!("<property name=\"p{bad}\" value=\"x\"/>"),
            format!("<property name=\"p\" value=\"x{bad}\"/>"),
            format!("<property name=\"p\">x{bad}</property>"),
            format!("<property name=\"p\"><list><value>{bad}</value></list></property>"),
            format!("<property name=\"p\"><xml><a>{bad}</a></xml></property>"),
        ] {
            let error = read(&document(&property)).unwrap_err();
            assert!(matches!(error, Error::Edef { .. }), "{property}: {error}");
            assert!(
                error.to_string().contains("is not allowed in XML"),
                "{property}: {error}"
            );
        }
    }
    let good = "<property name=\"p\" value=\"&#9;&#10;&#13;&#x7F;&#xFFFD;&#x10000;\"/>";
    assert_eq!(
        value(good).unwrap(),
        Value::from("\t\n\r\u{7F}\u{FFFD}\u{10000}")
    );
}

#[test]
fn errors_repeat_only_the_beginning_of_what_is_wrong() {
    let long = "e".repeat(100_000);
    for property in [
        format!("<property name=\"{long}\"/>"),
        format!("<property name=\"{long}\" value=\"\"/><property name=\"{long}\" value=\"\"/>"),
        format!("<property name=\"p\" value-type=\"{long}\" value=\"\"/>"),
        format!("<property name=\"{long}\" value-type=\"int\" value=\"{long}\"/>"),
        format!("<property name=\"p\"><{long}/></property>"),
        format!("<{long}/>"),
        format!("<property name=\"p\"><list><value>&{long};</value></list></property>"),
        format!("<property name=\"p\" value=\"&{long};\"/>"),
        format!("<property name=\"p\"></{long}>"),
    ] {
        let error = read(&document(&property)).unwrap_err();
        assert!(matches!(error, Error::Edef { .. }));
        let error = error.to_string();
        assert!(
            error.len() < 500 && error.contains('…'),
            "{} bytes: {}",
            error.len(),
            &error[..error.len().min(200)]
        );
    }
}

#[test]
fn what_has_no_form_is_left_out_and_bad_characters_are_replaced() {
    let description = EndpointDescription::new(Properties::from([
        ("objectClass", Value::from(["a.B"])),
        ("endpoint.id", Value::from("e")),
        ("service.imported.configs", Value::from("x")),
        ("map", Value::Map(std::collections::BTreeMap::new())),
        ("null", Value::Null),
        ("nested", Value::List(vec![Value::List(vec![])])),
        ("mixed", Value::List(vec![Value::Int(1), Value::from("a")])),
        ("odd", Value::from("a\u{1}\r\n\t\"<>&")),
    ]))
    .unwrap();
    let read = read(&write([&description])).unwrap().remove(0);
    for key in ["map", "null", "nested"] {
        assert!(!read.properties().contains(key), "{key}");
    }
    assert_eq!(
        read.properties().get("mixed"),
        Some(&Value::from(["1", "a"]))
    );
    assert_eq!(read.properties().text("odd"), Some("a\u{FFFD}\r\n\t\"<>&"));
}

/// A text that XML can hold.
fn text() -> impl Strategy<Value = String> {
    "[\\PC\\r\\n\\t]{0,8}".prop_map(|text| text.replace(['\u{FFFE}', '\u{FFFF}'], ""))
}

fn any_value() -> impl Strategy<Value = Value> {
    let character =
        any::<char>().prop_filter("XML", |c| *c >= ' ' && !"\u{FFFE}\u{FFFF}".contains(*c));
    let scalar = prop_oneof![
        text().prop_map(Value::String),
        any::<bool>().prop_map(Value::Bool),
        any::<i8>().prop_map(Value::Byte),
        any::<i16>().prop_map(Value::Short),
        any::<i32>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::Long),
        prop::num::f32::NORMAL.prop_map(Value::Float),
        prop::num::f64::NORMAL.prop_map(Value::Double),
        character.prop_map(Value::Char),
    ];
    prop_oneof![
        4 => scalar,
        1 => prop::collection::vec(text().prop_map(Value::String), 0..4).prop_map(Value::List),
        1 => prop::collection::vec(any::<i16>().prop_map(Value::Short), 0..4).prop_map(Value::Set),
        1 => prop::collection::vec(any::<i8>().prop_map(Value::Byte), 1..4).prop_map(Value::List),
        1 => prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
    ]
}

proptest! {
    #[test]
    fn every_type_round_trips(extras in prop::collection::btree_map(text(), any_value(), 0..6)) {
        let mut properties = Properties::from([
            ("objectClass", Value::from(["org.example.A"])),
            ("endpoint.id", Value::from("e1")),
            ("service.imported.configs", Value::from(["x"])),
        ]);
        properties.extend(extras.into_iter().map(|(key, value)| (format!("x{key}"), value)));
        let description = EndpointDescription::new(properties).unwrap();
        let text = write([&description]);
        prop_assert!(roxmltree::Document::parse(&text).is_ok(), "{}", text);
        let read = read(&text).unwrap();
        prop_assert_eq!(read[0].properties(), description.properties());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(<|>|/|&|;|\"|=| |a|endpoint-descriptions|property|value|xml|array|<!DOCTYPE|<!\\[CDATA\\[|\\]\\]>|<\\?){0,40}") {
        let _ = read(&text);
    }
}
