//! Where a redirect leads (RFC 6455 §4.1: "servers might redirect the client").

use std::fmt::{self, Write as _};

use bare_ws::uri::Uri;

use crate::error::RedirectError;
use crate::response::Response;

/// Whether the answer asks us to go on elsewhere.
pub(crate) fn is_redirect(response: &Response) -> bool {
    matches!(response.status(), 301 | 302 | 303 | 307 | 308)
}

/// Whether two URIs name the same server in the same way.
pub(crate) fn is_same_server(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    a.is_secure() == b.is_secure()
        && a.port() == b.port()
        && a.host().eq_ignore_ascii_case(b.host())
}

/// The URI that `response` to `from` leads to.
pub(crate) fn target(from: &Uri<'_>, response: &Response) -> Result<String, RedirectError> {
    let location = response
        .header("location")
        .filter(|location| !location.is_empty())
        .ok_or(RedirectError::NoLocation)?;
    let target = resolve(from, location);
    let Ok(to) = Uri::parse(&target) else {
        let location = location.to_owned();
        return Err(RedirectError::Location { location });
    };
    if from.is_secure() && !to.is_secure() {
        return Err(RedirectError::Insecure { location: target });
    }
    Ok(target)
}

/// A Location in an error: quoted and bounded, since the server wrote it, and without the query,
/// which may hold a secret.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 100;
        let path = self.0.split(['?', '#']).next().unwrap_or_default();
        let mut characters = path.chars();
        f.write_char('"')?;
        for character in characters.by_ref().take(MOST) {
            character.escape_debug().try_for_each(|c| f.write_char(c))?;
        }
        if characters.next().is_some() || path.len() < self.0.len() {
            f.write_char('…')?;
        }
        f.write_char('"')
    }
}

/// RFC 3986 §5.2, for a base that has no fragment. Of the target none is left either: RFC 6455 §3
/// forbids it.
fn resolve(base: &Uri<'_>, reference: &str) -> String {
    let reference = reference.split('#').next().unwrap_or_default();
    if has_scheme(reference) {
        reference.to_owned()
    } else {
        resolve_relative(base, reference)
    }
}

/// Whether the first colon ends a scheme. RFC 3986 §4.2: "A path segment that contains a colon
/// character (e.g., "this:that") cannot be used as the first segment of a relative-path reference,
/// as it would be mistaken for a scheme name."
fn has_scheme(reference: &str) -> bool {
    let before = reference.split_once(':').map(|(before, _)| before);
    before.is_some_and(|before| !before.contains(['/', '?']))
}

/// [`resolve`] for a reference without a scheme and a fragment.
fn resolve_relative(base: &Uri<'_>, reference: &str) -> String {
    let scheme = if base.is_secure() { "wss" } else { "ws" };
    if let Some(rest) = reference.strip_prefix("//") {
        return format!("{scheme}://{rest}");
    }
    let port = base
        .explicit_port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let server = format!("{scheme}://{}{port}", base.host_literal());
    let resource = base.resource().concat();
    let path = resource.split('?').next().unwrap_or_default();
    if reference.starts_with('?') {
        return format!("{server}{path}{reference}");
    }
    if reference.is_empty() {
        return format!("{server}{resource}");
    }
    let (reference, query) = reference.split_at(reference.find('?').unwrap_or(reference.len()));
    let merged = if reference.starts_with('/') {
        reference.to_owned()
    } else {
        let directory = path.rfind('/').map_or("/", |slash| &path[..=slash]);
        format!("{directory}{reference}")
    };
    format!("{server}{}{query}", without_dot_segments(&merged))
}

/// RFC 3986 §5.2.4.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    kept.iter().flat_map(|segment| ["/", segment]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // row: RSP-03
    #[test]
    fn references_are_resolved_as_rfc_3986_wants() {
        let base = Uri::parse("ws://a.example:81/b/c/d;p?q").unwrap();
        for (reference, wanted) in [
            ("ws://x/y", "ws://x/y"),
            ("http://x/y?z", "http://x/y?z"),
            ("HTTPS://x:444/", "HTTPS://x:444/"),
            ("wss://x#frag", "wss://x"),
            ("//x/y", "ws://x/y"),
            ("/g", "ws://a.example:81/g"),
            ("g", "ws://a.example:81/b/c/g"),
            ("./g", "ws://a.example:81/b/c/g"),
            ("g/", "ws://a.example:81/b/c/g/"),
            ("?y", "ws://a.example:81/b/c/d;p?y"),
            ("g?y", "ws://a.example:81/b/c/g?y"),
            ("g?y/../z", "ws://a.example:81/b/c/g?y/../z"),
            ("", "ws://a.example:81/b/c/d;p?q"),
            (".", "ws://a.example:81/b/c/"),
            ("..", "ws://a.example:81/b/"),
            ("../g", "ws://a.example:81/b/g"),
            ("../../g", "ws://a.example:81/g"),
            ("../../../g", "ws://a.example:81/g"),
            ("/./g/../h", "ws://a.example:81/h"),
            ("g?u=http://x", "ws://a.example:81/b/c/g?u=http://x"),
            ("/g?u=http://x", "ws://a.example:81/g?u=http://x"),
            ("./this:that", "ws://a.example:81/b/c/this:that"),
            ("/this:that", "ws://a.example:81/this:that"),
            ("?this:that", "ws://a.example:81/b/c/d;p?this:that"),
            ("g#this:that", "ws://a.example:81/b/c/g"),
        ] {
            assert_eq!(resolve(&base, reference), wanted, "{reference}");
        }
    }
    // row: RSP-03
    #[test]
    fn where_no_location_is_there_is_no_way() {
        let base = Uri::parse("ws://a.example/b").unwrap();
        for field in [
            "",
            "Location: \r\n",
            "Location:\t\r\n",
            "Location: \u{80}\r\n",
        ] {
            let mut head = format!("HTTP/1.1 302 x\r\n{field}\r\n").into_bytes();
            // What is not UTF-8 is no text.
            head.retain(|octet| *octet != 0xc2);
            let target = target(&base, &Response::new(302, head));
            assert_eq!(target, Err(RedirectError::NoLocation), "{field:?}");
        }
    }

    // row: RSP-03
    #[test]
    fn another_scheme_is_no_path() {
        let base = Uri::parse("ws://a.example:81/b/c/d;p?q").unwrap();
        for reference in [
            "myserver.example:8081",
            "mailto:a@b",
            "http:/path",
            "http:path",
            "https:",
            "ws:rest",
            "wss:///path",
            "WS:",
            "javascript:alert(1)",
            "data:text/plain,x",
            "x-custom:y?z",
            "localhost:1234/path",
            "127.0.0.1:80/",
            "[::1]:80/",
            "ftp://a.example:81/g",
            "file:///g",
            "1a:b",
            ":8081/",
            "a b:c",
            "//",
            "///g",
        ] {
            let head = format!("HTTP/1.1 302 x\r\nLocation: {reference}\r\n\r\n");
            let response = Response::new(302, head.into_bytes());
            let target = target(&base, &response);
            let location = reference.to_owned();
            assert_eq!(target, Err(RedirectError::Location { location }));
        }
    }
}
