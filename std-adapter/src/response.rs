//! What the server answered to the opening handshake.

use std::fmt::{self, Write as _};

use crate::body::Body;
use bare_ws::handshake::{fields, head, unfold};

/// The most octets of a body that are kept.
const BODY_LIMIT: usize = 64 * 1024;

/// The server's answer: its status, its header fields, and the beginning of its body.
#[derive(Clone)]
pub struct Response {
    status: u16,
    head: Box<[u8]>,
    body: Body,
}

impl Response {
    /// `octets`: the answer as it came, interim answers before it and what follows it included.
    pub(crate) fn new(status: u16, mut octets: Vec<u8>) -> Self {
        unfold(&mut octets);
        let place = head(&octets);
        let behind = octets.get(place.end..).unwrap_or_default();
        let head = octets.get(place).unwrap_or_default();
        let mut body = Body::new(status, head, BODY_LIMIT);
        body.push(behind);
        Self {
            status,
            head: head.into(),
            body,
        }
    }

    /// The status code: 101 of an open connection.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The header fields in their order, names as the server wrote them, values without the white
    /// space around them. A line that is no header field is left out.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        fields(&self.head)
            .filter_map(|(name, value)| Some((std::str::from_utf8(name).ok()?, value)))
    }

    pub(crate) fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The body of a refusal, at most 64 KiB of it, as far as it came within a second, without the
    /// chunked coding. Other codings of the server's are left as they are. An open connection has none.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.body.octets()
    }

    /// How the body begins, if it is text, for an error.
    pub(crate) fn excerpt(&self) -> Option<Excerpt<'_>> {
        let kind = self.header("content-type")?;
        let is_text = ["text/", "application/json", "application/problem+json"]
            .iter()
            .any(|it| {
                kind.get(..it.len())
                    .is_some_and(|kind| kind.eq_ignore_ascii_case(it))
            });
        // What was cut off within a character, or is of another encoding, ends before it.
        let text = self.body().utf8_chunks().next()?.valid();
        (is_text && !text.trim().is_empty()).then_some(Excerpt(text))
    }

    /// The value of the first header field of that name in any case, if it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }
}

/// What a server says in a body: quoted, on one line and bounded, since anybody may have written it.
pub(crate) struct Excerpt<'a>(&'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 120;
        let words = self.0.split_whitespace();
        let mut characters = words.enumerate().flat_map(|(place, word)| {
            let space = (place > 0).then_some(' ');
            space.into_iter().chain(word.chars())
        });
        f.write_char('"')?;
        for character in characters.by_ref().take(MOST) {
            character.escape_debug().try_for_each(|c| f.write_char(c))?;
        }
        if characters.next().is_some() {
            f.write_char('…')?;
        }
        f.write_char('"')
    }
}

/// Values may be secrets; they are not shown.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers().map(|(name, _)| name).collect();
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &names)
            .field("body_len", &self.body().len())
            .finish()
    }
}
