//! The switches: which of the remotes' possible behaviours the sandbox shows.
//!
//! Every switch can be changed at any time, in process or as JSON over `/_sandbox/switches`. The
//! defaults are what the public documentation makes most likely. Not here: faults that fire a
//! number of times (see `fault`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// All switches. As JSON, an absent member keeps its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Switches of the Stripe side.
    pub stripe: StripeSwitches,
    /// Switches of the Zenskar side.
    pub zenskar: ZenskarSwitches,
}

/// Switches of the Stripe side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StripeSwitches {
    /// The account's default API version: of answers to calls without `Stripe-Version`, and of
    /// the events made from now on.
    pub account_version: String,
    /// Whether the account is in live mode; decides which keys are valid and every `livemode`.
    pub livemode: bool,
    /// The account is connected to a platform: endpoints with `connect=true` get its events, with
    /// `account` set. Endpoints without it get them only if made with `Stripe-Account`.
    pub connected: bool,
    /// The connection to the platform was taken back: calls with `Stripe-Account` are refused.
    pub deauthorized: bool,
    /// Token buckets per account and endpoint. `serve` starts with this on.
    pub rate_limits: bool,
    /// Requests a second and account (Stripe: 25 in a sandbox, 100 live).
    pub account_rate: u32,
    /// Requests a second and endpoint.
    pub endpoint_rate: u32,
    /// Refuse GETs beyond this many in 30 days. They are counted in any case.
    pub read_allowance: Option<u64>,
    /// Seconds until an event shows in `GET /v1/events`.
    pub event_lag: i64,
    /// The longest page that is given; a longer one is cut down to it. Stripe's own is 100.
    pub max_limit: usize,
    /// Permissions that restricted keys (`rk_…`) lack, by name, such as `rak_customer_write`.
    pub denied_permissions: BTreeSet<String>,
    /// A nested `address` in an update replaces the whole address, instead of the sub-keys sent.
    pub address_replaced: bool,
    /// No webhook is delivered at all; the events stay pending.
    pub drop_webhooks: bool,
    /// An endpoint that has failed this long is disabled.
    pub disable_after: i64,
    /// Seconds until a bank debit is known to have gone through or come back.
    pub debit_settles_after: i64,
}

impl Default for StripeSwitches {
    fn default() -> Self {
        Self {
            account_version: "2026-05-27.dahlia".to_owned(),
            livemode: false,
            connected: false,
            deauthorized: false,
            rate_limits: false,
            account_rate: 25,
            endpoint_rate: 25,
            read_allowance: None,
            event_lag: 0,
            max_limit: 100,
            denied_permissions: BTreeSet::new(),
            address_replaced: false,
            drop_webhooks: false,
            disable_after: 3 * 86_400,
            debit_settles_after: 4 * 86_400,
        }
    }
}

/// The shape of a list answer of Zenskar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// `results`, `next`, `previous`, `total_count`.
    #[default]
    Results,
    /// `data`, `next`, `total`.
    Data,
}

/// How Zenskar writes a time. All are UTC; none but the last says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestampForm {
    /// `2026-05-19T14:12:07.147536`
    #[default]
    Micros,
    /// `2026-05-12 10:12:12.982899`
    SpacedMicros,
    /// `2026-05-19T14:12:07`
    Seconds,
    /// `created_at` with `T`, `updated_at` with a space, whole seconds without a fraction.
    Mixed,
    /// `2026-05-19T14:12:07.147536Z`
    Zulu,
}

/// Whether a PATCH replaces a nested value or merges into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchNested {
    /// The whole nested value is replaced.
    #[default]
    Replace,
    /// Sub-keys that are not sent stay.
    Merge,
}

/// How Zenskar writes an amount of money in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountForm {
    /// `10000`
    #[default]
    Int,
    /// `10000.0`
    Float,
    /// `"10000"`
    Text,
    /// `"10000.00"`
    DecimalText,
}

/// Where a single invoice of Zenskar's says its currency. Lists never do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceCurrency {
    /// In `currency`.
    #[default]
    Currency,
    /// In `currency_code`.
    CurrencyCode,
    /// Nowhere; only its line items have it.
    Absent,
}

/// What Zenskar's own connector puts into a payment's `external_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NativeExternalId {
    /// The id of the `PaymentIntent`.
    #[default]
    PaymentIntent,
    /// The id of the charge.
    Charge,
}

/// How Zenskar proves that a webhook is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookProof {
    /// The hex HMAC-SHA256 of the raw body in `X-Zenskar-Signature`.
    #[default]
    BodyInHeader,
    /// The hex SHA-256 of the secret in the body's `signature`.
    SecretInBody,
}

