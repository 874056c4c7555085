//! Documents of the real peers and lenient forms are read, and what was written is.

use std::collections::BTreeMap;

use ferlix_core::property::{DateTime, Value};
use ferlix_core::service::CallError;
use ferlix_xmlrpc::codec::{CodecError, Fault, Response, write_fault};

use super::{call, fixture, response};

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
