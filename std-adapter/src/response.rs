//! What the server answered to the opening handshake.

use std::fmt;

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

    /// The value of the first header field of that name in any case, if it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
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
