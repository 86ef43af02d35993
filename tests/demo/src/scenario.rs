//! The scenario: what the product promises, one step each, seen from outside.

mod connect;
mod money;
mod people;

use crate::daemon::{Daemon, Place, until};
use crate::stage::{Pair, Stage};
use crate::{Outcome, tell};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Longest wait for what should take a second: this machine may be busy.
const LONGEST: Duration = Duration::from_secs(60);

/// Changes in the burst that the daemon is killed in.
const BURST: usize = 200;

/// Of these, so many have arrived when it is.
const BEFORE_THE_KILL: usize = BURST / 10;

/// How many seconds something that must not happen is waited for.
const QUIET: Duration = Duration::from_secs(3);

/// Import of every field; webhooks alone.
const WEBHOOKS: &str = "[customers]\nsync = \"import-only\"\n[events]\npoll = \"off\"\n";
/// Import of every field; polling beside webhooks.
const POLLING: &str = "[customers]\nsync = \"import-only\"\n[events]\npoll = \"1s\"\n";
/// Import of addresses of e-mail alone.
const EMAIL_ALONE: &str =
    "[customers]\nsync = \"import-only\"\nfields = [\"email\"]\n[events]\npoll = \"1s\"\n";

/// Both ways, for the fields that are named; polling both sides.
const BOTH_WAYS: &str = "[customers]\nsync = \"import-and-export\"\n\
    fields = [\"name\", \"email\", \"phone\", \"address\"]\n[events]\npoll = \"1s\"\n";

/// What a step came to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    name: &'static str,
    pub(crate) ok: bool,
    seen: String,
}

/// Runs every step; a later one is tried even if an earlier one failed.
pub(crate) async fn run(stage: &Stage) -> Outcome<Vec<Step>> {
    let pairs = stage.pairs(BURST);
    let mut steps = Vec::new();
    configure(stage, WEBHOOKS)?;
    let daemon = start(stage).await?;
    link(stage, pairs.len()).await?;
    record(
        &mut steps,
        "import-by-webhook",
        by_webhook(stage, &pairs).await,
    );
    record(
        &mut steps,
        "import-by-polling",
        by_polling(stage, &pairs).await,
    );
    let daemon = match survives_kill(stage, &pairs, daemon).await {
        Ok((daemon, seen)) => {
            record(&mut steps, "survives-kill", Ok(seen));
            daemon
        }
        Err(problem) => {
            record(&mut steps, "survives-kill", Err(problem));
            start(stage).await?
        }
    };
    record(
        &mut steps,
        "config-reloaded",
        config_reloaded(stage, &pairs).await,
    );
    record(&mut steps, "export", export(stage, &pairs).await);
    decide(stage, &pairs, &mut steps).await;
    collect(stage, &pairs, &mut steps).await;
    let ended = daemon.stop().await.map_err(|error| error.to_string())?;
    if !ended.success() {
        return Err(format!("the daemon ended with {ended}"));
    }
    let connected = connect::connected_by_oauth(stage, pair(&pairs, 8)?).await;
    record(&mut steps, "connected-by-oauth", connected);
    Ok(steps)
}

/// Runs a command and gives its JSON. A status that is degraded is one all the same.
async fn ask(place: &Place, arguments: &[&str]) -> Outcome<Value> {
    let said = place
        .run(&[arguments, &["--json"]].concat())
        .await
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&said.stdout).map_err(|_| {
        let words = String::from_utf8_lossy(&said.stderr);
        format!("{arguments:?}: {words}")
    })
}

/// The steps of people.
async fn decide(stage: &Stage, pairs: &[Pair], steps: &mut Vec<Step>) {
    let resolved = people::conflict_resolved(stage, pairs).await;
    record(steps, "conflict-resolved", resolved);
    let undone = match people::plan_applied(stage, pairs).await {
        Ok((run, seen)) => {
            record(steps, "plan-applied", Ok(seen));
            people::plan_undone(stage, pairs, run).await
        }
        Err(problem) => {
            record(steps, "plan-applied", Err(problem));
            Err("no plan was applied".to_owned())
        }
    };
    record(steps, "plan-undone", undone);
}

/// The steps of money.
async fn collect(stage: &Stage, pairs: &[Pair], steps: &mut Vec<Step>) {
    if let Err(problem) = money::begin(stage).await {
        tell(&format!("charging is not switched on: {problem}"));
    }
    record(steps, "charged", money::charged(stage, pairs).await);
    let in_bulk = money::charged_in_bulk(stage, pairs).await;
    record(steps, "charged-in-bulk", in_bulk);
    let refused = money::double_collection_refused(stage, pairs).await;
    record(steps, "double-collection-refused", refused);
}

