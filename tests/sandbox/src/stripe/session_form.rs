//! What a Checkout session can be made with, and the checks of it.
//!
//! Not here: what the session does then (see `checkout`).

use serde_json::{Map, Value};

use super::currency;
use super::failure::Failure;
use super::intent::{Types, types_for};
use super::intents::{metadata, types};
use super::params::{Checked, EXPAND, Kind, Param, clearing, param, required, text, texts};
use super::session::Item;
use crate::random::Random;

const LONG: Kind = Kind::Text(5000);

const ENABLED: Kind = Kind::Hash(&[required("enabled", Kind::Bool)]);

const PRODUCT: Kind = Kind::Hash(&[
    param("description", LONG),
    param("images", Kind::List(&LONG)),
    clearing("metadata", Kind::Metadata),
    required("name", LONG),
    param("tax_code", LONG),
]);

const PRICE: Kind = Kind::Hash(&[
    required("currency", LONG),
    param("product", LONG),
    param("product_data", PRODUCT),
    param(
        "tax_behavior",
        Kind::Choice(&["exclusive", "inclusive", "unspecified"]),
    ),
    param("unit_amount", Kind::Int),
    param("unit_amount_decimal", LONG),
]);

const ITEM: Kind = Kind::Hash(&[
    param("price", LONG),
    param("price_data", PRICE),
    param("quantity", Kind::Int),
]);

const INTENT_DATA: Kind = Kind::Hash(&[
    param(
        "capture_method",
        Kind::Choice(&["automatic", "automatic_async", "manual"]),
    ),
    param("description", Kind::Text(1000)),
    clearing("metadata", Kind::Metadata),
    param("receipt_email", Kind::Email),
    param(
        "setup_future_usage",
        Kind::Choice(&["off_session", "on_session"]),
    ),
    param("statement_descriptor", Kind::Text(22)),
    param("statement_descriptor_suffix", Kind::Text(22)),
]);

const LOCALES: &[&str] = &[
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr",
    "fr-CA", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt",
    "pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];

/// The parameters of `POST /v1/checkout/sessions`.
pub(crate) const CREATE: &[Param] = &[
    param("adaptive_pricing", ENABLED),
    param("allow_promotion_codes", Kind::Bool),
    param("allowed_payment_method_types", Kind::List(&LONG)),
    param("automatic_tax", ENABLED),
    param(
        "billing_address_collection",
        Kind::Choice(&["auto", "required"]),
    ),
    param("cancel_url", LONG),
    param("client_reference_id", Kind::Text(200)),
    param("customer", LONG),
    param(
        "customer_creation",
        Kind::Choice(&["always", "if_required"]),
    ),
    param("customer_email", Kind::Email),
    param("excluded_payment_method_types", Kind::List(&LONG)),
    EXPAND,
    param("expires_at", Kind::Int),
    param("line_items", Kind::List(&ITEM)),
    param("locale", Kind::Choice(LOCALES)),
    clearing("metadata", Kind::Metadata),
    param("mode", Kind::Choice(&["payment", "setup", "subscription"])),
    param("payment_intent_data", INTENT_DATA),
    param("payment_method_types", Kind::List(&LONG)),
    param(
        "submit_type",
        Kind::Choice(&["auto", "book", "donate", "pay", "subscribe"]),
    ),
    param("success_url", LONG),
];

/// Members that are shown as they were sent.
const SHOWN: [&str; 9] = [
    "adaptive_pricing",
    "allow_promotion_codes",
    "automatic_tax",
    "billing_address_collection",
    "client_reference_id",
    "customer_creation",
    "customer_email",
    "locale",
    "submit_type",
];

/// A checked form.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) currency: String,
    pub(crate) items: Vec<Item>,
    pub(crate) types: Vec<String>,
    pub(crate) expires_at: i64,
    pub(crate) success_url: String,
    pub(crate) cancel_url: Option<String>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) intent_data: Map<String, Value>,
    pub(crate) more: Map<String, Value>,
}

