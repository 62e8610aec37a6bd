//! Negotiation of permessage-deflate (RFC 7692 §7.1): offers, and which response is accepted.
//!
//! The rule: a response is accepted if and only if we can decode everything that it permits and
//! obey everything that it demands. What we can decode is a matter of memory: [`WindowMemory`].

use core::fmt;

use heapless::Vec;

/// The registered name of the extension.
pub const NAME: &str = "permessage-deflate";

/// The parameters of one offer, or of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Offer {
    /// The server forgets its context after each message (§7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client does (§7.1.1.2).
    pub client_no_context_takeover: bool,
    /// The server's window is at most `2^bits` octets, 8 to 15 (§7.1.2.1).
    pub server_max_window_bits: Option<u8>,
    /// The client can limit its window (§7.1.2.2): `Some(None)` to any, `Some(Some(bits))` to
    /// `2^bits` octets. A response has it with a value or not at all.
    pub client_max_window_bits: Option<Option<u8>>,
}

/// A parameter of permessage-deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(missing_docs, reason = "the RFC's names")]
pub enum Parameter {
    ServerNoContextTakeover,
    ClientNoContextTakeover,
    ServerMaxWindowBits,
    ClientMaxWindowBits,
}

/// Why an offer or a response is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Refusal {
    /// A parameter that RFC 7692 does not define.
    Unknown,
    /// The parameter is given twice.
    Repeated(Parameter),
    /// The parameter has a value and must not have one, has none and needs one, or the value is not
    /// a number from 8 to 15 in its shortest form.
    Value(Parameter),
    /// The response has a parameter that was not offered.
    NotOffered(Parameter),
    /// The response has a larger value than was offered.
    TooLarge(Parameter),
    /// The window may be larger than our memory: because of the value of the parameter, or because
    /// without it any window is allowed.
    Window(Parameter),
}

/// What this end's memory can decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowMemory {
    /// The largest window of the peer that fits, in bits (9 to 15); `None`: none.
    pub window_bits: Option<u8>,
    /// Every message is taken whole, so that one without context takeover needs no window.
    pub whole: bool,
}

/// What was agreed, seen from this end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Agreed {
    /// Window of the peer's compressor, 8 to 15 bits.
    pub receive_window_bits: u8,
    /// The peer's compressor forgets after each message.
    pub receive_no_context_takeover: bool,
    /// Window that our compressor may use, 8 to 15 bits.
    pub send_window_bits: u8,
    /// Our compressor must forget after each message.
    pub send_no_context_takeover: bool,
}

/// Holds a client's `offers` against the parameters of the server's response, values unquoted.
///
/// # Errors
/// The [`Refusal`] says which parameter, and fails the opening handshake (RFC 7692 §7.1: the
/// client "MUST _Fail the WebSocket Connection_").
pub fn accept<'a>(
    offers: &[Offer],
    held: WindowMemory,
    response: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Result<Agreed, Refusal> {
    let response = Offer::from_parameters(response)?;
    if response.client_max_window_bits == Some(None) {
        return Err(Refusal::Value(Parameter::ClientMaxWindowBits));
    }
    // The response does not say which offer it answers: any of them will do.
    let mut refusal = Refusal::Unknown;
    for offer in offers.iter().rev() {
        match offer.accept(held, &response) {
            Ok(_) => {}
            Err(why) => refusal = why,
        }
    }
    offers
        .iter()
        .find_map(|offer| offer.accept(held, &response).ok())
        .ok_or(refusal)
}

/// The server's side: answers a client's `offer`, or declines it (`None`).
#[cfg(feature = "server")]
#[must_use]
pub fn answer(offer: &Offer, held: WindowMemory) -> Option<(Offer, Agreed)> {
    let mut response = Offer {
        client_max_window_bits: None,
        ..*offer
    };
    let asked = offer.client_max_window_bits.map(|bits| bits.unwrap_or(15));
    let free = held.whole && offer.client_no_context_takeover;
    let receive = match (asked, held.window_bits) {
        (asked, _) if free => asked.unwrap_or(15),
        (Some(bits), Some(ours)) => bits.min(ours),
        (None, Some(15)) => 15,
        (None, _) if held.whole => {
            // §7.1.1.2: the server may ask for it whether it was offered or not.
            response.client_no_context_takeover = true;
            15
        }
        _ => return None,
    };
    if receive < 15 {
        response.client_max_window_bits = Some(Some(receive));
    }
    let agreed = Agreed {
        receive_window_bits: receive,
        receive_no_context_takeover: response.client_no_context_takeover,
        send_window_bits: offer.server_max_window_bits.unwrap_or(15),
        send_no_context_takeover: offer.server_no_context_takeover,
    };
    Some((response, agreed))
}

impl Offer {
    /// A host's: any window of the server, and ours may be limited.
    pub const HOST: [Self; 1] = [Self {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: None,
        client_max_window_bits: Some(None),
    }];

