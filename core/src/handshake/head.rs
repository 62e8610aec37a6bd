//! What both heads are made of: lines and fields (RFC 9112 §2, §5), read octet by octet and held
//! nowhere, and written through a buffer of any size.

use core::cell::Cell;
use core::fmt;
use core::ops::Range;

use crate::octets;

/// What the octet of a head that was read last meant: all the state that reading it takes.
///
/// Those that a reader has to do something about stand together, which is less code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Item {
    StartCr,
    /// The name is complete.
    NameEnd,
    /// White space in or around a field's value. After [`ValueEnd`](Self::ValueEnd) the line goes
    /// on with the one before.
    Blank,
    ValueCr,
    /// The line is complete, and so are the value and the field if the next one does not go on
    /// with them.
    ValueEnd,
    EndCr,
    /// The status of a response that does not open a connection. Its fields mean nothing to the
    /// handshake, so they need not be well formed for the status to be reported: what follows is
    /// only searched for its first empty line.
    OtherStatus,
    /// Part of a line of such a response.
    Other,
    /// Such a line is complete.
    OtherEnd,
    /// Part of the start line.
    #[default]
    Start,
    /// The start line is complete.
    StartEnd,
    /// Part of a field's name.
    Name,
    /// Part of a field's value, no white space.
    Value,
    /// The blank line was read: the next octet is no longer the head's.
    End,
    /// What cannot stand in the start line: what arrives is not HTTP/1.
    BadStart,
    /// What is no field line (RFC 9112 §5): no name, white space before the name or the colon, no
    /// colon, a control character.
    BadField,
    /// CR without LF or LF without CR (RFC 9112 §2.2).
    BadLineEnd,
}

impl Item {
    /// Those that may be followed by another.
    const GOOD: [Self; 14] = [
        Self::StartCr,
        Self::NameEnd,
        Self::Blank,
        Self::ValueCr,
        Self::ValueEnd,
        Self::EndCr,
        Self::OtherStatus,
        Self::Other,
        Self::OtherEnd,
        Self::Start,
        Self::StartEnd,
        Self::Name,
        Self::Value,
        Self::End,
    ];

    /// Takes the next octet. After one that cannot stand there, all the others cannot either.
    pub(crate) fn push(&mut self, octet: u8) -> Self {
        let row = AFTER.get(*self as usize);
        if let Some(next) = row.and_then(|row| row.get(Class::of(octet))) {
            *self = *next;
        }
        *self
    }

    const fn and_then(self, class: Class) -> Self {
        use Class::{Blank, Colon, Control, Cr, Lf, Token};
        match (self, class) {
            (Self::Start | Self::End, Cr) => Self::StartCr,
            (Self::Start | Self::End, Lf | Control) => Self::BadStart,
            (Self::Start | Self::End, _) => Self::Start,
            (Self::StartCr, Lf) => Self::StartEnd,

            (Self::StartEnd | Self::ValueEnd, Cr) => Self::EndCr,
            // RFC 9112 §5.2: obs-fold = OWS CRLF RWS
            (Self::ValueEnd, Blank) => Self::Blank,
            (Self::StartEnd | Self::ValueEnd | Self::Name, Token) => Self::Name,
            (Self::Name, Colon) => Self::NameEnd,

            (Self::NameEnd | Self::Blank | Self::Value, Cr) => Self::ValueCr,
            // RFC 9110 §5.6.3: OWS = *( SP / HTAB )
            (Self::NameEnd | Self::Blank | Self::Value, Blank) => Self::Blank,
            (Self::NameEnd | Self::Blank | Self::Value, Colon | Token | Class::Text) => Self::Value,
            (Self::ValueCr, Lf) => Self::ValueEnd,
            (Self::EndCr | Self::OtherEnd, Lf) => Self::End,

            // RFC 9112 §2.2: "a recipient MAY recognize a single LF as a line terminator and ignore
            // any preceding CR".
            (Self::OtherStatus, Colon | Token | Class::Text | Control) => Self::BadStart,
            (Self::OtherStatus | Self::Other, Lf) => Self::OtherEnd,
            (Self::OtherEnd, Cr) => Self::OtherEnd,
            (Self::OtherStatus | Self::Other | Self::OtherEnd, _) => Self::Other,

            (Self::StartCr | Self::ValueCr | Self::EndCr, _) | (_, Lf) => Self::BadLineEnd,
            _ => Self::BadField,
        }
    }
}

