//! ECF's `.properties` form of endpoint descriptions.

use ferlix_core::property::{Properties, Value};
use ferlix_remote::Error;
use ferlix_remote::edef::{self, DEFAULTS, read_properties};
use proptest::prelude::*;

fn read(text: &str) -> Properties {
    read_properties(text).unwrap()
}

#[test]
fn texts_types_lists_and_made_values_are_read() {
    let properties = read(
        "# a comment\n! another\n\n\
         objectClass:array=org.example.IHello\n\
         endpoint.id:uuid=\n\
         ecf.endpoint.id=http://127.0.0.1:8181/xml-rpc?a=b\n\
         endpoint.service.id:long=7\n\
         ecf.endpoint.ts:long:milliTime=0\n\
         nano:Long:nanoTime=0\n\
         first:int:unique=0\r\nsecond:Integer:unique=0\r\
         short:short:unique=0\nbyte:byte:unique=0\nlong:long:unique=0\n\
         b:byte=-3\ns:Short=4\nf:Float=1.5\nd:double=2.5\nflag:boolean=true\nc:char=x\n\
         many:list:long=1, 2 ,3\n\
         some:set=a,b,a\n\
         plain : a text with = and :\n\
         blank value\n\
         empty=\n\
         alone\n\
         address:http://there?x=1\n",
    );
    let value = |key: &str| properties.get(key).cloned().unwrap();
    assert_eq!(value("objectClass"), Value::from(["org.example.IHello"]));
    assert_eq!(properties.text("endpoint.id").unwrap().len(), 36);
    assert_eq!(
        value("ecf.endpoint.id"),
        Value::from("http://127.0.0.1:8181/xml-rpc?a=b")
    );
    assert_eq!(value("endpoint.service.id"), Value::Long(7));
    assert!(value("ecf.endpoint.ts").as_i64().unwrap() > 1_700_000_000_000);
    assert!(matches!(value("nano"), Value::Long(0..)));
    let unique = |key: &str| value(key).as_i64().unwrap();
    assert_ne!(unique("first"), unique("second"));
    assert!(matches!(value("first"), Value::Int(1..)));
    assert!(matches!(value("short"), Value::Short(_)));
    assert!(matches!(value("byte"), Value::Byte(_)));
    assert!(matches!(value("long"), Value::Long(_)));
    assert_eq!(value("b"), Value::Byte(-3));
    assert_eq!(value("s"), Value::Short(4));
    assert_eq!(value("f"), Value::Float(1.5));
    assert_eq!(value("d"), Value::Double(2.5));
    assert_eq!(value("flag"), Value::Bool(true));
    assert_eq!(value("c"), Value::Char('x'));
    assert_eq!(value("many"), Value::from([1_i64, 2, 3]));
    assert_eq!(value("some"), Value::Set(vec!["a".into(), "b".into()]));
    assert_eq!(value("plain"), Value::from("a text with = and :"));
    assert_eq!(value("blank"), Value::from("value"));
    assert_eq!(value("empty"), Value::from(""));
    assert_eq!(value("alone"), Value::from(""));
    assert_eq!(value("address"), Value::from("http://there?x=1"));
}

#[test]
fn lines_go_on_and_characters_are_escaped_as_in_java() {
    let properties =
        read("long\\ name\\:x = one,\\\n   two\\\\\nnext=\\u00e9\\t\\uD83D\\uDE00\\z\nlast=end\\");
    assert_eq!(properties.text("long name:x"), Some("one,two\\"));
    assert_eq!(properties.text("next"), Some("é\t😀z"));
    assert_eq!(properties.text("last"), Some("end"));
}

#[test]
fn a_list_grows_with_each_line_of_its_name() {
    let properties = read("a:list:int=1\nA:list:int=2,3\na:int=4\ns:set=x\ns=x\ns=y\n");
    assert_eq!(properties.get("a"), Some(&Value::from([1, 2, 3, 4])));
    assert_eq!(
        properties.get("s"),
        Some(&Value::Set(vec!["x".into(), "y".into()]))
    );
}

