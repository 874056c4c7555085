//! Properties that hold for every value and every byte sequence.

use ferlix_core::property::{DateTime, Value};
use ferlix_xmlrpc::codec::{Fault, MethodCall, Response, write_call, write_fault, write_response};
use proptest::prelude::*;

use super::{call, response};

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
