//! How filters read, print, compare and combine, and what is refused.

use std::hash::{BuildHasher, RandomState};

use super::{check, filter, values};
use crate::filter::{Filter, FilterError, escape};
use crate::property::{Properties, Value};

#[track_caller]
fn refused(text: &str, column: usize, message: &str) {
    let error = Filter::parse(text).expect_err(text);
    assert_eq!((error.column(), &*error.to_string()), (column, message));
}

#[test]
fn escapes_are_characters_or_hexadecimal_bytes() {
    check(r"(key=\66oo)", values!["foo"], values!["66oo", r"\66oo"]);
    check(r"(key=\c3\a9\C3\A9)", values!["éé"], values!["é"]);
    check(r"(key=\28o*\5c\29\2a)", values![r"(on\)*"], values!["(on"]);
    check(r"(key=\(o*\\\)\*)", values![r"(on\)*"], values!["(on"]);
    check(r"(key=\2a)", values!["*"], values!["a"]);
    check(r"(key=\00)", values!["\0"], values![""]);
    check(r"(key=\6g\g6\é)", values!["6gg6é"], values![""]);
    check(r"(\6bey=1)", values![1], values![2]);
    let spaced = Properties::from([("te st=", "1 2~")]);
    assert!(filter(r"(te\ st\==1\ 2\~)").matches(&spaced));
    assert!(filter(r"( te st\=  =1 2~)").matches(&spaced));
    check(r"(key=foo\ )", values!["foo "], values!["foo"]);
}

