//! What people decide: a conflict resolved, a plan applied, a run undone.

use super::{BOTH_WAYS, LONGEST, agreed, email_arrives, pair, reconfigure};
use crate::Outcome;
use crate::daemon::until;
use crate::stage::{Pair, Stage};
use serde_json::{Value, json};

/// Both ways, and phone numbers are left out.
const WITHOUT_PHONE: &str = "[customers]\nsync = \"import-and-export\"\n\
    fields = [\"name\", \"email\", \"address\"]\n[events]\npoll = \"1s\"\n";

/// Customers that differ when their phone numbers are switched on.
const DIFFERING: std::ops::Range<usize> = 5..8;

/// Runs a command and gives its JSON.
async fn ask(stage: &Stage, arguments: &[&str]) -> Outcome<Value> {
    let said = stage
        .place
        .run(&[arguments, &["--json"]].concat())
        .await
        .map_err(|error| error.to_string())?;
    if !said.status.success() {
        let words = String::from_utf8_lossy(&said.stderr);
        return Err(format!("{arguments:?}: {words}"));
    }
    serde_json::from_slice(&said.stdout).map_err(|error| error.to_string())
}

fn in_stripe(stage: &Stage, pair: &Pair, field: &str) -> String {
    let customer = stage.sandbox.stripe_customer(&pair.stripe);
    let text = customer.get(field).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Both sides change a name: it waits for a person while everything else moves on.
pub(super) async fn conflict_resolved(stage: &Stage, pairs: &[Pair]) -> Outcome<String> {
    let pair = pair(pairs, 4)?;
    let (ours, theirs) = ("Changed in Stripe", "Changed in Zenskar");
    stage
        .sandbox
        .zenskar_update_customer(&pair.zenskar, &json!({ "customer_name": theirs }))
        .map_err(|error| format!("{error:?}"))?;
    stage
        .sandbox
        .stripe_update_customer(&pair.stripe, &json!({ "name": ours }));
    email_arrives(stage, pair, "beside-a-conflict@example.com").await?;
    agreed(stage).await?;
    let shown = ask(stage, &["conflicts", "show", &pair.stripe]).await?;
    let row = shown.pointer("/rows/0").cloned().unwrap_or_default();
    if row.get("why") != Some(&json!("conflict")) {
        return Err(format!("no conflict is shown: {shown}"));
    }
    let kept =
        in_stripe(stage, pair, "name") == ours && stage.in_zenskar(pair, "customer_name") == theirs;
    if !kept {
        return Err("a side was written over before anybody decided".to_owned());
    }
    let resolve = ["conflicts", "resolve", &pair.stripe, "name", "--zenskar"];
    ask(stage, &resolve).await?;
    let decided = || (in_stripe(stage, pair, "name") == theirs).then_some(());
    until(LONGEST, decided)
        .await
        .ok_or("the decision did not arrive in Stripe")?;
    if stage.in_zenskar(pair, "customer_name") != theirs {
        return Err("the side that won was written".to_owned());
    }
    Ok(format!(
        "{ours:?} and {theirs:?} stayed where they were until a person decided, while the e-mail \
         moved on; then Stripe held {theirs:?}"
    ))
}

/// A field is switched on on which the sides differ: a plan says what would be written, and only
/// when it is applied that is written.
pub(super) async fn plan_applied(stage: &Stage, pairs: &[Pair]) -> Outcome<(u64, String)> {
    reconfigure(stage, WITHOUT_PHONE).await?;
    let differing = differing(pairs)?;
    for (index, pair) in differing.iter().enumerate() {
        let patch = json!({ "phone_number": phone(index) });
        stage
            .sandbox
            .zenskar_update_customer(&pair.zenskar, &patch)
            .map_err(|error| format!("{error:?}"))?;
    }
    let before: Vec<String> = phones(stage, differing);
    reconfigure(stage, BOTH_WAYS).await?;
    agreed(stage).await?;
    let plan = ask(stage, &["plan", "--initial", "zenskar"]).await?;
    let numbers = plan.pointer("/summary/by_field/phone");
    if numbers != Some(&json!(differing.len())) {
        return Err(format!("the plan is another one: {plan}"));
    }
    let fields = plan.pointer("/summary/fields").map(Value::to_string);
    let fields = fields.unwrap_or_default();
    if phones(stage, differing) != before {
        return Err("something was written before the plan was applied".to_owned());
    }
    let hash = plan.get("hash").and_then(Value::as_str);
    let hash = hash.ok_or("the plan has no hash")?;
    let run = ask(stage, &["apply", hash, "--max-changes", &fields]).await?;
    let run = run.get("run").and_then(Value::as_u64);
    let run = run.ok_or("the run has no number")?;
    let wanted: Vec<String> = (0..differing.len()).map(phone).collect();
    let applied = || (phones(stage, differing) == wanted).then_some(());
    until(LONGEST, applied)
        .await
        .ok_or("what was planned did not arrive in Stripe")?;
    agreed(stage).await?;
    let stale = stage.place.run(&["apply", hash]).await;
    if stale.map_err(|error| error.to_string())?.status.success() {
        return Err("a plan was applied twice".to_owned());
    }
    let seen = format!(
        "nothing was written before plan {hash} was applied; then Stripe held the {} phone numbers \
         that it named, and the same plan was refused",
        wanted.len()
    );
    Ok((run, seen))
}

/// The run is taken back.
pub(super) async fn plan_undone(stage: &Stage, pairs: &[Pair], run: u64) -> Outcome<String> {
    let differing = differing(pairs)?;
    let rows = ask(stage, &["runs", &run.to_string()]).await?;
    let rows = rows.get("rows").and_then(Value::as_array).cloned();
    let rows = rows.unwrap_or_default();
    let before = |pair: &Pair| {
        let row = rows.iter().find(|row| {
            let stripe = row.get("stripe").and_then(Value::as_str);
            stripe == Some(pair.stripe.as_str())
        });
        let held = row.and_then(|row| row.get("stripe_before")).cloned();
        held.and_then(|held| held.as_str().map(str::to_owned))
    };
    let before: Option<Vec<String>> = differing.iter().map(before).collect();
    let before = before.ok_or("the run does not tell what it replaced")?;
    ask(stage, &["undo", &run.to_string()]).await?;
    let undone = || (phones(stage, differing) == before).then_some(());
    until(LONGEST, undone)
        .await
        .ok_or("what the run replaced did not come back")?;
    agreed(stage).await?;
    let wanted: Vec<String> = (0..differing.len()).map(phone).collect();
    let kept: Vec<String> = differing
        .iter()
        .map(|pair| stage.in_zenskar(pair, "phone_number"))
        .collect();
    if kept != wanted || phones(stage, differing) != before {
        return Err("after undoing something was written again".to_owned());
    }
    Ok(format!(
        "run {run} was taken back: Stripe held its {} phone numbers of before, Zenskar kept its own",
        before.len()
    ))
}

fn differing(pairs: &[Pair]) -> Outcome<&[Pair]> {
    pairs
        .get(DIFFERING)
        .ok_or_else(|| "there are too few customers".to_owned())
}

fn phone(index: usize) -> String {
    format!("+49 30 10{index}")
}

fn phones(stage: &Stage, pairs: &[Pair]) -> Vec<String> {
    let phone = |pair| in_stripe(stage, pair, "phone");
    pairs.iter().map(phone).collect()
}
