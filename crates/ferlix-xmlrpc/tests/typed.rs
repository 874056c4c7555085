//! Rust types that are read straight from documents and written straight into them: the same values, the same bytes and the
//! same errors as by way of a `Value`, whatever the document.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use ferlix_core::property::{
    DateTime, Decoder, Encoder, Event, FromValue, IntoValue, Value, ValueError, whole,
};
use ferlix_core::service::{CallError, Service as _};
use ferlix_core::{Structure, remote_service, service_impl};
use ferlix_xmlrpc::codec::{
    CodecError, Limits, Response, Writer, decode_response, read_response, write_response,
};
use ferlix_xmlrpc::provider::{Services, ServicesOptions};
use http::HeaderMap;
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq, Structure)]
struct Leaf {
    #[structure(rename = "Zed & <co>")]
    zed: Option<i64>,
    name: String,
    flags: Vec<bool>,
    r#type: u8,
}

#[derive(Clone, Debug, PartialEq, Structure)]
struct Tree {
    id: u64,
    small: i16,
    ratio: f64,
    single: f32,
    bytes: Vec<u8>,
    leaf: Leaf,
    trees: Vec<Tree>,
    leaves: BTreeMap<String, Vec<Leaf>>,
    numbers: HashMap<String, Option<i32>>,
    letter: char,
    when: DateTime,
    anything: Value,
}

/// Reads a document both ways.
fn same<T: FromValue + PartialEq + Debug>(document: &[u8]) -> Option<Result<T, ValueError>> {
    let limits = Limits::default();
    let mut direct = None;
    let read = decode_response(document, &limits, |event, decoder| {
        direct = Some(whole::<T>(event, decoder));
    });
    let shown = || String::from_utf8_lossy(document).into_owned();
    match (read, read_response(document, &limits)) {
        (Err(error), Err(other)) => {
            assert_eq!(error.to_string(), other.to_string(), "{}", shown());
            None
        }
        (Ok(None), Ok(Response::Value(value))) => {
            assert_eq!(direct, Some(T::from_value(value)), "{}", shown());
            direct
        }
        (Ok(Some(fault)), Ok(Response::Fault(other))) => {
            assert_eq!(fault, other);
            assert_eq!(direct, None);
            None
        }
        (read, other) => panic!("{read:?} and {other:?} of {}", shown()),
    }
}

fn written(value: &impl IntoValue) -> Result<Vec<u8>, CodecError> {
    let mut writer = Writer::response();
    let encoded = value.encode(&mut writer);
    let finished = writer.finish();
    assert_eq!(encoded.is_ok(), finished.is_ok());
    finished
}

fn text() -> impl Strategy<Value = String> {
    "[ -~é\n\r\t&<>]{0,8}"
}

fn leaf() -> impl Strategy<Value = Leaf> {
    let flags = proptest::collection::vec(any::<bool>(), 0..4);
    (any::<Option<i64>>(), text(), flags, any::<u8>()).prop_map(|(zed, name, flags, r#type)| Leaf {
        zed,
        name,
        flags,
        r#type,
    })
}

fn tree() -> impl Strategy<Value = Tree> {
    let one = (
        (
            0..=i64::MAX.unsigned_abs(),
            any::<i16>(),
            -1e9..1e9_f64,
            -1e9..1e9_f32,
        ),
        proptest::collection::vec(any::<u8>(), 0..20),
        leaf(),
        proptest::collection::btree_map(text(), proptest::collection::vec(leaf(), 0..3), 0..3),
        proptest::collection::hash_map(text(), any::<Option<i32>>(), 0..5),
        proptest::char::range('!', 'z'),
        prop_oneof![
            Just(Value::Null),
            Just(Value::from(vec![1, 2])),
            text().prop_map(Value::from)
        ],
    );
    let one = one.prop_map(
        |((id, small, ratio, single), bytes, leaf, leaves, numbers, letter, anything)| Tree {
            id,
            small,
            ratio,
            single,
            bytes,
            leaf,
            trees: Vec::new(),
            leaves,
            numbers,
            letter,
            when: time::Date::from_ordinal_date(2026, 5).unwrap().midnight(),
            anything,
        },
    );
    one.prop_recursive(3, 8, 3, |inner| {
        (inner.clone(), proptest::collection::vec(inner, 0..3))
            .prop_map(|(tree, trees)| Tree { trees, ..tree })
    })
}

