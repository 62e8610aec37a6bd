//! One attempt at a time, over all connections of a program.

use std::time::Instant;

use super::*;

/// A server that lets clients in one after the other, each when it is told to. How many were there
/// at a time, and how many came.
struct Door {
    address: SocketAddr,
    most: Arc<AtomicUsize>,
    came: Arc<AtomicUsize>,
    open: mpsc::Sender<()>,
}

fn door() -> Door {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (open, opened) = mpsc::channel();
    let opened = Arc::new(Mutex::new(opened));
    let inside = Arc::<AtomicUsize>::default();
    let (most, came) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let counters = (Arc::clone(&most), Arc::clone(&came));
    thread::spawn(move || {
        for tcp in listener.incoming() {
            let mut conn = peer::Conn::new(tcp.unwrap());
            let (opened, inside) = (Arc::clone(&opened), Arc::clone(&inside));
            let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
            counters.0.fetch_max(now, Ordering::SeqCst);
            counters.1.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                if opened.lock().unwrap().recv().is_ok() {
                    // Whoever comes next may be there before this goes on.
                    inside.fetch_sub(1, Ordering::SeqCst);
                    conn.accept();
                    conn.sees_end();
                }
            });
        }
    });
    Door {
        address,
        most,
        came,
        open,
    }
}

/// Connects to a door from as many threads, in all ways.
fn knock(config: &Config, uri: &str, clients: usize) -> Vec<thread::JoinHandle<Result<(), Error>>> {
    let ways = WAYS.into_iter().cycle().take(clients);
    let knocking = ways.map(|connect| {
        let (config, uri) = (config.clone(), uri.to_owned());
        thread::spawn(move || connect(&config, &uri))
    });
    knocking.collect()
}

// row: REQ-13
#[test]
fn one_attempt_at_a_time_is_under_way_where_that_is_asked_for() {
    for one in [true, false] {
        let door = door();
        let found = vec![door.address, ([127, 0, 0, 8], door.address.port()).into()];
        let config = Config::new()
            .connect_timeout(LONG)
            .handshake_timeout(LONG)
            .one_at_a_time(one)
            .resolver(move |_, _| Ok(found.clone()));
        let clients = knock(&config, "ws://host.example/", 6);
        if !one {
            while door.came.load(Ordering::SeqCst) < 6 {
                thread::yield_now();
            }
        }
        for _ in 0..6 {
            // Real time: whoever does not wait would be there by then.
            thread::sleep(Duration::from_millis(50));
            door.open.send(()).unwrap();
        }
        for client in clients {
            client.join().unwrap().unwrap();
        }
        assert_eq!(door.came.load(Ordering::SeqCst), 6);
        assert_eq!(door.most.load(Ordering::SeqCst), if one { 1 } else { 6 });
    }
}

// row: REQ-13, STA-02
#[test]
fn who_waits_for_another_attempt_has_its_own_time_and_its_turn_when_that_has_failed() {
    let door = door();
    let uri = format!("ws://{}/", door.address);
    let config = Config::new().one_at_a_time(true).connect_timeout(SHORT);
    // Longer than the others try, on a machine that stops for a second.
    let first = knock(&config.clone().handshake_timeout(15 * SHORT), &uri, 1);
    while door.came.load(Ordering::SeqCst) < 1 {
        thread::yield_now();
    }
    for connect in WAYS {
        let stalls = Stalls::watch();
        let outcome = connect(&config, &uri);
        stalls.took(SHORT, SHORT);
        assert!(is_late(&outcome), "{outcome:?}");
        // Others need not wait.
        let other = place(IpAddr::V4(Ipv4Addr::LOCALHOST), Host::Refuses);
        let outcome = connect(&config, &format!("ws://{}/", other.address));
        assert!(matches!(outcome, Err(Error::Connect { .. })), "{outcome:?}");
    }
    let second = knock(
        &config.connect_timeout(LONG).handshake_timeout(LONG),
        &uri,
        1,
    );
    for client in first {
        let outcome = client.join().unwrap();
        assert!(
            matches!(outcome, Err(Error::Timeout(Timeout::Handshake))),
            "{outcome:?}"
        );
    }
    // One for the first, whom nobody waits for any more.
    door.open.send(()).unwrap();
    door.open.send(()).unwrap();
    for client in second {
        client.join().unwrap().unwrap();
    }
}

