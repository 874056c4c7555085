//! The codec from outside: documents of the real peers, lenient forms, hostile documents, and properties that hold for
//! every value and every byte sequence.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeMap;
use std::path::Path;

use ferlix_core::property::{DateTime, Value};
use ferlix_core::service::CallError;
use ferlix_xmlrpc::codec::{
    CodecError, Fault, Limit, Limits, MethodCall, Response, read_call, read_response, write_call,
    write_fault, write_response,
};
use proptest::prelude::*;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read(path.join(name)).unwrap()
}

fn call(document: &[u8]) -> Result<MethodCall, CodecError> {
    read_call(document, &Limits::default())
}

fn response(document: &[u8]) -> Result<Response, CodecError> {
    read_response(document, &Limits::default())
}

/// The result whose `value` element holds this.
fn result(inner: &str) -> Result<Value, CodecError> {
    let document = format!(
        "<methodResponse><params><param><value>{inner}</value></param></params></methodResponse>"
    );
    match response(document.as_bytes())? {
        Response::Value(value) => Ok(value),
        Response::Fault(fault) => panic!("a fault: {fault:?}"),
    }
}

fn new_year(clock: (u8, u8, u8)) -> DateTime {
    let date = time::Date::from_calendar_date(2026, time::Month::January, 2).unwrap();
    DateTime::new(
        date,
        time::Time::from_hms(clock.0, clock.1, clock.2).unwrap(),
    )
}

/// What the type fixtures hold.
fn every_type() -> Value {
    Value::List(vec![
        Value::Int(1),
        Value::Int(i32::MIN),
        Value::Bool(true),
        Value::Null,
        Value::Double(3.5),
        Value::from("x"),
        Value::Map(BTreeMap::from([(
            "k".to_owned(),
            Value::List(vec![Value::Int(1), Value::Int(2)]),
        )])),
        Value::Bytes(vec![0, 1]),
        Value::DateTime(new_year((3, 4, 5))),
    ])
}

#[test]
fn calls_of_python_are_read() {
    for (name, method, arguments) in [
        (
            "ipopo_say_hello_call.xml",
            "3.sayHello",
            vec![Value::from("a<&>é"), Value::from("b")],
        ),
        ("ipopo_types_call.xml", "3.echo", vec![every_type()]),
        ("ipopo_fail_call.xml", "3.fail", vec![]),
        ("ipopo_no_such_method_call.xml", "3.nosuch", vec![]),
        ("ipopo_no_such_service_call.xml", "999.sayHello", vec![]),
        ("ipopo_bad_method_call.xml", "bad", vec![]),
        ("ipopo_private_method_call.xml", "3._private", vec![]),
    ] {
        let read = call(&fixture(name)).unwrap();
        assert_eq!(
            (&*read.method, read.arguments),
            (method, arguments),
            "{name}"
        );
    }
}

#[test]
fn answers_of_ipopo_are_read() {
    let greeting = "PythonSync says: Howdy a<&>é that's a nice runtime you got there";
    assert_eq!(
        response(&fixture("ipopo_say_hello_answer.xml")).unwrap(),
        Response::Value(Value::from(greeting))
    );
    assert_eq!(
        response(&fixture("ipopo_types_answer.xml")).unwrap(),
        Response::Value(every_type())
    );
    let remote = "pelix.rsa.RemoteServiceError";
    for (name, kind, message) in [
        ("fail", "ValueError", "asked to fail"),
        ("no_such_method", remote, "Unknown method nosuch"),
        (
            "no_such_service",
            remote,
            "Unknown service with rs_id=999 for method call=sayHello",
        ),
        (
            "bad_method",
            "ValueError",
            "Invalid method=bad.  Must be of form <objectid>.<methodname>",
        ),
        ("private_method", remote, "Unknown method _private"),
    ] {
        let Response::Fault(fault) =
            response(&fixture(&format!("ipopo_{name}_answer.xml"))).unwrap()
        else {
            panic!("{name} is no fault");
        };
        let CallError::Fault {
            code: 1,
            kind: Some(read_kind),
            message: read_message,
            ..
        } = CallError::from(fault)
        else {
            panic!("{name} is another error");
        };
        assert_eq!((&*read_kind, &*read_message), (kind, message), "{name}");
    }
}

