//! Tables of filters, of what they match, of how they print and of what is refused.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use super::{Filter, FilterError, escape};
use crate::property::{DateTime, Properties, Value};

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Checks a filter on the key `key` against values that match and values that do not.
#[track_caller]
fn check<const M: usize, const N: usize>(text: &str, matching: [Value; M], other: [Value; N]) {
    let filter = filter(text);
    let test = |value: &Value| filter.matches(&Properties::from([("key", value.clone())]));
    for value in &matching {
        assert!(test(value), "{text} should match {value:?}");
    }
    for value in &other {
        assert!(!test(value), "{text} should not match {value:?}");
    }
}

#[track_caller]
fn refused(text: &str, column: usize, message: &str) {
    let error = Filter::parse(text).expect_err(text);
    assert_eq!((error.column(), &*error.to_string()), (column, message));
}

fn moment(text: &str) -> Value {
    let (date, time) = text.split_once(' ').unwrap();
    let numbers = |text: &str, mark| -> Vec<u8> {
        text.split(mark).map(|part| part.parse().unwrap()).collect()
    };
    let (date, time) = (numbers(date, '-'), numbers(time, ':'));
    Value::DateTime(DateTime::new(
        time::Date::from_calendar_date(
            2000 + i32::from(date[0]),
            date[1].try_into().unwrap(),
            date[2],
        )
        .unwrap(),
        time::Time::from_hms(time[0], time[1], time[2]).unwrap(),
    ))
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { [$(Value::from($value)),*] };
}

#[test]
fn strings_are_equal_byte_by_byte() {
    check(
        "(key=toto)",
        values!["toto"],
        values!["Toto", "toto ", "", 1, true],
    );
    check(
        "(key=True)",
        values!["True", true],
        values!["true", false, 1],
    );
    check("(KEY=a b)", values!["a b"], values!["ab"]);
    check("(key=)", values![""], values!["a", 0, false, Value::Null]);
}

#[test]
fn other_properties_change_nothing() {
    let filter = filter("(valid=True)");
    assert!(!filter.matches(&Properties::new()));
    assert!(!filter.matches(&Properties::from([("valid", false), ("valid2", true)])));
    assert!(filter.matches(&Properties::from([("VALID", true), ("valid2", false)])));
}

#[test]
fn numbers_are_compared_as_numbers() {
    check(
        "(key=0)",
        values![0, 0_i64, 0.0, -0.0, "0", 0_i8],
        values![1, 0.5, "", false, "00"],
    );
    check(
        "(key=05)",
        values![5, 5.0, 5_i16, 5.0_f32],
        values![50, "5"],
    );
    check("(key=5.0)", values![5, 5.0, "5.0"], values!["5", 5.5]);
    check("(key=5e0)", values![5, 5.0], values![]);
    check("(key=+5)", values![5], values![-5]);
    check("(key= 5 )", values![5, " 5 "], values!["5"]);
    check("(key=1.1)", values![1.1, 1.1_f32], values![1, 2]);
    check("(key=five)", values!["five"], values![5, 5.0, f64::NAN]);
    check("(key=NaN)", values!["NaN"], values![f64::NAN, 0]);
    check(
        "(key>=-inf)",
        values![i64::MIN, f64::NEG_INFINITY],
        values![f64::NAN],
    );
}

#[test]
fn large_integers_keep_every_digit() {
    let large = 9_007_199_254_740_993_i64; // 2^53 + 1: no float has it.
    check(
        "(key=9007199254740993)",
        values![large],
        values![large - 1, 9_007_199_254_740_992.0],
    );
    check(
        "(key=9007199254740992.0)",
        values![large - 1],
        values![large],
    );
    check(
        "(key>9007199254740992.0)",
        values![large],
        values![large - 1],
    );
    check(
        "(key<9223372036854775808)",
        values![i64::MAX, i64::MIN],
        values![9.3e18],
    );
    check(
        "(key>-9223372036854775809)",
        values![i64::MAX],
        values![-9.3e18],
    );
    check("(key<1.5)", values![1, -2, 1.4], values![2, 1.5]);
    check("(key>-1.5)", values![-1, 0], values![-2, -1.5]);
}

