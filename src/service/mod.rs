//! The engine's thread: requests in, events out, nothing shared.

pub mod protocol;