#[test]
fn every_form_of_a_value_is_read() {
    let text = |text: &str| Value::from(text);
    let moment = Value::DateTime(new_year((3, 4, 5)));
    for (inner, value) in [
        ("", text("")),
        (" a b\n", text(" a b\n")),
        ("a&#x20;b&amp;&lt;&gt;&apos;&quot;", text("a b&<>'\"")),
        ("a<!-- c -->b<![CDATA[<&]]>", text("ab<&")),
        ("a\r\nb\rc&#13;", text("a\nb\nc\r")),
        ("<string/>", text("")),
        ("<string> a </string>", text(" a ")),
        ("\n <string>a</string> <!-- b --> ", text("a")),
        ("<string a='1' xmlns:x=\"y\">a</string >", text("a")),
        ("<int> +5 </int>", Value::Int(5)),
        ("<i4>-5</i4>", Value::Int(-5)),
        ("<i1>127</i1>", Value::Byte(127)),
        ("<ex:i1 xmlns:ex='e'>-128</ex:i1>", Value::Byte(-128)),
        ("<i2>300</i2>", Value::Short(300)),
        ("<i8>5</i8>", Value::Long(5)),
        ("<ex:i8>-9223372036854775808</ex:i8>", Value::Long(i64::MIN)),
        ("<biginteger>5</biginteger>", Value::Long(5)),
        (
            "<any.prefix-1:biginteger>-7</any.prefix-1:biginteger>",
            Value::Long(-7),
        ),
        ("<ex:bigdecimal>1.25</ex:bigdecimal>", Value::Double(1.25)),
        ("<ex:float>2.5</ex:float>", Value::Float(2.5)),
        ("<double>1e3</double>", Value::Double(1000.0)),
        ("<double>Infinity</double>", Value::Double(f64::INFINITY)),
        ("<double>-inf</double>", Value::Double(f64::NEG_INFINITY)),
        ("<boolean>1</boolean>", Value::Bool(true)),
        ("<boolean> false </boolean>", Value::Bool(false)),
        ("<nil/>", Value::Null),
        ("<ex:nil></ex:nil>", Value::Null),
        ("<x:nil> </x:nil>", Value::Null),
        ("<base64>\nAAE=\n</base64>", Value::Bytes(vec![0, 1])),
        ("<base64>AA\r\n E</base64>", Value::Bytes(vec![0, 1])),
        ("<base64/>", Value::Bytes(vec![])),
        (
            "<dateTime.iso8601>20260102T03:04:05</dateTime.iso8601>",
            moment.clone(),
        ),
        (
            "<dateTime.iso8601>2026-01-02T03:04:05Z</dateTime.iso8601>",
            moment.clone(),
        ),
        (
            "<ex:dateTime>2026-01-02T04:04:05.000+01:00</ex:dateTime>",
            moment,
        ),
        ("<array><data/></array>", Value::List(vec![])),
        ("<array/>", Value::List(vec![])),
        ("<struct/>", Value::Map(BTreeMap::new())),
        (
            "<struct><member><value>1</value><name>a</name></member><member><name>a</name><value>2</value></member></struct>",
            Value::Map(BTreeMap::from([("a".to_owned(), text("2"))])),
        ),
    ] {
        assert_eq!(result(inner).unwrap(), value, "{inner}");
    }
    let Value::Double(nan) = result("<double>NaN</double>").unwrap() else {
        panic!("no double");
    };
    assert!(nan.is_nan());
}

