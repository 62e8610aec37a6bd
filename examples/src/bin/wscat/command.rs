//! Lines that are commands: `--slash`.

use bare_ws_std::CloseCode;

/// What a line asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Command<'a> {
    /// To be sent as a message.
    Send(&'a str),
    /// `/ping [TEXT]`
    Ping(&'a str),
    /// `/pong [TEXT]`
    Pong(&'a str),
    /// `/close [CODE [REASON]]`
    Close(Option<CloseCode>, &'a str),
}

/// Reads a line.
///
/// # Errors
/// In words, when it begins with a slash and is no command.
pub(crate) fn parse(line: &str) -> Result<Command<'_>, String> {
    let Some(command) = line.strip_prefix('/') else {
        return Ok(Command::Send(line));
    };
    if command.starts_with('/') {
        return Ok(Command::Send(command));
    }
    match command.split_once(' ').unwrap_or((command, "")) {
        ("ping", text) => Ok(Command::Ping(text)),
        ("pong", text) => Ok(Command::Pong(text)),
        ("close", "") => Ok(Command::Close(None, "")),
        ("close", status) => {
            let (code, reason) = status.split_once(' ').unwrap_or((status, ""));
            let code = code
                .parse()
                .map_err(|_| format!("{code:?} is not a status code"))?;
            Ok(Command::Close(Some(CloseCode(code)), reason))
        }
        (name, _) => Err(format!("/{name} is none of /ping, /pong, /close")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_messages_or_commands() {
        let close = |code, reason| Ok(Command::Close(Some(CloseCode(code)), reason));
        let rows = [
            ("hello", Ok(Command::Send("hello"))),
            ("", Ok(Command::Send(""))),
            (" /ping", Ok(Command::Send(" /ping"))),
            ("//ping", Ok(Command::Send("/ping"))),
            ("/ping", Ok(Command::Ping(""))),
            ("/ping a b", Ok(Command::Ping("a b"))),
            ("/pong x", Ok(Command::Pong("x"))),
            ("/close", Ok(Command::Close(None, ""))),
            ("/close 1001", close(1001, "")),
            ("/close 4000 see you", close(4000, "see you")),
            (
                "/close soon",
                Err("\"soon\" is not a status code".to_owned()),
            ),
            (
                "/quit",
                Err("/quit is none of /ping, /pong, /close".to_owned()),
            ),
        ];
        for (line, wanted) in rows {
            assert_eq!(parse(line), wanted, "{line}");
        }
    }
}
