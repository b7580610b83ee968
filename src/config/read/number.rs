//! Integers and decimals as keepalived reads them: decimal digits, a range, and the messages that people search for.

use crate::config::build::Context;
use crate::config::diagnostic::{Class, quote};
use crate::config::keywords::form::Strictness;
use crate::config::tree::Word;

/// How many digits of a fraction a microsecond has.
const MICRO_DIGITS: u32 = 6;

/// Why digits are no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No digits at all.
    NotANumber,
    /// A number with something behind it; the number.
    Trailing(i64),
    /// Too many digits to hold.
    TooLarge,
    /// More decimals than the keyword takes; the rounded value.
    Rounded(u64),
    /// A minus sign.
    Negative,
}

/// Reads decimal digits with an optional sign; blanks in front are passed over.
pub fn parse_integer(text: &[u8]) -> Result<i64, Fault> {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let length = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if length == 0 {
        return Err(Fault::NotANumber);
    }
    let mut value: i64 = 0;
    for digit in digits.iter().take(length) {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(i64::from(digit - b'0')))
            .ok_or(Fault::TooLarge)?;
    }
    let value = if negative { -value } else { value };
    if length == digits.len() {
        Ok(value)
    } else {
        Err(Fault::Trailing(value))
    }
}

/// Reads digits with an optional fraction into units of 10^-`scale`, keeping at most `decimals` of the fraction and rounding
/// half up.
pub fn parse_decimal(text: &[u8], scale: u32, decimals: u32) -> Result<u64, Fault> {
    let text = text.trim_ascii_start();
    if text.first() == Some(&b'-') {
        return Err(Fault::Negative);
    }
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let (whole, fraction) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    if whole.is_empty() && fraction.is_empty()
        || !whole.iter().chain(fraction).all(u8::is_ascii_digit)
    {
        return Err(Fault::NotANumber);
    }
    let kept = fraction.get(..decimals as usize).unwrap_or(fraction);
    let mut value: u64 = 0;
    for digit in whole.iter().chain(kept) {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u64::from(digit - b'0')))
            .ok_or(Fault::TooLarge)?;
    }
    let rest = fraction.get(kept.len()..).unwrap_or_default();
    let rounded = rest.iter().any(|digit| *digit != b'0');
    if rest.first().is_some_and(|digit| *digit >= b'5') {
        value = value.checked_add(1).ok_or(Fault::TooLarge)?;
    }
    let missing = scale.saturating_sub(kept.len() as u32);
    let value = 10u64
        .checked_pow(missing)
        .and_then(|factor| value.checked_mul(factor))
        .ok_or(Fault::TooLarge)?;
    if rounded {
        Err(Fault::Rounded(value))
    } else {
        Ok(value)
    }
}

/// An integer in a range; says what is wrong.
pub(super) fn integer(
    context: &mut Context<'_>,
    word: Word<'_>,
    low: i64,
    high: i64,
    strictness: Strictness,
) -> Option<i64> {
    let outside = |value: i64| value < low || value > high;
    let shown = || quote(word.bytes());
    let (message, value) = match parse_integer(word.bytes()) {
        Ok(value) if !outside(value) => return Some(value),
        Err(Fault::Trailing(value)) if strictness == Strictness::Lenient && !outside(value) => (
            format!("WARNING - invalid number '{}'", shown()),
            Some(value),
        ),
        Ok(value) | Err(Fault::Trailing(value)) if value < 0 && low >= 0 => {
            (format!("negative number '{}'", shown()), None)
        }
        Ok(_) | Err(Fault::TooLarge) => (
            format!("number '{}' outside range [{low}, {high}]", shown()),
            None,
        ),
        Err(_) => (format!("invalid number '{}'", shown()), None),
    };
    let help = match value {
        Some(value) => format!("{value} is used; write just the digits"),
        None => format!("write a whole number from {low} to {high}"),
    };
    context
        .diagnostics
        .advise(Class::InvalidNumber, word.span(), message, help);
    value
}

/// What a decimal counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds with so many decimals.
    Seconds {
        /// How many.
        decimals: u32,
    },
    /// Milliseconds with three decimals.
    Milliseconds,
}

