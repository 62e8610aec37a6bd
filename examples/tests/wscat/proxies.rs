//! Through proxies, those too that make no tunnel; and to where redirects lead.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bare_ws_examples::authority::Authority;
use bare_ws_examples::server::EchoServer;

use crate::{Listening, Temporary, command, echo, failed, printed, run, serve, text};

/// How long connecting may take, where it is to take all of it and where not, and how much longer all
/// of it.
const LIMITS: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(20)];
const MORE: Duration = Duration::from_secs(10);

/// What a proxy does behind its answer.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// It stays as long as the client does.
    Stay,
    Leave,
}

#[test]
fn a_proxy_that_makes_no_tunnel_has_its_line() {
    use Then::{Leave, Stay};
    let body = "<html>\r\nno tunnel for you\r\n".repeat(100);
    let len = body.len();
    let refusal = |status| format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\n\r\n{body}");
    let early = "HTTP/1.1 200 OK\r\n\r\n220 ready\r\n";
    let refused = "proxy: the proxy refused the tunnel with status";
    // What it says before it is asked, what then, and what is made of it.
    let rows = [
        ("", refusal("403 Forbidden"), Stay, refused),
        (
            "",
            refusal("407 Who?"),
            Stay,
            "proxy: the proxy wants credentials",
        ),
        // The body never ends: it is waited for, but no more than a second.
        ("", "HTTP/1.1 502 Bad\r\n\r\n".to_owned(), Stay, refused),
        ("", "SSH-2.0-x\r\n".to_owned(), Stay, "proxy: "),
        ("SSH-2.0-x\r\n", String::new(), Stay, "proxy: "),
        (early, String::new(), Stay, "proxy: "),
        ("", early.to_owned(), Stay, "proxy: "),
        ("", String::new(), Leave, "proxy: "),
        ("", "HTTP/1.1 20".to_owned(), Leave, "proxy: "),
        ("", String::new(), Stay, "timeout: "),
        ("", "HTTP/1.1 200 O".to_owned(), Stay, "timeout: "),
    ];
    for (first, answer, then, wanted) in rows {
        let proxy = Proxy::start(1, move |mut tcp| {
            tcp.write_all(first.as_bytes())?;
            let request = head(&mut tcp)?;
            tcp.write_all(answer.as_bytes())?;
            while then == Stay && tcp.read(&mut [0; 512]).is_ok_and(|n| n > 0) {}
            Ok(request)
        });
        let limit = LIMITS[usize::from(!wanted.starts_with("timeout"))];
        let seconds = limit.as_secs_f64().to_string();
        let to = "wss://nowhere.invalid/";
        let began = Instant::now();
        let output = run(&["--timeout", &seconds, "--proxy", &proxy.uri, to], b"");
        let took = began.elapsed();
        let said = failed(&output, 1);
        assert!(
            said.starts_with(&format!("error: {wanted}")),
            "{wanted}: {said}"
        );
        assert!(!said.contains("html"), "{said}");
        assert_eq!(text(&output.stdout), "");
        assert!(took < limit + MORE, "{took:?}");
        proxy.thread.join().unwrap();
    }
    let output = run(&["--proxy", "127.0.0.1:1", "ws://nowhere.invalid/"], b"");
    assert!(failed(&output, 1).starts_with("error: connect: "));
}

#[test]
fn a_proxy_leads_to_the_server() {
    let mine = Authority::new("mine").unwrap();
    let ca = Temporary::new("proxied-ca", mine.pem().as_bytes());
    let server = EchoServer::start_secure(mine.server(&["localhost"]).unwrap()).unwrap();
    let port = server.address().port();
    let proxy = Proxy::start(1, tunnel);
    // RFC 7617 §2
    let with_login = proxy.uri.replace("//", "//Aladdin:open%20sesame@");
    let there = format!("wss://localhost:{port}/");
    let output = run(
        &["--proxy", &with_login, "--ca", ca.path(), &there],
        b"hi\n",
    );
    assert_eq!(text(printed(&output)), "hi\n");
    let asked = proxy.thread.join().unwrap();
    assert_eq!(
        asked,
        [format!(
            "CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
        )]
    );
    server.join().unwrap();
}