fn record(steps: &mut Vec<Step>, name: &'static str, outcome: Outcome<String>) {
    let ok = outcome.is_ok();
    let seen = outcome.unwrap_or_else(|problem| problem);
    tell(&format!(
        "{} {name}: {seen}",
        if ok { "ok    " } else { "FAILED" }
    ));
    steps.push(Step { name, ok, seen });
}

fn configure(stage: &Stage, more: &str) -> Outcome {
    let text = stage.place.config_text(more);
    stage
        .place
        .put_config(&text)
        .map_err(|error| error.to_string())
}

/// Changes the configuration and has it taken over.
async fn reconfigure(stage: &Stage, more: &str) -> Outcome {
    configure(stage, more)?;
    let reloaded = stage
        .place
        .run(&["reload"])
        .await
        .map_err(|error| error.to_string())?;
    if reloaded.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&reloaded.stderr).into_owned())
}

async fn start(stage: &Stage) -> Outcome<Daemon> {
    stage
        .place
        .start_ready()
        .await
        .map_err(|error| error.to_string())
}

/// Waits until the first scan has linked everybody; each has been asked for its mapping then.
async fn link(stage: &Stage, customers: usize) -> Outcome {
    tell(&format!(
        "waiting for the first scan to link {customers} customers …"
    ));
    let asked = || {
        let exchanges = stage.sandbox.exchanges();
        let mappings = exchanges
            .iter()
            .filter(|exchange| exchange.path.ends_with("/connector/stripe"));
        (mappings.count() >= customers).then_some(())
    };
    let linked = until(LONGEST, asked).await;
    linked
        .map(drop)
        .ok_or_else(|| "the first scan did not come to its end".to_owned())
}

fn pair(pairs: &[Pair], index: usize) -> Outcome<&Pair> {
    pairs
        .get(index)
        .ok_or_else(|| "there are too few customers".to_owned())
}

/// Changes an address of e-mail in Stripe and waits for it in Zenskar.
async fn email_arrives(stage: &Stage, pair: &Pair, email: &str) -> Outcome<Duration> {
    stage
        .sandbox
        .stripe_update_customer(&pair.stripe, &json!({ "email": email }));
    let arrived = || (stage.in_zenskar(pair, "email") == email).then_some(());
    match until(LONGEST, arrived).await {
        Some(((), took)) => Ok(took),
        None => Err(format!(
            "{email} did not arrive in Zenskar within {} s",
            LONGEST.as_secs()
        )),
    }
}

