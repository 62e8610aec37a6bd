//! What the two loops say to whoever moves octets for them.

/// What an exchange with the transport came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchanged {
    /// That many octets were read; 0 at their end.
    Read(usize),
    /// Nothing was read. What was to be written is out, or was tried.
    Wrote,
}

/// How long an exchange with the transport may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// What can be written without waiting is; nothing is read.
    AtOnce,
    /// Until something was read, or all that is queued was written.
    Wait,
}