#[test]
fn order_follows_the_type() {
    check(
        "(key<10)",
        values!["-10", -10, 0, 9, 9.5],
        values![10, 11, "12", true],
    );
    check(
        "(key<=10)",
        values!["-10", -10, 0, 9, 10, "10"],
        values![11, "12", 10.1],
    );
    check(
        "(key>=10)",
        values![10, 11, "12", 10.0_f32],
        values!["-10", -10, 0, 9],
    );
    check(
        "(key>10)",
        values![11, "12", 10.5],
        values!["-10", -10, 0, 9, 10],
    );
    check(
        "(key>=b)",
        values!["b", "ba", 'c', "é"],
        values!["a", "B", 'a', 5],
    );
    check("(key<13.0)", values![12.0, 12], values![13, 14.0]);
    check("(key<13.0 + 1j)", values!["1"], values![12, 12.0]);
    check("(key>=b*)", values!["b*", "c"], values!["b", "b("]);
}

#[test]
fn booleans_have_no_case_and_no_order() {
    for text in [
        "(key=TRUE)",
        "(key= true)",
        "(key>=true)",
        "(key<=True)",
        "(key~=tRUE)",
    ] {
        check(text, values![true], values![false, 1, Value::Null]);
    }
    check("(key>false)", values!["true"], values![true, false]);
    check("(key<true)", values!["false"], values![true, false]);
    check("(key=yes)", values!["yes"], values![true, false]);
}

#[test]
fn characters_are_single() {
    check("(key=a)", values!['a'], values!['A', 'b']);
    check("(key= )", values![' ', " "], values!['a', ""]);
    check("(key= é )", values!['é'], values!['e', "é"]);
    check("(key=)", values![""], values!['a', ' ']);
    check("(key=ab)", values!["ab"], values!['a', 'b']);
    check("(key~=a)", values!['A', 'a'], values!['b']);
    check("(key=a*)", values!["a", ["a"]], values!['a']);
}

#[test]
fn dates_are_read_in_their_usual_forms() {
    let noon = moment("26-1-31 12:0:0");
    let later = moment("26-1-31 12:0:1");
    for text in [
        "(key=2026-01-31T12:00:00)",
        "(key=20260131T12:00:00)",
        "(key=2026-01-31 12:00)",
        "(key=2026-01-31 12:00:00.0)",
        "(key~= 2026-01-31t12:00:00.000000000 )",
    ] {
        check(text, [noon.clone()], [later.clone(), Value::from("noon")]);
    }
    check(&format!("(key={noon})"), [noon.clone()], [later.clone()]);
    check("(key>2026-01-31T12:00)", [later.clone()], [noon.clone()]);
    check(
        "(key<20260131)",
        [moment("26-1-30 23:59:59")],
        [noon.clone()],
    );
    for text in [
        "tomorrow",
        "2026-13-01",
        "2026-02-30",
        "2026-1-1T25:00",
        "2026-01-31T12",
        "20260131T12:00:00.0000000001",
        "+026-01-31",
        "2026-01-31T",
        "é0260131",
        "2026-01-31-01",
    ] {
        check(
            &format!("(key={text})"),
            [Value::from(text)],
            [noon.clone(), later.clone()],
        );
    }
}

#[test]
fn one_element_of_a_list_is_enough() {
    let set = Value::Set(values!["a", 5].to_vec());
    check(
        "(key=toto)",
        values![["toto"], ["titi", "toto"], ["toto", "titi"]],
        values![["titi"], ["*toto*"], Vec::<String>::new()],
    );
    check(
        "(key=5)",
        [
            Value::from([4, 5]),
            set.clone(),
            Value::from([["5"], ["6"]]),
        ],
        values![[4]],
    );
    check(
        "(key>=5)",
        [Value::from([4, 5]), set.clone()],
        values![[4], ["4"]],
    );
    check("(key~=A)", [set.clone()], values![["b"]]);
    check("(key=a*)", [set], values![[5]]);
    check(
        "(key=False)",
        values![[false], [true, false]],
        values![[true], "1123", 1, 0],
    );
    check(
        "(key=200)",
        [Value::Bytes(vec![1, 200])],
        [Value::Bytes(vec![]), Value::Bytes(vec![56])],
    );
}

