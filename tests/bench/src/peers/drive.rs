//! The loops around a library, blocking or asynchronous.

use std::future::Future;
use std::net::TcpStream;

use tokio::runtime::Runtime;

use super::Drive;
use crate::payload::Kind;

/// One message after the other by a blocking library.
pub trait Client {
    fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8]));
    fn send(&mut self);
    /// What leaves with the next [`flush`](Self::flush), or before.
    fn queue(&mut self);
    fn flush(&mut self);
}

pub struct Blocking<C>(pub C);

impl<C: Client> Drive for Blocking<C> {
    fn receive(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8])) {
        for _ in 0..count {
            self.0.receive(show);
        }
    }

    fn send(&mut self, count: u64) {
        for _ in 0..count {
            self.0.send();
        }
    }

    fn echo(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8])) {
        for _ in 0..count {
            self.0.send();
            self.0.receive(show);
        }
    }

    fn batch(&mut self, count: u64) {
        for _ in 0..count {
            self.0.queue();
        }
        self.0.flush();
        self.0.receive(&mut |_, _| {});
    }
}

/// The same by an asynchronous one.
pub trait AsyncClient {
    async fn receive(&mut self, show: &mut dyn FnMut(Kind, &[u8]));
    async fn send(&mut self);
    async fn queue(&mut self);
    async fn flush(&mut self);
}

/// On tokio's executor for one thread.
struct Async<C> {
    client: C,
    runtime: Runtime,
}

impl<C: AsyncClient> Drive for Async<C> {
    fn receive(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8])) {
        self.runtime.block_on(async {
            for _ in 0..count {
                self.client.receive(show).await;
            }
        });
    }

    fn send(&mut self, count: u64) {
        self.runtime.block_on(async {
            for _ in 0..count {
                self.client.send().await;
            }
        });
    }

    fn echo(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8])) {
        self.runtime.block_on(async {
            for _ in 0..count {
                self.client.send().await;
                self.client.receive(show).await;
            }
        });
    }

    fn batch(&mut self, count: u64) {
        self.runtime.block_on(async {
            for _ in 0..count {
                self.client.queue().await;
            }
            self.client.flush().await;
            self.client.receive(&mut |_, _| {}).await;
        });
    }
}

/// A client, made in a runtime.
pub fn on_tokio<C: AsyncClient + 'static, F: Future<Output = C>>(
    client: impl FnOnce() -> F,
) -> Box<dyn Drive> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let client = runtime.block_on(async { client().await });
    Box::new(Async { client, runtime })
}

/// The same over TCP.
pub fn over_tcp<C: AsyncClient + 'static, F: Future<Output = C>>(
    tcp: TcpStream,
    client: impl FnOnce(tokio::net::TcpStream) -> F,
) -> Box<dyn Drive> {
    tcp.set_nonblocking(true).expect("non-blocking");
    on_tokio(|| client(tokio::net::TcpStream::from_std(tcp).expect("a socket")))
}