// row: REQ-13
#[test]
fn behind_a_proxy_names_are_remote_hosts() {
    let door = door();
    // A proxy that is a server, too: of a CONNECT it sees the head, and is silent.
    let through = bare_ws_std::Proxy::new(&door.address.to_string()).unwrap();
    let config = Config::new().one_at_a_time(true).proxy(through);
    // Longer than the others try, on a machine that stops for a second.
    let limit = 15 * SHORT;
    let long = config.clone().connect_timeout(limit);
    let began = Instant::now();
    let mut clients = knock(&long, "ws://one.invalid/", 1);
    while door.came.load(Ordering::SeqCst) < 1 {
        thread::yield_now();
    }
    let short = config.connect_timeout(SHORT);
    for client in knock(&short, "ws://ONE.invalid:80/", WAYS.len()) {
        assert!(is_late(&client.join().unwrap()));
    }
    assert_eq!(door.came.load(Ordering::SeqCst), 1);
    // Another port is another server.
    for (before, uri) in (1..).zip(["ws://two.invalid/", "ws://one.invalid:81/"]) {
        clients.extend(knock(&long, uri, 1));
        while door.came.load(Ordering::SeqCst) < before + 1 {
            thread::yield_now();
        }
    }
    assert!(
        began.elapsed() < limit,
        "who came last waited for the first"
    );
    for client in clients {
        assert!(is_late(&client.join().unwrap()));
    }
    // One to each name and port.
    assert_eq!(door.came.load(Ordering::SeqCst), 3);
}

/// The proxy is asked for an address that was set, which is the remote host then, whatever the URI says.
// row: REQ-13
#[test]
fn behind_a_proxy_an_address_that_was_set_is_the_remote_host() {
    let door = door();
    let through = bare_ws_std::Proxy::new(&door.address.to_string()).unwrap();
    let config = |last, limit| {
        let config = Config::new().one_at_a_time(true).proxy(through.clone());
        config
            .address(([192, 0, 2, last], 80))
            .connect_timeout(limit)
    };
    // Longer than the others try, on a machine that stops for a second.
    let limit = 15 * SHORT;
    let began = Instant::now();
    let mut clients = knock(&config(1, limit), "ws://one.invalid/", 1);
    while door.came.load(Ordering::SeqCst) < 1 {
        thread::yield_now();
    }
    for client in knock(&config(1, SHORT), "ws://two.invalid:81/", WAYS.len()) {
        assert!(is_late(&client.join().unwrap()));
    }
    assert_eq!(door.came.load(Ordering::SeqCst), 1);
    // The same name at another address is another server.
    clients.extend(knock(&config(2, limit), "ws://one.invalid/", 1));
    while door.came.load(Ordering::SeqCst) < 2 {
        thread::yield_now();
    }
    assert!(
        began.elapsed() < limit,
        "who came last waited for the first"
    );
    for client in clients {
        assert!(is_late(&client.join().unwrap()));
    }
}

/// `dial` waits, too, and whoever it keeps waiting goes on when it returns, and not when its connection ends. An address that
/// was set is the remote host, whatever the URI says.
// row: REQ-13
#[test]
fn dial_waits_and_keeps_others_waiting_only_until_it_returns() {
    let door = door();
    let config = Config::new()
        .one_at_a_time(true)
        .connect_timeout(LONG)
        .handshake_timeout(LONG)
        .address(door.address);
    let first = knock(&config, "ws://one.invalid/", 1);
    while door.came.load(Ordering::SeqCst) < 1 {
        thread::yield_now();
    }
    // While the first is connecting, another name for the same host waits.
    for uri in ["ws://one.invalid/", "ws://two.invalid:81/"] {
        let late = config.clone().connect_timeout(SHORT).dial(uri);
        assert!(is_late(&late), "{late:?}");
    }
    assert_eq!(door.came.load(Ordering::SeqCst), 1);
    door.open.send(()).unwrap();
    for client in first {
        client.join().unwrap().unwrap();
    }
    // Once it has returned, others need not wait, though its connection is there.
    let dialled: Vec<_> = (0..3)
        .map(|_| config.dial("ws://one.invalid/").unwrap())
        .collect();
    while door.came.load(Ordering::SeqCst) < 4 {
        thread::yield_now();
    }
    drop(dialled);
}

/// Whoever waits for a host goes on when that one is free, whoever came before and waits for another.
#[cfg(feature = "tokio")]
// row: REQ-13
#[test]
fn a_task_that_waits_for_one_host_waits_for_no_other() {
    for order in [[0, 1], [1, 0]] {
        let doors = [door(), door()];
        let connect = |place: usize, limit| {
            let config = Config::new()
                .one_at_a_time(true)
                .connect_timeout(limit)
                .handshake_timeout(LONG)
                .address(doors[place].address);
            tokio::spawn(async move {
                let connecting = bare_ws_std::tokio::connect_with(&config, "ws://host.example/");
                connecting.await.map(drop)
            })
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let inside = [connect(0, LONG), connect(1, LONG)];
            while doors.iter().any(|it| it.came.load(Ordering::SeqCst) < 1) {
                tokio::task::yield_now().await;
            }
            let mut waiting = [0, 1].map(|place| Some(connect(place, LONG)));
            // They wait from their first poll on.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            for place in order {
                // For the one inside, and the one that waits.
                doors[place].open.send(()).unwrap();
                doors[place].open.send(()).unwrap();
                let outcome = waiting[place].take().unwrap().await.unwrap();
                assert!(outcome.is_ok(), "{order:?}, {place}: {outcome:?}");
            }
            for first in inside {
                first.await.unwrap().unwrap();
            }
        });
    }
}
