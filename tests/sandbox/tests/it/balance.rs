//! Whatever is done in whatever order, the sandbox's own books are right.

use serde_json::{Value, json};
use zenstripe_sandbox::Sandbox;

use crate::support::{sandbox, stripe, zenskar};

/// Steps of one run.
const STEPS: u64 = 150;

const METHODS: [&str; 6] = [
    "pm_card_visa",
    "pm_card_chargeDeclined",
    "pm_card_authenticationRequired",
    "pm_usBankAccount_success",
    "pm_usBankAccount_insufficientFunds",
    "pm_usBankAccount_processing",
];

/// Numbers that look like chance and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % count.max(1)
    }

    fn pick<'a>(&mut self, items: &'a [Value], member: &str) -> &'a str {
        let item = items.get(self.below(items.len()));
        item.and_then(|item| item[member].as_str())
            .unwrap_or("none")
    }
}

/// Does something; whether it is refused does not matter.
fn step(sandbox: &Sandbox, dice: &mut Dice, pairs: &[(String, String)]) {
    let (stripe_id, zenskar_id) = &pairs[dice.below(pairs.len())];
    let amount = 100 + dice.below(900);
    let test = METHODS[dice.below(METHODS.len())];
    let intents = sandbox.stripe_payment_intents();
    let intent = dice.pick(&intents, "id");
    let sessions = sandbox.stripe_sessions();
    let session = dice.pick(&sessions, "id");
    let invoices = sandbox.zenskar_invoices();
    let invoice = dice.pick(&invoices, "id");
    let payments = sandbox.zenskar_payments();
    let payment = dice.pick(&payments, "id");
    let post = |path: &str, body: &str| stripe(sandbox, "POST", path, body).0;
    let parts = json!([{ "invoice_id": invoice, "amount": amount }]);
    let status = ["success", "in_progress", "failed"][dice.below(3)];
    match dice.below(14) {
        0 => {
            let body = format!(
                "amount={amount}&currency=usd&customer={stripe_id}&payment_method={test}\
                 &confirm=true&off_session={}&payment_method_types[]=card\
                 &payment_method_types[]=us_bank_account",
                dice.below(2) == 0
            );
            post("/v1/payment_intents", &body);
        }
        1 => {
            let body = format!("off_session=true&payment_method={test}");
            post(&format!("/v1/payment_intents/{intent}/confirm"), &body);
        }
        2 => drop(post(&format!("/v1/payment_intents/{intent}/cancel"), "")),
        3 => drop(sandbox.stripe_authenticate(intent, dice.below(2) == 0)),
        4 => {
            let body = format!(
                "mode=payment&customer={stripe_id}&success_url=https://shop.example\
                 &line_items[0][quantity]=1&line_items[0][price_data][currency]=usd\
                 &line_items[0][price_data][unit_amount]={amount}\
                 &line_items[0][price_data][product_data][name]=a"
            );
            post("/v1/checkout/sessions", &body);
        }
        5 => drop(sandbox.stripe_pay_session(session, test)),
        6 => drop(post(&format!("/v1/checkout/sessions/{session}/expire"), "")),
        7 => sandbox
            .clock()
            .advance(i64::try_from(dice.below(150_000)).unwrap()),
        8 => {
            let fields = json!({ "customer_id": zenskar_id, "amount": amount });
            sandbox.zenskar_create_invoice(&fields).unwrap();
        }
        9 => {
            let body = json!({
                "amount": amount, "currency_code": "USD", "status": status,
                "payment_parts": parts,
            });
            zenskar(sandbox, "POST", "/payments", &body.to_string());
        }
        10 => {
            let body = json!({ "payment_parts": parts }).to_string();
            zenskar(sandbox, "PATCH", &format!("/payments/{payment}"), &body);
        }
        11 => drop(sandbox.zenskar_update_payment(payment, &json!({ "status": status }))),
        12 => drop(sandbox.zenskar_credit_note(invoice, 50)),
        _ => drop(zenskar(
            sandbox,
            "POST",
            &format!("/payments/invoice/{invoice}/charge"),
            "{}",
        )),
    }
}

fn check_stripe(sandbox: &Sandbox) {
    let charges = sandbox.stripe_charges();
    for intent in sandbox.stripe_payment_intents() {
        let succeeded = intent["status"] == "succeeded";
        let received = if succeeded {
            intent["amount"].clone()
        } else {
            json!(0)
        };
        assert_eq!(intent["amount_received"], received, "{intent}");
        let of = charges
            .iter()
            .filter(|c| c["payment_intent"] == intent["id"]);
        let good = of.filter(|charge| charge["status"] == "succeeded").count();
        assert_eq!(good, usize::from(succeeded), "{intent}");
        let failed = intent["status"] == "requires_payment_method";
        assert!(!failed || intent["payment_method"].is_null(), "{intent}");
    }
    let intents = sandbox.stripe_payment_intents();
    for session in sandbox.stripe_sessions() {
        let intent = intents
            .iter()
            .find(|i| i["id"] == session["payment_intent"]);
        let status = intent.map_or("none", |intent| intent["status"].as_str().unwrap());
        let wanted: &[&str] = match session["status"].as_str().unwrap() {
            "open" => &["none", "requires_payment_method"],
            "expired" => &["none", "canceled"],
            _ if session["payment_status"] == "paid" => &["succeeded"],
            _ => &["processing", "requires_payment_method"],
        };
        assert!(wanted.contains(&status), "{status}: {session}");
    }
}

fn check_zenskar(sandbox: &Sandbox) {
    let money = sandbox.money();
    for payment in &money.booked {
        let sum: i64 = payment.parts.iter().map(|(_, part)| part).sum();
        assert!(sum <= payment.amount, "{payment:?}");
    }
    for invoice in &money.owed {
        let good = money
            .booked
            .iter()
            .filter(|payment| payment.status == "success");
        let parts = good.flat_map(|payment| &payment.parts);
        let paid: i64 = parts
            .filter(|(id, _)| *id == invoice.invoice)
            .map(|(_, part)| part)
            .sum();
        assert_eq!(invoice.paid, paid, "{invoice:?}");
        let rest = invoice.total - invoice.credited - invoice.paid;
        assert_eq!(invoice.due, rest.max(0), "{invoice:?}");
        let status = match (invoice.due, invoice.paid) {
            (0, _) => "paid",
            (_, 0) => "approved",
            _ => "partially_paid",
        };
        assert_eq!(invoice.status, status, "{invoice:?}");
    }
}

#[test]
fn the_books_are_right_whatever_is_done() {
    for seed in 1..=6 {
        let sandbox = sandbox();
        let pairs = sandbox.seed_customers(3);
        sandbox.seed_money(&pairs, 1);
        let mut dice = Dice(seed);
        for _ in 0..STEPS {
            step(&sandbox, &mut dice, &pairs);
            check_stripe(&sandbox);
            check_zenskar(&sandbox);
        }
        let money = sandbox.money();
        assert!(
            money.taken.len() > 2 && money.booked.len() > 2,
            "seed {seed}: {money:?}"
        );
    }
}

#[test]
fn the_same_calls_give_the_same_answers() {
    let run = || {
        let sandbox = sandbox();
        let pairs = sandbox.seed_customers(3);
        let mut dice = Dice(7);
        for _ in 0..STEPS {
            step(&sandbox, &mut dice, &pairs);
        }
        (sandbox.stripe_events(), sandbox.money())
    };
    assert_eq!(run(), run());
}
