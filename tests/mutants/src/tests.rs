//! Each genre of mutant, woven into one line.

use std::collections::HashSet;

use crate::places::Mutant;
use crate::weave;

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
        "const fn f(a: bool) -> bool { (if ::switch::on(1) { (a) } else { (!a) }) }",
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
    (
        "FnValue",
        "a.iter()",
        "iter::empty()",
        "fn f(a: &[u8]) -> impl Iterator<Item = &u8> { a.iter() }",
        "fn f(a: &[u8]) -> impl Iterator<Item = &u8> { if ::switch::on(1) \
         { return ::switch::Either::Mutant(iter::empty()); }::switch::Either::Or({ a.iter() })}",
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

fn mutant(genre: &str, replaced: &str, replacement: &str, source: &str, number: usize) -> Mutant {
    Mutant {
        number,
        file: "a.rs".to_owned(),
        genre: genre.to_owned(),
        replacement: replacement.to_owned(),
        start: (1, source.find(replaced).expect("what is replaced") + 1),
    }
}

/// Genre; what is replaced, within its source; the source; whether constants may call the function, the compiler
/// refuses the mutant, and it stands beside a type without a name.
const FATES: &[(&str, &str, &str, [bool; 3])] = &[
    (
        "BinaryOperator",
        "+",
        "fn f(a: u8) -> u8 { a + 1 }",
        [false, false, false],
    ),
    (
        "BinaryOperator",
        "+",
        "const fn f(a: u8) -> u8 { a + 1 }",
        [true, false, false],
    ),
    (
        "BinaryOperator",
        "&&",
        "fn f(a: Option<u8>) -> bool { if let Some(b) = a && b > 1 { true } else { false } }",
        [false, true, false],
    ),
    (
        "FnValue",
        "a.iter()",
        "fn f(a: &[u8]) -> impl Iterator<Item = &u8> { a.iter() }",
        [false, false, true],
    ),
];

#[test]
fn what_became_of_a_mutant_is_told() {
    for (genre, replaced, source, expected) in FATES {
        let mutant = mutant(genre, replaced, "x", source, 1);
        let (_, places) = weave("a.rs", source, &[&mutant], &HashSet::new());
        let place = &places[0];
        let told = [place.callable, place.refused, place.beside];
        assert_eq!(told, *expected, "{source}");
    }
}

#[test]
fn each_genre_gets_its_switch() {
    for (genre, replaced, replacement, source, expected) in WOVEN {
        let mutant = mutant(genre, replaced, replacement, source, 1);
        let (woven, places) = weave("a.rs", source, &[&mutant], &HashSet::new());
        assert_eq!(woven, *expected);
        assert_eq!(places[0].texts.is_empty(), woven == *source, "{source}");
        syn::parse_file(&woven).expect("what is woven parses");

        let (woven, places) = weave("a.rs", source, &[&mutant], &[1].into());
        assert!(
            !woven.contains("switch") && places[0].texts.is_empty(),
            "{woven}"
        );
    }
}

#[test]
fn what_is_around_the_same_text_is_nested() {
    let source = "fn f(a: u8) -> u8 { match a { b if a > 0 && b > 1 => b, _ => 3 } }";
    let mutants = [
        mutant("MatchArmGuard", "a > 0", "false", source, 1),
        mutant("BinaryOperator", "&&", "||", source, 2),
        mutant("BinaryOperator", "> 0", ">=", source, 3),
    ];
    let (woven, places) = weave(
        "a.rs",
        source,
        &mutants.iter().collect::<Vec<_>>(),
        &HashSet::new(),
    );
    syn::parse_file(&woven).expect("what is woven parses");
    for (place, text) in places.iter().zip(["false", "a > 0 || b > 1", "a >= 0"]) {
        let [(start, end)] = place.texts[..] else {
            panic!("{woven}");
        };
        assert_eq!(&woven[start..end], text);
    }
}
