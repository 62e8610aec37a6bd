//! Two directions of a connection in one task.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;

use crate::error::Error;

/// Runs a receiving loop and a sending loop concurrently until either ends, and returns its result.
///
/// The receiver knows how a connection ended. So when the sending loop fails because the connection
/// is over ([`Error::is_over`]), this waits for the receiving loop and returns its result.
///
/// A `select` of a single send and a single receive does not replace it. A send that waits for room
/// would keep the receiver from checking its deadlines, and a send that is dropped because a message
/// arrived may or may not have been sent.
///
/// ```
/// use bare_ws_embassy::bare_ws::receiver::Receive;
/// use bare_ws_embassy::bare_ws::sender::Transmit;
/// use bare_ws_embassy::transport::Transport;
/// use bare_ws_embassy::{Connection, Error, duplex};
/// use embassy_time::Timer;
///
/// async fn session<Io: Transport, Rx: Receive, Tx: Transmit>(
///     connection: &mut Connection<Io, Rx, Tx>,
/// ) -> Result<(), Error<Io::Error>> {
///     let (mut reader, writer) = connection.split();
///     let commands = async {
///         while let Some(command) = reader.recv().await? {
///             let _ = command; // …
///         }
///         Ok(())
///     };
///     let reports = async {
///         loop {
///             writer.send("temperature=21").await?;
///             Timer::after_secs(1).await;
///         }
///     };
///     duplex(commands, reports).await
/// }
/// ```
///
/// # Errors
/// Those of the loop that ended first.
///
/// # Cancel safety
/// That of the two loops.
pub async fn duplex<T>(
    receiving: impl Future<Output = Result<(), Error<T>>>,
    sending: impl Future<Output = Result<(), Error<T>>>,
) -> Result<(), Error<T>> {
    both(pin!(receiving), pin!(sending)).await
}

/// The same with loops that are in their place already.
pub(crate) fn both<T>(
    mut receiving: Pin<&mut impl Future<Output = Result<(), Error<T>>>>,
    mut sending: Pin<&mut impl Future<Output = Result<(), Error<T>>>>,
) -> impl Future<Output = Result<(), Error<T>>> {
    let mut sends = true;
    poll_fn(move |cx| {
        let received = receiving.as_mut().poll(cx);
        if received.is_ready() || !sends {
            return received;
        }
        match sending.as_mut().poll(cx) {
            Poll::Ready(Err(error)) if error.is_over() => {
                sends = false;
                Poll::Pending
            }
            sent => sent,
        }
    })
}