/// A decimal in a range, both in microseconds; says what is wrong.
pub(super) fn decimal(
    context: &mut Context<'_>,
    word: Word<'_>,
    low: u64,
    high: u64,
    unit: Unit,
) -> Option<u64> {
    let (scale, decimals, name) = match unit {
        Unit::Seconds { decimals } => (MICRO_DIGITS, decimals, "seconds"),
        Unit::Milliseconds => (MICRO_DIGITS / 2, MICRO_DIGITS / 2, "milliseconds"),
    };
    let outside = |value: u64| value < low || value > high;
    let read = parse_decimal(word.bytes(), scale, decimals);
    if let Ok(value) = read
        && !outside(value)
    {
        return Some(value);
    }
    let (lowest, highest) = (shown(low, scale), shown(high, scale));
    let help = format!("write {name} from {lowest} to {highest}, without a unit");
    let text = quote(word.bytes());
    let (message, value) = match read {
        Err(Fault::Rounded(value)) if !outside(value) => (
            format!(
                "number '{text}' has more than {decimals} decimals - rounding to {}",
                shown(value, scale)
            ),
            Some(value),
        ),
        Ok(_) | Err(Fault::Rounded(_) | Fault::TooLarge) => (
            format!("number '{text}' outside range [{lowest}, {highest}]"),
            None,
        ),
        Err(Fault::Negative) => (format!("negative number '{text}'"), None),
        Err(_) => (format!("invalid number '{text}'"), None),
    };
    context
        .diagnostics
        .advise(Class::InvalidNumber, word.span(), message, help);
    value
}

/// Units of 10^-`scale` as a decimal without trailing zeros.
fn shown(value: u64, scale: u32) -> String {
    let one = 10u64.pow(scale);
    let text = format!(
        "{}.{:0width$}",
        value / one,
        value % one,
        width = scale as usize
    );
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Fault, parse_decimal, parse_integer, shown};

    #[test]
    fn integers() {
        assert_eq!(parse_integer(b"0100"), Ok(100));
        assert_eq!(parse_integer(b" -20"), Ok(-20));
        assert_eq!(parse_integer(b"10x"), Err(Fault::Trailing(10)));
        assert_eq!(parse_integer(b"0x64"), Err(Fault::Trailing(0)));
        assert_eq!(parse_integer(b"rr"), Err(Fault::NotANumber));
        assert_eq!(parse_integer(b""), Err(Fault::NotANumber));
        assert_eq!(parse_integer(b"99999999999999999999"), Err(Fault::TooLarge));
    }

    #[test]
    fn decimals_are_rounded_half_up() {
        assert_eq!(parse_decimal(b"1", 6, 6), Ok(1_000_000));
        assert_eq!(parse_decimal(b"0.5", 6, 3), Ok(500_000));
        assert_eq!(parse_decimal(b".25", 6, 6), Ok(250_000));
        assert_eq!(parse_decimal(b"2.", 6, 6), Ok(2_000_000));
        assert_eq!(parse_decimal(b"0.0000005", 6, 6), Err(Fault::Rounded(1)));
        assert_eq!(parse_decimal(b"0.0000004", 6, 6), Err(Fault::Rounded(0)));
        assert_eq!(parse_decimal(b"0.5000000", 6, 6), Ok(500_000));
        assert_eq!(parse_decimal(b"1.5", 3, 3), Ok(1_500));
        assert_eq!(parse_decimal(b"-1", 6, 6), Err(Fault::Negative));
        assert_eq!(parse_decimal(b".", 6, 6), Err(Fault::NotANumber));
        assert_eq!(parse_decimal(b"1e3", 6, 6), Err(Fault::NotANumber));
        assert_eq!(parse_decimal(b"99999999999999", 6, 6), Err(Fault::TooLarge));
    }

    #[test]
    fn ranges_are_shown_as_keepalived_does() {
        assert_eq!(shown(1, 6), "0.000001");
        assert_eq!(shown(4_294_967_295, 6), "4294.967295");
        assert_eq!(shown(255_000_000, 6), "255");
    }
}
