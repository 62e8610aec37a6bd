//! Each genre of mutant, woven into one line.

use crate::places::Mutant;
use crate::{Kept, weave};

/// Genre; what is replaced, within its source; the replacement; the source; what is woven.
const WOVEN: &[(&str, &str, &str, &str, &str)] = &[
    (
        "FnValue",
        "a + b",
        "0",
        "fn f(a: u8, b: u8) -> u8 { a + b }",
        "fn f(a: u8, b: u8) -> u8 { if ::switch::on(1) { return 0; } a + b }",
    ),
    (
        "BinaryOperator",
        "<",
        "<=",
        "fn f(a: u8, b: u8) -> bool { a < b /* both */ }",
        "fn f(a: u8, b: u8) -> bool { (if ::switch::on(1) { (a <= b) } else { (a < b) }) /* both */ }",
    ),
    (
        "UnaryOperator",
        "!",
        "",
        "const fn f(a: bool) -> bool { !a }",
        " fn f(a: bool) -> bool { (if ::switch::on(1) { (a) } else { (!a) }) }",
    ),
    (
        "MatchArm",
        "1 => 2",
        "",
        "fn f(a: u8) -> u8 { match a { 1 => 2, _ => 3 } }",
        "fn f(a: u8) -> u8 { match a { 1 if !::switch::on(1)  => 2, _ => 3 } }",
    ),
    (
        "MatchArmGuard",
        "a > 0",
        "true",
        "fn f(a: u8) -> u8 { match a { b if a > 0 => b, _ => 3 } }",
        "fn f(a: u8) -> u8 { match a { b if (if ::switch::on(1) { true } else { a > 0 }) => b, _ => 3 } }",
    ),
    (
        "StructField",
        "a: 1",
        "",
        "fn f(b: S) -> S { S { a: 1, ..b } }",
        "fn f(b: S) -> S { (if ::switch::on(1) { (S { .. b }) } else { (S { a: 1, ..b }) }) }",
    ),
    // A constant has no switch.
    (
        "BinaryOperator",
        "+",
        "-",
        "const A: u8 = 1 + 2;",
        "const A: u8 = 1 + 2;",
    ),
    // Nor has what is bound in the condition it stands in.
    (
        "BinaryOperator",
        "&&",
        "||",
        "fn f(a: Option<u8>) -> bool { if let Some(b) = a && b > 1 { true } else { false } }",
        "fn f(a: Option<u8>) -> bool { if let Some(b) = a && b > 1 { true } else { false } }",
    ),
];

#[test]
fn each_genre_gets_its_switch() {
    for (genre, replaced, replacement, source, expected) in WOVEN {
        let mutant = Mutant {
            number: 1,
            file: "a.rs".to_owned(),
            genre: (*genre).to_owned(),
            replacement: (*replacement).to_owned(),
            start: (1, source.find(replaced).expect("what is replaced") + 1),
        };
        let (woven, places) = weave("a.rs", source, &[&mutant], &Kept::default());
        assert_eq!(woven, *expected);
        assert_eq!(places[0].texts.is_empty(), woven == *source, "{source}");
        syn::parse_file(&woven).expect("what is woven parses");

        let left = Kept {
            left: [1].into(),
            ..Kept::default()
        };
        let (woven, places) = weave("a.rs", source, &[&mutant], &left);
        assert!(
            !woven.contains("switch") && places[0].texts.is_empty(),
            "{woven}"
        );
    }
}

#[test]
fn what_is_around_the_same_text_is_nested() {
    let source = "fn f(a: u8) -> u8 { match a { b if a > 0 && b > 1 => b, _ => 3 } }";
    let at = |genre: &str, replaced: &str, replacement: &str, number| Mutant {
        number,
        file: "a.rs".to_owned(),
        genre: genre.to_owned(),
        replacement: replacement.to_owned(),
        start: (1, source.find(replaced).expect("what is replaced") + 1),
    };
    let mutants = [
        at("MatchArmGuard", "a > 0", "false", 1),
        at("BinaryOperator", "&&", "||", 2),
        at("BinaryOperator", "> 0", ">=", 3),
    ];
    let (woven, places) = weave(
        "a.rs",
        source,
        &mutants.iter().collect::<Vec<_>>(),
        &Kept::default(),
    );
    syn::parse_file(&woven).expect("what is woven parses");
    for (place, text) in places.iter().zip(["false", "a > 0 || b > 1", "a >= 0"]) {
        let [(start, end)] = place.texts[..] else {
            panic!("{woven}");
        };
        assert_eq!(&woven[start..end], text);
    }
}
