//! How a setting of each type is read from TOML and shown again.
//!
//! A [`Setting`] that cannot be read says all that is wrong with it, each with its place. Bounds
//! and agreement between settings are checked later, in `validate`.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::problem::{looks_like_a_secret, quoted};
use super::words::Word;
use super::{BaseUrl, CustomDataKey, HostName, Poll, SecretRef, TimeZoneName};

mod table;

/// Longer durations are mistakes.
const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A value as the parser left it.
pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// Why a value was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) span: Range<usize>,
    /// Follows the setting's name: `is a string`.
    pub(super) what: String,
    /// Stands under the value: `expected …`.
    pub(super) label: String,
}

/// A type that a setting can have.
pub(super) trait Setting: Sized {
    /// What may be written, after "expected".
    fn expected() -> String;

    /// Reads the value.
    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>>;

    /// The value in TOML's notation; `None` where nothing is set.
    fn show(&self) -> Option<String>;

    /// Lays a value of a later file over this one.
    fn lay(&mut self, value: &Value<'_>) -> Result<(), Vec<Misfit>> {
        *self = Self::read(value)?;
        Ok(())
    }
}

/// The misfit of a value whose TOML type is wrong.
fn wrong_type<T: Setting>(value: &Value<'_>) -> Vec<Misfit> {
    vec![Misfit {
        span: value.span(),
        what: is_a(value),
        label: format!("expected {}", T::expected()),
    }]
}

/// The misfit of a value that has the type, but not the shape.
fn misshapen(value: &Value<'_>, what: impl Into<String>, expected: &str) -> Vec<Misfit> {
    vec![Misfit {
        span: value.span(),
        what: what.into(),
        label: format!("expected {expected}"),
    }]
}

/// `is a string`, and so on.
pub(super) fn is_a(value: &Value<'_>) -> String {
    let article = match value.get_ref() {
        DeValue::Integer(_) => "an integer",
        DeValue::Array(_) => "an array",
        DeValue::String(_) => "a string",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Table(_) => "a table",
    };
    format!("is {article}")
}

fn text<'v, T: Setting>(value: &'v Value<'_>) -> Result<&'v str, Vec<Misfit>> {
    value
        .get_ref()
        .as_str()
        .ok_or_else(|| wrong_type::<T>(value))
}

fn in_toml(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Setting for String {
    fn expected() -> String {
        "a string".to_owned()
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        let text = text::<Self>(value)?;
        if text.trim().is_empty() {
            return Err(misshapen(value, "is empty", "some text"));
        }
        Ok(text.to_owned())
    }

    fn show(&self) -> Option<String> {
        Some(in_toml(self))
    }
}

impl Setting for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        value
            .get_ref()
            .as_bool()
            .ok_or_else(|| wrong_type::<Self>(value))
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

macro_rules! integers {
    ($($name:ident)+) => {$(
        impl Setting for $name {
            fn expected() -> String {
                "a whole number".to_owned()
            }

            fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
                let Some(number) = value.get_ref().as_integer() else {
                    return Err(wrong_type::<Self>(value));
                };
                Self::from_str_radix(number.as_str(), number.radix()).map_err(|_| {
                    let negative = number.as_str().starts_with('-');
                    let expected = if negative { "a larger number" } else { "a smaller number" };
                    misshapen(value, format!("cannot be {number}"), expected)
                })
            }

            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )+};
}

integers!(u8 u16 u32 i64);

impl Setting for f64 {
    fn expected() -> String {
        "a number".to_owned()
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        let written = match value.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => None,
        };
        written.ok_or_else(|| wrong_type::<Self>(value))
    }

    fn show(&self) -> Option<String> {
        Some(toml::Value::Float(*self).to_string())
    }
}

impl Setting for Duration {
    fn expected() -> String {
        "a duration such as \"30s\", \"2m\" or \"5d\"".to_owned()
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        let text = text::<Self>(value)?;
        let misfit = |what: String| misshapen(value, what, &Self::expected());
        let span: jiff::Span = text
            .parse()
            .map_err(|_| misfit(format!("cannot be {}", quoted(text))))?;
        let length = span
            .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
            .map_err(|_| misfit(format!("cannot be {}: its length varies", quoted(text))))?;
        let length = Self::try_from(length).map_err(|_| misfit("cannot be negative".to_owned()))?;
        if length > DURATION_MAX {
            return Err(misfit(format!(
                "cannot be {}: more than a year",
                quoted(text)
            )));
        }
        Ok(length)
    }

    fn show(&self) -> Option<String> {
        Some(in_toml(&duration(*self)))
    }
}

