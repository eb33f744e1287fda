use super::*;

fn text(text: &str) -> Literal {
    Literal::Text(text.into())
}

fn number(text: &str) -> Literal {
    Literal::Number(Decimal::parse(text).unwrap())
}

fn members(members: &[(&str, Literal)]) -> Literal {
    let owned = members.iter().map(|(n, v)| ((*n).into(), v.clone()));
    Literal::Members(owned.collect())
}

fn list(items: &[Literal]) -> Literal {
    Literal::List(items.into())
}

fn ask(at: &str, test: Test, arguments: Option<&Literal>) -> Truth {
    let pointer = pointer(at).unwrap();
    Condition { pointer, test }.holds(arguments)
}

fn arguments() -> Literal {
    members(&[
        ("path", text("/tmp/a")),
        ("n", number("1.50")),
        ("on", Literal::Boolean(true)),
        ("none", Literal::Null),
        ("a/b~c", text("odd")),
        (
            "list",
            list(&[number("1"), text("two"), members(&[("deep", number("3"))])]),
        ),
        ("", text("empty")),
    ])
}

#[test]
fn pointers_lead_where_rfc_6901_says() {
    let all = arguments();
    let finds = |at: &str, value: Literal| {
        assert_eq!(
            ask(at, Test::Equals(value), Some(&all)),
            Truth::True,
            "{at}"
        );
    };
    finds("/path", text("/tmp/a"));
    finds("/a~1b~0c", text("odd"));
    finds("/list/1", text("two"));
    finds("/list/2/deep", number("3.0"));
    finds("/", text("empty"));
    finds("", all.clone());
    for nowhere in [
        "/list/3", "/list/01", "/list/-", "/list/x", "/path/0", "/pa", "/none/x",
    ] {
        let asked = ask(nowhere, Test::Present(true), Some(&all));
        assert_eq!(asked, Truth::False, "{nowhere}");
        let asked = ask(nowhere, Test::Glob(Glob::new("*")), Some(&all));
        assert_eq!(asked, Truth::Undecidable, "{nowhere}");
    }
    for written in ["path", "/a~2", "/a~", "~"] {
        assert_eq!(pointer(written), None, "{written}");
    }
    assert_eq!(pointer("/~01").unwrap()[0], "~1".into());
}

#[test]
fn another_type_is_undecidable() {
    let all = arguments();
    let range = Test::Range {
        min: Decimal::parse("1"),
        max: None,
    };
    for (at, test) in [
        ("/n", Test::Equals(text("1.50"))),
        ("/on", Test::In([number("1"), text("true")].into())),
        ("/n", Test::Glob(Glob::new("*"))),
        ("/path", range.clone()),
        ("/none", range),
        ("/none", Test::Equals(Literal::Boolean(false))),
        ("/nowhere", Test::Equals(Literal::Null)),
    ] {
        assert_eq!(
            ask(at, test.clone(), Some(&all)),
            Truth::Undecidable,
            "{at} {test:?}"
        );
        assert_eq!(ask(at, test, None), Truth::Undecidable);
    }
}

#[test]
fn presence_is_never_undecidable() {
    let all = arguments();
    for (at, there) in [("/none", true), ("/nowhere", false), ("", true)] {
        assert_eq!(ask(at, Test::Present(true), Some(&all)), Truth::of(there));
        assert_eq!(ask(at, Test::Present(false), Some(&all)), Truth::of(!there));
    }
    assert_eq!(ask("/path", Test::Present(true), None), Truth::False);
    assert_eq!(ask("", Test::Present(false), None), Truth::True);
}

#[test]
fn equality_is_deep_and_ignores_the_order_of_members() {
    let a = members(&[("x", number("1")), ("y", list(&[text("a"), text("b")]))]);
    let b = members(&[("y", list(&[text("a"), text("b")])), ("x", number("1.0"))]);
    assert_eq!(a.equals(&b), Truth::True);
    let turned = members(&[("x", number("1")), ("y", list(&[text("b"), text("a")]))]);
    let more = members(&[("x", number("1")), ("y", text("a")), ("z", Literal::Null)]);
    for other in [turned, more, members(&[]), list(&[])] {
        assert_eq!(a.equals(&other), Truth::False, "{other:?}");
        assert_eq!(other.equals(&a), Truth::False, "{other:?}");
    }
}

#[test]
fn bounds_are_inclusive_and_exact() {
    let range = |min: Option<&str>, max: Option<&str>| Test::Range {
        min: min.and_then(Decimal::parse),
        max: max.and_then(Decimal::parse),
    };
    for (value, min, max, holds) in [
        ("10", Some("10"), Some("10.0"), true),
        ("9007199254740993", None, Some("9007199254740992"), false),
        ("0.30000000000000001", Some("0.3"), None, true),
        ("0.29999999999999999", Some("0.3"), None, false),
        ("-1", Some("-2"), Some("0"), true),
    ] {
        let at = members(&[("v", number(value))]);
        assert_eq!(
            ask("/v", range(min, max), Some(&at)),
            Truth::of(holds),
            "{value}"
        );
    }
}

#[test]
fn all_must_hold() {
    use Truth::{False, True, Undecidable};
    for (a, b, both) in [
        (True, True, True),
        (True, False, False),
        (Undecidable, False, False),
        (Undecidable, True, Undecidable),
        (Undecidable, Undecidable, Undecidable),
    ] {
        assert_eq!((a.and(b), b.and(a)), (both, both));
    }
}

/// A server that folds case may read the other one.
#[test]
fn two_names_that_are_one_to_some_readers_are_undecidable() {
    let amount = |names: &[&str]| {
        let inner: Vec<_> = names.iter().map(|n| (*n, number("0"))).collect();
        members(&[("transfer", members(&inner))])
    };
    for names in [
        &["amount", "Amount"][..],
        &["Amount"],
        &["AMOUNT", "amount"],
        &["am\u{f6}unt", "amount", "amoun\u{54}"],
    ] {
        let arguments = amount(names);
        for test in [
            Test::Equals(number("0")),
            Test::Present(true),
            Test::Present(false),
            Test::Range {
                min: None,
                max: Some(Decimal::parse("5").unwrap()),
            },
        ] {
            let told = format!("{names:?} {test:?}");
            let asked = ask("/transfer/amount", test, Some(&arguments));
            assert_eq!(asked, Truth::Undecidable, "{told}");
        }
        let whole = Test::Equals(members(&[("amount", number("0"))]));
        assert_eq!(
            ask("/transfer", whole, Some(&arguments)),
            Truth::Undecidable
        );
        // What a rule does not ask for is no matter.
        let other = ask("/transfer/other", Test::Present(false), Some(&arguments));
        assert_eq!(other, Truth::True);
    }
    let long_s = members(&[("pa\u{17f}\u{17f}", text("a"))]);
    let asked = ask("/pass", Test::Present(false), Some(&long_s));
    assert_eq!(asked, Truth::Undecidable);
    let above = members(&[
        ("transfer", amount(&["amount"])),
        ("Transfer", amount(&["amount"])),
    ]);
    let asked = ask(
        "/transfer/transfer/amount",
        Test::Present(true),
        Some(&above),
    );
    assert_eq!(asked, Truth::Undecidable);
}
