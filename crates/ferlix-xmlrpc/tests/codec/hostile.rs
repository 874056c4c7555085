//! Hostile documents are refused with a reason, and limits are kept.

use std::path::Path;

use ferlix_xmlrpc::codec::{CodecError, Limit, Limits, read_response};

use super::{call, fixture, response};

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
