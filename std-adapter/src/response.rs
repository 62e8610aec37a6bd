//! What the server answered to the opening handshake.

use std::fmt;

use bare_ws::handshake::{fields, head, unfold};

/// The server's answer: its status and its header fields.
#[derive(Clone)]
pub struct Response {
    status: u16,
    head: Box<[u8]>,
}

impl Response {
    /// `octets`: the answer as it came, interim answers before it and what follows it included.
    pub(crate) fn new(status: u16, mut octets: Vec<u8>) -> Self {
        unfold(&mut octets);
        let head = octets.get(head(&octets)).unwrap_or_default();
        Self {
            status,
            head: head.into(),
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
            .finish()
    }
}
