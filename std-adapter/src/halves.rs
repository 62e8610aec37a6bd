//! Two halves for two threads.