/// What a member may be replaced by.
fn other() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::Long),
        (-1e9..1e9_f64).prop_map(Value::Double),
        text().prop_map(Value::String),
        Just(Value::from(" 7 ")),
        Just(Value::from("TRUE")),
        Just(Value::Bytes(vec![1])),
        Just(Value::List(vec![Value::Int(1), Value::from("x")])),
        leaf().prop_map(|leaf| leaf.into_value().unwrap()),
        Just(Value::Map(BTreeMap::from([(
            "a".to_owned(),
            Value::List(vec![])
        )]))),
    ]
}

/// Writes a value as no codec does: as `choices` say, with members that have their name last, that stand there twice, that are
/// replaced, left out or unknown.
fn strange(value: &Value, choices: &mut impl Iterator<Item = (u8, Value)>, out: &mut String) {
    let plain = |value: &Value| {
        let document = String::from_utf8(write_response(value).unwrap()).unwrap();
        let begin = document.find("<value>").unwrap();
        document[begin..document.rfind("</param>").unwrap()].to_owned()
    };
    match value {
        Value::Map(members) => {
            out.push_str("<value> <struct>");
            for (name, value) in members {
                let name = plain(&Value::from(name.as_str()))
                    .replace("<value><string>", "<name>")
                    .replace("</string></value>", "</name>");
                let (choice, other) = choices.next().unwrap();
                let mut of_it = String::new();
                strange(value, choices, &mut of_it);
                let other = plain(&other);
                match choice {
                    0 => {}
                    1 => out.push_str(&format!("<member>{name}{other}</member>")),
                    2 => out.push_str(&format!(
                        "<member>{name}{other}</member><member>{name}{of_it}</member>"
                    )),
                    3 => out.push_str(&format!(
                        "<member>{of_it}{name}</member><member>{name}{other}</member>"
                    )),
                    4 => out.push_str(&format!(
                        "<member><name>unknown</name>{other}</member><member>{name}{of_it}</member>"
                    )),
                    5..=20 => {
                        out.push_str(&format!("<member>{of_it}\n<!-- late -->{name}</member>"));
                    }
                    _ => out.push_str(&format!("<member>{name}{of_it}</member>\n")),
                }
            }
            out.push_str("</struct></value>");
        }
        Value::List(values) => {
            out.push_str("<value><array><data>");
            for value in values {
                strange(value, choices, out);
            }
            out.push_str("</data></array></value>");
        }
        other => out.push_str(&plain(other)),
    }
}

proptest! {
    #[test]
    fn a_type_writes_what_its_value_writes_and_is_read_back(tree in tree()) {
        let document = written(&tree).unwrap();
        let value = tree.clone().into_value().unwrap();
        prop_assert_eq!(&document, &write_response(&value).unwrap());
        prop_assert_eq!(same::<Tree>(&document), Some(Ok(tree)));
    }

    #[test]
    fn strange_documents_are_read_the_same(
        tree in tree(),
        choices in proptest::collection::vec((0_u8..120, other()), 1..40),
        broken in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut document = "<methodResponse><params><param>".to_owned();
        strange(&tree.into_value().unwrap(), &mut choices.into_iter().cycle(), &mut document);
        document.push_str("</param></params></methodResponse>");
        same::<Tree>(document.as_bytes());
        same::<Value>(document.as_bytes());
        same::<Leaf>(document.as_bytes());
        same::<BTreeMap<String, Value>>(document.as_bytes());
        same::<HashMap<String, i32>>(document.as_bytes());
        if let Some((at, byte)) = broken {
            let at = at.index(document.len());
            let mut bytes = document.into_bytes();
            if byte < 50 {
                bytes.truncate(at);
            } else {
                bytes[at] = byte;
            }
            same::<Tree>(&bytes);
            same::<()>(&bytes);
        }
    }

    #[test]
    fn scalars_are_read_leniently_on_both_ways(value in other()) {
        let document = write_response(&value).unwrap();
        same::<bool>(&document);
        same::<u8>(&document);
        same::<i32>(&document);
        same::<usize>(&document);
        same::<f32>(&document);
        same::<f64>(&document);
        same::<char>(&document);
        same::<String>(&document);
        same::<DateTime>(&document);
        same::<Option<i64>>(&document);
        same::<Vec<u8>>(&document);
        same::<Vec<Option<i16>>>(&document);
        same::<Vec<Leaf>>(&document);
    }
}

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

