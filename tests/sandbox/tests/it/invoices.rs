//! Zenskar's invoices as they are listed and shown.

use serde_json::{Value, json};
use zenstripe_sandbox::{AmountForm, InvoiceCurrency, TimestampForm};

use crate::support::{NOW, bill, column, payer, sandbox, zenskar};

const KEYS: [&str; 18] = [
    "amount_due",
    "applied_balance",
    "charged_at",
    "contract_id",
    "created_at",
    "created_by",
    "customer_id",
    "due_date",
    "external_id",
    "id",
    "invoice_id",
    "invoice_number",
    "invoice_period",
    "invoice_total",
    "invoice_url",
    "last_updated_at",
    "net_invoice_total",
    "payment_url",
];

#[test]
fn a_list_has_the_documented_keys_and_no_currency() {
    let sandbox = sandbox();
    let customer = payer(&sandbox);
    let id = bill(&sandbox, &customer, 12_345);
    let (status, list) = zenskar(&sandbox, "GET", "/invoices", "");
    assert_eq!((status, &list["total_count"]), (200, &json!(1)));
    let item = list["results"][0].as_object().unwrap();
    let mut keys: Vec<&str> = item.keys().map(String::as_str).collect();
    keys.retain(|key| !["promise_due_date", "status"].contains(key));
    assert_eq!(keys, KEYS);
    let item = &list["results"][0];
    for (name, value) in [
        ("id", json!(id)),
        ("customer_id", json!(customer)),
        ("status", json!("approved")),
        ("invoice_total", json!(12_345)),
        ("amount_due", json!(12_345)),
        ("applied_balance", json!(0)),
        ("charged_at", Value::Null),
        ("due_date", json!("2026-05-28T00:00:00.000000")),
    ] {
        assert_eq!(item[name], value, "{name}");
    }
    let (_, one) = zenskar(&sandbox, "GET", &format!("/invoices/{id}"), "");
    assert_eq!(
        (&one["currency"], &one["customer"]["customer_name"]),
        (&json!("USD"), &json!("Acme"))
    );
    assert_eq!(one.get("line_items"), None);
    let path = format!("/invoices/{id}?include_line_items=true");
    let (_, one) = zenskar(&sandbox, "GET", &path, "");
    let (_, lines) = zenskar(&sandbox, "GET", &format!("/invoices/{id}/line_items"), "");
    assert_eq!(one["line_items"], lines);
    assert_eq!(lines["total"].to_string(), "123.45");
    let subtotal = json!({ "value": 123.45, "unit": "USD", "display": "$123.45" });
    assert_eq!(lines["lines"][0]["subtotal"], subtotal);
}

