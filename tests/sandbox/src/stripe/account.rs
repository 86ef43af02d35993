//! The account that the sandbox stands for, as `GET /v1/account` shows it.

use serde_json::{Value, json};

/// The id of the account. With `connected`, also what platforms send as `Stripe-Account`.
pub const ACCOUNT: &str = "acct_1SandboxAccount00";

/// The object of an account with this id.
pub(crate) fn object(created: i64, id: &str) -> Value {
    let address = json!({
        "city": null, "country": null, "line1": null, "line2": null, "postal_code": null,
        "state": null,
    });
    let nothing_due = json!({
        "alternatives": [], "current_deadline": null, "currently_due": [],
        "disabled_reason": null, "errors": [], "eventually_due": [], "past_due": [],
        "pending_verification": [],
    });
    json!({
        "id": id,
        "object": "account",
        "business_profile": {
            "annual_revenue": null, "estimated_worker_count": null, "mcc": "5734",
            "minority_owned_business_designation": null, "name": "Sandbox",
            "product_description": null, "support_address": address, "support_email": null,
            "support_phone": null, "support_url": null, "url": null,
        },
        "business_type": "company",
        "capabilities": {
            "card_payments": "active", "transfers": "active",
            "us_bank_account_ach_payments": "active", "us_bank_transfer_payments": "active",
        },
        "charges_enabled": true,
        "controller": { "type": "account" },
        "country": "US",
        "created": created,
        "default_currency": "usd",
        "details_submitted": true,
        "email": "owner@example.com",
        "external_accounts": {
            "object": "list", "data": [], "has_more": false,
            "url": format!("/v1/accounts/{id}/external_accounts"),
        },
        "future_requirements": nothing_due,
        "metadata": {},
        "payouts_enabled": true,
        "requirements": nothing_due,
        "settings": {
            "branding": {
                "icon": null, "logo": null, "primary_color": null, "secondary_color": null,
            },
            "card_payments": {
                "statement_descriptor_prefix": null, "statement_descriptor_prefix_kana": null,
                "statement_descriptor_prefix_kanji": null,
            },
            "dashboard": { "display_name": "Sandbox", "timezone": "Etc/UTC" },
            "payments": {
                "statement_descriptor": null, "statement_descriptor_kana": null,
                "statement_descriptor_kanji": null,
            },
        },
        "tos_acceptance": { "date": null, "ip": null, "user_agent": null },
        "type": "standard",
    })
}
