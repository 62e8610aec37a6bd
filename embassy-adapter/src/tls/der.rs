//! The few fields of a certificate that webpki reads but does not show.
//!
//! webpki has already parsed every certificate of a path strictly, and a pinned leaf is judged by
//! the very octets of its key. So this parser only has to be total, not strict.

/// Fields of RFC 5280 §4.1 `Certificate`.
pub(super) struct Fields<'a> {
    /// Seconds since 1970.
    pub(super) not_before: u64,
    /// The whole `SubjectPublicKeyInfo`, tag and length included: a pin is the hash of this.
    pub(super) spki: &'a [u8],
    /// The value of its `AlgorithmIdentifier`.
    pub(super) algorithm: &'a [u8],
    /// The octets of its `subjectPublicKey`.
    pub(super) key: &'a [u8],
    /// The first octet of keyUsage, if there is one.
    pub(super) key_usage: Option<u8>,
}

/// RFC 5280 §4.2.1.3 `digitalSignature (0)`.
pub(super) const DIGITAL_SIGNATURE: u8 = 0x80;
/// RFC 5280 §4.2.1.3 `keyCertSign (5)`.
pub(super) const KEY_CERT_SIGN: u8 = 0x04;

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const EXTENSIONS: u8 = 0xA3;
const KEY_USAGE_OID: &[u8] = &[0x55, 0x1D, 0x0F];

impl<'a> Fields<'a> {
    /// `None` if `certificate` is not laid out as a certificate is.
    pub(super) fn of(certificate: &'a [u8]) -> Option<Self> {
        let mut outer = Reader(Reader(certificate).expect(SEQUENCE)?);
        let mut tbs = Reader(outer.expect(SEQUENCE)?);
        tbs.optional(VERSION)?;
        tbs.expect(INTEGER)?;
        tbs.expect(SEQUENCE)?; // signature
        tbs.expect(SEQUENCE)?; // issuer
        let mut validity = Reader(tbs.expect(SEQUENCE)?);
        let not_before = validity.time()?;
        tbs.expect(SEQUENCE)?; // subject
        let at_spki = tbs.0;
        let mut public_key = Reader(tbs.expect(SEQUENCE)?);
        let spki = at_spki.get(..at_spki.len().checked_sub(tbs.0.len())?)?;
        let algorithm = public_key.expect(SEQUENCE)?;
        let (0, key) = public_key.expect(BIT_STRING)?.split_first()? else {
            return None; // a key that is not a whole number of octets
        };
        let mut key_usage = None;
        while !tbs.0.is_empty() {
            let (tag, value) = tbs.next()?;
            if tag == EXTENSIONS {
                key_usage = key_usage_among(value)?;
            }
        }
        Some(Self {
            not_before,
            spki,
            algorithm,
            key,
            key_usage,
        })
    }

    /// A key without keyUsage may be used for anything; else every bit of `usage` must be set.
    pub(super) fn allows(&self, usage: u8) -> bool {
        self.key_usage.is_none_or(|bits| bits & usage == usage)
    }
}

fn key_usage_among(extensions: &[u8]) -> Option<Option<u8>> {
    let mut list = Reader(Reader(extensions).expect(SEQUENCE)?);
    while !list.0.is_empty() {
        let mut extension = Reader(list.expect(SEQUENCE)?);
        let oid = extension.expect(OBJECT_IDENTIFIER)?;
        extension.optional(BOOLEAN)?;
        let value = extension.expect(OCTET_STRING)?;
        if oid == KEY_USAGE_OID {
            let (_unused_bits, bits) = Reader(value).expect(BIT_STRING)?.split_first()?;
            // Without any bit set, every use is forbidden.
            return Some(Some(bits.first().copied().unwrap_or(0)));
        }
    }
    Some(None)
}

/// The rest of a sequence.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&short, rest) = rest.split_first()?;
        let (length, rest) = match short {
            0..=0x7F => (usize::from(short), rest),
            0x81 => {
                let (&length, rest) = rest.split_first()?;
                (usize::from(length), rest)
            }
            0x82 => {
                let (length, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            // A certificate of 64 KiB does not fit a handshake record.
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next()
            .and_then(|(seen, value)| (seen == tag).then_some(value))
    }

    fn optional(&mut self, tag: u8) -> Option<()> {
        if self.0.first() == Some(&tag) {
            self.next()?;
        }
        Some(())
    }

    /// RFC 5280 §4.1.2.5: UTCTime `YYMMDDHHMMSSZ`, GeneralizedTime `YYYYMMDDHHMMSSZ`.
    fn time(&mut self) -> Option<u64> {
        let (tag, value) = self.next()?;
        let (year, rest) = match tag {
            UTC_TIME => {
                let (digits, rest) = value.split_first_chunk()?;
                let year = two_digits(*digits)?;
                // "Where YY is greater than or equal to 50, the year SHALL be interpreted as 19YY"
                (year + if year >= 50 { 1900 } else { 2000 }, rest)
            }
            GENERALIZED_TIME => {
                let (high, rest) = value.split_first_chunk()?;
                let (low, rest) = rest.split_first_chunk()?;
                (two_digits(*high)? * 100 + two_digits(*low)?, rest)
            }
            _ => return None,
        };
        let (pairs, [b'Z']) = rest.split_at_checked(10)? else {
            return None;
        };
        let mut fields = [0; 5];
        for (field, pair) in fields.iter_mut().zip(pairs.chunks_exact(2)) {
            *field = two_digits(pair.try_into().ok()?)?;
        }
        let [month, day, hour, minute, second] = fields;
        let days = days_since_1970(year, month, day)?;
        Some(u64::from(days) * 86_400 + u64::from(hour * 3600 + minute * 60 + second))
    }
}

fn two_digits([tens, units]: [u8; 2]) -> Option<u32> {
    let digit = |octet: u8| octet.is_ascii_digit().then(|| u32::from(octet - b'0'));
    Some(digit(tens)? * 10 + digit(units)?)
}

/// Days of the Gregorian calendar; years count from March, so that a leap day ends one.
fn days_since_1970(year: u32, month: u32, day: u32) -> Option<u32> {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month.checked_add(9)?)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    (year * 365 + leap_days + (month * 153 + 2) / 5 + day).checked_sub(719_469)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        let table: &[(u8, &[u8], Option<u64>)] = &[
            (UTC_TIME, b"700101000000Z", Some(0)),
            (UTC_TIME, b"491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, b"000229120000Z", Some(951_825_600)),
            (UTC_TIME, b"261122175030Z", Some(1_795_369_830)),
            (GENERALIZED_TIME, b"20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, b"99991231235959Z", Some(253_402_300_799)),
            (GENERALIZED_TIME, b"00010101000000Z", None),
            (UTC_TIME, b"7001010000Z", None),
            (UTC_TIME, b"70010100000xZ", None),
            (UTC_TIME, b"700101000000+0100", None),
            (INTEGER, b"700101000000Z", None),
        ];
        for (tag, text, expected) in table {
            let mut octets = [0; 32];
            octets[0] = *tag;
            octets[1] = u8::try_from(text.len()).unwrap();
            octets[2..2 + text.len()].copy_from_slice(text);
            assert_eq!(
                Reader(&octets[..2 + text.len()]).time(),
                *expected,
                "{}",
                core::str::from_utf8(text).unwrap()
            );
        }
    }
}
