//! What the host examples share.
