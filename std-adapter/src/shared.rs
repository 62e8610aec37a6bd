//! Who holds a connection, and what becomes of it when nobody does.

use std::fmt;

use crate::channel::Channel;
use crate::stream::Stream;
use crate::sync::{Arc, Ordering, Weak, thread};

/// One of the handles on a connection.
pub(crate) struct Shared<S: Stream> {
    channel: Arc<Channel<S>>,
    /// How to see a connection to its end that was dropped before.
    leave: Leave<S>,
}

pub(crate) type Leave<S> = fn(Arc<Channel<S>>);

impl<S: Stream> Shared<S> {
    pub(crate) fn new(channel: Channel<S>, leave: Leave<S>) -> Self {
        Self {
            channel: Arc::new(channel),
            leave,
        }
    }

    #[inline]
    pub(crate) fn channel(&self) -> &Channel<S> {
        &self.channel
    }
}

impl<S: Stream> Shared<S> {
    pub(crate) fn downgrade(&self) -> Weak<Channel<S>> {
        self.channel.contend();
        Arc::downgrade(&self.channel)
    }
}

impl<S: Stream> Clone for Shared<S> {
    fn clone(&self) -> Self {
        self.channel.contend();
        self.channel.handles.fetch_add(1, Ordering::Relaxed);
        Self {
            channel: Arc::clone(&self.channel),
            leave: self.leave,
        }
    }
}

impl<S: Stream> fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.channel.lock();
        f.debug_tuple("Shared").field(&state.life.phase()).finish()
    }
}

impl<S: Stream> Drop for Shared<S> {
    /// A socket that is closed while octets are unread, or still come, resets the connection, and
    /// the peer may never see our Close. So what is left to do after a Close is done elsewhere.
    fn drop(&mut self) {
        // Of two that are dropped at the same time, one is the last.
        if self.channel.handles.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        let lingers = self.channel.lock().is_left();
        if lingers {
            (self.leave)(Arc::clone(&self.channel));
        }
    }
}

/// Nothing more: the stream is closed as it is.
pub(crate) fn close<S: Stream>(_: Arc<Channel<S>>) {}

/// How many connections may be seen to their end at a time, each by a thread that ends by the
/// connection's close limit.
const MOST: usize = 64;

/// Sees the connection to its end on a thread, without keeping whoever drops it waiting.
pub(crate) fn linger<S: Stream + Send + Sync + 'static>(channel: Arc<Channel<S>>) {
    use std::sync::atomic::AtomicUsize;

    // Of std under a model checker, too: it outlives each of the checker's executions.
    static RUNNING: AtomicUsize = AtomicUsize::new(0);

    struct Place;
    impl Drop for Place {
        fn drop(&mut self) {
            RUNNING.fetch_sub(1, Ordering::Relaxed);
        }
    }

    let place = Place;
    if RUNNING.fetch_add(1, Ordering::Relaxed) < MOST {
        let linger = move || {
            let _place = place;
            channel.linger();
        };
        // A system that gives no thread gets a connection that is closed at once.
        let _ = thread::Builder::new().spawn(linger);
    }
}
