//! Stripe's types of tax ids as a country and a kind.
//!
//! Stripe has more than a hundred types and adds more; but for those of the European Union each is
//! named by its country's two letters and by the kind of id ("The Tax ID object": `type`). So they
//! are read by that rule and not by a list, which would be out of date.

use crate::model::customer::TaxId;
use crate::stripe::object;

/// A tax id as a value; `None` for one without a number, which says nothing.
pub(crate) fn id(wire: object::TaxId) -> Option<TaxId> {
    let id = wire.value.unwrap_or_default().trim().to_owned();
    if id.is_empty() {
        return None;
    }
    let shown = wire.country.unwrap_or_default().trim().to_ascii_uppercase();
    let (country, kind) = match (wire.kind.as_str(), wire.kind.split_once('_')) {
        ("eu_vat", _) if shown.is_empty() => (TaxId::union_member(&id), "vat"),
        ("eu_vat", _) => (shown, "vat"),
        (_, Some((country, kind))) if country.len() == 2 => (country.to_ascii_uppercase(), kind),
        (kind, _) => (shown, kind),
    };
    Some(TaxId {
        country,
        kind: kind.to_ascii_uppercase(),
        id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_a_country_and_a_kind() {
        for (kind, country, id_text, expected) in [
            ("eu_vat", Some("DE"), "DE123456789", "DE VAT DE123456789"),
            ("eu_vat", None, "FRAB123456789", "FR VAT FRAB123456789"),
            ("eu_vat", None, "EL123456789", "GR VAT EL123456789"),
            ("eu_vat", None, "123456789", "EU VAT 123456789"),
            ("eu_oss_vat", None, "EU123456789", "EU OSS_VAT EU123456789"),
            ("gb_vat", Some("GB"), " GB123456789 ", "GB VAT GB123456789"),
            ("us_ein", None, "12-3456789", "US EIN 12-3456789"),
            ("ca_gst_hst", Some("CA"), "1RT0002", "CA GST_HST 1RT0002"),
            ("unknown", Some("fr"), "7", "FR UNKNOWN 7"),
        ] {
            let wire = object::TaxId {
                kind: kind.to_owned(),
                country: country.map(str::to_owned),
                value: Some(id_text.to_owned()),
            };
            assert_eq!(id(wire).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn an_id_without_a_number_says_nothing() {
        for value in [None, Some(" ".to_owned())] {
            let wire = object::TaxId {
                kind: "eu_vat".to_owned(),
                country: None,
                value,
            };
            assert_eq!(id(wire), None);
        }
    }
}
