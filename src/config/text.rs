//! Settings that are text with a shape: addresses of services, currencies, metadata keys, time
//! zones.
//!
//! A value of these types has the shape; whether the service answers is for `doctor`.

use crate::model::pair;
use std::fmt;
use std::net::Ipv6Addr;

/// An absolute `http` or `https` address without query, fragment or user, and without a final
/// slash: something to append a path to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, as a phrase that follows the setting's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let uri: http::Uri = text
            .parse()
            .map_err(|error| format!("is no address: {error}"))?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            Some(other) => return Err(format!("has the scheme `{other}`")),
            None => return Err("has no scheme".to_owned()),
        }
        let authority = uri
            .authority()
            .map(http::uri::Authority::as_str)
            .unwrap_or_default();
        if uri.host().unwrap_or_default().is_empty() {
            return Err("names no host".to_owned());
        }
        if authority.contains('@') {
            return Err("contains a user name".to_owned());
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("contains a query or fragment".to_owned());
        }
        let port = authority
            .rsplit_once(':')
            .filter(|(_, port)| !port.ends_with(']'));
        if port.is_some() && uri.port_u16().is_none() {
            return Err("has a bad port".to_owned());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// An address written in this program.
    pub(super) fn known(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// The address, without a final slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what is sent there is encrypted.
    pub fn is_https(&self) -> bool {
        self.0
            .get(..8)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a host, or its address, without a port; in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

/// Longest name that the domain name system has.
const HOST_BYTES_MAX: usize = 253;

impl HostName {
    /// Reads a name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let inner = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        let is_address = inner.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
        let in_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_part = |part: &str| (1..=63).contains(&part.len()) && part.bytes().all(in_part);
        let is_name = text.len() <= HOST_BYTES_MAX && text.split('.').all(is_part);
        if !is_address && !is_name {
            return Err("is no name of a host".to_owned());
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A currency as ISO 4217 writes it: three capital letters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CurrencyCode(String);

impl CurrencyCode {
    /// Reads a currency.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("expected a currency such as USD".to_owned())
        }
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A key of Stripe metadata that may be mapped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetadataKey(String);

impl MetadataKey {
    /// Reads a key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        pair::check_stripe_key(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A pair of metadata as a field: `metadata.` and Stripe's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetadataField(String);

impl MetadataField {
    /// What stands before the key.
    pub const PREFIX: &str = "metadata.";

    /// Reads the name of such a field.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let key = text.strip_prefix(Self::PREFIX);
        MetadataKey::parse(key.ok_or("expected `metadata.` and a key")?)?;
        Ok(Self(text.to_owned()))
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of Stripe's metadata.
    pub fn key(&self) -> &str {
        self.0.strip_prefix(Self::PREFIX).unwrap_or_default()
    }
}

/// A key of Zenskar's `custom_data` that may be mapped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CustomDataKey(String);

impl CustomDataKey {
    /// Reads a key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        pair::check_zenskar_key(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a time zone that this machine knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZoneName(String);

impl TimeZoneName {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self("UTC".to_owned())
    }

    /// Reads a name and looks it up in the system's database; `UTC` needs none.
    ///
    /// # Errors
    /// Why there is no such time zone.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text != "UTC" {
            jiff::tz::TimeZone::get(text).map_err(|_| format!("cannot be \"{text}\""))?;
        }
        Ok(Self(text.to_owned()))
    }

    /// The time zone. One that the system's database lost since it was read is UTC.
    #[must_use]
    pub fn to_zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.0).unwrap_or(jiff::tz::TimeZone::UTC)
    }

    /// The name, such as `Europe/Berlin`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_bases_to_append_to() {
        let url = BaseUrl::parse("https://pay.example.com/stripe/").unwrap();
        assert_eq!(url.as_str(), "https://pay.example.com/stripe");
        assert!(url.is_https());
        assert!(!BaseUrl::parse("http://[::1]:12111").unwrap().is_https());
        for (bad, why) in [
            ("pay.example.com", "has no scheme"),
            ("ftp://example.com", "has the scheme `ftp`"),
            ("https://me@example.com", "contains a user name"),
            ("https://example.com/?a=b", "contains a query or fragment"),
            ("https://example.com/#a", "contains a query or fragment"),
            ("https://example.com:99999", "has a bad port"),
        ] {
            assert_eq!(BaseUrl::parse(bad), Err(why.to_owned()), "{bad}");
        }
        assert!(BaseUrl::parse("https://").is_err());
        assert!(BaseUrl::parse("https://a b").is_err());
    }

    #[test]
    fn a_host_has_a_name_and_nothing_else() {
        for good in ["zenstripe.corp.example", "console", "10.0.0.5", "[fd00::5]"] {
            assert_eq!(HostName::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(HostName::parse("Z.Corp").unwrap().as_str(), "z.corp");
        for bad in [
            "",
            "a:1",
            "https://a",
            "*.corp",
            "a..b",
            "a.",
            "me@a",
            "fd00::5",
            "a/b",
            "ä",
        ] {
            assert!(HostName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn our_own_metadata_is_never_mapped() {
        assert!(MetadataKey::parse("account_manager").is_ok());
        for bad in ["", "a[b]", "zenstripe_invoice", &"x".repeat(41)] {
            assert!(MetadataKey::parse(bad).is_err(), "{bad}");
        }
        assert!(CustomDataKey::parse("csm").is_ok());
        for bad in ["", "users", "shipping_name", "zenstripe_invoice"] {
            assert!(CustomDataKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn currencies_are_three_capitals() {
        assert!(CurrencyCode::parse("JPY").is_ok());
        for bad in ["jpy", "JP", "JPYX", "J1Y", ""] {
            assert!(CurrencyCode::parse(bad).is_err(), "{bad}");
        }
    }
}