#[test]
fn documents_are_read_in_every_dress() {
    let plain = "<methodCall><methodName>\n 1.m </methodName></methodCall>";
    for document in [
        plain.to_owned(),
        format!(
            "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\" standalone='no'?>\r\n<!-- a -->{plain}\n<!-- b -->\n"
        ),
        format!("<?xml version='1.0' encoding='US-ASCII'?>{plain}"),
        "<a:methodCall xmlns:a='b'><a:methodName>1.m</a:methodName><a:params/></a:methodCall>"
            .to_owned(),
    ] {
        let read = call(document.as_bytes()).unwrap();
        assert_eq!(read.method, "1.m", "{document}");
        assert_eq!(read.arguments, [], "{document}");
    }
    for document in [
        "<methodResponse><params/></methodResponse>",
        "<methodResponse>\n<params>\n</params></methodResponse>",
    ] {
        assert_eq!(
            response(document.as_bytes()).unwrap(),
            Response::Value(Value::Null)
        );
    }
    let without_code = "<methodResponse><fault><value><struct><member><name>faultString</name><value>x</value></member></struct></value></fault></methodResponse>";
    assert_eq!(
        response(without_code.as_bytes()).unwrap(),
        Response::Fault(Fault {
            code: 0,
            text: "x".to_owned(),
            data: None,
        })
    );
}

/// What the error of each hostile document must say; the documents lie in `tests/hostile`.
const HOSTILE: &[(&str, &str)] = &[
    ("array_two_data", "expected </array>"),
    ("array_without_data", "expected data"),
    ("attribute_markup", "not well-formed"),
    ("attribute_on_end", "not well-formed"),
    ("attribute_reference", "the reference &x;"),
    ("attribute_twice", "attribute a stands twice"),
    ("attribute_unquoted", "not quoted"),
    ("bad_comment", "not well-formed"),
    ("base64_wrong", "is no base64"),
    ("bigdecimal_overflow", "finite decimal number"),
    ("biginteger_overflow", "larger ones are not read"),
    ("blank", "the end of the document"),
    ("boolean_two", "is no boolean"),
    ("call_empty_name", "the name of a method"),
    ("call_params_first", "methodName, then params"),
    ("call_two_names", "methodName, then params"),
    ("call_two_params", "methodName, then params"),
    ("call_without_name", "methodName, then params"),
    ("capital_x_reference", "the reference &#X41;"),
    ("cdata_after", "expected the end of the document"),
    ("cdata_end_in_text", "]]> in a text"),
    ("control_character", "U+0001"),
    ("date_month_13", "date and time"),
    ("declaration_bare", "without a version"),
    ("declaration_late", "an XML declaration after the start"),
    ("declaration_twice", "an XML declaration after the start"),
    ("doctype", "a document type declaration is not allowed"),
    ("double_text", "is no double"),
    ("element_in_scalar", "expected a text"),
    ("empty", "the end of the document"),
    ("empty_name", "unknown element or type <>"),
    ("empty_prefix", "unknown element or type <:int>"),
    ("encoding_latin1", "\"ISO-8859-1\" is not read"),
    ("encoding_utf16", "\"UTF-16\" is not read"),
    ("entity_bomb", "a document type declaration is not allowed"),
    (
        "external_entity",
        "a document type declaration is not allowed",
    ),
    ("fault_code_text", "faultCode and faultString"),
    ("fault_text", "faultCode and faultString"),
    ("fault_without_text", "faultCode and faultString"),
    ("html", "unknown element or type <html>"),
    ("huge_reference", "the reference &#x110000;"),
    ("i1_overflow", "integer of 8 bits"),
    ("i8_overflow", "integer of 64 bits"),
    (
        "instruction_inside",
        "a processing instruction is not allowed",
    ),
    ("int_empty", "integer of 32 bits"),
    ("int_overflow", "\"2147483648\" is no integer of 32 bits"),
    ("int_text", "\"twelve\" is no integer of 32 bits"),
    ("json", "found the text"),
    ("lone_ampersand", "not well-formed"),
    ("member_two_values", "one name and one value"),
    ("member_without_name", "one name and one value"),
    ("member_without_value", "one name and one value"),
    ("neither", "params or fault"),
    ("nil_full", "nil, which is empty"),
    ("nonchar", "U+FFFF"),
    ("nonchar_reference", "the reference &#xFFFF;"),
    ("not_utf8", "not UTF-8"),
    ("null_byte", "U+0000"),
    ("null_reference", "the reference &#0;"),
    ("only_declaration", "the end of the document"),
    ("osgi_dto", "unknown element or type <ex:osgidto>"),
    ("overlong_utf8", "not UTF-8"),
    ("param_empty", "expected value"),
    (
        "processing_instruction",
        "a processing instruction is not allowed",
    ),
    ("reference_before", "expected method"),
    ("result_and_fault", "params or fault, one of them"),
    ("serializable", "unknown element or type <ex:serializable>"),
    ("struct_without_member", "expected member"),
    ("surrogate_reference", "the reference &#xD800;"),
    ("text_after", "expected the end of the document"),
    ("text_and_type", "one type alone"),
    ("text_before", "found the text \"x\""),
    ("two_prefixes", "unknown element or type <a:b:int>"),
    ("two_results", "one result"),
    ("two_roots", "expected the end of the document"),
    ("two_types", "expected </value>"),
    ("type_and_text", "expected </value>"),
    ("unclosed_cdata", "not well-formed"),
    ("unclosed_comment", "not well-formed"),
    ("unclosed_root", "the end of the document"),
    ("unclosed_tag", "not well-formed"),
    ("unclosed_value", "the end of the document"),
    ("unknown_entity", "the reference &nbsp;"),
    ("utf16", "not UTF-8"),
    ("wrong_order", "not well-formed"),
];