/// Which way Zenskar's own Stripe connector copies customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NativeSync {
    /// It is not installed.
    #[default]
    Off,
    /// Changes in Stripe are copied to mapped customers in Zenskar.
    Import,
    /// Changes in Zenskar are copied to mapped customers in Stripe.
    Export,
    /// Both.
    Both,
}

/// Switches of the Zenskar side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZenskarSwitches {
    /// The shape of list answers.
    pub envelope: Envelope,
    /// The largest `limit` that is honoured; more is cut down to it without a word.
    pub max_limit: usize,
    /// Seconds a list cursor lives; `None` is for ever.
    pub cursor_ttl: Option<i64>,
    /// Unknown query parameters are refused with 422 instead of ignored.
    pub refuse_unknown_filters: bool,
    /// Every filter is ignored: lists return everything.
    pub ignore_filters: bool,
    /// Filters on `updated_at` are ignored.
    pub ignore_updated_at: bool,
    /// How times are written.
    pub timestamps: TimestampForm,
    /// A time with an offset in a filter gives 500.
    pub aware_times_fail: bool,
    /// Whether nested values are replaced or merged by a PATCH.
    pub patch_nested: PatchNested,
    /// `null` in a PATCH clears the field instead of being ignored.
    pub null_clears: bool,
    /// Seconds until a write shows in reads.
    pub read_lag: i64,
    /// E-mail addresses are kept in lower case, whatever was sent.
    pub lowercase_emails: bool,
    /// A missing customer is answered with 200 and `null` instead of 404.
    pub null_for_missing: bool,
    /// A customer without a mapping is answered with 200 and `reference_id: null` instead of 400.
    pub null_for_unmapped: bool,
    /// Where a webhook carries its proof.
    pub webhook_proof: WebhookProof,
    /// No webhook is sent at all.
    pub drop_webhooks: bool,
    /// Requests a second; more gets the gateway's 429.
    pub rate_limit: Option<u32>,
    /// What Zenskar's own Stripe connector does.
    pub native_sync: NativeSync,
    /// Seconds until Zenskar's own connector copies a change.
    pub native_sync_delay: i64,
    /// A customer created without a mapping gets a Stripe customer of Zenskar's own making.
    pub create_makes_stripe_customer: bool,
    /// How the amounts of invoices are written.
    pub invoice_amounts: AmountForm,
    /// How the amounts of payments are written.
    pub payment_amounts: AmountForm,
    /// Where a single invoice says its currency.
    pub invoice_currency: InvoiceCurrency,
    /// Due dates are written as a date alone.
    pub due_date_only: bool,
    /// Invoices can be ordered and filtered by `last_updated_at`. Otherwise the filter is one that
    /// is not known, and the order is refused.
    pub last_updated_at_known: bool,
    /// Whether `payment_parts` in a PATCH replace all parts, or those of the same invoices.
    pub payment_parts: PatchNested,
    /// Seconds until a new or changed payment shows in reads.
    pub payment_lag: i64,
    /// Seconds until a new or changed invoice shows in reads.
    pub invoice_lag: i64,
    /// Seconds until a charge that Zenskar was asked for reaches Stripe.
    pub native_charge_delay: i64,
    /// Zenskar's own connector charges each invoice that falls due, once, where the customer has
    /// `auto_charge_enabled`.
    pub native_auto_charge: bool,
    /// What Zenskar's own connector puts into `external_id`.
    pub native_external_id: NativeExternalId,
    /// Changes of invoices and payments are posted to the webhook, too.
    pub money_webhooks: bool,
}

impl Default for ZenskarSwitches {
    fn default() -> Self {
        Self {
            envelope: Envelope::default(),
            max_limit: 100,
            cursor_ttl: None,
            refuse_unknown_filters: false,
            ignore_filters: false,
            ignore_updated_at: false,
            timestamps: TimestampForm::default(),
            aware_times_fail: true,
            patch_nested: PatchNested::default(),
            null_clears: false,
            read_lag: 0,
            lowercase_emails: false,
            null_for_missing: false,
            null_for_unmapped: false,
            webhook_proof: WebhookProof::default(),
            drop_webhooks: false,
            rate_limit: None,
            native_sync: NativeSync::default(),
            native_sync_delay: 0,
            create_makes_stripe_customer: false,
            invoice_amounts: AmountForm::Int,
            payment_amounts: AmountForm::Text,
            invoice_currency: InvoiceCurrency::default(),
            due_date_only: false,
            last_updated_at_known: false,
            payment_parts: PatchNested::default(),
            payment_lag: 0,
            invoice_lag: 0,
            native_charge_delay: 5,
            native_auto_charge: false,
            native_external_id: NativeExternalId::default(),
            money_webhooks: false,
        }
    }
}
