//! bare-ws over std sockets.
#![forbid(unsafe_code)]