#[test]
fn escape_makes_any_text_stand_for_itself() {
    for (text, escaped) in [
        ("", ""),
        ("Helloé", "Helloé"),
        (" Helloé", r"\ Helloé"),
        ("Helloé ", r"Helloé\ "),
        ("Hello é", "Hello é"),
        ("   ", r"\  \ "),
        ("*", r"\*"),
        ("a*b*c", r"a\*b\*c"),
        (r"a\*", r"a\\\*"),
        ("(*)", r"\(\*\)"),
        ("a=b", r"a\=b"),
        ("!a!&|", r"\!a!&|"),
        (r#" Hello\ + , "World" ; "#, r#"\ Hello\\ + , "World" ;\ "#),
    ] {
        assert_eq!(escape(text), escaped);
        check(
            &format!("(key={escaped})"),
            values![text],
            values![format!("{text}x")],
        );
        assert_eq!(
            Filter::equal("key", text).to_string(),
            format!("(key={escaped})")
        );
        if !text.is_empty() {
            let by_key = filter(&format!("({escaped}=*)"));
            assert!(by_key.matches(&Properties::from([(text, 1)])), "{by_key}");
        }
    }
    // What iPOPO's own escaping adds means the same here.
    check(r"(key=\#\+\,\;\'\&\|)", values!["#+,;'&|"], values!["#"]);
    let specification = "some.spec*";
    check(
        &format!("(key={})", escape(specification)),
        values![["other", specification]],
        values![["some.spec"], ["some.specXYZ"], ["some.spec.Other"]],
    );
}

#[test]
fn text_comes_back_as_written() {
    for text in [
        "(|(test=True)(test2=False))",
        "(&(a=1)(|(b>=2)(c<=3)(d~=e)(f<1)(g>2))(!(h=*)))",
        r"(string=\*)",
        "(string=spec*)",
        r"(string=spec\*)",
        "(string=*mid*)",
        r"(string=a\*b*c)",
        r"(string=a\\*)",
        "(string~=*test*)",
        r"(string~=test\*)",
        r"(&(objectClass=spec\*)(|(name=a*)(name=\*)))",
        "(a=)",
        r"(a=*\ )",
        "(|)",
        "(*=*)",
    ] {
        assert_eq!(filter(text).to_string(), text);
        assert_eq!(filter(&filter(text).to_string()), filter(text));
        assert_eq!(format!("{:?}", filter(text)), format!("Filter({text})"));
    }
    for (text, printed) in [
        (" ( & ( a = 1 ) ( b =2) ) ", r"(&(a=\ 1\ )(b=2))"),
        ("(a==x)", r"(a=\=x)"),
        ("(a=~x)", r"(a=\~x)"),
        ("(a<>x)", r"(a<\>x)"),
        (r"(a=\66)", "(a=f)"),
        ("(a>=b*)", r"(a>=b\*)"),
        ("(a=b**c)", "(a=b*c)"),
    ] {
        assert_eq!(filter(text).to_string(), printed);
    }
}

#[test]
fn normal_form_is_flat_and_has_nothing_twice() {
    for (text, printed) in [
        ("(&(a=1))", "(a=1)"),
        ("(|(&(a=1)))", "(a=1)"),
        ("(&(a=1)(&(b=2)(&(c=3))))", "(&(a=1)(b=2)(c=3))"),
        ("(|(a=1)(|(b=2)(a=1)))", "(|(a=1)(b=2))"),
        ("(&(a=1)(A=1))", "(a=1)"),
        ("(&(|(a=1)(b=2))(|(b=2)(a=1)))", "(|(a=1)(b=2))"),
        ("(!(!(a=1)))", "(a=1)"),
        ("(&(a=1)(*=*))", "(a=1)"),
    ] {
        assert_eq!(filter(text).to_string(), printed);
    }
}

#[test]
fn equality_has_no_order() {
    let hasher = RandomState::new();
    for (left, right) in [
        (
            "(&(test=False)(test2=True))",
            "(& (test2=True) (test=False) )",
        ),
        (
            "(|(a=1)(&(b=2)(c=3))(!(d=4)))",
            "(|(!(D=4))(&(c=3)(B=2))(A=1))",
        ),
        ("(a=f*)", r"(A=\66*)"),
    ] {
        assert_eq!(filter(left), filter(right));
        assert_eq!(
            hasher.hash_one(filter(left)),
            hasher.hash_one(filter(right))
        );
    }
    let base = filter("(&(test=False)(test2=True))");
    for other in [
        "(test2=true)",
        "(&(test=False)(test2=True)(test3=1))",
        "(&(test1=False)(test2=True))",
        "(|(test=False)(test2=True))",
        "(!(&(test=False)(test2=True)))",
        "(&(test=False)(test2=true))",
        "(&(test=False)(test2~=True))",
        "(&(test=False)(test2=True*))",
    ] {
        assert_ne!(base, filter(other));
    }
    assert_ne!(filter("(a=b*)"), filter("(a~=b*)"));
    assert_ne!(filter("(a=*)"), filter(r"(a=\*)"));
}

#[test]
fn filters_combine() {
    let (a, b) = (filter("(test=True)"), filter("(test2=False)"));
    assert_eq!(
        Filter::and(&[a.clone(), b.clone()]),
        filter("(&(test=True)(test2=False))")
    );
    assert_eq!(
        Filter::or(&[a.clone(), b.clone()]),
        filter("(|(test=True)(test2=False))")
    );
    assert_eq!(Filter::and(&[]), filter("(*=*)"));
    assert_eq!(Filter::or(&[]), filter("(|)"));
    assert_eq!(Filter::and(&[a.clone(), Filter::and(&[])]), a);
    assert_eq!(Filter::or(&[a.clone(), a.clone()]), a);
    assert_eq!(a.negate().to_string(), "(!(test=True))");
    assert_eq!(a.negate().negate(), a);
    let combined = Filter::and(&[filter(r"(objectClass=spec\*)"), filter("(name=a*)")]);
    assert!(combined.matches(&Properties::from([
        ("objectClass", "spec*"),
        ("name", "abc")
    ])));
    assert!(!combined.matches(&Properties::from([
        ("objectClass", "specXYZ"),
        ("name", "abc")
    ])));
    assert_eq!(Filter::equal("", "a"), filter("(|)"));
}

#[test]
fn a_required_value_is_found() {
    let filter = filter("(&(a=1)(&(B=x*)(c=y))(|(d=1)(e=1))(!(f=1))(g~=1))");
    assert_eq!(filter.required_equal("A"), Some("1"));
    assert_eq!(filter.required_equal("c"), Some("y"));
    for key in ["b", "d", "f", "g", "h"] {
        assert_eq!(filter.required_equal(key), None, "{key}");
    }
    assert_eq!(Filter::equal("a", "1").required_equal("a"), Some("1"));
    assert_eq!(Filter::equal("a", "1").negate().required_equal("a"), None);
}

#[test]
fn blank_text_is_no_filter() {
    for text in ["", " ", " \t\n"] {
        assert_eq!(Filter::parse(text), Err(FilterError::Empty));
        assert_eq!(Filter::parse_optional(text), Ok(None));
    }
    assert_eq!(Filter::parse_optional("(a=1)"), Ok(Some(filter("(a=1)"))));
    assert!(Filter::parse_optional("(").is_err());
    refused("  ", 1, "the filter is empty: expected '('");
}

#[test]
fn errors_point_at_the_column() {
    const ATTRIBUTE: &str = "expected an attribute, '&', '|' or '!', found";
    const OPERATOR: &str = "expected an operator (=, ~=, >=, <=, > or <), found";
    for (text, column, message) in [
        ("(", 2, &*format!("column 2: {ATTRIBUTE} the end")),
        ("()", 2, &format!("column 2: {ATTRIBUTE} ')'")),
        ("(=a)", 2, &format!("column 2: {ATTRIBUTE} '='")),
        ("((a=1))", 2, &format!("column 2: {ATTRIBUTE} '('")),
        (
            "((test=1)(test2=1))",
            2,
            &format!("column 2: {ATTRIBUTE} '('"),
        ),
        ("(test", 6, &format!("column 6: {OPERATOR} the end")),
        ("(test)", 6, &format!("column 6: {OPERATOR} ')'")),
        ("(test 12)", 9, &format!("column 9: {OPERATOR} ')'")),
        (
            "(& (abc=xyz) (& (345)))",
            21,
            &format!("column 21: {OPERATOR} ')'"),
        ),
        ("(été~12)", 6, "column 6: expected '=' after '~', found '1'"),
        ("(test~)", 7, "column 7: expected '=' after '~', found ')'"),
        ("(a=1", 5, "column 5: expected ')', found the end"),
        ("(&(a=1)", 8, "column 8: expected '(' or ')', found the end"),
        ("(a=1))", 6, "column 6: expected the end, found ')'"),
        ("(a=1)(n=5)", 6, "column 6: expected the end, found '('"),
        (
            "(|(test=True)(test=False))))",
            27,
            "column 27: expected the end, found ')'",
        ),
        ("x(a=1)", 1, "column 1: expected '(', found 'x'"),
        ("test=12", 1, "column 1: expected '(', found 't'"),
        (
            "(a=(b))",
            4,
            r"column 4: expected ')' or an escaped '\(', found '('",
        ),
        ("(!a=b)", 3, "column 3: expected '(', found 'a'"),
        ("(!)", 3, "column 3: expected '(', found ')'"),
        (
            "(!(test=True)(test2=False))",
            14,
            "column 14: expected ')', found '('",
        ),
        ("(&a=b)", 3, "column 3: expected '(' or ')', found 'a'"),
        ("(a>=)", 5, "column 5: expected a value, found ')'"),
        ("(a~=)", 5, "column 5: expected a value, found ')'"),
        (
            r"(a=\",
            5,
            r"column 5: expected a character or two hexadecimal digits after '\', found the end",
        ),
        (
            r"(a=é\ff)",
            4,
            "column 4: the bytes of the hexadecimal escapes are not UTF-8",
        ),
        (
            r"(a=é*\c3*\a9)",
            6,
            "column 6: the bytes of the hexadecimal escapes are not UTF-8",
        ),
        (
            r"(\c3=1)",
            2,
            "column 2: the bytes of the hexadecimal escapes are not UTF-8",
        ),
    ] {
        // One backslash is one character, in the message too.
        refused(text, column, &message.replace(r"\\", r"\"));
    }
}

#[test]
fn limits_are_errors() {
    let nested = |depth: usize| format!("{}(a=1){}", "(!".repeat(depth - 1), ")".repeat(depth - 1));
    assert!(Filter::parse(&nested(64)).is_ok());
    refused(
        &nested(65),
        129,
        "column 129: more than 64 nested parentheses",
    );
    assert!(Filter::parse(&"(&".repeat(30_000)).is_err());

    let long = |length: usize| format!("(a={})", "x".repeat(length - 4));
    assert!(Filter::parse(&long(65_536)).is_ok());
    refused(
        &long(65_537),
        1,
        "the filter has 65537 bytes: expected at most 65536",
    );
}
