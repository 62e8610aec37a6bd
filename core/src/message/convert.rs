//! What can be sent as a message, and what a message compares with.

use super::Message;

/// Whatever is a message as it stands: text or octets.
///
/// Text (`str`, `String`) is sent as a text message, octets (`[u8]`, `[u8; N]`, `Vec<u8>`) as a
/// binary one. References to them, a `Box`, an `Rc`, an `Arc`, a `Cow`, and with the feature
/// `heapless` its `String` and `Vec` do as well, so that a program sends what it has at hand:
///
/// ```
/// use bare_ws::message::{AsMessage, Message, MessageKind};
///
/// fn kind(message: impl AsMessage) -> MessageKind {
///     message.as_message().kind()
/// }
///
/// assert_eq!(kind("text"), MessageKind::Text);
/// assert_eq!(kind([1, 2, 3]), MessageKind::Binary);
/// assert_eq!(kind(&b"octets"[..]), MessageKind::Binary);
/// ```
///
/// A type of your own that holds its encoded form can implement it:
///
/// ```
/// use bare_ws::message::{AsMessage, Message};
///
/// struct Line(String);
///
/// impl AsMessage for Line {
///     fn as_message(&self) -> Message<'_> {
///         Message::Text(&self.0)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as a message",
    label = "neither text nor octets",
    note = "text is `&str`, `String` or `&String`; octets are `&[u8]`, `Vec<u8>` or `&Vec<u8>`",
    note = "anything else has to be encoded first, for example with `serde_json::to_string`"
)]
pub trait AsMessage {
    /// The message, borrowed.
    fn as_message(&self) -> Message<'_>;
}

impl AsMessage for Message<'_> {
    #[inline]
    fn as_message(&self) -> Message<'_> {
        *self
    }
}

impl AsMessage for str {
    #[inline]
    fn as_message(&self) -> Message<'_> {
        Message::Text(self)
    }
}

impl AsMessage for [u8] {
    #[inline]
    fn as_message(&self) -> Message<'_> {
        Message::Binary(self)
    }
}

impl<const N: usize> AsMessage for [u8; N] {
    #[inline]
    fn as_message(&self) -> Message<'_> {
        Message::Binary(self)
    }
}

impl<T: AsMessage + ?Sized> AsMessage for &T {
    #[inline]
    fn as_message(&self) -> Message<'_> {
        T::as_message(self)
    }
}

#[cfg(feature = "alloc")]
mod allocated {
    use alloc::borrow::{Cow, ToOwned};
    use alloc::boxed::Box;
    use alloc::rc::Rc;
    use alloc::string::String;
    #[cfg(target_has_atomic = "ptr")]
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    use super::{AsMessage, Message};

    impl AsMessage for String {
        #[inline]
        fn as_message(&self) -> Message<'_> {
            Message::Text(self)
        }
    }

    impl AsMessage for Vec<u8> {
        #[inline]
        fn as_message(&self) -> Message<'_> {
            Message::Binary(self)
        }
    }

    impl<T: AsMessage + ToOwned + ?Sized> AsMessage for Cow<'_, T> {
        #[inline]
        fn as_message(&self) -> Message<'_> {
            T::as_message(self)
        }
    }

    impl<T: AsMessage + ?Sized> AsMessage for Box<T> {
        #[inline]
        fn as_message(&self) -> Message<'_> {
            T::as_message(self)
        }
    }

    impl<T: AsMessage + ?Sized> AsMessage for Rc<T> {
        #[inline]
        fn as_message(&self) -> Message<'_> {
            T::as_message(self)
        }
    }

    #[cfg(target_has_atomic = "ptr")]
    impl<T: AsMessage + ?Sized> AsMessage for Arc<T> {
        #[inline]
        fn as_message(&self) -> Message<'_> {
            T::as_message(self)
        }
    }
}

#[cfg(feature = "heapless")]
mod heapless {
    use heapless::LenType;
    use heapless::string::{StringInner, StringStorage};
    use heapless::vec::{VecInner, VecStorage};

    use super::{AsMessage, Message};

    impl<L: LenType, S: StringStorage + ?Sized> AsMessage for StringInner<L, S> {
        #[inline]
        fn as_message(&self) -> Message<'_> {
            Message::Text(self.as_str())
        }
    }

    impl<L: LenType, S: VecStorage<u8> + ?Sized> AsMessage for VecInner<u8, L, S> {
        #[inline]
        fn as_message(&self) -> Message<'_> {
            Message::Binary(self.as_slice())
        }
    }
}

impl<'a, T: AsMessage + ?Sized> From<&'a T> for Message<'a> {
    #[inline]
    fn from(message: &'a T) -> Self {
        message.as_message()
    }
}

impl<T: AsMessage + ?Sized> PartialEq<T> for Message<'_> {
    fn eq(&self, other: &T) -> bool {
        match (*self, other.as_message()) {
            (Self::Text(one), Message::Text(other)) => one == other,
            (Self::Binary(one), Message::Binary(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Message<'_> {}