    /// Offers, in order of preference, of which every one can be honoured with this memory;
    /// empty when none can. A good default for every engine:
    ///
    /// - 32 KiB held: as [`HOST`](Self::HOST), which is what browsers offer;
    /// - a window of fewer bits: `server_max_window_bits` for it;
    /// - messages taken whole: a second one with `server_no_context_takeover`, since some
    ///   servers grant only the one, some only the other, and some neither when both stand in
    ///   one offer.
    #[must_use]
    pub fn sensible(held: WindowMemory) -> Vec<Self, 2> {
        let base = Self::HOST[0];
        let window = held.window_bits.map(|bits| Self {
            server_max_window_bits: (bits < 15).then_some(bits),
            ..base
        });
        let holds_any = window.is_some_and(|offer| offer.server_max_window_bits.is_none());
        let linear = (held.whole && !holds_any).then_some(Self {
            server_no_context_takeover: true,
            ..base
        });
        window.into_iter().chain(linear).collect()
    }

    /// Reads parameters as they stand in the header after the extension's name:
    /// `server_max_window_bits=10; client_max_window_bits`. Empty text: no parameters.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim_matches([' ', '\t']);
        if text.is_empty() {
            return Ok(Self::default());
        }
        Self::from_parameters(
            text.split(';')
                .map(|parameter| match parameter.split_once('=') {
                    None => (parameter.trim_matches([' ', '\t']), None),
                    Some((name, value)) => {
                        let value = value.trim_matches([' ', '\t']);
                        let unquoted = value
                            .strip_prefix('"')
                            .and_then(|value| value.strip_suffix('"'));
                        (
                            name.trim_matches([' ', '\t']),
                            Some(unquoted.unwrap_or(value)),
                        )
                    }
                }),
        )
    }

    /// Takes parsed parameters, values unquoted.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn from_parameters<'a>(
        parameters: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Self, Refusal> {
        let mut offer = Self::default();
        for (name, value) in parameters {
            let parameter = Parameter::named(name).ok_or(Refusal::Unknown)?;
            let repeated = match parameter {
                Parameter::ServerNoContextTakeover => {
                    flag(value, parameter)?;
                    core::mem::replace(&mut offer.server_no_context_takeover, true)
                }
                Parameter::ClientNoContextTakeover => {
                    flag(value, parameter)?;
                    core::mem::replace(&mut offer.client_no_context_takeover, true)
                }
                Parameter::ServerMaxWindowBits => {
                    let value = value.ok_or(Refusal::Value(parameter))?;
                    let bits = window_bits(value, parameter)?;
                    offer.server_max_window_bits.replace(bits).is_some()
                }
                Parameter::ClientMaxWindowBits => {
                    let bits = match value {
                        None => None,
                        Some(value) => Some(window_bits(value, parameter)?),
                    };
                    offer.client_max_window_bits.replace(bits).is_some()
                }
            };
            if repeated {
                return Err(Refusal::Repeated(parameter));
            }
        }
        Ok(offer)
    }

    /// Whether a server that grants this offer as it stands can be decoded.
    ///
    /// # Errors
    /// [`Refusal::Window`]: it must not be offered with this memory.
    pub fn check(&self, held: WindowMemory) -> Result<(), Refusal> {
        let bits = self.server_max_window_bits.unwrap_or(15);
        held.check(bits, self.server_no_context_takeover)
    }

    /// Gives the pieces of the header's value: the name, and the parameters after it.
    pub fn write(&self, put: &mut dyn FnMut(&'static str)) {
        put(NAME);
        let mut parameter = |parameter: Parameter, bits: Option<u8>| {
            put("; ");
            put(parameter.name());
            if let Some(bits) = bits {
                put("=");
                put(match bits {
                    8 => "8",
                    9 => "9",
                    10 => "10",
                    11 => "11",
                    12 => "12",
                    13 => "13",
                    14 => "14",
                    _ => "15",
                });
            }
        };
        if self.server_no_context_takeover {
            parameter(Parameter::ServerNoContextTakeover, None);
        }
        if self.client_no_context_takeover {
            parameter(Parameter::ClientNoContextTakeover, None);
        }
        if self.server_max_window_bits.is_some() {
            parameter(Parameter::ServerMaxWindowBits, self.server_max_window_bits);
        }
        if let Some(bits) = self.client_max_window_bits {
            parameter(Parameter::ClientMaxWindowBits, bits);
        }
    }

    fn accept(&self, held: WindowMemory, response: &Self) -> Result<Agreed, Refusal> {
        let receive = match (self.server_max_window_bits, response.server_max_window_bits) {
            // §7.1.2.1: "a value less than or equal to" the one offered.
            (Some(offered), Some(granted)) if granted > offered => {
                return Err(Refusal::TooLarge(Parameter::ServerMaxWindowBits));
            }
            // It may be there unasked, and it may be missing: what counts is what it permits.
            (_, granted) => granted.unwrap_or(15),
        };
        held.check(receive, response.server_no_context_takeover)?;
        let send = match (
            self.client_max_window_bits,
            response.client_max_window_bits.flatten(),
        ) {
            // §7.1.2.2: "the server MUST NOT include" it unless it was offered.
            (None, Some(_)) => return Err(Refusal::NotOffered(Parameter::ClientMaxWindowBits)),
            (Some(Some(offered)), Some(demanded)) if demanded > offered => {
                return Err(Refusal::TooLarge(Parameter::ClientMaxWindowBits));
            }
            (_, Some(demanded)) => demanded,
            // Our hint binds us whether the server takes it up or not.
            (Some(Some(offered)), None) => offered,
            (_, None) => 15,
        };
        Ok(Agreed {
            receive_window_bits: receive,
            receive_no_context_takeover: response.server_no_context_takeover,
            send_window_bits: send,
            send_no_context_takeover: self.client_no_context_takeover
                || response.client_no_context_takeover,
        })
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.write(&mut |piece| result = result.and_then(|()| f.write_str(piece)));
        result
    }
}