#[test]
fn hostile_documents_are_refused_with_a_reason() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let listed: Vec<&str> = HOSTILE.iter().map(|(name, _)| *name).collect();
    assert_eq!(files, listed, "each document is listed with its reason");
    for (name, reason) in HOSTILE {
        let path = format!("../hostile/{name}.xml");
        let document = fixture(&path);
        let as_call = call(&document).unwrap_err().to_string();
        let as_response = response(&document).unwrap_err().to_string();
        let said = if name.starts_with("call_") {
            as_call
        } else {
            as_response
        };
        assert!(said.contains(reason), "{name}: {said}");
    }
}

#[test]
fn errors_say_where() {
    let offset = |document: &[u8]| match response(document).unwrap_err() {
        CodecError::Malformed { offset, .. }
        | CodecError::Forbidden { offset, .. }
        | CodecError::Unknown { offset, .. }
        | CodecError::Structure { offset, .. } => offset,
        other => panic!("{other:?}"),
    };
    assert_eq!(offset(b"<methodResponse><!DOCTYPE a>"), 16);
    assert_eq!(offset("\u{FEFF}<methodResponse><x/>".as_bytes()), 19);
    assert_eq!(offset(b"<methodResponse><params>\x02"), 24);
    assert_eq!(offset(b"<methodResponse><params></fault>"), 24);
    assert_eq!(offset(b"<methodResponse>\xff"), 16);
}

#[test]
fn limits_are_kept_and_named() {
    let exceeded =
        |document: &str, limits: &Limits| match read_response(document.as_bytes(), limits) {
            Ok(_) => None,
            Err(CodecError::Limit { limit, maximum, .. }) => Some((limit, maximum)),
            Err(other) => panic!("{other}"),
        };
    let nested = |depth: usize| {
        let open = "<value><array><data>".repeat(depth - 1);
        let close = "</data></array></value>".repeat(depth - 1);
        format!(
            "<methodResponse><params><param>{open}<value>a</value>{close}</param></params></methodResponse>"
        )
    };
    let standard = Limits::default();
    assert_eq!(exceeded(&nested(64), &standard), None);
    assert_eq!(exceeded(&nested(65), &standard), Some((Limit::Depth, 64)));
    // Far beyond: refused at the limit, without using the stack for the rest.
    assert_eq!(
        exceeded(&nested(100_000), &standard),
        Some((Limit::Depth, 64))
    );
    let deepest = Limits {
        depth: u8::MAX,
        ..Limits::default()
    };
    assert_eq!(exceeded(&nested(255), &deepest), None);
    assert_eq!(exceeded(&nested(256), &deepest), Some((Limit::Depth, 255)));

    let document = nested(1);
    let bytes = |bytes| Limits {
        bytes,
        ..Limits::default()
    };
    assert_eq!(exceeded(&document, &bytes(document.len())), None);
    assert_eq!(
        exceeded(&document, &bytes(document.len() - 1)),
        Some((Limit::Bytes, document.len() - 1))
    );
    let elements = |elements| Limits {
        elements,
        ..Limits::default()
    };
    assert_eq!(exceeded(&document, &elements(4)), None);
    assert_eq!(
        exceeded(&document, &elements(3)),
        Some((Limit::Elements, 3))
    );
    let list = "<methodResponse><params><param><value><array><data><value>1</value><value><int>2</int></value></data></array></value></param></params></methodResponse>";
    assert_eq!(exceeded(list, &elements(9)), None);
    for fewer in 6..9 {
        let expected = Some((Limit::Elements, fewer));
        assert_eq!(exceeded(list, &elements(fewer)), expected);
    }
    let text = |text| Limits {
        text,
        ..Limits::default()
    };
    let pieces = "<methodResponse><params><param><value>ab<!-- -->cd&amp;</value></param></params></methodResponse>";
    assert_eq!(exceeded(pieces, &text(5)), None);
    assert_eq!(exceeded(pieces, &text(4)), Some((Limit::Text, 4)));
}

