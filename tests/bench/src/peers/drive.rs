//! The loops around a library, blocking or asynchronous.

use std::future::Future;
use std::net::TcpStream;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

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

/// Whoever runs futures.
pub trait Executor {
    fn run<T>(&self, future: impl Future<Output = T>) -> T;
}

/// The transport is always ready, so no future ever waits and no executor is needed.
pub struct Ready;

impl Executor for Ready {
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("the transport is always ready"),
        }
    }
}

impl Executor for Runtime {
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.block_on(future)
    }
}

pub struct Async<C, E>(pub C, pub E);

impl<C: AsyncClient, E: Executor> Drive for Async<C, E> {
    fn receive(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8])) {
        self.1.run(async {
            for _ in 0..count {
                self.0.receive(show).await;
            }
        });
    }

    fn send(&mut self, count: u64) {
        self.1.run(async {
            for _ in 0..count {
                self.0.send().await;
            }
        });
    }

    fn echo(&mut self, count: u64, show: &mut dyn FnMut(Kind, &[u8])) {
        self.1.run(async {
            for _ in 0..count {
                self.0.send().await;
                self.0.receive(show).await;
            }
        });
    }

    fn batch(&mut self, count: u64) {
        self.1.run(async {
            for _ in 0..count {
                self.0.queue().await;
            }
            self.0.flush().await;
            self.0.receive(&mut |_, _| {}).await;
        });
    }
}

/// A client over TCP on tokio's executor for one thread.
pub fn on_tokio<C: AsyncClient + 'static>(
    tcp: TcpStream,
    client: impl FnOnce(tokio::net::TcpStream) -> C,
) -> Box<dyn Drive> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    tcp.set_nonblocking(true).expect("non-blocking");
    let client = {
        let _entered = runtime.enter();
        client(tokio::net::TcpStream::from_std(tcp).expect("a socket"))
    };
    Box::new(Async(client, runtime))
}