/// Gives the pieces of one header's value with all `offers`, first the preferred one (RFC 7692
/// §5.1).
pub fn write_offers<'a>(
    offers: impl IntoIterator<Item = &'a Offer>,
    put: &mut dyn FnMut(&'static str),
) {
    for (i, offer) in offers.into_iter().enumerate() {
        if i > 0 {
            put(", ");
        }
        offer.write(put);
    }
}

impl WindowMemory {
    /// Any window: 32 KiB, or memory that grows.
    pub const ALL: Self = Self {
        window_bits: Some(15),
        whole: true,
    };

    /// Memory of `octets`, of which messages are taken in pieces.
    #[must_use]
    pub const fn pieces(octets: usize) -> Self {
        Self {
            window_bits: bits_in(octets),
            whole: false,
        }
    }

    /// Memory of `octets`, in which whole messages of at least `message` octets must fit.
    #[must_use]
    pub const fn whole(octets: usize, message: usize) -> Self {
        Self {
            window_bits: bits_in(octets.saturating_sub(message)),
            whole: octets >= message,
        }
    }

    fn check(self, bits: u8, no_context_takeover: bool) -> Result<(), Refusal> {
        // No distance exceeds the message, and that must fit the memory anyway (PMD-40).
        if no_context_takeover && self.whole {
            return Ok(());
        }
        // §7.1.2 permits 8. zlib cannot do it in raw streams: its users answer 8 and then use
        // 9, so 9 is what must be held.
        if self.window_bits.is_some_and(|held| bits.max(9) <= held) {
            Ok(())
        } else {
            Err(Refusal::Window(Parameter::ServerMaxWindowBits))
        }
    }
}

const fn bits_in(octets: usize) -> Option<u8> {
    let mut bits = 15;
    while bits >= 9 {
        if octets >= 1 << bits {
            return Some(bits);
        }
        bits -= 1;
    }
    None
}

fn flag(value: Option<&str>, parameter: Parameter) -> Result<(), Refusal> {
    match value {
        None => Ok(()),
        Some(_) => Err(Refusal::Value(parameter)),
    }
}

/// §7.1.2: "a decimal integer value without leading zeroes between 8 to 15, inclusive".
fn window_bits(value: &str, parameter: Parameter) -> Result<u8, Refusal> {
    match value.as_bytes() {
        [digit @ (b'8' | b'9')] => Ok(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Ok(10 + (digit - b'0')),
        _ => Err(Refusal::Value(parameter)),
    }
}

impl Parameter {
    /// As it stands in the header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServerNoContextTakeover => "server_no_context_takeover",
            Self::ClientNoContextTakeover => "client_no_context_takeover",
            Self::ServerMaxWindowBits => "server_max_window_bits",
            Self::ClientMaxWindowBits => "client_max_window_bits",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [
            Self::ServerNoContextTakeover,
            Self::ClientNoContextTakeover,
            Self::ServerMaxWindowBits,
            Self::ClientMaxWindowBits,
        ]
        .into_iter()
        .find(|parameter| parameter.name() == name)
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parameter, why) = match self {
            Self::Unknown => return f.write_str("permessage-deflate has an unknown parameter"),
            Self::Repeated(parameter) => (parameter, "is given twice"),
            Self::Value(parameter) => (parameter, "has an invalid value"),
            Self::NotOffered(parameter) => (parameter, "was not offered"),
            Self::TooLarge(parameter) => (parameter, "is larger than offered"),
            Self::Window(parameter) => {
                (parameter, "permits a window that is larger than our memory")
            }
        };
        write!(f, "permessage-deflate: {parameter} {why}")
    }
}

impl core::error::Error for Refusal {}
