//! Bodies as they are kept: packed, because a write is paid for by the kilobyte and an event is
//! kept for months. A body of two kilobytes is small for a compressor, and most of it is field
//! names that every event of its provider has; a dictionary of those brings it to a quarter where
//! packing alone would leave half.
//!
//! The first byte names the way. A way, once used, is never taken away, and a dictionary never
//! changes: a better one is a new file with a new number.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::item::Damaged;

/// As it came.
const PLAIN: u8 = 0;

/// zlib (RFC 1950) with [`DICTIONARY_1`] as its preset dictionary. Its checksum finds damage.
const DEFLATED_1: u8 = 1;

/// Field names and fixed words of payment events, in the spacing that providers send them in.
const DICTIONARY_1: &[u8] = include_bytes!("packing/dictionary-1.txt");

/// Past this level a body of a few kilobytes gets no smaller, only slower.
const LEVEL: Compression = Compression::new(6);

/// A body as it is kept.
pub(crate) fn pack(body: &[u8]) -> Vec<u8> {
    deflate(body).unwrap_or_else(|| {
        let mut plain = Vec::with_capacity(1 + body.len());
        plain.push(PLAIN);
        plain.extend_from_slice(body);
        plain
    })
}

/// The body of `size` bytes that [`pack`] made `packed` of.
///
/// # Errors
/// When it is damaged, or was packed in a way that only a newer version knows.
pub(crate) fn unpack(attribute: &str, packed: &[u8], size: usize) -> Result<Vec<u8>, Damaged> {
    let damaged = |what: &str| Damaged::new(attribute, what);
    let body = match packed.split_first() {
        Some((&PLAIN, plain)) => plain.to_vec(),
        Some((&DEFLATED_1, deflated)) => {
            inflate(deflated, size).ok_or_else(|| damaged("not what was packed"))?
        }
        Some((way, _)) => return Err(Damaged::new(attribute, format!("packed in way {way}"))),
        None => return Err(damaged("empty")),
    };
    if body.len() == size { Ok(body) } else { Err(damaged("not of its size")) }
}

/// `None` when it would not be smaller.
fn deflate(body: &[u8]) -> Option<Vec<u8>> {
    let mut compress = Compress::new(LEVEL, true);
    compress.set_dictionary(DICTIONARY_1).expect("nothing was compressed before it");
    let mut packed = Vec::with_capacity(body.len());
    packed.push(DEFLATED_1);
    match compress.compress_vec(body, &mut packed, FlushCompress::Finish) {
        Ok(Status::StreamEnd) => Some(packed),
        // It has filled the room that the body itself would need.
        Ok(Status::Ok | Status::BufError) | Err(_) => None,
    }
}

fn inflate(deflated: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut decompress = Decompress::new(true);
    let mut body = Vec::with_capacity(size);
    let mut buffer = vec![0; size.max(1)];
    let mut rest = deflated;
    loop {
        let (before_in, before_out) = (decompress.total_in(), decompress.total_out());
        let status = decompress.decompress(rest, &mut buffer, FlushDecompress::Finish);
        let consumed = usize::try_from(decompress.total_in() - before_in).ok()?;
        let produced = usize::try_from(decompress.total_out() - before_out).ok()?;
        rest = &rest[consumed..];
        body.extend_from_slice(&buffer[..produced]);
        match status {
            Ok(Status::StreamEnd) => return Some(body),
            Err(error) if error.needs_dictionary().is_some() => {
                decompress.set_dictionary(DICTIONARY_1).ok()?;
            }
            Ok(_) if consumed + produced > 0 && body.len() < size => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8]) -> usize {
        let packed = pack(body);
        assert_eq!(unpack("body", &packed, body.len()).unwrap(), body);
        packed.len()
    }

    #[test]
    fn every_body_survives_and_none_grows_by_more_than_a_byte() {
        let every: Vec<u8> = (0..=255).collect();
        let mut noise = Vec::new();
        let mut state = 7_u64;
        for _ in 0..40_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noise.extend_from_slice(&state.to_le_bytes()[4..]);
        }
        for body in [&b""[..], b"{", b"{}", &every, &noise, &vec![0xfe; 256 * 1024]] {
            assert!(check(body) <= body.len() + 1);
        }
    }

    /// What the budget of write units rests on: an event of two kilobytes is kept in one.
    #[test]
    fn a_payment_event_of_two_kilobytes_is_kept_in_a_quarter() {
        let body = include_bytes!("packing/payment-intent.json");
        assert!((1900..2300).contains(&body.len()), "{}", body.len());
        let packed = check(body);
        assert!(packed * 4 <= body.len(), "{packed} of {}", body.len());
    }

    #[test]
    fn damage_and_newer_ways_are_errors() {
        let packed = pack(br#"{"object":"event","livemode":false}"#);
        assert!(unpack("body", &packed[..packed.len() - 1], 35).is_err());
        assert!(unpack("body", &packed, 34).is_err());
        assert!(unpack("body", &packed, 36).is_err());
        assert!(unpack("body", &[], 0).is_err());
        let newer = unpack("body", &[9, 1, 2], 2).unwrap_err();
        assert_eq!(newer.to_string(), "attribute `body` of an item is packed in way 9");
        for at in 1..packed.len() {
            let mut flipped = packed.clone();
            flipped[at] ^= 1;
            assert!(unpack("body", &flipped, 35).is_err(), "bit flipped in byte {at}");
        }
    }
}
