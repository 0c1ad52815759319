//! Damage that is mild enough to reach deep and hard enough to matter.

use crate::Random;

/// What parsers care about.
const INTERESTING: &[&[u8]] = &[
    b",",
    b"=",
    b";",
    b" ",
    b"\t",
    b"\"",
    b"\\",
    b"\\u",
    b"\\ud83d",
    b"{",
    b"}",
    b"[",
    b"]",
    b"[[",
    b"]]",
    b"{}",
    b"{ts}",
    b"%",
    b"%4",
    b"%00",
    b"+",
    b"&",
    b"|",
    b"/",
    b"###",
    b"\xff",
    b"\xc3",
    b"\0",
    b":",
    b"~",
    b"t=",
    b"v1=",
    b"v1,",
    b"Basic ",
    b"Bearer ",
    b"-----BEGIN PUBLIC KEY-----",
    b"99999999999999999999",
    b"-1",
    b"null",
    b"1e999",
    b"1790000000",
    b"2026-09-21T14:13:20Z",
    b"\xef\xbb\xbf",
];

/// Bytes after which nothing grows any more.
const BYTES_MAX: usize = 64 * 1024;

/// Flips, cuts, insertions, repetitions, swaps: a few of them.
pub(crate) fn bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => bytes.truncate(at),
            2 => {
                let piece = *random.pick(INTERESTING);
                bytes.splice(at..at, piece.iter().copied());
            }
            3 => {
                let tail = bytes[at..].to_vec();
                bytes.extend(tail);
            }
            4 if at < bytes.len() => {
                let other = random.below(bytes.len());
                bytes.swap(at, other);
            }
            _ => {
                let end = (at + random.below(8)).min(bytes.len());
                bytes.drain(at..end);
            }
        }
        bytes.truncate(BYTES_MAX);
    }
}

pub(crate) fn text(text: &mut String, random: &mut Random) {
    let mut damaged = std::mem::take(text).into_bytes();
    bytes(&mut damaged, random);
    *text = String::from_utf8_lossy(&damaged).into_owned();
}
