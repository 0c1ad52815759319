//! The text encodings of signatures and keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest::{Hash, Tag};
use crate::request::hex_digit;
use crate::scheme::record::SignatureEncoding;

/// Text of one signature element. The longest real one is base64 of hexadecimal SHA-512: 172 bytes.
pub(crate) const SIGNATURE_TEXT_BYTES_MAX: usize = 256;

/// Text of one element that is an RSA signature: base64 of 8192 bits has 1,368 bytes, hexadecimal
/// digits 2,048.
const PUBLIC_KEY_SIGNATURE_TEXT_BYTES_MAX: usize = 2048;

/// What the text of a signature element holds.
pub(crate) enum Decoded {
    /// As many bytes as the hash gives.
    Tag(Tag),
    /// Well-formed, but of a length that cannot match.
    OtherLength,
    /// Not in the encoding, or longer than [`SIGNATURE_TEXT_BYTES_MAX`].
    Malformed,
}

impl SignatureEncoding {
    /// Decodes on the stack; the empty text is malformed.
    pub(crate) fn decode(self, text: &[u8], hash: Hash) -> Decoded {
        if text.is_empty() || text.len() > SIGNATURE_TEXT_BYTES_MAX {
            return Decoded::Malformed;
        }
        let mut bytes = [0; SIGNATURE_TEXT_BYTES_MAX];
        let mut inner = [0; SIGNATURE_TEXT_BYTES_MAX];
        let len = match self {
            SignatureEncoding::Hex => decode_hex(text, &mut bytes),
            SignatureEncoding::Base64 => STANDARD.decode_slice(text, &mut bytes).ok(),
            SignatureEncoding::Base64OfHex => STANDARD
                .decode_slice(text, &mut inner)
                .ok()
                .and_then(|len| decode_hex(&inner[..len], &mut bytes)),
        };
        match len {
            None => Decoded::Malformed,
            Some(len) if len != hash.output_bytes() => Decoded::OtherLength,
            Some(len) => Decoded::Tag(Tag::new(&bytes[..len])),
        }
    }

    /// Decodes what may have any length.
    pub(crate) fn decode_any(self, text: &[u8]) -> Option<Vec<u8>> {
        if text.is_empty() || text.len() > PUBLIC_KEY_SIGNATURE_TEXT_BYTES_MAX {
            return None;
        }
        match self {
            SignatureEncoding::Hex => from_hex(text),
            SignatureEncoding::Base64 => STANDARD.decode(text).ok(),
            SignatureEncoding::Base64OfHex => from_hex(&STANDARD.decode(text).ok()?),
        }
    }

    pub(crate) fn encode(self, tag: &Tag) -> String {
        match self {
            SignatureEncoding::Hex => to_hex(tag.as_bytes()),
            SignatureEncoding::Base64 => STANDARD.encode(tag.as_bytes()),
            SignatureEncoding::Base64OfHex => STANDARD.encode(to_hex(tag.as_bytes())),
        }
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// Bytes of hexadecimal digits of either case, or nothing if they are none or an odd number.
pub(crate) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len() / 2];
    decode_hex(text, &mut bytes).map(|_| bytes)
}

/// Decodes into the front of `bytes`, which must have half the length of `text`.
fn decode_hex(text: &[u8], bytes: &mut [u8]) -> Option<usize> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(pairs.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_signatures() {
        let hash = Hash::Md5;
        let hex = "900150983cd24fb0d6963f7d28e17f72";
        let base64 = "kAFQmDzST7DWlj99KOF/cg==";
        let base64_of_hex = STANDARD.encode(hex);
        let [as_hex, as_base64, as_both] =
            [SignatureEncoding::Hex, SignatureEncoding::Base64, SignatureEncoding::Base64OfHex];
        let too_long = "ab".repeat(SIGNATURE_TEXT_BYTES_MAX);
        for (encoding, text, expected) in [
            (as_hex, hex, "tag"),
            (as_hex, "900150983CD24FB0D6963F7D28E17F72", "tag"),
            (as_hex, "9001", "other length"),
            (as_hex, "900", "malformed"),
            (as_hex, "90 1", "malformed"),
            (as_hex, "", "malformed"),
            (as_hex, too_long.as_str(), "malformed"),
            (as_base64, base64, "tag"),
            (as_base64, "kAFQmDzST7DWlj99KOF/cg", "malformed"),
            (as_base64, "kAFQmDzST7DWlj99KOF_cg==", "malformed"),
            // Bits after the last byte that are not zero: a second spelling of the same bytes.
            (as_base64, "kAFQmDzST7DWlj99KOF/ch==", "malformed"),
            (as_base64, hex, "other length"),
            (as_base64, "====", "malformed"),
            (as_both, base64_of_hex.as_str(), "tag"),
            (as_both, base64, "malformed"),
        ] {
            let got = match encoding.decode(text.as_bytes(), hash) {
                Decoded::Tag(tag) => {
                    assert!(tag.matches(&hash.of(b"abc")));
                    "tag"
                }
                Decoded::OtherLength => "other length",
                Decoded::Malformed => "malformed",
            };
            assert_eq!(got, expected, "{encoding:?} {text}");
        }
        for (encoding, text) in
            [(as_hex, hex), (as_base64, base64), (as_both, base64_of_hex.as_str())]
        {
            assert_eq!(encoding.encode(&hash.of(b"abc")), text);
        }
    }
}
