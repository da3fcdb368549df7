//! Frames in a file: length, checksum, bytes. A partial write at the end, left by a crash, is not a frame.

use xxhash_rust::xxh3::xxh3_64;

const HEAD: usize = 16;

/// One frame.
pub(super) fn frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + payload.len());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&xxh3_64(payload).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// The complete frames at the beginning, and their length in bytes.
pub(super) fn frames(bytes: &[u8]) -> (Vec<&[u8]>, usize) {
    let (mut found, mut at) = (Vec::new(), 0);
    while let (Some(length), Some(checksum)) = (number(bytes, at), number(bytes, at + 8)) {
        let end = usize::try_from(length).ok().and_then(|length| (at + HEAD).checked_add(length));
        let Some(payload) = end.and_then(|end| bytes.get(at + HEAD..end)) else { break };
        if xxh3_64(payload) != checksum {
            break;
        }
        found.push(payload);
        at += HEAD + payload.len();
    }
    (found, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_or_damaged_end_is_no_frame() {
        let bytes = [frame(b"one"), frame(b""), frame(b"three")].concat();
        assert_eq!(frames(&bytes), (vec![&b"one"[..], b"", b"three"], bytes.len()));
        let two = frame(b"one").len() + frame(b"").len();
        for cut in two..bytes.len() {
            assert_eq!(frames(&bytes[..cut]), (vec![&b"one"[..], b""], two), "cut at {cut}");
        }
        let mut damaged = bytes.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(frames(&damaged).1, two);
        assert_eq!(frames(&[0xff; 40]), (vec![], 0), "a length that lies");
    }
}