#[test]
fn a_fault_is_read_as_it_was_written() {
    let fault = Fault {
        code: -5,
        text: "Kind:a<b>\r\n".to_owned(),
        data: Some(Value::List(vec![Value::Long(1), Value::Null])),
    };
    assert_eq!(
        response(&write_fault(&fault)).unwrap(),
        Response::Fault(fault)
    );
}

/// Any text that XML can hold, with its awkward characters more often than chance has them.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => proptest::char::range(' ', '~'),
        2 => proptest::sample::select(vec!['&', '<', '>', '\r', '\n', '\t', ']', '"', '\'', ' ']),
        1 => any::<char>().prop_filter("XML can hold it", |character| {
            matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
        }),
    ];
    proptest::collection::vec(character, 0..12)
        .prop_map(|characters| characters.into_iter().collect())
}

fn date_time() -> impl Strategy<Value = DateTime> {
    (0_i32..=9999, 1_u16..=365, 0_u8..24, 0_u8..60, 0_u8..60).prop_map(
        |(year, day, hour, minute, second)| {
            DateTime::new(
                time::Date::from_ordinal_date(year, day).unwrap(),
                time::Time::from_hms(hour, minute, second).unwrap(),
            )
        },
    )
}

/// Every number of a floating-point type; one that is none does not equal itself, so it has a test of its own.
macro_rules! numbers {
    ($type:ident) => {{
        use proptest::num::$type::*;
        POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO | INFINITE
    }};
}

/// A value and what it comes back as: narrow types come back as the type that stands on the wire.
fn value() -> impl Strategy<Value = (Value, Value)> {
    let same = |value: Value| (value.clone(), value);
    let leaf = prop_oneof![
        Just(same(Value::Null)),
        any::<bool>().prop_map(move |value| same(Value::Bool(value))),
        any::<i8>().prop_map(|value| (Value::Byte(value), Value::Int(value.into()))),
        any::<i16>().prop_map(|value| (Value::Short(value), Value::Int(value.into()))),
        any::<i32>().prop_map(move |value| same(Value::Int(value))),
        any::<i64>().prop_map(move |value| same(Value::Long(value))),
        numbers!(f64).prop_map(move |value| same(Value::Double(value))),
        numbers!(f32).prop_map(|value| (Value::Float(value), Value::Double(value.into()))),
        text().prop_map(move |value| same(Value::String(value))),
        proptest::char::range('!', 'z')
            .prop_map(|value| (Value::Char(value), Value::String(value.to_string()))),
        proptest::collection::vec(any::<u8>(), 0..200)
            .prop_map(move |value| same(Value::Bytes(value))),
        date_time().prop_map(move |value| same(Value::DateTime(value))),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(|values| {
                let (sent, received) = values.into_iter().unzip();
                (Value::List(sent), Value::List(received))
            }),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|values| {
                let (sent, received) = values.into_iter().unzip();
                (Value::Set(sent), Value::List(received))
            }),
            proptest::collection::btree_map(text(), inner, 0..6).prop_map(|members| {
                let sent = members
                    .iter()
                    .map(|(name, pair)| (name.clone(), pair.0.clone()));
                let received = members
                    .iter()
                    .map(|(name, pair)| (name.clone(), pair.1.clone()));
                (Value::Map(sent.collect()), Value::Map(received.collect()))
            }),
        ]
    })
}