#[test]
fn presence_asks_for_anything_but_null() {
    let absent = filter("(key=*)");
    assert!(!absent.matches(&Properties::from([("key2", true)])));
    let map = Value::Map(BTreeMap::new());
    for text in ["(key=*)", "(key~=*)", "(key=**)", "( key =* )"] {
        check(
            text,
            [
                map.clone(),
                true.into(),
                false.into(),
                0.into(),
                "".into(),
                "*".into(),
                Vec::<i32>::new().into(),
            ],
            [Value::Null],
        );
        assert_eq!(filter(text).to_string(), "(key=*)");
    }
    check("(key= *)", values![" ", " a"], values!["a", 1]);
    check("(key=x)", [], [map, Value::Null]);
    check("(key=null)", values!["null"], [Value::Null]);
}

#[test]
fn everything_and_nothing() {
    let some = Properties::from([("a", 1)]);
    for text in [
        "(*=*)",
        " ( * = * ) ",
        "(*=*)",
        "(&)",
        "(!(|))",
        "(|(a=1)(*=*))",
        "(&(*=*)(&))",
        "(*~=*)",
    ] {
        // A space after the equals sign counts: that one is a substring of the key `*`.
        let everything = !text.contains("= *");
        assert_eq!(filter(text).matches(&some), everything, "{text}");
        assert_eq!(
            filter(text).matches(&Properties::new()),
            everything,
            "{text}"
        );
        assert_eq!(filter(text) == filter("(*=*)"), everything, "{text}");
    }
    for text in [
        "(|)",
        "(!(*=*))",
        "(!(&))",
        "(&(a=1)(|))",
        r"(\*=*)",
        "(*=1)",
    ] {
        assert!(!filter(text).matches(&some), "{text}");
    }
    assert_eq!(filter("(&)").to_string(), "(*=*)");
    assert_eq!(filter("(!(*=*))").to_string(), "(|)");
    let star = Properties::from([("*", "foo")]);
    for text in [r"(\*=*)", "(*=foo)", "(*=f*)"] {
        assert!(filter(text).matches(&star), "{text}");
        assert_eq!(filter(&filter(text).to_string()), filter(text));
    }
}

#[test]
fn wildcards_need_every_piece_in_order() {
    check(
        "(key=after*)",
        values!["after", "after1234"],
        values!["1324after", "before", "After"],
    );
    check(
        "(key=*before)",
        values!["before", "1234before"],
        values!["after", "before1234", "Before"],
    );
    check(
        "(key=*middle*)",
        values![
            "middle",
            "aaamiddle1234",
            "middle456",
            "798middle",
            "a\nmiddle\n"
        ],
        values!["miDDle"],
    );
    check(
        "(key=*mi*ed*)",
        values!["mixed", "mixed1234", "798mixed", "mi O_O ed"],
        values!["Mixed", "edmi"],
    );
    check(
        "(key=a*b)",
        values!["ab", "axb", "abzb", "aXbXb"],
        values!["a", "b", "ba", "abz"],
    );
    check(
        "(key=*end)",
        values!["end", "xend", "xendend"],
        values!["ends", "endx"],
    );
    check(
        "(key=ab*b)",
        values!["abb", "abzb"],
        values!["ab", "b", "abz"],
    );
    check("(key=a*b*b*c)", values!["abbc", "axbxbxc"], values!["abc"]);
    check("(key=b**oo*m)", values!["bedroom"], values!["bedrom"]);
    check(
        "(key=*li*ed*)",
        values![["listed"], ["toto", "aaaliXed123"]],
        values![["toto"], ["LixeD"]],
    );
    check("(key=5*)", values!["5", "50"], values![5, 50, 5.0]);
    check("(key=t*ue)", values!["true"], values![true]);
}

