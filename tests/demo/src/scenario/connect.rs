//! An account is connected by OAuth: a person clicks through Stripe's page, customers move, and the
//! connection is ended again.

use super::{LONGEST, ask, email_arrives};
use crate::Outcome;
use crate::browser::Browser;
use crate::daemon::{Place, until};
use crate::stage::{Pair, Stage};
use serde_json::{Value, json};
use zenstripe_sandbox::ACCOUNT;

/// Import of every field; webhooks of the endpoint that the daemon registers itself, and no others.
const WEBHOOKS: &str = "[customers]\nsync = \"import-only\"\n[events]\npoll = \"off\"\n";

/// A daemon of its own beside the same remotes, with the platform's key.
pub(super) async fn connected_by_oauth(stage: &Stage, pair: &Pair) -> Outcome<String> {
    let failed = |error: std::io::Error| error.to_string();
    let directory = stage.place.directory.join("platform");
    std::fs::create_dir(&directory).map_err(failed)?;
    let place = Place::new(&stage.place.binary, &directory, stage.place.remotes).map_err(failed)?;
    place
        .write_secret("stripe-key", "sk_test_platform")
        .map_err(failed)?;
    let text = place.oauth_config_text(WEBHOOKS, true, None);
    place.put_config(&text).map_err(failed)?;
    let daemon = place.start_ready().await.map_err(failed)?;
    let seen = connect(stage, &place, pair).await;
    let ended = daemon.stop().await.map_err(failed)?;
    if !ended.success() {
        return Err(format!("the daemon ended with {ended}"));
    }
    seen
}

async fn connect(stage: &Stage, place: &Place, pair: &Pair) -> Outcome<String> {
    let failed = |error: std::io::Error| error.to_string();
    let before = stage.sandbox.exchange_count();
    let mut command = place.command(&["connect", "--json"]);
    command.stdout(std::process::Stdio::piped());
    let mut waiting = command.kill_on_drop(true).spawn().map_err(failed)?;
    let url = address(&mut waiting).await?;
    let page = Browser::default()
        .connect(&url, ACCOUNT)
        .await
        .map_err(failed)?;
    if page.status != 200 || stage.sandbox.stripe_connected() != [ACCOUNT] {
        return Err(format!("the account was not connected: {}", page.body));
    }
    if !waiting.wait().await.map_err(failed)?.success() {
        return Err("\"zenstripe connect\" did not see that it was connected".to_owned());
    }
    let endpoint = until(LONGEST, || endpoint(stage)).await;
    let (endpoint, _) = endpoint.ok_or("no webhook endpoint was registered")?;
    // The first scan links everybody; a change is one of a linked customer afterwards.
    until_linked(place).await?;
    let email = "oauth@example.com";
    let took = email_arrives(stage, pair, email).await?;
    let exchanges = stage.sandbox.exchanges().into_iter();
    let calls: Vec<_> = exchanges
        .filter(|one| one.number > before && one.path.starts_with("/v1/customers"))
        .collect();
    let for_account = |one: &&zenstripe_sandbox::Exchange| {
        one.headers.get("stripe-account").map(String::as_str) == Some(ACCOUNT)
    };
    if calls.is_empty() || !calls.iter().all(|one| for_account(&one)) {
        return Err("a call was not made for the connected account".to_owned());
    }
    ask(place, &["disconnect", "--abandon"]).await?;
    if !stage.sandbox.stripe_connected().is_empty() {
        return Err("the connection was not ended at Stripe".to_owned());
    }
    Ok(format!(
        "a browser said yes at Stripe and came back; endpoint {endpoint} was registered on the \
         platform, and {email} was in Zenskar {} ms after the change in Stripe, every call made for \
         {ACCOUNT}; then it was disconnected",
        took.as_millis()
    ))
}

/// The address that the command shows first.
async fn address(command: &mut tokio::process::Child) -> Outcome<String> {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let out = command.stdout.take().ok_or("the command says nothing")?;
    let mut lines = BufReader::new(out);
    let mut text = String::new();
    loop {
        let read = lines.read_line(&mut text).await;
        if read.map_err(|error| error.to_string())? == 0 {
            return Err(format!("no address was shown: {text}"));
        }
        if let Ok(begun) = serde_json::from_str::<Value>(&text) {
            // It is read to its end, so that the command can go on writing.
            let url = begun.get("url").and_then(Value::as_str);
            let url = url.ok_or("there is no address in what was shown")?;
            command.stdout = Some(lines.into_inner());
            return Ok(url.to_owned());
        }
    }
}

/// The endpoint on the platform, as Stripe shows it.
fn endpoint(stage: &Stage) -> Option<String> {
    let request = zenstripe_sandbox::Request::new("GET", "/v1/webhook_endpoints")
        .with_header("Authorization", "Bearer sk_test_platform");
    let handled = stage
        .sandbox
        .handle(zenstripe_sandbox::Remote::Stripe, &request);
    let list = handled.answer()?.value();
    let id = list.pointer("/data/0/id")?.as_str()?;
    Some(id.to_owned())
}

async fn until_linked(place: &Place) -> Outcome {
    for _ in 0..LONGEST.as_secs() * 10 {
        let status = ask(place, &["status"]).await?;
        let is_done = status.pointer("/scan/finished_at") != Some(&json!(null));
        if is_done && status.pointer("/queues/work") == Some(&json!(0)) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Err("the first scan did not come to its end".to_owned())
}
