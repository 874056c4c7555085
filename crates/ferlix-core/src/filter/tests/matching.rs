//! What filters match, type by type.

use std::collections::BTreeMap;

use super::{check, filter, values};
use crate::property::{DateTime, Properties, Value};

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
fn keys_have_no_case_in_maps_of_any_size() {
    let mut properties = Properties::from([("Service.Id", 5)]);
    for index in 0..100 {
        for text in ["(service.id=5)", "(Service.Id=5)", "(SERVICE.ID>4)"] {
            assert!(
                filter(text).matches(&properties),
                "{text} with {index} more"
            );
        }
        for text in ["(service.ix=*)", "(service.idx=*)", "(service.i=*)"] {
            assert!(
                !filter(text).matches(&properties),
                "{text} with {index} more"
            );
        }
        properties.insert(format!("service.{index:02}"), index);
    }
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
