//! Damaged and hostile checkpoints give their tensors or one line: no panic, no hang, no memory that the file does not have.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::{BufReader, Cursor};
use std::time::{Duration, Instant};

use common::fixtures;
use layerscope::formats::checkpoint::{self, Checkpoint, CheckpointError};
use layerscope::formats::pickle::{self, PickleError};
use proptest::prelude::*;

fn read(bytes: Vec<u8>) -> Result<Checkpoint, CheckpointError> {
    checkpoint::read(BufReader::new(Cursor::new(bytes)))
}

/// Every tensor lies in its bytes, or the error is one line.
fn check(outcome: Result<Checkpoint, CheckpointError>) {
    match outcome {
        Ok(checkpoint) => {
            for tensor in checkpoint.tensors {
                let elements: usize = tensor.shape.iter().product();
                let last: usize = match &tensor.strides {
                    _ if elements == 0 => continue,
                    Some(strides) => tensor.shape.iter().zip(strides).map(|(size, stride)| (size - 1) * stride).sum(),
                    None => elements - 1,
                };
                assert!((last + 1) * tensor.dtype.size() <= tensor.data.len(), "{}", tensor.name);
            }
        }
        Err(error) => {
            let line = error.to_string();
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join("checkpoint").join(name)).unwrap()
}

/// So many random cases, and no file beside the test that remembers them.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

const FILES: [&str; 10] = [
    "plain.pth",
    "legacy.pth",
    "legacy_views.pth",
    "legacy_whole.pth",
    "without_checksums.pth",
    "imagenet.pth.tar",
    "namespace.pth",
    "numpy2.pkl",
    "numpy4.pkl",
    "plain.safetensors",
];

/// Pieces of pickles, put together at random.
const PIECES: &[&[u8]] = &[
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._utils\n_rebuild_from_type_v2\n",
    b"ctorch._utils\n_rebuild_parameter\n",
    b"ctorch\nFloatStorage\n",
    b"ctorch\nSize\n",
    b"ccollections\nOrderedDict\n",
    b"ccollections\ndefaultdict\n",
    b"c__main__\nMyModel\n",
    b"ccopy_reg\n_reconstructor\n",
    b"c_codecs\nencode\n",
    b"cnumpy\nndarray\n",
    b"cnumpy\ndtype\n",
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"cnumpy.core.multiarray\nscalar\n",
    b"cos\nsystem\n",
    b"X\x07\0\0\0storage",
    b"X\x0a\0\0\0state_dict",
    b"X\x08\0\0\0_modules",
    b"X\x01\x00\x00\x000",
    b"X\x02\0\0\0f4",
    b"\x8c\x04caf\xc3",
    b"B\x04\0\0\0\0\0\0\0",
    b"U\x02ab",
    b"K\x01",
    b"K\x00",
    b"J\xff\xff\xff\xff",
    b"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"G\x7f\xf0\0\0\0\0\0\0",
    b"N",
    b"\x88",
    b"(",
    b")",
    b"]",
    b"}",
    b"t",
    b"l",
    b"d",
    b"\x85",
    b"\x86",
    b"\x87",
    b"a",
    b"e",
    b"s",
    b"u",
    b"q\x00",
    b"q\x01",
    b"h\x00",
    b"h\x01",
    b"r\x10\0\0\0",
    b"\x94",
    b"2",
    b"0",
    b"1",
    b"Q",
    b"R",
    b"\x81",
    b"\x92",
    b"\x93",
    b"b",
    b".",
];

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn a_checkpoint_cut_short_gives_one_line(name in prop::sample::select(&FILES[..]), share in 0.0..1.0_f64) {
        let mut bytes = file(name);
        bytes.truncate((share * bytes.len() as f64) as usize);
        prop_assert!(read(bytes.clone()).is_err(), "{name} of {} bytes opens", bytes.len());
        check(read(bytes));
    }

    #[test]
    fn changed_bytes_give_tensors_or_one_line(
        name in prop::sample::select(&FILES[..]),
        changes in prop::collection::vec((0.0..1.0_f64, any::<u8>()), 1..8)
    ) {
        let mut bytes = file(name);
        for (place, byte) in changes {
            let at = (place * place * bytes.len() as f64) as usize;
            bytes[at] = byte;
        }
        check(read(bytes));
    }

    #[test]
    fn opcodes_at_random_give_an_object_or_one_line(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        let bytes = pieces.concat();
        if let Err(error) = pickle::read(&mut bytes.as_slice(), bytes.len() as u64) {
            prop_assert!(!error.to_string().contains(char::is_control));
        }
        check(read([b"\x80\x02", bytes.as_slice(), b"."].concat()));
    }

    #[test]
    fn a_header_of_nonsense_gives_tensors_or_one_line(
        name in "[a-z\\x00-\\x1f]{0,4}",
        dtype in prop::sample::select(vec!["F32", "F16", "BOOL", "F8_E4M3", "\u{7}", ""]),
        shape in prop::collection::vec(prop::sample::select(vec![0, 1, 2, 3, u64::MAX, 1 << 62]), 0..4),
        offsets in prop::sample::select(vec![[0, 0], [0, 4], [0, 8], [8, 4], [0, u64::MAX], [u64::MAX, u64::MAX]]),
    ) {
        let header = serde_json::json!({name: {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend([0; 32]);
        check(read(bytes));
    }
}

#[test]
fn sizes_that_the_file_does_not_have_are_refused_before_memory_is_asked_for() {
    let claims: [&[u8]; 6] = [
        b"\x80\x02X\xff\xff\xff\xff.",
        b"\x80\x02B\xff\xff\xff\x7f.",
        b"\x80\x04\x8e\0\0\0\0\0\x10\0\0.",
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"\x80\x02\x8b\xff\xff\xff\x7f.",
        b"\x80\x02Nr\xff\xff\xff\x7f.",
    ];
    for claim in claims {
        let start = Instant::now();
        let error = pickle::read(&mut &claim[..], claim.len() as u64).unwrap_err();
        assert!(matches!(error, PickleError::Damaged(_)), "{error}");
        assert!(start.elapsed() < Duration::from_millis(100), "{claim:?}");
    }
}

#[test]
fn dictionaries_that_hold_themselves_or_each_other_over_and_over_end_in_one_line() {
    // d = {}; d['a'] = d, beside a tensor's place that no entry has.
    let itself = b"\x80\x02}q\0X\x01\0\0\0ah\0s.".to_vec();
    let start = Instant::now();
    check(read(itself));
    // Thirty levels of {'a': x, 'b': x}, around a tensor: a thousand million names.
    let mut doubled = b"\x80\x02".to_vec();
    doubled.extend(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R");
    doubled.extend(b"(K\x01K\x01\x85cnumpy\ndtype\nX\x02\0\0\0f4K\0K\x01\x87R\x89U\x04abcdtb");
    for _ in 0..30 {
        doubled.extend(b"q\0}X\x01\0\0\0ah\0sX\x01\0\0\0bh\0s");
    }
    doubled.push(b'.');
    let error = read(doubled).unwrap_err().to_string();
    assert!(error.contains("over and over"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20));
}
