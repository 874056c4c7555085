//! Large inputs, at a size where a reader whose time grows with the square of the input would not end in time.
//!
//! The corpus and libFuzzer know small inputs only. The time that is allowed is far beyond what any of these needs.

use std::time::{Duration, Instant};

use ferlix_fuzz_checks as checks;

const ALLOWED: Duration = Duration::from_secs(20);

fn ends_in_time(name: &str, check: checks::Check, input: &str) {
    let started = Instant::now();
    check(input.as_bytes());
    let took = started.elapsed();
    assert!(took < ALLOWED, "{name}: {took:?} for {} bytes", input.len());
}

/// The pieces for 0, 1, … joined.
fn each(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

#[test]
fn filters() {
    let tests = each(5_000, |index| format!("(a={index})"));
    let same = "(a=1)".repeat(10_000);
    let groups = format!("(&{})", each(100, |index| format!("(b={index})"))).repeat(70);
    for (name, text) in [
        ("wide", format!("(|{tests})")),
        (
            "wide and nested",
            format!("{}(|{tests}){}", "(&(b=1)".repeat(62), ")".repeat(62)),
        ),
        ("the same many times", format!("(|{same})")),
        ("the same group many times", format!("(|{groups})")),
        ("many wildcards", format!("(a={}*)", "*a".repeat(30_000))),
        (
            "a long approximate piece",
            format!("(a~=*{}*)", "A".repeat(60_000)),
        ),
    ] {
        ends_in_time(name, checks::filter, &text);
    }
}

#[test]
fn paths() {
    let up = format!("{}{}", "/a".repeat(30_000), "/..".repeat(30_000));
    ends_in_time("up and down", checks::path, &up);
    ends_in_time("slashes", checks::path, &"/".repeat(60_000));
    ends_in_time("escapes", checks::path, &"/%2e%61".repeat(10_000));
}

#[test]
fn lines() {
    for (name, line) in [
        ("words", "a ".repeat(20_000)),
        ("keywords", each(5_000, |index| format!("k{index}=1 "))),
        ("braces", format!("{}}}", "${".repeat(10_000))),
        ("quotes", "'a'\"b\"".repeat(10_000)),
    ] {
        ends_in_time(name, checks::shell_line, &line);
    }
}

#[test]
fn xml_rpc() {
    for (name, value) in [
        ("references", "&#65;".repeat(200_000)),
        ("comments", "a<!---->".repeat(100_000)),
        (
            "elements",
            format!("<array><data>{}</data></array>", "<value/>".repeat(100_000)),
        ),
        (
            "members",
            format!(
                "<struct>{}</struct>",
                each(40_000, |index| format!(
                    "<member><name>{index}</name><value/></member>"
                ))
            ),
        ),
        (
            "base64",
            format!("<base64>{}</base64>", "AAAA\n".repeat(200_000)),
        ),
    ] {
        let call = format!(
            "<methodCall><methodName>m</methodName><params><param><value>{value}</value></param></params></methodCall>"
        );
        ends_in_time(name, checks::xmlrpc_call, &call);
        let response = format!(
            "<methodResponse><params><param><value>{value}</value></param></params></methodResponse>"
        );
        ends_in_time(name, checks::xmlrpc_response, &response);
    }
}

#[test]
fn edef_files() {
    let file = |attributes: &str, more: &str| {
        format!(
            concat!(
                r#"<endpoint-descriptions xmlns="http://www.osgi.org/xmlns/rsa/v1.0.0"{}><endpoint-description>"#,
                r#"<property name="endpoint.id" value="e"/><property name="objectClass" value="a.B"/>"#,
                r#"<property name="service.imported.configs" value="c"/>{}"#,
                r#"</endpoint-description></endpoint-descriptions>"#,
            ),
            attributes, more
        )
    };
    let spaces = each(100_000, |index| format!(" xmlns:n{index}='u'"));
    let few_spaces = each(200, |index| format!(" xmlns:n{index}='u'"));
    let foreign = format!("<q:x xmlns:q='urn:q'>{}</q:x>", "<a/>".repeat(100_000));
    let attributes = each(100_000, |index| format!(" a{index}=''"));
    let values = "<value>1</value>".repeat(50_000);
    let falling = each(60_000, |index| {
        format!("<property name='p{}' value=''/>", 99_999 - index)
    });
    for (name, text) in [
        ("properties in falling order", file("", &falling)),
        ("name spaces and elements", file(&spaces, &foreign)),
        ("few name spaces and elements", file(&few_spaces, &foreign)),
        (
            "attributes",
            file("", &format!("<property{attributes} name='x' value='y'/>")),
        ),
        (
            "references",
            file(
                "",
                &format!("<property name='x'>{}</property>", "&#65;".repeat(100_000)),
            ),
        ),
        (
            "values",
            file(
                "",
                &format!("<property name='x' value-type='byte'><array>{values}</array></property>"),
            ),
        ),
    ] {
        ends_in_time(name, checks::edef, &text);
    }
}

#[test]
fn records() {
    let record = |more: &str| {
        let names = [
            "objectClass",
            "endpoint.id",
            "endpoint.framework.uuid",
            "service.imported.configs",
            "ecf.endpoint.id",
            "ecf.endpoint.id.ns",
        ];
        let needed = names.map(|name| format!(r#"{{"name":"{name}","value":"x"}}"#));
        format!(r#"{{"properties":[{}{more}]}}"#, needed.join(","))
    };
    let values = each(19_000, |index| format!("\"{index}\","));
    let types = record(&format!(
        r#",{{"type":"list","name":"a","value":[{values}"0"]}},{{"name":"ferlix.types","value":"{}"}}"#,
        "a=long ".repeat(200_000)
    ));
    // Were it refused, it would say nothing about the time that reading the types takes.
    assert!(ferlix_discovery_etcd::read(types.as_bytes()).is_ok());
    for (name, text) in [
        (
            "properties",
            record(&each(1_000, |index| {
                format!(r#",{{"name":"p{index}","value":1}}"#)
            })),
        ),
        (
            "a set",
            record(&format!(
                r#",{{"type":"set","name":"a","value":[{values}""]}}"#
            )),
        ),
        (
            "words",
            record(&format!(
                r#",{{"name":"service.intents","value":"{}"}}"#,
                "a ".repeat(100_000)
            )),
        ),
        ("a type named many times", types),
        (
            "what is skipped",
            format!(r#"{{"more":[{}1]}}"#, "1,".repeat(1_000_000)),
        ),
    ] {
        ends_in_time(name, checks::record, &text);
    }
}
