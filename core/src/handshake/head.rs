//! What both heads are made of: lines and fields (RFC 9112 §2, §5), read octet by octet and held
//! nowhere, and written through a buffer of any size.

/// What an octet of a head means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// Part of the start line.
    Start(u8),
    /// The start line is complete.
    StartEnd,
    /// Part of a field's name.
    Name(u8),
    /// The name is complete.
    NameEnd,
    /// Part of a field's value, no white space; `spaced` if white space stood before it.
    Value { octet: u8, spaced: bool },
    /// The value is complete, and so is the field.
    ValueEnd,
    /// The blank line was read: the next octet is no longer the head's.
    End,
    /// White space, or half of a line's end.
    Nothing,
}

/// An octet that cannot stand where it stands in a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum BadHead {
    /// In the start line: what arrives is not HTTP/1.1.
    StartLine,
    /// In a field line (RFC 9112 §5): no name, white space before the colon, no colon, a control
    /// character.
    Field,
    /// A line that continues the one before (RFC 9112 §5.2 deprecates it, and a folded field must
    /// never pass for a new one).
    Folded,
    /// CR without LF or LF without CR (RFC 9112 §2.2).
    LineEnd,
}

/// Reads a head line by line; one octet of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Lines {
    #[default]
    Start,
    StartLf,
    Field,
    Name,
    Value,
    Spaced,
    ValueLf,
    EndLf,
}

impl Lines {
    pub(crate) fn push(&mut self, octet: u8) -> Result<Item, BadHead> {
        let (next, item) = match (*self, octet) {
            (Self::Start, b'\r') => (Self::StartLf, Item::Nothing),
            (Self::Start, _) if is_text_octet(octet) => (Self::Start, Item::Start(octet)),
            (Self::Start, _) => return Err(BadHead::StartLine),
            (Self::StartLf, b'\n') => (Self::Field, Item::StartEnd),

            (Self::Field, b'\r') => (Self::EndLf, Item::Nothing),
            (Self::Field, b' ' | b'\t') => return Err(BadHead::Folded),
            (Self::Field | Self::Name, _) if is_token_octet(octet) => {
                (Self::Name, Item::Name(octet))
            }
            (Self::Name, b':') => (Self::Value, Item::NameEnd),

            (Self::Value | Self::Spaced, b'\r') => (Self::ValueLf, Item::Nothing),
            // RFC 9110 §5.6.3: OWS = *( SP / HTAB )
            (Self::Value | Self::Spaced, b' ' | b'\t') => (Self::Spaced, Item::Nothing),
            (Self::Value | Self::Spaced, _) if is_text_octet(octet) => (
                Self::Value,
                Item::Value {
                    octet,
                    spaced: *self == Self::Spaced,
                },
            ),
            (Self::ValueLf, b'\n') => (Self::Field, Item::ValueEnd),
            (Self::EndLf, b'\n') => (Self::Start, Item::End),
            (Self::StartLf | Self::ValueLf | Self::EndLf, _) | (_, b'\n') => {
                return Err(BadHead::LineEnd);
            }
            _ => return Err(BadHead::Field),
        };
        *self = next;
        Ok(item)
    }
}

/// Finds out which text of a list the octets spell, without holding them: those read so far are
/// the beginning of one of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spelling {
    /// Octets that agree with `candidate`; `None` if no text of the list begins so.
    agreed: Agreed,
    candidate: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agreed {
    Octets(usize),
    Never,
}

impl Default for Agreed {
    fn default() -> Self {
        Self::Octets(0)
    }
}

impl Spelling {
    /// Takes an octet; `false` when no text of the list begins like this.
    pub(crate) fn push(&mut self, list: &[&str], octet: u8) -> bool {
        let Agreed::Octets(len) = self.agreed else {
            return false;
        };
        let so_far = prefix(list, self.candidate, len);
        let continues = |text: &str| {
            text.as_bytes().get(..len) == so_far && text.as_bytes().get(len) == Some(&octet)
        };
        match list.iter().position(|text| continues(text)) {
            Some(index) => {
                self.candidate = index;
                self.agreed = Agreed::Octets(len.saturating_add(1));
                true
            }
            None => {
                self.agreed = Agreed::Never;
                false
            }
        }
    }

    /// The text that was spelled to its end.
    pub(crate) fn spelled(&self, list: &[&str]) -> Option<usize> {
        let Agreed::Octets(len) = self.agreed else {
            return None;
        };
        let so_far = prefix(list, self.candidate, len);
        list.iter()
            .position(|text| text.len() == len && so_far == Some(text.as_bytes()))
    }
}

fn prefix<'a>(list: &[&'a str], candidate: usize, len: usize) -> Option<&'a [u8]> {
    list.get(candidate)?.as_bytes().get(..len)
}

/// A stretch of a longer text, written into a buffer: the text is given in pieces from its
/// beginning each time, and what lies before the stretch is passed over.
pub(crate) struct Stretch<'a> {
    skip: usize,
    room: &'a mut [u8],
    written: usize,
}

impl<'a> Stretch<'a> {
    /// The stretch that begins after `skip` octets and fills `room`.
    pub(crate) const fn new(skip: usize, room: &'a mut [u8]) -> Self {
        Self {
            skip,
            room,
            written: 0,
        }
    }

    /// The next piece of the text.
    pub(crate) fn put(&mut self, piece: &[u8]) {
        let Some(piece) = piece.get(self.skip..) else {
            self.skip -= piece.len();
            return;
        };
        self.skip = 0;
        let room = self.room.get_mut(self.written..).unwrap_or_default();
        for (slot, octet) in room.iter_mut().zip(piece) {
            *slot = *octet;
            self.written += 1;
        }
    }

    /// Octets written into the buffer.
    pub(crate) const fn written(&self) -> usize {
        self.written
    }
}

/// `tchar` of RFC 9110 §5.6.2, the same octets as in a token of RFC 2616.
pub(crate) const fn is_token_octet(octet: u8) -> bool {
    matches!(
        octet,
        b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9'
            | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~'
    )
}

/// What may stand in a field value or a reason (RFC 9110 §5.5): HTAB, SP, VCHAR and obs-text.
pub(crate) const fn is_text_octet(octet: u8) -> bool {
    !(octet.is_ascii_control() && octet != b'\t')
}

pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_octet)
}

/// The header fields of the response at the beginning of `octets`, names and values as they were
/// sent, without the white space around values.
///
/// The reader of the response holds nothing, so whoever wants to see header fields, such as
/// Location or Set-Cookie, keeps the octets that were given to it and looks here. Interim
/// responses (1xx) are passed over; what is not a field ends the iteration.
#[must_use]
pub fn fields(octets: &[u8]) -> Fields<'_> {
    let mut rest = octets;
    loop {
        let start = line(&mut rest);
        let is_interim = start
            .get(9..12)
            .is_some_and(|code| code.starts_with(b"1") && code != b"101");
        if !is_interim {
            return Fields { rest };
        }
        while !line(&mut rest).is_empty() {}
    }
}

/// Iterator of [`fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let line = line(&mut self.rest);
        let colon = line.iter().position(|&octet| octet == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        Some((name, value.strip_prefix(b":")?.trim_ascii()))
    }
}

/// The first line, which is taken away; empty if there is none.
fn line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.windows(2).position(|two| two == b"\r\n");
    let (line, behind) = end
        .and_then(|end| rest.split_at_checked(end))
        .unwrap_or_default();
    *rest = behind.get(2..).unwrap_or_default();
    line
}