/// As far as lines and fields go, octets of one class are alike.
#[derive(Clone, Copy)]
enum Class {
    Cr,
    Lf,
    Blank,
    Colon,
    Token,
    Text,
    Control,
}

impl Class {
    const ALL: [Self; 7] = [
        Self::Cr,
        Self::Lf,
        Self::Blank,
        Self::Colon,
        Self::Token,
        Self::Text,
        Self::Control,
    ];

    /// From a table, four bits for each octet of US-ASCII: less code than to compare it.
    fn of(octet: u8) -> usize {
        #[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
        static CLASSES: [u8; 64] = {
            let mut classes = [0; 64];
            let mut octet = 0u8;
            while octet < 128 {
                classes[octet as usize / 2] |= (Class::told(octet) as u8) << (octet % 2 * 4);
                octet += 1;
            }
            classes
        };
        match CLASSES.get(usize::from(octet / 2)) {
            Some(two) => usize::from(two >> (octet % 2 * 4) & 15),
            None => Self::Text as usize,
        }
    }

    const fn told(octet: u8) -> Self {
        match octet {
            b'\r' => Self::Cr,
            b'\n' => Self::Lf,
            b' ' | b'\t' => Self::Blank,
            b':' => Self::Colon,
            // `tchar` of RFC 9110 §5.6.2, the same octets as in a token of RFC 2616.
            b'!'
            | b'#'..=b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'0'..=b'9'
            | b'A'..=b'Z'
            | b'^'..=b'z'
            | b'|'
            | b'~' => Self::Token,
            // As `is_text_octet`, without HTAB.
            ..b' ' | 0x7f => Self::Control,
            _ => Self::Text,
        }
    }
}

/// [`Item::and_then`] as a table, which is less code.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
static AFTER: [[Item; Class::ALL.len()]; Item::GOOD.len()] = {
    let mut table = [[Item::Start; Class::ALL.len()]; Item::GOOD.len()];
    let mut item = 0;
    while item < Item::GOOD.len() {
        let mut class = 0;
        while class < Class::ALL.len() {
            table[item][class] = Item::GOOD[item].and_then(Class::ALL[class]);
            class += 1;
        }
        item += 1;
    }
    table
};

/// Finds out which text of a list the octets spell, without holding them: those read so far are
/// the beginning of one of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spelling {
    /// Octets that agree with `candidate`.
    len: usize,
    /// The first text of the list that begins so; past the list if none does.
    pub(crate) candidate: usize,
}

impl Spelling {
    pub(crate) const NOTHING: Self = Self {
        len: 0,
        candidate: 0,
    };

    /// Takes an octet; `false` when no text of the list begins like this.
    #[cfg(feature = "server")]
    pub(crate) fn push(&mut self, list: &[&str], octet: u8) -> bool {
        let found = self.run(list, &[octet], false) > 0;
        if !found {
            self.spoil();
        }
        found
    }

    /// The text that was spelled to its end; and nothing is spelled any more.
    #[cfg(feature = "server")]
    pub(crate) fn end(&mut self, list: &[&str]) -> Option<usize> {
        let mut ended = core::mem::take(self);
        (ended.run(list, &[], false) > 0).then_some(ended.candidate)
    }

    /// Takes of the octets those that go on as a text of the list does, and gives how many; 0 when
    /// none goes on like this. Without octets: 1 when a text ends here. In `any_case` may be spelled
    /// what has letters in lower case and hyphens only.
    #[inline]
    pub(crate) fn run(&mut self, list: &[&str], octets: &[u8], any_case: bool) -> usize {
        // Of a letter the bit 0x40 is set, and 0x20 is its case; of a hyphen it is not.
        let either = if any_case { 0x20 } else { 0 };
        let mut begins: &[u8] = &[];
        while let Some(text) = list.get(self.candidate) {
            let text = text.as_bytes();
            // What was spelled so far is the beginning of the candidate: that needs no look again.
            if begins.is_empty() || text.starts_with(begins) {
                if octets.is_empty() && text.len() == self.len {
                    return 1;
                }
                let mut taken = 0;
                while let Some(octet) = octets.get(taken)
                    && let Some(expected) = text.get(self.len.wrapping_add(taken))
                    && (octet ^ expected) & !(expected >> 1 & either) == 0
                {
                    taken += 1;
                }
                if taken > 0 {
                    self.len += taken;
                    return taken;
                }
            }
            if begins.is_empty() {
                begins = octets::part(text, 0, self.len);
            }
            self.candidate += 1;
        }
        self.spoil();
        0
    }

