//! Everything once over real HTTP, with the record on.
//!
//! `SANDBOX_RECORD=FILE` keeps the record, to be checked against the API's description.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use zenstripe_sandbox::{Listeners, Remote, Request, ServeOptions, serve, sign};

use crate::support::{sandbox, stripe_request, zenskar_request};

/// Sends one request on a connection of its own; `None` if the connection broke.
async fn send(address: &str, request: &Request) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let query = if request.query.is_empty() {
        String::new()
    } else {
        format!("?{}", request.query)
    };
    let mut lines = vec![
        format!("{} {}{query} HTTP/1.1", request.method, request.path),
        "host: x".to_owned(),
        "connection: close".to_owned(),
        format!("content-length: {}", request.body.len()),
    ];
    lines.extend(
        request
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}")),
    );
    let head = lines.join("\r\n") + "\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&request.body).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// Takes one webhook and answers it with 200.
async fn receive(listener: &TcpListener) -> (String, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut text = String::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>())
        });
        if length == Some(Ok(body.len())) {
            break;
        }
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Requests that together pass every route; `{c}` is a customer, `{e}` an event, `{w}` an endpoint,
/// `{m}` a payment method, `{p}` a `PaymentIntent`, `{h}` a charge, `{s}` a Checkout session.
const STRIPE: [(&str, &str, &str, u16); 57] = [
    ("GET", "/v1/account", "", 200),
    (
        "POST",
        "/v1/customers",
        "name=Jo&email=jo@example.com&phone=1&address[line1]=x&address[country]=FR&metadata[a]=b\
         &shipping[name]=Jo&shipping[address][city]=Lyon&preferred_locales[]=fr&balance=5\
         &invoice_settings[footer]=f&invoice_settings[custom_fields][0][name]=n\
         &invoice_settings[custom_fields][0][value]=v&tax_exempt=reverse&description=d\
         &tax_id_data[0][type]=eu_vat&tax_id_data[0][value]=FR1&business_name=B&individual_name=I\
         &cash_balance[settings][reconciliation_mode]=manual&tax[validate_location]=deferred\
         &expand[]=tax_ids&expand[]=sources&expand[]=subscriptions&expand[]=cash_balance\
         &expand[]=tax",
        200,
    ),
    ("GET", "/v1/customers/{c}", "", 200),
    ("GET", "/v1/customers/{c}?expand[]=tax_ids", "", 200),
    (
        "POST",
        "/v1/customers/{c}",
        "name=&metadata[a]=&address[city]=Nice",
        200,
    ),
    (
        "POST",
        "/v1/customers/{c}",
        "address=&metadata=&shipping=&tax_exempt=",
        200,
    ),
    ("POST", "/v1/customers/{c}", "foo=1", 400),
    ("POST", "/v1/customers/{c}", "source=tok_1", 400),
    ("GET", "/v1/customers", "", 200),
    (
        "GET",
        "/v1/customers?limit=1&email=jo@example.com&created[gte]=1&expand[]=data.sources",
        "",
        200,
    ),
    ("GET", "/v1/customers?starting_after={c}", "", 200),
    ("GET", "/v1/customers?ending_before={c}", "", 200),
    ("GET", "/v1/customers?limit=101", "", 400),
    ("GET", "/v1/customers?offset=1", "", 400),
    ("GET", "/v1/customers/cus_no", "", 404),
    ("GET", "/v1/events", "", 200),
    (
        "GET",
        "/v1/events?types[]=customer.created&types[]=customer.updated&limit=2",
        "",
        200,
    ),
    (
        "GET",
        "/v1/events?type=customer.*&delivery_success=false&created[gt]=1",
        "",
        200,
    ),
    ("GET", "/v1/events/{e}", "", 200),
    ("GET", "/v1/events/evt_no", "", 404),
    (
        "POST",
        "/v1/webhook_endpoints",
        "url=https://example.com/h&enabled_events[]=customer.updated&api_version=2026-05-27.dahlia\
         &connect=true&description=d&metadata[a]=b",
        200,
    ),
    (
        "POST",
        "/v1/webhook_endpoints",
        "enabled_events[]=customer.updated",
        400,
    ),
    ("GET", "/v1/webhook_endpoints", "", 200),
    ("GET", "/v1/webhook_endpoints/{w}", "", 200),
    (
        "POST",
        "/v1/webhook_endpoints/{w}",
        "disabled=true&enabled_events[]=*&description=",
        200,
    ),
    ("DELETE", "/v1/webhook_endpoints/{w}", "", 200),
    ("GET", "/v1/webhook_endpoints/{w}", "", 404),
    (
        "POST",
        "/v1/payment_methods/pm_card_visa/attach",
        "customer={c}&expand[]=customer",
        200,
    ),
    ("GET", "/v1/payment_methods/{m}", "", 200),
    (
        "GET",
        "/v1/customers/{c}/payment_methods?type=card",
        "",
        200,
    ),
    ("GET", "/v1/customers/{c}/payment_methods/{m}", "", 200),
    ("GET", "/v1/payment_methods?customer={c}", "", 200),
    (
        "POST",
        "/v1/payment_intents",
        "amount=100&currency=usd&customer={c}&payment_method={m}&confirm=true&off_session=true\
         &payment_method_types[]=card&expand[]=latest_charge&expand[]=payment_method\
         &metadata[a]=b&description=d",
        200,
    ),
    (
        "POST",
        "/v1/payment_intents",
        "amount=100&currency=usd&customer={c}&payment_method=pm_card_chargeDeclined&confirm=true\
         &off_session=true",
        402,
    ),
    ("GET", "/v1/charges?payment_intent={p}", "", 200),
    ("GET", "/v1/charges/{h}", "", 200),
    ("GET", "/v1/charges/ch_no", "", 404),
    ("GET", "/v1/payment_intents/{p}", "", 200),
    (
        "POST",
        "/v1/payment_intents/{p}/confirm",
        "off_session=true",
        400,
    ),
    ("POST", "/v1/payment_intents/{p}/cancel", "", 400),
    ("GET", "/v1/payment_intents?customer={c}", "", 200),
    ("GET", "/v1/payment_intents/pi_no", "", 404),
    (
        "POST",
        "/v1/checkout/sessions",
        "mode=payment&customer={c}&success_url=https://example.com/done&locale=de\
         &cancel_url=https://example.com/back&client_reference_id=inv_1&metadata[a]=b\
         &line_items[0][quantity]=1&line_items[0][price_data][currency]=usd\
         &line_items[0][price_data][unit_amount]=1000\
         &line_items[0][price_data][product_data][name]=Invoice&payment_intent_data[metadata][a]=b\
         &payment_method_types[]=card&expand[]=line_items&expand[]=customer",
        200,
    ),
    ("GET", "/v1/checkout/sessions/{s}", "", 200),
    ("GET", "/v1/checkout/sessions/{s}/line_items", "", 200),
    (
        "GET",
        "/v1/checkout/sessions?customer={c}&status=open",
        "",
        200,
    ),
    ("POST", "/v1/checkout/sessions", "mode=payment", 400),
    ("GET", "/c/pay/{s}", "", 200),
    ("POST", "/c/pay/{s}", "pay=pm_card_chargeDeclined", 402),
    ("POST", "/v1/checkout/sessions/{s}/expire", "", 200),
    ("POST", "/v1/checkout/sessions/{s}/expire", "", 400),
    ("GET", "/v1/checkout/sessions/cs_no", "", 404),
    ("POST", "/v1/payment_methods/{m}/detach", "", 200),
    ("DELETE", "/v1/customers/{c}", "", 200),
    ("GET", "/v1/customers/{c}", "", 200),
    ("POST", "/v1/customers/{c}", "name=x", 404),
    ("DELETE", "/v1/customers/{c}", "", 404),
];

