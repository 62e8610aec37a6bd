//! The board alone: DHCP, then 64 KiB to a TCP server that echoes them, compared on return.
//!
//! Arguments: `port=N`, and `host=A.B.C.D` if it is not the emulator's host (10.0.2.2).

#![no_std]
#![no_main]

use embassy_executor::Spawner;
use embassy_net::{Ipv4Address, Stack, tcp::TcpSocket};
use embassy_time::{Duration, with_timeout};
use embedded_io_async::{Read, Write};
use emulated::{
    arguments,
    board::{self, println},
    measure,
};
use words::Words;

const BLOCK: usize = 1024;
const BLOCKS: usize = 64;
/// Slirp's address for the host's loopback interface.
const HOST: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);
const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(10);

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    board::run(|spawner: Spawner, stack| spawner.spawn(program(stack).expect("spawned once")))
}

#[embassy_executor::task]
async fn program(stack: Stack<'static>) {
    let status = match app(stack, arguments::read()).await {
        Ok(()) => 0,
        Err(failure) => {
            println!("failed: {failure:?}");
            1
        }
    };
    measure::report_stack("tcp");
    board::exit(status)
}

#[derive(Debug)]
enum Failure {
    NoPort,
    TimeOut,
    Refused,
    Lost,
    Different,
}

async fn app(stack: Stack<'static>, arguments: Words) -> Result<(), Failure> {
    let port: u16 = arguments.parsed("port").ok_or(Failure::NoPort)?;
    let host = arguments.parsed("host").unwrap_or(HOST);

    stack.wait_config_up().await;
    println!(
        "address {:?}",
        stack.config_v4().map(|config| config.address)
    );

    let (mut receive, mut transmit) = ([0; 2 * BLOCK], [0; 2 * BLOCK]);
    let mut socket = TcpSocket::new(stack, &mut receive, &mut transmit);
    with_timeout(CONNECT_TIME_LIMIT, socket.connect((host, port)))
        .await
        .map_err(|_| Failure::TimeOut)?
        .map_err(|_| Failure::Refused)?;

    let before = measure::instructions();
    for round in 0..BLOCKS {
        let sent: [u8; BLOCK] = core::array::from_fn(|index| (index * 7 + round * 13) as u8);
        let mut returned = [0; BLOCK];
        socket.write_all(&sent).await.map_err(|_| Failure::Lost)?;
        socket
            .read_exact(&mut returned)
            .await
            .map_err(|_| Failure::Lost)?;
        if sent != returned {
            return Err(Failure::Different);
        }
    }
    measure::report_instructions("tcp-echo-64k", measure::instructions() - before);
    socket.close();
    println!("echoed {} octets", BLOCK * BLOCKS);
    Ok(())
}