/// A duration as people write it: `1h 30m`.
fn duration(length: Duration) -> String {
    let mut rest = length.as_millis();
    let mut parts = Vec::new();
    for (unit, millis) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ] {
        if rest >= millis {
            parts.push(format!("{}{unit}", rest / millis));
            rest %= millis;
        }
    }
    if parts.is_empty() {
        "0s".to_owned()
    } else {
        parts.join(" ")
    }
}

impl<W: Word> Setting for W {
    fn expected() -> String {
        let words: Vec<String> = W::ALL
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        match words.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => words.concat(),
        }
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        let text = text::<Self>(value)?;
        let found = W::ALL
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value);
        found.ok_or_else(|| {
            misshapen(
                value,
                format!("cannot be {}", quoted(text)),
                &Self::expected(),
            )
        })
    }

    fn show(&self) -> Option<String> {
        Some(in_toml(self.word()))
    }
}

macro_rules! shaped_text {
    ($($name:ident: $expected:literal;)+) => {$(
        impl Setting for $name {
            fn expected() -> String {
                $expected.to_owned()
            }

            fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
                Self::parse(text::<Self>(value)?)
                    .map_err(|what| misshapen(value, what, $expected))
            }

            fn show(&self) -> Option<String> {
                Some(in_toml(self.as_str()))
            }
        }
    )+};
}

shaped_text! {
    BaseUrl: "an address such as \"https://example.com\"";
    HostName: "a name without scheme and port such as \"zenstripe.corp.example\"";
    TimeZoneName: "the name of a time zone such as \"Europe/Berlin\"";
}

impl Setting for CustomDataKey {
    fn expected() -> String {
        "a key of custom_data".to_owned()
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        let text = text::<Self>(value)?;
        Self::parse(text).map_err(|label| {
            vec![Misfit {
                span: value.span(),
                what: format!("cannot be {}", quoted(text)),
                label,
            }]
        })
    }

    fn show(&self) -> Option<String> {
        Some(in_toml(self.as_str()))
    }
}

macro_rules! parsed_text {
    ($($name:ident: $expected:literal;)+) => {$(
        impl Setting for $name {
            fn expected() -> String {
                $expected.to_owned()
            }

            fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
                let text = text::<Self>(value)?;
                let cannot = |_| misshapen(value, format!("cannot be {}", quoted(text)), $expected);
                text.parse().map_err(cannot)
            }

            fn show(&self) -> Option<String> {
                Some(in_toml(&self.to_string()))
            }
        }
    )+};
}

parsed_text! {
    SocketAddr: "an address with a port such as \"127.0.0.1:9480\" or \"[::]:9480\"";
    IpAddr: "an address such as \"10.0.0.5\" or \"fd00::5\"";
}

impl Setting for PathBuf {
    fn expected() -> String {
        "a path".to_owned()
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        let text = text::<Self>(value)?;
        if text.is_empty() {
            return Err(misshapen(value, "is empty", "a path"));
        }
        Ok(Self::from(text))
    }

    fn show(&self) -> Option<String> {
        Some(in_toml(&self.display().to_string()))
    }
}

impl Setting for SecretRef {
    fn expected() -> String {
        "a path, or the name of a systemd credential".to_owned()
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        let text = text::<Self>(value)?;
        if looks_like_a_secret(text) {
            let what = "is the secret itself, which never stands in this file";
            return Err(misshapen(value, what, &Self::expected()));
        }
        Self::parse(text).ok_or_else(|| misshapen(value, "is no name of a file", &Self::expected()))
    }

    fn show(&self) -> Option<String> {
        Some(in_toml(&self.to_string()))
    }
}

impl Setting for Poll {
    fn expected() -> String {
        "\"adaptive\", \"off\" or a duration such as \"30s\"".to_owned()
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        match text::<Self>(value)? {
            "adaptive" => Ok(Self::Adaptive),
            "off" => Ok(Self::Off),
            _ => Duration::read(value)
                .map(Self::Every)
                .map_err(|mut misfits| {
                    for misfit in &mut misfits {
                        misfit.label = format!("expected {}", Self::expected());
                    }
                    misfits
                }),
        }
    }

    fn show(&self) -> Option<String> {
        match self {
            Self::Adaptive => Some(in_toml("adaptive")),
            Self::Off => Some(in_toml("off")),
            Self::Every(length) => length.show(),
        }
    }
}

/// Unset where the key is absent, or `""`, with which a drop-in unsets what an earlier file set.
impl<T: Setting> Setting for Option<T> {
    fn expected() -> String {
        T::expected()
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        if value.get_ref().as_str() == Some("") {
            return Ok(None);
        }
        T::read(value).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(Setting::show)
    }
}
