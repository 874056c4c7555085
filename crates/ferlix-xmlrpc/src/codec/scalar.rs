//! The texts of numbers, booleans, dates and bytes: read leniently, written in one form.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use ferlix_core::property::{DateTime, Event};

use super::characters::{is_space, trim};

/// A type whose element holds a text only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Base64,
    BigDecimal,
    BigInteger,
    Boolean,
    Byte,
    DateTime,
    Double,
    Float,
    Int,
    Long,
    Nil,
    Short,
    String,
}

impl Scalar {
    pub(super) fn from_local(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "int" | "i4" => Self::Int,
            "i8" => Self::Long,
            "double" => Self::Double,
            "boolean" => Self::Boolean,
            "nil" => Self::Nil,
            "base64" => Self::Base64,
            "dateTime.iso8601" | "dateTime" => Self::DateTime,
            "i1" => Self::Byte,
            "i2" => Self::Short,
            "float" => Self::Float,
            "biginteger" => Self::BigInteger,
            "bigdecimal" => Self::BigDecimal,
            _ => return None,
        })
    }

    /// The type's name in an error message.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::BigDecimal => "finite decimal number",
            Self::BigInteger => "integer of 64 bits (larger ones are not read)",
            Self::Boolean => "boolean (0 or 1)",
            Self::Byte => "integer of 8 bits",
            Self::DateTime => "date and time (YYYYMMDDTHH:MM:SS)",
            Self::Double => "double",
            Self::Float => "float",
            Self::Int => "integer of 32 bits",
            Self::Long => "integer of 64 bits",
            Self::Nil => "nil, which is empty",
            Self::Short => "integer of 16 bits",
            Self::String => "string",
        }
    }

    /// What a text is; `None` when it is not of this type. A string is not parsed.
    pub(super) fn parse(self, text: &str) -> Option<Event<'static>> {
        let trimmed = trim(text);
        Some(match self {
            Self::Base64 => Event::Bytes(Cow::Owned(decode(text)?)),
            Self::BigDecimal => {
                let number: f64 = trimmed.parse().ok()?;
                Event::Double(Some(number).filter(|number| number.is_finite())?)
            }
            Self::BigInteger | Self::Long => Event::Long(trimmed.parse().ok()?),
            Self::Boolean => Event::Bool(match trimmed {
                "1" => true,
                "0" => false,
                other if other.eq_ignore_ascii_case("true") => true,
                other if other.eq_ignore_ascii_case("false") => false,
                _ => return None,
            }),
            Self::Byte => Event::Byte(trimmed.parse().ok()?),
            Self::DateTime => Event::DateTime(date_time(trimmed)?),
            Self::Double => Event::Double(trimmed.parse().ok()?),
            Self::Float => Event::Float(trimmed.parse().ok()?),
            Self::Int => Event::Int(trimmed.parse().ok()?),
            Self::Nil => Some(Event::Null).filter(|_| trimmed.is_empty())?,
            Self::Short => Event::Short(trimmed.parse().ok()?),
            Self::String => return None,
        })
    }
}

/// Reads base64 with or without line breaks and padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let trimmed = trim(text);
    if trimmed.bytes().any(is_space) {
        let packed: Vec<u8> = trimmed.bytes().filter(|&byte| !is_space(byte)).collect();
        LENIENT.decode(packed).ok()
    } else {
        LENIENT.decode(trimmed).ok()
    }
}

/// Appends bytes as base64 on one line, which both peers read.
pub(super) fn encode(bytes: &[u8], out: &mut String) {
    STANDARD.encode_string(bytes, out);
}