#[remote_service("test.typed.Forest")]
trait Forest: Send + Sync {
    async fn plant(&self, trees: Vec<Leaf>, deep: u8) -> Result<Vec<Leaf>, CallError>;
    async fn panics(&self, of: Explosive) -> Result<(), CallError>;
    async fn unwritable(&self) -> Result<String, CallError>;
    async fn enormous(&self) -> Result<Vec<u64>, CallError>;
}

/// It cannot be made.
#[derive(Debug)]
struct Explosive;

impl IntoValue for Explosive {
    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        ().encode(encoder)
    }
}

impl FromValue for Explosive {
    fn decode<'a>(_: Event<'a>, _: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        panic!("the test's conversion panics on purpose")
    }
}

#[derive(Default)]
struct Wood {
    runs: AtomicUsize,
}

#[service_impl]
impl Forest for Wood {
    async fn plant(&self, trees: Vec<Leaf>, _: u8) -> Result<Vec<Leaf>, CallError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        Ok(trees)
    }

    async fn panics(&self, _: Explosive) -> Result<(), CallError> {
        Ok(())
    }

    async fn unwritable(&self) -> Result<String, CallError> {
        Ok("\u{1}".to_owned())
    }

    async fn enormous(&self) -> Result<Vec<u64>, CallError> {
        Ok(vec![1, u64::MAX])
    }
}

fn forest() -> (Arc<Wood>, Services) {
    let wood = Arc::new(Wood::default());
    let services = Services::new(ServicesOptions::default());
    let dispatch = <dyn Forest>::dispatcher(Arc::clone(&wood) as Arc<dyn Forest>).unwrap();
    services.insert(1, vec![dispatch], Some(Duration::from_secs(10)));
    (wood, services)
}

fn call(method: &str, arguments: &[&str]) -> String {
    let arguments: String = arguments
        .iter()
        .map(|value| format!("<param><value>{value}</value></param>"))
        .collect();
    format!(
        "<methodCall><methodName>{method}</methodName><params>{arguments}</params></methodCall>"
    )
}

async fn answered(services: &Services, document: &str) -> Result<Value, String> {
    let answer = services
        .answer(&HeaderMap::new(), document.as_bytes())
        .await;
    match read_response(&answer, &Limits::default()).unwrap() {
        Response::Value(value) => Ok(value),
        Response::Fault(fault) => Err(fault.text),
    }
}

const LEAF: &str = "<struct><member><name>name</name><value>n</value></member><member><name>flags</name><value><array/></value></member><member><name>type</name><value>1</value></member></struct>";