#[test]
fn what_the_switches_change() {
    let sandbox = sandbox();
    let id = bill(&sandbox, &payer(&sandbox), 500);
    let path = format!("/invoices/{id}");
    let shown = || zenskar(&sandbox, "GET", &path, "").1;
    for (form, text) in [
        (AmountForm::Int, "500"),
        (AmountForm::Float, "500.0"),
        (AmountForm::Text, "\"500\""),
        (AmountForm::DecimalText, "\"500.00\""),
    ] {
        sandbox.switch(|s| s.zenskar.invoice_amounts = form);
        assert_eq!(shown()["amount_due"].to_string(), text);
    }
    for (place, currency, code) in [
        (InvoiceCurrency::Currency, json!("USD"), Value::Null),
        (InvoiceCurrency::CurrencyCode, Value::Null, json!("USD")),
        (InvoiceCurrency::Absent, Value::Null, Value::Null),
    ] {
        sandbox.switch(|s| s.zenskar.invoice_currency = place);
        let shown = shown();
        assert_eq!(
            (&shown["currency"], &shown["currency_code"]),
            (&currency, &code)
        );
    }
    sandbox.switch(|s| {
        s.zenskar.due_date_only = true;
        s.zenskar.timestamps = TimestampForm::Seconds;
    });
    let shown = shown();
    assert_eq!(shown["due_date"], "2026-05-28");
    assert_eq!(shown["created_at"], "2026-05-28T20:26:40");
    sandbox
        .zenskar_update_invoice(&id, &json!({ "line_item_scale": 1, "currency": "jpy" }))
        .unwrap();
    let lines = zenskar(&sandbox, "GET", &format!("{path}/line_items"), "").1;
    assert_eq!(lines["total"], 500, "the same units as the total");
    assert_eq!(lines["lines"][0]["subtotal"]["unit"], "JPY");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn filters_and_orders() {
    let sandbox = sandbox();
    let one = payer(&sandbox);
    let two = sandbox
        .zenskar_create_customer(&json!({ "customer_name": "Beta" }))
        .unwrap();
    for (customer, amount, status, due, number) in [
        (&one, 100, "approved", "2026-06-01", "A_1"),
        (&one, 200, "draft", "2026-06-02", "AX1"),
        (&two, 300, "paid", "2026-06-03", "B-1"),
        (&two, 400, "void", "2026-06-04", "B-2"),
        (&two, 500, "approved", "2026-06-05", "B-3"),
    ] {
        sandbox.clock().advance(60);
        let fields = json!({
            "customer_id": customer, "amount": amount, "status": status, "due_date": due,
            "number": number, "external_id": format!("ext-{amount}"),
        });
        sandbox.zenskar_create_invoice(&fields).unwrap();
    }
    let found = |query: &str| {
        let (status, list) = zenskar(&sandbox, "GET", &format!("/invoices?{query}"), "");
        assert_eq!(status, 200, "{query}: {list}");
        let totals = list["results"].as_array().unwrap().iter();
        let totals: Vec<i64> = totals
            .map(|i| i["invoice_total"].as_i64().unwrap())
            .collect();
        totals
    };
    let first = zenskar(&sandbox, "GET", "/invoices?external_id=ext-100", "").1;
    let id = first["results"][0]["id"].as_str().unwrap();
    for (query, totals) in [
        (String::new(), vec![500, 400, 300, 200, 100]),
        (format!("customer_id={one}"), vec![200, 100]),
        ("customer__external_id=acme-1".to_owned(), vec![200, 100]),
        (
            "customer__customer_name__ilike=b%25".to_owned(),
            vec![500, 400, 300],
        ),
        ("status=approved".to_owned(), vec![500, 100]),
        ("status__in=approved,draft".to_owned(), vec![500, 200, 100]),
        (
            "due_date__gte=2026-06-03&due_date__lte=2026-06-04".to_owned(),
            vec![400, 300],
        ),
        (
            "created_at__lte=2026-05-28T20:28:40".to_owned(),
            vec![200, 100],
        ),
        (format!("created_at__gte={}", NOW + 240), vec![500, 400]),
        ("amount_due__gte=200".to_owned(), vec![500, 200]),
        (format!("id={id}"), vec![100]),
        (
            "external_id__ilike=EXT-_00".to_owned(),
            vec![500, 400, 300, 200, 100],
        ),
        ("invoice_number__like=A_1".to_owned(), vec![200, 100]),
        ("order=created_at&limit=2".to_owned(), vec![100, 200]),
        ("order=-due_date&limit=1".to_owned(), vec![500]),
        ("nonsense=1&limit=1".to_owned(), vec![500]),
        (
            "last_updated_at__gte=2099-01-01&limit=1".to_owned(),
            vec![500],
        ),
    ] {
        assert_eq!(found(&query), totals, "{query}");
    }
    let (status, _) = zenskar(&sandbox, "GET", "/invoices?order=last_updated_at", "");
    assert_eq!(status, 400);
    sandbox.switch(|s| s.zenskar.last_updated_at_known = true);
    assert_eq!(found("last_updated_at__gte=2099-01-01"), Vec::<i64>::new());
    sandbox
        .zenskar_update_invoice(id, &json!({ "charged_at": NOW }))
        .unwrap();
    assert_eq!(found("order=-last_updated_at&limit=1"), [100]);
    for (query, status) in [
        ("created_at__gte=2026-05-28T20:26:40Z", 500),
        ("created_at__gte=soon", 422),
        ("amount_due__gte=x", 422),
        ("limit=0", 422),
        ("cursor=zz", 400),
        ("order=name", 400),
    ] {
        let (got, _) = zenskar(&sandbox, "GET", &format!("/invoices?{query}"), "");
        assert_eq!(got, status, "{query}");
    }
}

#[test]
fn pages_go_both_ways() {
    let sandbox = sandbox();
    let customer = payer(&sandbox);
    for amount in 1..=5 {
        bill(&sandbox, &customer, amount * 100);
    }
    let page = |cursor: &Value| {
        let cursor = cursor.as_str().unwrap_or_default();
        let target = format!("/invoices?limit=2&cursor={cursor}");
        let list = zenskar(&sandbox, "GET", &target, "").1;
        assert_eq!(list["total_count"], 5);
        list
    };
    let first = page(&Value::Null);
    let second = page(&first["next"]);
    let third = page(&second["next"]);
    let rows = |list: &Value| list["results"].as_array().unwrap().len();
    assert_eq!((rows(&first), rows(&second), rows(&third)), (2, 2, 1));
    assert_eq!(
        (&third["next"], &first["previous"]),
        (&Value::Null, &Value::Null)
    );
    let back = page(&third["previous"]);
    assert_eq!(
        column(&back["results"], "id"),
        column(&second["results"], "id")
    );
    let back = page(&back["previous"]);
    assert_eq!(
        column(&back["results"], "id"),
        column(&first["results"], "id")
    );
    sandbox.expire_cursors();
    let cursor = first["next"].as_str().unwrap();
    let (status, _) = zenskar(&sandbox, "GET", &format!("/invoices?cursor={cursor}"), "");
    assert_eq!(status, 400);
}

#[test]
fn a_single_invoice_by_its_ids() {
    let sandbox = sandbox();
    let customer = payer(&sandbox);
    let fields = json!({ "customer_id": customer, "amount": 100, "external_id": "order-1" });
    let id = sandbox.zenskar_create_invoice(&fields).unwrap();
    let (status, one) = zenskar(&sandbox, "GET", "/invoices/external_id/order-1", "");
    assert_eq!((status, &one["id"]), (200, &json!(id)));
    let nobody = "00000000-0000-4000-8000-000000000000";
    for (method, path, status) in [
        ("GET", "/invoices/external_id/no".to_owned(), 404),
        ("GET", format!("/invoices/{nobody}"), 404),
        ("GET", format!("/invoices/{nobody}/line_items"), 404),
        ("GET", "/invoices/nonsense".to_owned(), 422),
        ("DELETE", format!("/invoices/{id}"), 405),
        ("GET", format!("/invoices/{id}/nothing"), 404),
    ] {
        assert_eq!(
            zenskar(&sandbox, method, &path, "{}").0,
            status,
            "{method} {path}"
        );
    }
    sandbox.switch(|s| s.zenskar.null_for_missing = true);
    let none = zenskar(&sandbox, "GET", "/invoices/external_id/no", "");
    assert_eq!(none, (200, Value::Null));
    let (status, answer) = zenskar(&sandbox, "DELETE", &format!("/customers/{customer}"), "{}");
    assert_eq!(status, 400, "who owes stays: {answer}");
}

#[test]
fn what_a_person_does_with_an_invoice() {
    let sandbox = sandbox();
    let id = bill(&sandbox, &payer(&sandbox), 1000);
    let due = || {
        let invoice = sandbox.zenskar_invoice(&id);
        let due = invoice["amount_due"].as_i64().unwrap();
        (due, invoice["status"].as_str().unwrap().to_owned())
    };
    assert!(sandbox.zenskar_credit_note(&id, 400));
    assert_eq!(due(), (600, "approved".to_owned()));
    assert_eq!(sandbox.zenskar_invoice(&id)["net_invoice_total"], 600);
    sandbox
        .zenskar_update_invoice(&id, &json!({ "applied_balance": 100 }))
        .unwrap();
    assert_eq!(due(), (500, "approved".to_owned()));
    assert!(sandbox.zenskar_credit_note(&id, 500));
    assert_eq!(due(), (0, "paid".to_owned()));
    assert!(sandbox.zenskar_void_invoice(&id));
    assert_eq!(due(), (0, "void".to_owned()));
    assert!(!sandbox.zenskar_void_invoice("no"));
    for fields in [
        json!({ "amount": 100 }),
        json!({ "customer_id": "no", "amount": 100 }),
        json!({ "customer_id": sandbox.zenskar_customer_ids()[0] }),
    ] {
        assert!(sandbox.zenskar_create_invoice(&fields).is_err(), "{fields}");
    }
    for fields in [
        json!({ "status": "new" }),
        json!({ "due_date": true }),
        json!({ "no": 1 }),
    ] {
        assert!(
            sandbox.zenskar_update_invoice(&id, &fields).is_err(),
            "{fields}"
        );
    }
}

#[test]
fn reads_can_lag() {
    let sandbox = sandbox();
    let customer = payer(&sandbox);
    sandbox.switch(|s| s.zenskar.invoice_lag = 30);
    let id = bill(&sandbox, &customer, 1000);
    let path = format!("/invoices/{id}");
    assert_eq!(zenskar(&sandbox, "GET", &path, "").0, 404);
    sandbox.clock().advance(31);
    assert_eq!(zenskar(&sandbox, "GET", &path, "").0, 200);
    sandbox.zenskar_credit_note(&id, 1000);
    assert_eq!(zenskar(&sandbox, "GET", &path, "").1["amount_due"], 1000);
    let (_, list) = zenskar(&sandbox, "GET", "/invoices?amount_due__gte=1", "");
    assert_eq!(list["results"].as_array().unwrap().len(), 1);
    sandbox.clock().advance(31);
    assert_eq!(zenskar(&sandbox, "GET", &path, "").1["amount_due"], 0);
}