const ZENSKAR: [(&str, &str, &str, u16); 22] = [
    (
        "POST",
        "/customers",
        r#"{"customer_name":"a","email":"a@example.com"}"#,
        200,
    ),
    ("GET", "/customers/{z}", "", 200),
    (
        "GET",
        "/customers?limit=1&updated_at__gte=2020-01-01T00:00:00",
        "",
        200,
    ),
    ("PATCH", "/customers/{z}", r#"{"customer_name":"b"}"#, 200),
    ("GET", "/customers/{z}/connector/stripe", "", 400),
    (
        "PATCH",
        "/customers/{z}/connector",
        r#"{"name":"stripe","reference_id":"cus_1"}"#,
        200,
    ),
    ("GET", "/customers/{z}/connector/stripe", "", 200),
    (
        "GET",
        "/invoices?status__in=approved,partially_paid&order=-created_at",
        "",
        200,
    ),
    ("GET", "/invoices/{i}", "", 200),
    ("GET", "/invoices/{i}/line_items", "", 200),
    ("GET", "/invoices/external_id/ext-1", "", 200),
    (
        "POST",
        "/payments",
        r#"{"amount":40,"currency_code":"USD","status":"success","external_id":"pi_1",
            "payment_parts":[{"invoice_id":"{i}","amount":40}]}"#,
        200,
    ),
    ("GET", "/invoices/{i}/payments", "", 200),
    ("GET", "/payments?invoice__id={i}", "", 200),
    ("GET", "/payments/{y}", "", 200),
    (
        "PATCH",
        "/payments/{y}",
        r#"{"payment_parts":[{"invoice_id":"{i}","amount":30}]}"#,
        200,
    ),
    ("POST", "/payments/invoice/{i}/charge", "{}", 200),
    ("GET", "/payments/invoice/{i}", "", 200),
    ("POST", "/payments", "{}", 422),
    ("DELETE", "/customers/{z}/connector/stripe", "{}", 200),
    ("DELETE", "/customers/{z}", "{}", 400),
    ("GET", "/customer/{z}", "", 200),
];