/// Waits until the daemon has nothing left to look at: from then on both sides' values are agreed.
async fn agreed(stage: &Stage) -> Outcome {
    for _ in 0..LONGEST.as_secs() * 10 {
        let said = stage
            .place
            .run(&["status", "--json"])
            .await
            .map_err(|error| error.to_string())?;
        let status: Value = serde_json::from_slice(&said.stdout).unwrap_or_default();
        let at_rest = [
            ("/scan/phase", json!("idle")),
            ("/scan/wanted", json!(false)),
            ("/queues/work", json!(0)),
            ("/queues/outbox", json!(0)),
        ];
        let mut places = at_rest.iter();
        if places.all(|(place, wanted)| status.pointer(place) == Some(wanted)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("the daemon did not come to rest".to_owned())
}

/// Both ways: an edit in Zenskar reaches Stripe, and one in Stripe still reaches Zenskar.
async fn export(stage: &Stage, pairs: &[Pair]) -> Outcome<String> {
    let pair = pair(pairs, 3)?;
    reconfigure(stage, BOTH_WAYS).await?;
    agreed(stage).await?;
    let name = "Edited in Zenskar";
    stage
        .sandbox
        .zenskar_update_customer(&pair.zenskar, &json!({ "customer_name": name }))
        .map_err(|error| format!("{error:?}"))?;
    let arrived = || {
        let customer = stage.sandbox.stripe_customer(&pair.stripe);
        (customer.get("name") == Some(&json!(name))).then_some(())
    };
    let Some(((), took)) = until(LONGEST, arrived).await else {
        return Err(format!(
            "{name:?} did not arrive in Stripe within {} s",
            LONGEST.as_secs()
        ));
    };
    let email = "both-ways@example.com";
    email_arrives(stage, pair, email).await?;
    if stage.in_zenskar(pair, "customer_name") != name {
        return Err("the edit did not stay in Zenskar".to_owned());
    }
    Ok(format!(
        "{name:?} was in Stripe {} ms after the edit in Zenskar, which kept it; {email}, changed in \
         Stripe, reached Zenskar",
        took.as_millis()
    ))
}

async fn by_webhook(stage: &Stage, pairs: &[Pair]) -> Outcome<String> {
    let email = "webhook@example.com";
    let pair = pair(pairs, 0)?;
    let took = email_arrives(stage, pair, email).await?;
    let tax_id = "DE123456789";
    let patch = json!({
        "shipping": { "name": "Dock 4", "address": { "line1": "4 Quai", "country": "FR" } },
        "preferred_locales": ["fr"],
        "tax_ids": [{ "type": "eu_vat", "value": tax_id }],
    });
    stage.sandbox.stripe_update_customer(&pair.stripe, &patch);
    let arrived = || {
        let customer = stage.sandbox.zenskar_customer(&pair.zenskar);
        let is = |place, value| customer.pointer(place).is_some_and(|held| held == value);
        let shipped =
            is("/ship_to_address/line1", "4 Quai") && is("/custom_data/shipping_name", "Dock 4");
        (shipped && is("/tax_info/0/tax_id", tax_id)).then_some(())
    };
    let whole = until(LONGEST, arrived).await;
    whole.ok_or("the shipping address and the tax id did not arrive in Zenskar")?;
    Ok(format!(
        "with polling off, {email} was in Zenskar {} ms after the change in Stripe; a shipping \
         address and a tax id followed",
        took.as_millis()
    ))
}

async fn by_polling(stage: &Stage, pairs: &[Pair]) -> Outcome<String> {
    reconfigure(stage, POLLING).await?;
    stage
        .sandbox
        .switch(|switches| switches.stripe.drop_webhooks = true);
    let email = "polling@example.com";
    let took = email_arrives(stage, pair(pairs, 1)?, email).await;
    stage
        .sandbox
        .switch(|switches| switches.stripe.drop_webhooks = false);
    Ok(format!(
        "with every webhook dropped, {email} was in Zenskar {} ms after the change in Stripe",
        took?.as_millis()
    ))
}

/// A burst of changes; `kill -9` in the middle; another start.
async fn survives_kill(stage: &Stage, pairs: &[Pair], daemon: Daemon) -> Outcome<(Daemon, String)> {
    let name = |index: usize| format!("Name {index} of the burst");
    for (index, pair) in pairs.iter().enumerate() {
        stage
            .sandbox
            .stripe_update_customer(&pair.stripe, &json!({ "name": name(index) }));
    }
    let arrived = || {
        let all = pairs.iter().enumerate();
        all.filter(|(index, pair)| stage.in_zenskar(pair, "customer_name") == name(*index))
            .count()
    };
    let begun = until(LONGEST, || (arrived() >= BEFORE_THE_KILL).then_some(())).await;
    begun.ok_or("nothing of the burst arrived")?;
    daemon.kill().await.map_err(|error| error.to_string())?;
    let before = arrived();
    tell(&format!(
        "killed with -9 after {before} of {BURST} changes had arrived; starting again …"
    ));
    let daemon = start(stage).await?;
    let whole = until(LONGEST, || (arrived() == BURST).then_some(())).await;
    if whole.is_none() {
        return Err(format!("only {} of {BURST} changes arrived", arrived()));
    }
    let all = pairs.iter().enumerate();
    let once = all.filter(|(index, pair)| stage.written(pair, "customer_name", &name(*index)) == 1);
    let once = once.count();
    if once != BURST {
        return Err(format!(
            "only {once} of {BURST} names were written exactly once"
        ));
    }
    let seen = format!(
        "killed with -9 after {before} of {BURST} changes; after another start all {BURST} are in \
         Zenskar, each name written once"
    );
    Ok((daemon, seen))
}

/// One field fewer; then a file that is wrong.
async fn config_reloaded(stage: &Stage, pairs: &[Pair]) -> Outcome<String> {
    let pair = pair(pairs, 2)?;
    reconfigure(stage, EMAIL_ALONE).await?;
    let (name, email) = ("Not to be moved", "reloaded@example.com");
    stage
        .sandbox
        .stripe_update_customer(&pair.stripe, &json!({ "name": name }));
    email_arrives(stage, pair, email).await?;
    configure(stage, "[customers]\nsync = \"sideways\"\n")?;
    let refused = stage
        .place
        .run(&["reload"])
        .await
        .map_err(|error| error.to_string())?;
    if refused.status.code() != Some(78) {
        return Err(format!(
            "a configuration that is wrong ended with {}",
            refused.status
        ));
    }
    let later = "later@example.com";
    email_arrives(stage, pair, later).await?;
    // A name that does not move has no moment of its own at which that can be seen.
    if until(QUIET, || {
        (stage.in_zenskar(pair, "customer_name") == name).then_some(())
    })
    .await
    .is_some()
    {
        return Err("a name arrived in Zenskar although names were not to move".to_owned());
    }
    Ok(format!(
        "without a restart, {email} arrived and the name changed with it did not; a wrong file was \
         refused with exit code 78, and {later} still arrived"
    ))
}