#[test]
fn the_environment_names_a_proxy_where_it_is_asked_for() {
    let listening = Listening::start(&[]);
    let proxy = Proxy::start(2, tunnel);
    let url = listening.url.as_str();
    let address = proxy.uri.trim_start_matches("http://");
    let nowhere = "http://127.0.0.1:1";
    let flag = "--proxy-from-env";
    // The arguments, the variables, the exit code.
    type Row<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], i32);
    let rows: &[Row<'_>] = &[
        // Through it.
        (&[url], &[("WSCAT_PROXY", &proxy.uri)], 0),
        (
            &[flag, url],
            &[("http_proxy", address), ("https_proxy", nowhere)],
            0,
        ),
        // Not through one that is not there.
        (&[url], &[("http_proxy", nowhere)], 0),
        (&[flag, url], &[], 0),
        (
            &[flag, url],
            &[("all_proxy", nowhere), ("no_proxy", "127.0.0.1")],
            0,
        ),
        (&[flag, url], &[("all_proxy", nowhere)], 1),
        (&[flag, url], &[("http_proxy", "socks5://a:s3cret@b")], 2),
        (&[flag, url], &[("WSCAT_PROXY", &proxy.uri)], 2),
    ];
    for (arguments, variables, code) in rows {
        let output = command(arguments)
            .envs(variables.iter().copied())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        match code {
            0 => assert_eq!(text(printed(&output)), "", "{variables:?}"),
            code => assert!(!failed(&output, *code).contains("s3cret")),
        }
    }
    assert_eq!(proxy.thread.join().unwrap().len(), 2);
}

#[test]
fn redirects_are_followed_on_request() {
    let (target, server) = serve(1, |_, connection, request| {
        echo(connection);
        request.to_owned()
    });
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
    let redirect = Proxy::start(3, move |mut tcp| {
        let request = head(&mut tcp)?;
        tcp.write_all(answer.as_bytes())?;
        Ok(request)
    });
    let entry = redirect.uri.replace("http:", "ws:");
    let said = run(&[&entry], b"");
    assert!(failed(&said, 3).contains("--follow follows it"), "{said:?}");

    let login = ["--user", "a:s3cret", "-H", "X-Key: s3cret", "-s", "chat.v2"];
    let output = run(
        &[&["--follow", "--json", &entry], &login[..]].concat(),
        b"hi\n",
    );
    let events = crate::pipes::objects(printed(&output));
    assert_eq!(events[0]["event"], "open");
    assert_eq!(events[0]["url"], target.as_str());
    let request = server.join().unwrap().pop().unwrap();
    // It is another server.
    for secret in ["Authorization", "s3cret", "chat.v2"] {
        assert!(!request.contains(secret), "{request}");
    }

    // In circles.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let itself = format!("ws://{}/", listener.local_addr().unwrap());
    let answer = "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
    let round = Proxy::on(listener, 3, move |mut tcp| {
        let request = head(&mut tcp)?;
        tcp.write_all(answer.as_bytes())?;
        Ok(request)
    });
    let output = run(&["--follow=2", &itself], b"");
    let said = failed(&output, 3);
    assert!(
        said.starts_with("error: redirect: more than 2 redirects (--follow)"),
        "{said}"
    );
    round.thread.join().unwrap();
    // The one that is left.
    let last = run(&[&entry], b"");
    failed(&last, 3);
    redirect.thread.join().unwrap();
}

/// Serves clients, one after the other, and keeps what it gives of each.
struct Proxy {
    uri: String,
    thread: JoinHandle<Vec<String>>,
}

impl Proxy {
    fn start(
        clients: usize,
        behave: impl Fn(TcpStream) -> io::Result<String> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Self::on(listener, clients, behave)
    }

    fn on(
        listener: TcpListener,
        clients: usize,
        behave: impl Fn(TcpStream) -> io::Result<String> + Send + 'static,
    ) -> Self {
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let thread = thread::spawn(move || {
            let clients = listener.incoming().take(clients);
            // The client may have left already.
            clients
                .map(|tcp| behave(tcp.unwrap()).unwrap_or_default())
                .collect()
        });
        Self { uri, thread }
    }
}

/// Up to its empty line.
fn head(tcp: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        tcp.read_exact(&mut octet)?;
        head.extend(octet);
    }
    Ok(String::from_utf8(head).unwrap())
}

/// Connects to where it is asked to, and carries octets until both ends have ended.
fn tunnel(mut tcp: TcpStream) -> io::Result<String> {
    let request = head(&mut tcp)?;
    let to = request
        .split(' ')
        .nth(1)
        .unwrap()
        .replace("localhost", "127.0.0.1");
    let server = TcpStream::connect(to)?;
    tcp.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut up, mut down) = (tcp.try_clone()?, server.try_clone()?);
    let (mut tcp, mut server) = (tcp, server);
    let back = thread::spawn(move || {
        let copied = io::copy(&mut down, &mut up);
        let _ = up.shutdown(Shutdown::Write);
        copied
    });
    let _ = io::copy(&mut tcp, &mut server);
    let _ = server.shutdown(Shutdown::Write);
    let _ = back.join();
    Ok(request)
}
