//! What is wrong is said as of a value.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use ferlix_core::property::{Decoder, Encoder, Event, FromValue, IntoValue, Value, ValueError};
use ferlix_xmlrpc::codec::{Writer, write_response};

use super::{Leaf, same, written};

/// A response that holds this.
fn response(inner: &str) -> Vec<u8> {
    format!(
        "<methodResponse><params><param><value>{inner}</value></param></params></methodResponse>"
    )
    .into_bytes()
}

fn leaf_of(members: &str) -> Option<Result<Leaf, ValueError>> {
    same::<Leaf>(&response(&format!("<struct>{members}</struct>")))
}

#[test]
fn the_errors_of_a_structure_are_those_of_its_value() {
    let member = |name: &str, value: &str| {
        format!("<member><name>{name}</name><value>{value}</value></member>")
    };
    let good = [
        member("name", "n"),
        member("flags", "<array/>"),
        member("type", "<int>7</int>"),
    ]
    .concat();
    let leaf = |zed| Leaf {
        zed,
        name: "n".to_owned(),
        flags: Vec::new(),
        r#type: 7,
    };
    assert_eq!(leaf_of(&good), Some(Ok(leaf(None))));
    let zed = member("Zed &amp; &lt;co&gt;", " 5 ");
    assert_eq!(leaf_of(&(zed.clone() + &good)), Some(Ok(leaf(Some(5)))));
    // The last of two equal names wins, whether it fits or not.
    let wrong = member("type", "<array><data><value>a</value></data></array>");
    assert_eq!(leaf_of(&(wrong.clone() + &good)), Some(Ok(leaf(None))));
    let text = |read: Option<Result<Leaf, ValueError>>| read.unwrap().unwrap_err().to_string();
    assert_eq!(
        text(leaf_of(&(good.clone() + &wrong))),
        "member type: expected an unsigned 8-bit integer, found list"
    );
    // Of two that do not fit, the first of the type is told, wherever it stands.
    let name = member("name", "<struct/>");
    assert_eq!(
        text(leaf_of(&[wrong.clone(), name].concat())),
        "member name: expected a string, found map"
    );
    assert_eq!(text(leaf_of(&wrong)), "member name is missing");
    let early = "<member><value><struct><member><value>x</value><name>y</name></member></struct></value><name>name</name></member>";
    assert_eq!(
        text(leaf_of(early)),
        "member name: expected a string, found map"
    );
    assert_eq!(
        same::<Leaf>(&response("<boolean>1</boolean>"))
            .unwrap()
            .unwrap_err()
            .to_string(),
        "expected a structure Leaf, found boolean"
    );
    let far = member(
        "flags",
        "<array><data><value>true</value><value><array><data><value>1</value></data></array></value><value/></data></array>",
    );
    assert_eq!(
        text(leaf_of(&(good + &far))),
        "member flags: expected true or false, found list"
    );
}

#[test]
fn what_a_type_cannot_write_is_named_as_in_its_value() {
    let leaf = |name: &str| Leaf {
        zed: None,
        name: name.to_owned(),
        flags: Vec::new(),
        r#type: 0,
    };
    let places = BTreeMap::from([("a<b".to_owned(), vec![leaf("x"), leaf("ab\u{1}")])]);
    let direct = written(&places).unwrap_err().to_string();
    let by_value = write_response(&places.into_value().unwrap()).unwrap_err();
    assert_eq!(direct, by_value.to_string());
    assert_eq!(
        direct,
        "the result.a<b[1].name: XML cannot hold the character U+0001 at byte 2 of the text"
    );
    let name = BTreeMap::from([("\u{2}".to_owned(), 1)]);
    assert_eq!(
        written(&vec![name]).unwrap_err().to_string(),
        "the result[0], the name \"\\u{2}\": XML cannot hold the character U+0002 at byte 0 of the text"
    );
    let error = u64::MAX.encode(&mut Writer::response()).unwrap_err();
    assert!(matches!(error, ValueError::OutOfRange { .. }));
}

/// Conversions by hand that do not keep to the rules.
#[derive(Debug, PartialEq)]
struct Careless;

impl IntoValue for Careless {
    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        encoder.event(Event::Map)?;
        encoder.key("a")?;
        encoder.event(Event::End)
    }
}

impl FromValue for Careless {
    /// Reads the name of the first member only.
    fn decode<'a>(_: Event<'a>, decoder: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        decoder.key().map(|_| Self)
    }
}

#[test]
fn a_careless_conversion_spoils_no_document() {
    for inner in [
        "<struct><member><name>a</name><value><struct/></value></member></struct>",
        "<struct><member><value><array/></value><name>a</name></member><member><name>b</name><value/></member></struct>",
        "<struct/>",
    ] {
        assert_eq!(same::<Careless>(&response(inner)), Some(Ok(Careless)));
        let pair = format!(
            "<struct><member><name>x</name><value>{inner}</value></member><member><name>y</name><value>{inner}</value></member></struct>"
        );
        assert_eq!(
            same::<HashMap<String, Careless>>(&response(&pair))
                .unwrap()
                .unwrap()
                .len(),
            2
        );
    }
    let list = response("<array><data><value>1</value></data></array>");
    assert_eq!(
        same::<Careless>(&list),
        Some(Err(ValueError::misplaced("a name outside of a map")))
    );
    assert_eq!(
        written(&Careless).unwrap_err().to_string(),
        "the result.a: a name without a value does not belong here"
    );
    let mut twice = Writer::response();
    1.encode(&mut twice).unwrap();
    assert!(2.encode(&mut twice).is_err());
    assert!(twice.finish().is_err());
    let mut open = Writer::response();
    open.event(Event::List).unwrap();
    assert!(open.finish().is_err());
    let nothing = Writer::response().finish().unwrap();
    assert_eq!(nothing, write_response(&Value::Null).unwrap());
}