const INSIDE: [(&str, &str, &str, u16); 21] = [
    ("GET", "/_sandbox", "", 200),
    ("GET", "/_sandbox/state", "", 200),
    ("GET", "/_sandbox/clock", "", 200),
    ("POST", "/_sandbox/clock", r#"{"advance":0}"#, 200),
    ("GET", "/_sandbox/switches", "", 200),
    ("POST", "/_sandbox/stripe/customers", r#"{"name":"p"}"#, 200),
    (
        "POST",
        "/_sandbox/zenskar/customers",
        r#"{"customer_name":"p"}"#,
        200,
    ),
    ("POST", "/_sandbox/seed", r#"{"count":2,"invoices":2}"#, 200),
    ("GET", "/_sandbox/events", "", 200),
    ("GET", "/_sandbox/deliveries", "", 200),
    ("GET", "/_sandbox/faults", "", 200),
    ("GET", "/_sandbox/exchanges?limit=1", "", 200),
    ("GET", "/_sandbox/writes", "", 200),
    ("GET", "/_sandbox/stripe/payment_intents", "", 200),
    ("GET", "/_sandbox/stripe/charges", "", 200),
    ("GET", "/_sandbox/stripe/sessions", "", 200),
    ("GET", "/_sandbox/money", "", 200),
    ("GET", "/_sandbox/zenskar/invoices", "", 200),
    ("GET", "/_sandbox/zenskar/payments", "", 200),
    ("POST", "/_sandbox/zenskar/invoices", "{}", 400),
    ("GET", "/_sandbox/nothing", "", 404),
];

async fn drive_stripe(address: &str) {
    let mut ids: BTreeMap<&str, String> = BTreeMap::new();
    for (method, target, body, status) in STRIPE {
        let (mut target, mut body) = (target.to_owned(), body.to_owned());
        for (mark, id) in &ids {
            target = target.replace(mark, id);
            body = body.replace(mark, id);
        }
        let request = stripe_request(method, &target, &body);
        let (got, answer) = send(address, &request).await.unwrap();
        assert_eq!(got, status, "{method} {target} {body}: {answer}");
        let first = &answer["data"][0]["id"];
        let (mark, id) = match (method, target.as_str(), got) {
            ("POST", "/v1/customers", 200) => ("{c}", &answer["id"]),
            ("POST", "/v1/webhook_endpoints", 200) => ("{w}", &answer["id"]),
            ("POST", "/v1/payment_methods/pm_card_visa/attach", 200) => ("{m}", &answer["id"]),
            ("POST", "/v1/payment_intents", 200) => ("{p}", &answer["id"]),
            ("POST", "/v1/checkout/sessions", 200) => ("{s}", &answer["id"]),
            ("GET", "/v1/events", 200) => ("{e}", first),
            ("GET", path, 200) if path.starts_with("/v1/charges?") => ("{h}", first),
            _ => continue,
        };
        ids.insert(mark, id.as_str().unwrap().to_owned());
    }
    for (key, version, status) in [
        ("sk_test_no", "2026-05-27.dahlia", 401),
        ("sk_test_sandbox", "2020-03-02", 200),
    ] {
        let request = Request::new("GET", "/v1/customers")
            .with_header("Authorization", &format!("Bearer {key}"))
            .with_header("Stripe-Version", version);
        assert_eq!(send(address, &request).await.unwrap().0, status);
    }
}

async fn drive_others(stripe: &str, zenskar: &str) {
    let mut ids: BTreeMap<&str, String> = BTreeMap::new();
    for (method, target, body, status) in ZENSKAR {
        let (mut path, mut body) = (target.to_owned(), body.to_owned());
        for (mark, id) in &ids {
            path = path.replace(mark, id);
            body = body.replace(mark, id);
        }
        let request = zenskar_request(method, &path, &body);
        let (got, answer) = send(zenskar, &request).await.unwrap();
        assert_eq!(got, status, "{method} {path} {body}: {answer}");
        let id = || answer["id"].as_str().unwrap().to_owned();
        match (method, target, got) {
            ("POST", "/payments", 200) => {
                ids.insert("{y}", id());
            }
            ("POST", "/customers", 200) => {
                ids.insert("{z}", id());
                let fields = json!({"customer_id": id(), "amount": 100, "external_id": "ext-1"});
                let bill = Request::new("POST", "/_sandbox/zenskar/invoices")
                    .with_body(fields.to_string());
                let invoice = send(zenskar, &bill).await.unwrap().1;
                ids.insert("{i}", invoice["id"].as_str().unwrap().to_owned());
            }
            _ => {}
        }
    }
    for (method, target, body, status) in INSIDE {
        for address in [stripe, zenskar] {
            // Each address knows the routes, so a creation happens twice.
            let request = Request::new(method, target).with_body(body);
            let (got, answer) = send(address, &request).await.unwrap();
            assert_eq!(got, status, "{method} {target} {body}: {answer}");
        }
    }
    for kind in ["lose_request", "lose_response"] {
        let fault = json!({"remote": "stripe", "kind": kind}).to_string();
        let order = Request::new("POST", "/_sandbox/faults").with_body(fault);
        assert_eq!(send(stripe, &order).await.unwrap().0, 200);
        let lost = send(stripe, &stripe_request("GET", "/v1/customers", "")).await;
        assert_eq!(lost, None, "{kind}");
    }
}

#[tokio::test]
async fn everything_over_http() {
    let kept = option_env_record();
    let directory = std::env::temp_dir();
    let name = format!("zenstripe-sandbox-{}.jsonl", std::process::id());
    let record = kept.clone().unwrap_or_else(|| directory.join(name));
    let listeners = Listeners::bind("127.0.0.1:0", "127.0.0.1:0").await.unwrap();
    let stripe = listeners.stripe.local_addr().unwrap().to_string();
    let zenskar = listeners.zenskar.local_addr().unwrap().to_string();
    let hook = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sandbox = sandbox();
    let url = format!("http://{}/hook?x=1", hook.local_addr().unwrap());
    let endpoint = json!({"url": url, "secret": "whsec_x", "enabled_events": ["invoice.paid"]});
    sandbox.add_webhook_with(&endpoint).unwrap();
    let options = ServeOptions {
        record: Some(record.clone()),
        frozen_clock: false,
    };
    let before = sandbox.clock().now_ms();
    let work = async {
        drive_stripe(&stripe).await;
        drive_others(&stripe, &zenskar).await;
        sandbox.inject_event("invoice.paid", None, false, json!({"id": "in_1"}));
        let (head, body) = receive(&hook).await;
        assert!(head.starts_with("POST /hook?x=1 HTTP/1.1"), "{head}");
        let signature = head.split("stripe-signature: t=").nth(1).unwrap();
        let (time, rest) = signature.split_once(",v1=").unwrap();
        let wanted = sign("whsec_x", time.parse().unwrap(), body.as_bytes());
        assert!(rest.starts_with(&wanted), "{head}");
        while sandbox.stripe_events()[0]["pending_webhooks"] != 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    serve(sandbox.clone(), listeners, options, work)
        .await
        .unwrap();
    assert!(
        sandbox.clock().now_ms() > before,
        "the clock follows wall time"
    );

    let text = std::fs::read_to_string(&record).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), STRIPE.len() + 2 + ZENSKAR.len() + 2);
    for line in &lines {
        let path = line["path"].as_str().unwrap();
        assert!(!path.starts_with("/_sandbox"), "{path}");
        let remote = if line["remote"] == "stripe" {
            Remote::Stripe
        } else {
            Remote::Zenskar
        };
        let secret = match remote {
            Remote::Stripe => &line["headers"]["authorization"],
            Remote::Zenskar => &line["headers"]["x-api-key"],
        };
        assert_eq!(secret, "[redacted]");
    }
    assert_eq!(
        lines[lines.len() - 1]["status"],
        Value::Null,
        "a lost response"
    );
    if kept.is_none() {
        std::fs::remove_file(&record).unwrap();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the person who runs the test names a file"
)]
fn option_env_record() -> Option<PathBuf> {
    std::env::var("SANDBOX_RECORD").ok().map(PathBuf::from)
}