#[test]
fn what_is_wrong_is_said() {
    for (text, reason) in [
        (
            "a=1\na=2",
            "at byte 4: property a is given twice, and is no list",
        ),
        ("a:lnog=5", "property a has the unknown type lnog"),
        ("a:list:lnog=5", "property a has the unknown type lnog"),
        ("a:long=x", "property a: \"x\" is no long"),
        ("a:Byte=300", "property a: \"300\" is no Byte"),
        (
            "a:string:unique=1",
            "property a: a String is not made by unique",
        ),
        (
            "a:int:nanoTime=1",
            "property a: a int is not made by nanoTime",
        ),
        ("a=\\u12", "\\u12 is no character"),
        ("a=\\uD83D", "half of a surrogate pair is no character"),
        ("=x", "a value has no name"),
    ] {
        let error = read_properties(text).unwrap_err();
        assert!(matches!(error, Error::Edef { .. }), "{text}");
        assert!(error.to_string().ends_with(reason), "{text}: {error}");
    }
    let large = "a".repeat(edef::MAX_BYTES + 1);
    assert!(matches!(
        read_properties(&large),
        Err(Error::TooLarge { .. })
    ));
    let many = format!("a:list={}", "x,".repeat(edef::MAX_VALUES + 1));
    assert!(matches!(
        read_properties(&many),
        Err(Error::TooLarge { .. })
    ));
    let long = format!("a:long={}", "x".repeat(10_000));
    assert!(read_properties(&long).unwrap_err().to_string().len() < 300);
}

#[tokio::test]
async fn a_file_lies_over_xml_and_over_the_defaults_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let xml = write(
        "hello.xml",
        "<endpoint-descriptions xmlns='http://www.osgi.org/xmlns/rsa/v1.0.0'><endpoint-description>\
         <property name='endpoint.id' value='from xml'/><property name='objectClass' value='org.example.A'/>\
         <property name='service.imported.configs' value='x'/><property name='both' value='xml'/>\
         </endpoint-description></endpoint-descriptions>",
    );
    let alone = write(
        "alone.properties",
        "endpoint.id=alone\nobjectClass:array=org.example.B\n",
    );
    let missing = folder.path().join("missing.xml");
    let texts = async |file: &std::path::Path| {
        let read = edef::load(file).await.unwrap();
        assert_eq!(read.len(), 1);
        let properties = read[0].properties().clone();
        move |key: &str| properties.text(key).map(str::to_owned)
    };
    assert_eq!(texts(&xml).await("both").as_deref(), Some("xml"));
    let error = edef::load(&alone).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::MissingProperty {
                name: "service.imported.configs"
            }
        ),
        "{error}"
    );

    write(
        DEFAULTS,
        "service.imported.configs=y\nboth=default\nonly=default\n",
    );
    let found = texts(&xml).await;
    let all = ["service.imported.configs", "both", "only"].map(|key| found(key).unwrap());
    assert_eq!(all, ["x", "xml", "default"]);
    let found = texts(&alone).await;
    assert_eq!(
        (
            found("endpoint.id").unwrap(),
            found("service.imported.configs").unwrap()
        ),
        ("alone".into(), "y".into())
    );

    write("hello.properties", "both=properties\nEndpoint.ID=changed\n");
    let found = texts(&xml).await;
    assert_eq!(
        (found("endpoint.id").unwrap(), found("both").unwrap()),
        ("changed".into(), "properties".into())
    );
    write("hello.properties", "both:long=x\n");
    assert!(matches!(edef::load(&xml).await, Err(Error::Edef { .. })));
    assert!(matches!(
        edef::load(&missing).await,
        Err(Error::File { .. })
    ));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(a|=|:|\\\\|u|D83D|long|list|unique|,| |\n|\r|#|é){0,40}") {
        let _ = read_properties(&text);
    }
}
