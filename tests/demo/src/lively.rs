//! The demonstration to look at: people change customers in Stripe, and the changes arrive; there are
//! invoices to charge.

use crate::daemon::until;
use crate::stage::{Pair, Stage};
use crate::{Outcome, say, told_to_stop};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// Customers of the demonstration.
const CUSTOMERS: usize = 12;

/// Invoices of each of them, of which some are due.
const INVOICES_EACH: usize = 3;

/// Pause between two changes.
const PAUSE: Duration = Duration::from_millis(1_500);

/// Longest wait for a change to arrive.
const LONGEST: Duration = Duration::from_secs(30);

/// Import, webhooks and polling, as an installation begins.
const CONFIG: &str = "[customers]\nsync = \"import-only\"\n";

/// Names that people give their companies.
const NAMES: [&str; 8] = [
    "Acme", "Globex", "Initech", "Umbrella", "Hooli", "Stark", "Wayne", "Wonka",
];

/// Runs until Ctrl-C.
pub(crate) async fn run(stage: &Stage) -> Outcome {
    let failed = |error: std::io::Error| error.to_string();
    let pairs = stage.pairs(CUSTOMERS);
    let seeded: Vec<(String, String)> = pairs
        .iter()
        .map(|pair| (pair.stripe.clone(), pair.zenskar.clone()))
        .collect();
    stage.sandbox.seed_money(&seeded, INVOICES_EACH);
    stage
        .place
        .put_config(&stage.place.charging_config_text(CONFIG))
        .map_err(failed)?;
    let mut daemon = stage.place.start_ready().await.map_err(failed)?;
    announce(stage).await;
    let ended = tokio::select! {
        () = people(stage, &pairs) => Ok(()),
        ended = daemon.wait() => Err(format!("the daemon ended: {ended:?}\n{}", stage.place.log())),
        () = told_to_stop() => Ok(()),
    };
    if ended.is_ok() {
        say("stopping …");
        daemon.stop().await.map_err(failed)?;
    }
    ended
}

async fn announce(stage: &Stage) {
    say(&format!(
        "stripe     http://{}/_sandbox   (the sandbox's own routes)",
        stage.stripe
    ));
    say(&format!("zenskar    http://{}/_sandbox", stage.zenskar));
    say(&format!("webhooks   {}", stage.place.webhook_url()));
    if let Some(console) = console(stage).await {
        say(&format!(
            "health     http://{console}/healthz, /readyz and /metrics"
        ));
    }
    if let Some(login) = login(stage).await {
        say(&format!("console    {login}   (signs in once)"));
    }
    let (binary, config) = (stage.place.binary.display(), stage.place.config());
    say(&format!(
        "commands   {binary} --config {} status",
        config.display()
    ));
    say("Ctrl-C stops everything");
    say("");
}

/// The console's address with a token.
async fn login(stage: &Stage) -> Option<String> {
    let login = stage.place.run(&["console", "--json"]).await.ok()?;
    let login: Value = serde_json::from_slice(&login.stdout).ok()?;
    login.get("url")?.as_str().map(str::to_owned)
}

async fn console(stage: &Stage) -> Option<String> {
    let status = stage.place.run(&["status", "--json"]).await.ok()?;
    let status: Value = serde_json::from_slice(&status.stdout).ok()?;
    status
        .pointer("/daemon/listeners/console")?
        .as_str()
        .map(str::to_owned)
}

/// One change after the other, each followed until it has arrived.
async fn people(stage: &Stage, pairs: &[Pair]) {
    let turns = pairs.iter().cycle().zip(NAMES.iter().cycle()).zip(1_u32..);
    for ((pair, name), turn) in turns {
        let slug = name.to_lowercase();
        let (there, here, value) = match turn % 3 {
            0 => ("name", "customer_name", format!("{name} {turn} Ltd")),
            1 => ("email", "email", format!("billing{turn}@{slug}.example")),
            _ => (
                "phone",
                "phone_number",
                format!("+1 555 01{:05}", turn % 100_000),
            ),
        };
        stage
            .sandbox
            .stripe_update_customer(&pair.stripe, &json!({ there: value }));
        say(&format!(
            "{} stripe   {}  {there} = {value}",
            now(),
            pair.stripe
        ));
        let arrived = || (stage.in_zenskar(pair, here) == value).then_some(());
        match until(LONGEST, arrived).await {
            Some(((), took)) => {
                let milliseconds = took.as_millis();
                say(&format!(
                    "{} zenskar  {}  has it, {milliseconds} ms later",
                    now(),
                    pair.zenskar
                ));
            }
            None => say(&format!(
                "{} zenskar  {}  does not have it yet",
                now(),
                pair.zenskar
            )),
        }
        sleep(PAUSE).await;
    }
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%H:%M:%S").to_string()
}