/// Reads a date and time: `YYYYMMDD` or `YYYY-MM-DD`, `T`, `HH:MM:SS` or `HHMMSS`, a fraction, and `Z` or an offset, which
/// is turned into UTC. The year has to be one of four digits then, too: no other could be written.
fn date_time(text: &str) -> Option<DateTime> {
    let (date, rest) = text.split_once(['T', ' '])?;
    let date = match date.as_bytes() {
        [_, _, _, _, b'-', _, _, b'-', _, _] => [date.get(..4)?, date.get(5..7)?, date.get(8..)?],
        bytes if bytes.len() == 8 => [date.get(..4)?, date.get(4..6)?, date.get(6..)?],
        _ => return None,
    };
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    let (clock, fraction) = match clock.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let clock = match clock.as_bytes() {
        [_, _, b':', _, _, b':', _, _] => [clock.get(..2)?, clock.get(3..5)?, clock.get(6..)?],
        bytes if bytes.len() == 6 => [clock.get(..2)?, clock.get(2..4)?, clock.get(4..)?],
        _ => return None,
    };
    let [year, month, day] = [digits(date[0])?, digits(date[1])?, digits(date[2])?];
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date =
        time::Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?)
            .ok()?;
    let part = |text: &str| digits(text).and_then(|number| u8::try_from(number).ok());
    let clock = time::Time::from_hms_nano(
        part(clock[0])?,
        part(clock[1])?,
        part(clock[2])?,
        fraction.map_or(Some(0), nanoseconds)?,
    )
    .ok()?;
    DateTime::new(date, clock)
        .checked_sub(time::Duration::minutes(offset(zone)?))
        .filter(|moment| (0..=9999).contains(&moment.year()))
}

/// The number that a text of one to nine digits is.
fn digits(text: &str) -> Option<u32> {
    let plain = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn nanoseconds(fraction: &str) -> Option<u32> {
    let scale = 9_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    Some(digits(fraction)? * 10_u32.pow(scale))
}

/// The minutes east of UTC; none is taken for UTC.
fn offset(zone: &str) -> Option<i64> {
    let (sign, zone) = match zone.as_bytes() {
        [] | [b'Z'] => return Some(0),
        [b'+', ..] => (1, &zone[1..]),
        [b'-', ..] => (-1, &zone[1..]),
        _ => return None,
    };
    let [hours, minutes] = match zone.as_bytes() {
        [_, _] => [zone, "0"],
        [_, _, _, _] => [zone.get(..2)?, zone.get(2..)?],
        [_, _, b':', _, _] => [zone.get(..2)?, zone.get(3..)?],
        _ => return None,
    };
    let [hours, minutes] = [digits(hours)?, digits(minutes)?];
    (hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(year: i32, month: u8, day: u8, clock: (u8, u8, u8)) -> DateTime {
        let month = time::Month::try_from(month).unwrap();
        DateTime::new(
            time::Date::from_calendar_date(year, month, day).unwrap(),
            time::Time::from_hms(clock.0, clock.1, clock.2).unwrap(),
        )
    }

    #[test]
    fn dates_are_read_in_every_form() {
        let expected = moment(2026, 1, 2, (3, 4, 5));
        for text in [
            "20260102T03:04:05",
            "2026-01-02T03:04:05",
            "20260102T030405",
            "20260102T03:04:05Z",
            "2026-01-02T03:04:05+00:00",
            "2026-01-02T05:04:05+02:00",
            "2026-01-01T22:34:05-0430",
            "2026-01-02 03:04:05",
        ] {
            assert_eq!(date_time(text), Some(expected), "{text}");
        }
        let precise = date_time("2026-01-02T03:04:05.250Z").unwrap();
        assert_eq!(precise.millisecond(), 250);
        for wrong in [
            "",
            "T",
            "20260102",
            "20261302T03:04:05",
            "20260230T03:04:05",
            "20260102T24:04:05",
            "20260102T03:04:60",
            "20260102T03:04",
            "2026-01-02T03:04:05+25:00",
            "+2026010T03:04:05",
            "20260102T03:04:05.",
            "2026é102T03:04:05",
            "20260102T03:04:05ZZ",
            "00000101T00:00:00+99:99",
            "00000101T00:00:00+00:01",
            "99991231T23:59:59-00:01",
        ] {
            assert_eq!(date_time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn base64_is_read_with_breaks_and_without_padding() {
        assert_eq!(decode("\nAAE=\n"), Some(vec![0, 1]));
        assert_eq!(decode("AA\r\nE"), Some(vec![0, 1]));
        assert_eq!(decode(""), Some(vec![]));
        assert_eq!(decode("A"), None);
        assert_eq!(decode("AA*="), None);
    }
}
