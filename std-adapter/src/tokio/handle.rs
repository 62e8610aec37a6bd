//! Who holds a connection, and what becomes of it when nobody does.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;

use super::shared::Core;

/// One of the handles on a connection.
pub(crate) struct Shared<S: AsyncRead + AsyncWrite + Unpin> {
    core: Arc<Core<S>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Shared<S> {
    pub(crate) fn new(core: Core<S>) -> Self {
        Self {
            core: Arc::new(core),
        }
    }

    #[inline]
    pub(crate) fn core(&self) -> &Core<S> {
        &self.core
    }

    pub(crate) fn downgrade(&self) -> Weak<Core<S>> {
        Arc::downgrade(&self.core)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Clone for Shared<S> {
    fn clone(&self) -> Self {
        self.core.handles.fetch_add(1, Ordering::Relaxed);
        Self {
            core: Arc::clone(&self.core),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.core.lock().state.life.phase();
        f.debug_tuple("Shared").field(&phase).finish()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Drop for Shared<S> {
    /// Closing a socket while octets are unread, or still arrive, resets the connection, and the
    /// peer may never see our Close. What is left to do after a Close is therefore done elsewhere.
    fn drop(&mut self) {
        // If two are dropped at the same time, exactly one of them is the last.
        if self.core.handles.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        let mut inner = self.core.lock();
        let lingers = inner.state.is_left();
        if !lingers {
            inner.socket = None;
        }
        drop(inner);
        if lingers {
            (self.core.leave)(Arc::clone(&self.core));
        }
    }
}

/// Does nothing more: the stream is closed as it is.
pub(crate) fn close<S>(_: Arc<Core<S>>) {}

/// Brings the connection to its end in a task, so that the drop does not wait.
pub(crate) fn linger<S>(core: Arc<Core<S>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Outside of a runtime, nothing can run the task.
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(async move { poll_fn(|cx| core.poll_linger(cx)).await });
    }
}
