//! JSON of printable ASCII alone. `serde_json` escapes what JSON must have escaped; here the rest
//! is, too.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// `value` as one line of printable ASCII.
pub(super) fn to_string(value: &impl Serialize) -> String {
    let mut line = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut line, Ascii);
    value.serialize(&mut serializer).expect("a message has text keys and finite numbers");
    String::from_utf8(line).expect("ascii is utf-8")
}

struct Ascii;

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Nearly always all of it, and a body is long.
        if fragment.bytes().all(is_plain) {
            return writer.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            let mut units = [0; 2];
            match u8::try_from(character) {
                Ok(byte) if is_plain(byte) => writer.write_all(&[byte])?,
                _ => {
                    for unit in character.encode_utf16(&mut units) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_written_in_ascii_and_read_back() {
        for character in '\0'..=char::MAX {
            let text = format!("a{character}b");
            let written = to_string(&text);
            assert!(written.bytes().all(is_plain), "{character:?} became {written}");
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text, "{written}");
        }
    }
}