#[tokio::test]
async fn a_call_runs_only_when_its_whole_document_is_right() {
    let (wood, services) = forest();
    let trees = format!("<array><data><value>{LEAF}</value></data></array>");
    let good = call("1.plant", &[&trees, "<int>3</int>"]);
    let answer = answered(&services, &good).await.unwrap();
    assert_eq!(Vec::<Leaf>::from_value(answer).unwrap().len(), 1);
    assert_eq!(wood.runs.load(Ordering::SeqCst), 1);

    let wrong_type = call("1.plant", &["<array/>", "<int>300</int>"]);
    let cases = [
        (
            good.replace("</methodCall>", ""),
            "CodecError:expected methodName, then params, found the end of the document",
        ),
        (
            good.replace("</methodCall>", "</methodCall><a/>"),
            "CodecError:unknown element or type <a>",
        ),
        (
            good.replace("</params>", "<params/></params>"),
            "CodecError:expected param, found Params",
        ),
        (
            good.replace("</params>", "</params><params/>"),
            "CodecError:expected methodName, then params, found Params",
        ),
        (
            good.replace("</int>", "</int>x"),
            "CodecError:expected </value>, found the text \"x\"",
        ),
        (
            wrong_type.clone(),
            "InvalidArguments:invalid arguments for plant: deep: 300 does not fit an unsigned 8-bit integer",
        ),
        // What is wrong with the document is told before what is wrong with the call.
        (
            wrong_type.replace("</methodCall>", "&"),
            "CodecError:not well-formed XML",
        ),
        (
            call("1.nothing", &["<int>x</int>"]),
            "CodecError:\"x\" is no integer of 32 bits",
        ),
        (
            call("2.plant", &["<int>x</int>"]),
            "CodecError:\"x\" is no integer of 32 bits",
        ),
        (
            call("", &["<int>x</int>"]),
            "CodecError:\"x\" is no integer of 32 bits",
        ),
        (
            call("", &["<int>1</int>"]),
            "CodecError:expected the name of a method, found the end of an element",
        ),
        (
            call("1.nothing", &["<int>1</int>"]),
            "RemoteServiceError:Unknown method nothing",
        ),
        (
            call("1.plant", &[&trees]),
            "InvalidArguments:invalid arguments for plant: it takes (trees, deep), but was given 1 arguments",
        ),
        // The number is told before the type.
        (
            call("1.plant", &["1", "2", &trees]),
            "InvalidArguments:invalid arguments for plant: it takes (trees, deep), but was given 3 arguments",
        ),
        (
            "<methodCall><methodName>1.plant</methodName></methodCall>".to_owned(),
            "InvalidArguments:invalid arguments for plant: it takes (trees, deep), but was given 0 arguments",
        ),
        (
            call(
                "1.plant",
                &[&trees.replace("<value>1</value>", "<value>x</value>"), "1"],
            ),
            "InvalidArguments:invalid arguments for plant: trees: member type: expected an unsigned 8-bit integer, found string",
        ),
        (
            call("1.panics", &[LEAF]),
            "RemoteServiceError:The call of panics failed",
        ),
        (
            call("1.panics", &["<int>x</int>"]),
            "CodecError:\"x\" is no integer of 32 bits",
        ),
        (
            call("1.unwritable", &[]),
            "CodecError:the result: XML cannot hold the character U+0001 at byte 0 of the text",
        ),
        (
            call("1.enormous", &[]),
            "ValueError:the result of enormous cannot be converted: 18446744073709551615 does not fit a 64-bit signed integer",
        ),
    ];
    for (document, expected) in cases {
        let fault = answered(&services, &document).await.unwrap_err();
        assert!(fault.starts_with(expected), "{document}: {fault}");
    }
    assert_eq!(
        wood.runs.load(Ordering::SeqCst),
        1,
        "none of these ran the method"
    );

    let deep = Limits {
        depth: 2,
        ..Limits::default()
    };
    let services = Services::new(ServicesOptions {
        limits: deep,
        ..ServicesOptions::default()
    });
    services.insert(1, vec![<dyn Forest>::dispatcher(wood).unwrap()], None);
    let fault = answered(&services, &good).await.unwrap_err();
    assert!(
        fault.starts_with("CodecError:more than 2 levels of depth"),
        "{fault}"
    );
}

#[test]
fn a_moment_goes_as_a_date() {
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    assert_eq!(
        same::<SystemTime>(&written(&moment).unwrap()),
        Some(Ok(moment))
    );
}
