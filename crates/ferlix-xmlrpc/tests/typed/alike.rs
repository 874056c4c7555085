//! What a type writes and reads is what its value writes and reads, for every value.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use ferlix_core::property::{DateTime, IntoValue as _, Value};
use ferlix_xmlrpc::codec::write_response;
use proptest::prelude::*;

use super::{Leaf, Tree, same, written};

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

#[test]
fn a_moment_goes_as_a_date() {
    let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    assert_eq!(
        same::<SystemTime>(&written(&moment).unwrap()),
        Some(Ok(moment))
    );
}