/// Checks a form; nothing is looked up.
pub(crate) fn check(
    form: &Checked,
    version: &str,
    now: i64,
    random: &mut Random,
) -> Result<Wanted, Failure> {
    super::intents::check_version(form, version)?;
    match text(form, "mode") {
        Some("payment") => {}
        Some(mode) => {
            let message = format!("The sandbox has no Checkout in mode {mode}.");
            return Err(Failure::invalid("mode", message));
        }
        None => return Err(Failure::missing_parameter("mode")),
    }
    let success_url = url(form, "success_url")?;
    let success_url = success_url.ok_or_else(|| Failure::missing_parameter("success_url"))?;
    if form.contains_key("customer") && form.contains_key("customer_email") {
        let message = "You may only specify one of these parameters: customer, customer_email.";
        return Err(Failure::request(message));
    }
    let (items, currency) = items(form, random)?;
    let total: i64 = items.iter().map(Item::total).sum();
    if total != 0 {
        currency::check(total, &currency, true, "line_items")?;
    }
    let excluded = texts(form, "excluded_payment_method_types");
    let mut types = match types(form, &currency, version)? {
        Types::Named(names) if !names.is_empty() && named(form) => names,
        _ => types_for(&currency),
    };
    types.retain(|name| !excluded.contains(name));
    let data = form.get("payment_intent_data").and_then(Value::as_object);
    let mut intent_data = data.cloned().unwrap_or_default();
    let data_metadata = metadata(&intent_data)?;
    intent_data.insert("metadata".to_owned(), Value::Object(data_metadata));
    let shown = SHOWN.iter();
    let shown = shown.filter_map(|name| Some(((*name).to_owned(), form.get(*name)?.clone())));
    Ok(Wanted {
        currency,
        items,
        types,
        expires_at: expiry(form, now)?,
        success_url,
        cancel_url: url(form, "cancel_url")?,
        metadata: metadata(form)?,
        intent_data,
        more: shown.collect(),
    })
}

/// Whether kinds of payment method were named.
fn named(form: &Checked) -> bool {
    form.contains_key("payment_method_types") || form.contains_key("allowed_payment_method_types")
}

fn url(form: &Checked, name: &str) -> Result<Option<String>, Failure> {
    let Some(url) = text(form, name) else {
        return Ok(None);
    };
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let is_hidden = |c: char| c.is_whitespace() || c.is_control();
    if rest.is_none_or(str::is_empty) || url.contains(is_hidden) {
        return Err(Failure::coded("url_invalid", name, "Not a valid URL"));
    }
    Ok(Some(url.to_owned()))
}

fn expiry(form: &Checked, now: i64) -> Result<i64, Failure> {
    let Some(at) = form.get("expires_at").and_then(Value::as_i64) else {
        return Ok(now + 86_400);
    };
    let problem = match at - now {
        ..1800 => "at least 30 minutes from",
        86_401.. => "less than 24 hours from",
        _ => return Ok(at),
    };
    let message = format!("The expires_at timestamp must be {problem} Checkout Session creation.");
    Err(Failure::invalid("expires_at", message))
}

fn items(form: &Checked, random: &mut Random) -> Result<(Vec<Item>, String), Failure> {
    let list = form.get("line_items").and_then(Value::as_array);
    let list = list.filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| Failure::missing_parameter("line_items"))?;
    if list.len() > 100 {
        let message = "You can pass up to 100 line items.";
        return Err(Failure::invalid("line_items", message));
    }
    let (mut items, mut common) = (Vec::new(), None);
    for (at, value) in list.iter().enumerate() {
        let (item, currency) = item(value, at, random)?;
        if common.get_or_insert_with(|| currency.clone()) != &currency {
            let place = format!("line_items[{at}][price_data][currency]");
            let message = "All line items must have the same currency.";
            return Err(Failure::invalid(&place, message));
        }
        items.push(item);
    }
    Ok((items, common.unwrap_or_default()))
}

fn item(value: &Value, at: usize, random: &mut Random) -> Result<(Item, String), Failure> {
    let place = |name: &str| format!("line_items[{at}]{name}");
    if let Some(price) = value.get("price").and_then(Value::as_str) {
        return Err(Failure::missing_ref("price", price, &place("[price]")));
    }
    let Some(data) = value.get("price_data") else {
        return Err(Failure::missing_parameter(&place("[price_data]")));
    };
    if let Some(product) = data.get("product").and_then(Value::as_str) {
        let place = place("[price_data][product]");
        return Err(Failure::missing_ref("product", product, &place));
    }
    let name = data.pointer("/product_data/name").and_then(Value::as_str);
    let Some(name) = name else {
        let place = place("[price_data][product_data]");
        return Err(Failure::missing_parameter(&place));
    };
    let currency = data.get("currency").and_then(Value::as_str);
    let currency = currency::read(
        currency.unwrap_or_default(),
        &place("[price_data][currency]"),
    )?;
    let number = |name: &str, least: i64, place: &str| -> Result<i64, Failure> {
        let value = if name == "quantity" { value } else { data };
        match value.get(name).and_then(Value::as_i64) {
            None => Err(Failure::missing_parameter(place)),
            Some(number) if number < least => {
                let message = format!("This value must be greater than or equal to {least}.");
                let code = "parameter_invalid_integer";
                Err(Failure::coded(code, place, message))
            }
            Some(number) => Ok(number),
        }
    };
    let item = Item {
        id: random.id("li_1", 23),
        price: random.id("price_1", 23),
        product: random.id("prod_", 14),
        name: name.to_owned(),
        unit_amount: number("unit_amount", 0, &place("[price_data][unit_amount]"))?,
        quantity: number("quantity", 1, &place("[quantity]"))?,
    };
    Ok((item, currency))
}
