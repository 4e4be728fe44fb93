//! Through tmux to the terminal outside it.

/// A sequence as tmux passes it on, where `allow-passthrough` is on. tmux drops what is longer than a mebibyte.
pub fn passthrough(sequence: &[u8]) -> Vec<u8> {
    let mut wrapped = b"\x1bPtmux;".to_vec();
    for byte in sequence {
        if *byte == 0x1b {
            wrapped.push(0x1b);
        }
        wrapped.push(*byte);
    }
    wrapped.extend(b"\x1b\\");
    wrapped
}