    /// No text is spelled, whatever comes.
    pub(crate) const fn spoil(&mut self) {
        self.candidate = usize::MAX;
        self.len = 1;
    }
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
        self.written += piece.len().min(room.len());
        for (slot, octet) in room.iter_mut().zip(piece) {
            *slot = *octet;
        }
    }

    /// A header field on a line of its own, less the end of the line.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn field(&mut self, name: &str, value: &[u8]) {
        self.put(b"\r\n");
        self.put(name.as_bytes());
        self.put(b": ");
        self.put(value);
    }

    /// Octets written into the buffer.
    pub(crate) const fn written(&self) -> usize {
        self.written
    }
}

/// Whether it may stand in a token.
pub(crate) fn is_token_octet(octet: u8) -> bool {
    Class::of(octet) == Class::Token as usize
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
/// responses (1xx) are passed over, and so is a line that is no field. A value that is folded over
/// several lines holds their ends, unless [`unfold`] has replaced them.
#[must_use]
pub fn fields(octets: &[u8]) -> Fields<'_> {
    let mut rest = octets.get(head(octets)).unwrap_or_default();
    line(&mut rest);
    Fields { rest }
}

/// Where the final response's head lies in `octets`: behind interim responses (1xx), and up to the
/// body or the first frame. Both ends are that of `octets` as long as no final response is there.
#[must_use]
pub fn head(octets: &[u8]) -> Range<usize> {
    let mut start = 0;
    loop {
        let mut rest = octets.get(start..).unwrap_or_default();
        let first = line(&mut rest);
        while !line(&mut rest).is_empty() {}
        let end = octets.len() - rest.len();
        let is_interim = first
            .get(9..12)
            .is_some_and(|code| code.starts_with(b"1") && code != b"101");
        if !is_interim || start == end {
            return start..end;
        }
        start = end;
    }
}

/// Replaces the line ends inside of folded fields by spaces, in the heads at the beginning of
/// `octets`; what follows them is left alone.
///
/// RFC 9112 §5.2: "A user agent that receives an obs-fold in a response message that is not within
/// a "message/http" container MUST replace each received obs-fold with one or more SP octets prior
/// to interpreting the field value."
pub fn unfold(octets: &mut [u8]) {
    let end = head(octets).end;
    let heads = Cell::from_mut(octets.get_mut(..end).unwrap_or_default());
    for three in heads.as_slice_of_cells().windows(3) {
        if let [cr, lf, blank] = three
            && lf.get() == b'\n'
            && is_blank(blank.get())
        {
            lf.set(b' ');
            if cr.get() == b'\r' {
                cr.set(b' ');
            }
        }
    }
}

/// Iterator of [`fields`].
#[derive(Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let begin = self.rest;
            if line(&mut self.rest).is_empty() {
                return None;
            }
            while self.rest.first().is_some_and(|octet| is_blank(*octet)) {
                line(&mut self.rest);
            }
            let field = octets::part(begin, 0, begin.len() - self.rest.len());
            let colon = field.iter().position(|&octet| octet == b':');
            if let Some((name, value)) = colon.and_then(|colon| field.split_at_checked(colon))
                && !name.is_empty()
                && name.iter().copied().all(is_token_octet)
            {
                let value = value.strip_prefix(b":").unwrap_or_default();
                return Some((name, value.trim_ascii()));
            }
        }
    }
}

/// Values may be secrets; they are not shown.
impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").finish_non_exhaustive()
    }
}

const fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// The first line, which is taken away; empty if there is none. RFC 9112 §2.2: "a recipient MAY
/// recognize a single LF as a line terminator and ignore any preceding CR".
fn line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|&octet| octet == b'\n');
    let (line, behind) = end
        .and_then(|end| rest.split_at_checked(end))
        .unwrap_or_default();
    *rest = behind.get(1..).unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}