/// Fails when the document is not well-formed in the eyes of an independent parser. Namespaces mean nothing to us.
fn assert_well_formed(document: &[u8]) {
    use roxmltree::Error;
    let text = std::str::from_utf8(document).unwrap();
    let options = roxmltree::ParsingOptions {
        nodes_limit: u32::MAX,
        ..roxmltree::ParsingOptions::default()
    };
    match roxmltree::Document::parse_with_options(text, options) {
        Ok(_) => {}
        Err(
            Error::UnknownNamespace(..)
            | Error::DuplicatedNamespace(..)
            | Error::InvalidXmlPrefixUri(_)
            | Error::UnexpectedXmlUri(_)
            | Error::UnexpectedXmlnsUri(_)
            | Error::InvalidElementNamePrefix(_),
        ) => {}
        Err(error) => panic!("accepted, but: {error}: {text:?}"),
    }
}

/// Documents that are nearly right: pieces of XML-RPC in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = proptest::sample::select(vec![
        "<value>",
        "</value>",
        "<value/>",
        "<int>",
        "</int>",
        "<string>",
        "</string>",
        "<array>",
        "<data>",
        "</data>",
        "</array>",
        "<struct>",
        "<member>",
        "<name>",
        "</name>",
        "</member>",
        "</struct>",
        "<ex:nil/>",
        "<i8>",
        "</i8>",
        "1",
        "a",
        " ",
        "\n",
        "&amp;",
        "&#65;",
        "&#",
        ";",
        "<!-- x -->",
        "<!--",
        "-->",
        "-",
        "<![CDATA[",
        "]]>",
        "]",
        "<?xml version='1.0'?>",
        "?>",
        "<a b='c'>",
        "</a>",
        "'",
        "\"",
        " a='b'",
        "<value a='b'>",
        "<!DOCTYPE a>",
        "\u{FEFF}",
        "é",
        "<param>",
        "</param>",
        "<nil />",
        "<value\n>",
        "</value >",
        ">",
        "<",
        "/",
    ]);
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| {
        let inner: String = pieces.concat();
        format!("<methodResponse><params><param><value>{inner}</value></param></params></methodResponse>")
            .into_bytes()
    })
}

proptest! {
    #[test]
    fn a_result_comes_back((sent, received) in value()) {
        let document = write_response(&sent).unwrap();
        assert_well_formed(&document);
        prop_assert_eq!(response(&document).unwrap(), Response::Value(received));
    }

    #[test]
    fn a_call_comes_back(
        method in "[0-9]{1,4}\\.[a-zA-Z<&>_]{1,12}",
        arguments in proptest::collection::vec(value(), 0..4),
    ) {
        let (sent, received): (Vec<Value>, Vec<Value>) = arguments.into_iter().unzip();
        let document = write_call(&method, &sent).unwrap();
        assert_well_formed(&document);
        prop_assert_eq!(call(&document).unwrap(), MethodCall { method, arguments: received });
    }

    #[test]
    fn any_fault_can_be_written_and_read(code in any::<i32>(), text in any::<String>()) {
        let document = write_fault(&Fault { code, text: text.clone(), data: None });
        assert_well_formed(&document);
        let Response::Fault(fault) = response(&document).unwrap() else {
            panic!("no fault");
        };
        prop_assert_eq!(fault.code, code);
        prop_assert_eq!(fault.text.chars().count(), text.chars().count());
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = call(&bytes);
        let _ = response(&bytes);
    }

    #[test]
    fn what_is_accepted_is_well_formed(document in pieces()) {
        if response(&document).is_ok() {
            assert_well_formed(&document);
        }
    }

    #[test]
    fn a_damaged_document_is_refused_or_well_formed(
        (sent, _) in value(),
        at in any::<prop::sample::Index>(),
        with in prop_oneof![any::<u8>(), proptest::sample::select(b"<>&;/!?-[]'\"= \n:x".to_vec())],
        cut in any::<bool>(),
    ) {
        let mut document = write_response(&sent).unwrap();
        let index = at.index(document.len());
        if cut {
            document.remove(index);
        } else {
            document[index] = with;
        }
        if response(&document).is_ok() {
            assert_well_formed(&document);
        }
    }
}
