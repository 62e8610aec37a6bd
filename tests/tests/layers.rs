//! The folder list of the core is its architecture: a lower layer never names a higher one.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the core, bottom up. A module may name those of the lines above its own, and
/// itself; modules of one line do not know each other.
const ORDER: &[&[&str]] = &[
    &["octets", "opcode", "role", "entropy"],
    &["mask", "utf8", "close", "buffer", "lifecycle"],
    &["error"],
    &["compression", "exchange"],
    &["header"],
    &["message"],
    &["closing"],
    &["receiver", "sender"],
    &["uri"],
    &["handshake"],
    &["deflate"],
    &["blocking", "asynch"],
];

#[test]
fn a_lower_layer_never_names_a_higher_one() {
    let mut wrong = Vec::new();
    for source in sources() {
        let own = level(&source.module);
        if own.is_none() {
            wrong.push(format!("{}: has no place in the order", source.path));
        }
        for (line, named) in names(&source) {
            let at = format!("{}:{line}: {} names {named}", source.path, source.module);
            match level(&named) {
                None => wrong.push(format!("{at}, which is no module of the core")),
                Some(other) if named != source.module && Some(other) >= own => wrong.push(at),
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn std_is_for_tests_and_alloc_for_the_feature() {
    let mut wrong = Vec::new();
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        let code = without_comments(without_tests(&text));
        let mut before = "";
        for (number, line) in code.lines().enumerate() {
            let at = format!("{}:{}: {}", path.display(), number + 1, line.trim());
            let gate = match line.trim() {
                "extern crate std;" => Some("#[cfg(test)]"),
                "extern crate alloc;" => Some("#[cfg(feature = \"alloc\")]"),
                _ => None,
            };
            let ungated = match gate {
                Some(gate) => before.trim() != gate,
                None => line.contains("extern crate"),
            };
            if ungated || paths(line, "std::").next().is_some() {
                wrong.push(at);
            }
            before = line;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The two tests above hold nothing if they see nothing.
#[test]
fn the_scan_sees_what_it_looks_for() {
    let source = Source {
        path: String::new(),
        module: "header".to_owned(),
        is_root: true,
        code:
            "use crate::{\n    opcode::Opcode,\n    close,\n};\nfn f() -> crate::error::Error {}\n\
               use super::mask;\nuse crate::receiver;\n"
                .to_owned(),
    };
    let seen: Vec<_> = names(&source).into_iter().map(|(_, name)| name).collect();
    assert_eq!(seen, ["opcode", "close", "error", "mask", "receiver"]);
    assert!(level("receiver") > level("header"));
    assert_eq!(without_comments("a // crate::b\n"), "a \n");
    assert_eq!(without_tests("a\n#[cfg(test)]\nmod tests {\nb\n}\n"), "a\n");
    assert!(sources().len() >= 6);
}

struct Source {
    path: String,
    /// The top-level module it is part of.
    module: String,
    /// It is that module's root, so `super` is the crate.
    is_root: bool,
    code: String,
}

fn level(module: &str) -> Option<usize> {
    ORDER.iter().position(|line| line.contains(&module))
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src")
}

fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![source_folder()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Every file but lib.rs, which names them all.
fn sources() -> Vec<Source> {
    let folder = source_folder();
    let mut found = Vec::new();
    for path in files() {
        let inside = path.strip_prefix(&folder).unwrap().with_extension("");
        let parts: Vec<_> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        if parts == ["lib"] {
            continue;
        }
        found.push(Source {
            path: format!("core/src/{}.rs", parts.join("/")),
            module: parts[0].to_owned(),
            is_root: parts.len() == 1 || parts[1..] == ["mod"],
            code: without_comments(without_tests(&fs::read_to_string(&path).unwrap())),
        });
    }
    found
}

/// The modules that a file names, with the line: `crate::a`, `crate::{a, b::C}`, in a root also `super::a`.
fn names(source: &Source) -> Vec<(usize, String)> {
    let roots: &[&str] = if source.is_root {
        &["crate::", "super::"]
    } else {
        &["crate::", "super::super::"]
    };
    let mut found = Vec::new();
    for root in roots {
        for at in paths(&source.code, root) {
            let line = source.code[..at].matches('\n').count() + 1;
            let rest = &source.code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => {
                    found.extend(heads(group).into_iter().map(|name| (at, line, name)));
                }
                None => found.push((at, line, identifier(rest))),
            }
        }
    }
    // Inside of an inline module `super` is the file itself: only names of modules count there.
    found.retain(|(at, _, name)| {
        !name.is_empty() && (source.code[*at..].starts_with("crate") || level(name).is_some())
    });
    found.sort_by_key(|(at, _, _)| *at);
    found
        .into_iter()
        .map(|(_, line, name)| (line, name))
        .collect()
}

/// Where `root` begins a path, and does not go on one (`not_crate::`, `a::std::`).
fn paths<'a>(code: &'a str, root: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(root)
        .map(|(at, _)| at)
        .filter(|&at| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The first name of each item of a `{a, b::{c, d}, e}` group, whose opening brace is gone.
fn heads(group: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut depth = 0;
    let mut item = String::new();
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            '{' => depth += 1,
            ',' if depth == 0 => found.push(identifier(item.split_off(0).trim())),
            _ if depth == 0 => item.push(c),
            _ => {}
        }
    }
    found.push(identifier(item.trim()));
    found
}

/// A file's tests stand at its end and may name what they like.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

/// Cuts `//` comments; good enough for code that has no `//` inside of strings with `crate::` behind it.
fn without_comments(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.split_once("//") {
            Some((code, _)) => format!("{code}\n"),
            None => line.to_owned(),
        })
        .collect()
}