#[test]
fn an_escaped_star_is_a_star() {
    check(
        r"(key=spec\*)",
        values!["spec*", ["other", "spec*"]],
        values!["spec", "specXYZ", "spec**", ["specX"]],
    );
    check(
        r"(key=\*)",
        values!["*", ["*"]],
        values!["", "a", "**", true],
    );
    check(
        r"(key=a\*b*c)",
        values!["a*bc", "a*bXYc", "a*b*c"],
        values!["abc", "aXbc", "a*b", "aXbXc"],
    );
    check(
        r"(key=*\**)",
        values!["*", "a*", "*b", "a*b"],
        values!["", "ab"],
    );
    check(
        r"(key=a\\*)",
        values![r"a\", r"a\b"],
        values!["a", "ab", "a*"],
    );
    check(r"(key=\(*\))", values!["()", "(a)"], values!["(a", "a)"]);
    check(
        r"(key~=SPEC\*)",
        values!["spec*", "Spec*", ["SPEC*"]],
        values!["spec", "specX"],
    );
    check(r"(key~=A\**)", values!["a*", "A*b"], values!["ab", "a"]);
}

#[test]
fn approximation_drops_case_and_space() {
    check(
        "(key~=aBc)",
        values!["abc", "ABC", "aBc", " a\tB c\n", ["x", "Abc"]],
        values!["bac", "aDc", "ab"],
    );
    check(
        "(key~= B E D room )",
        values!["bedroom", "Bed Room"],
        values!["bed"],
    );
    check(
        "(key~=dEf)",
        values![["abc", "def"], ["DEF"]],
        values![["aBc"], Vec::<String>::new()],
    );
    check(
        "(key~=*t est*)",
        values!["bigTest", "test", "TE ST42", ["x", "Test"]],
        values!["T3st", 1],
    );
    check("(key~=ÉÉN)", values!["één", "É É n"], values!["een"]);
    check("(key~=STRASSE)", values!["straße"], values!["strase"]);
    check("(key~=34)", values![34, 34.0, "3 4"], values![35]);
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
fn operators_join() {
    let properties = |a: bool, b: bool| Properties::from([("a", a), ("b", b)]);
    let all = filter("(&(a=True)(b=False))");
    let any = filter("(|(a=True)(b=False))");
    for (a, b) in [(true, true), (true, false), (false, true), (false, false)] {
        assert_eq!(all.matches(&properties(a, b)), a && !b);
        assert_eq!(any.matches(&properties(a, b)), a || !b);
        assert_eq!(all.negate().matches(&properties(a, b)), !a || b);
    }
    check(
        "(!(key=False))",
        values![true, [true], "1123", 1, 0],
        values![false, [true, false]],
    );
    assert!(filter("(!(key=x))").matches(&Properties::new()));
}

#[test]
fn osgi_examples_hold() {
    let properties: Properties = [
        ("room", Value::from("bedroom")),
        ("channel", Value::List(values![34, "101"].to_vec())),
        (
            "max record time",
            Value::List(values![150_i64, "100"].to_vec()),
        ),
        ("canrecord", Value::from("true(x)")),
        ("shortvalue", Value::from(1000_i16)),
        ("bytevalue", Value::from(10_i8)),
    ]
    .into();
    for text in [
        " ( room >=aaaa)",
        "  ( room =b*) ",
        "  (& (room =bedroom) (channel ~= 34))",
        "(| (room =boom*)(channel=101)) ",
        "  (! (room =ab*b*oo*m*) ) ",
        r"  (canRecord =true\(x\)) ",
        "(max Record Time <=140) ",
        "  (  &  (  byteValue <= 100  )  (  byteValue >= 10  )  )  ",
        "(& (| (room =d*m) (room =bed*) (room=abc)) (! (channel=999)))",
    ] {
        assert!(filter(text).matches(&properties), "{text}");
    }
    for text in [
        "(room <=aaaa)",
        "  ( room =b*b*  *m*) ",
        "(& (room =b*)(room =*x)(channel=34))",
        "(  bytevalue =1*0  )",
    ] {
        assert!(!filter(text).matches(&properties), "{text}");
    }
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
