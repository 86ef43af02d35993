//! `status`: the whole state at one glance.

use crate::cli::client::Client;
use crate::cli::error::{Exit, Outcome};
use crate::cli::out::{Out, Tone, size, span};
use crate::cli::scan::differing;
use crate::engine::view::{Remote, Status};
use std::collections::BTreeMap;

/// Prints how the daemon is doing.
///
/// # Errors
///
/// It does not run.
pub async fn status(client: &Client, out: &Out) -> Outcome {
    let status: Status = client.get("/status").await?;
    if out.is_json() {
        out.json(&status);
    } else {
        show(&status, out);
    }
    Ok(if status.state == "ok" {
        Exit::Ok
    } else {
        Exit::Degraded
    })
}

fn show(status: &Status, out: &Out) {
    let tone = if status.state == "ok" {
        Tone::Good
    } else {
        Tone::Warning
    };
    let state = out.paint(tone, &status.state);
    out.painted_line(&format!("zenstripe {}: {state}", status.version));
    for (number, problem) in (1..).zip(&status.problems) {
        let what = out.paint(Tone::Warning, &problem.what);
        out.painted_line(&format!("  {number}. {what}"));
        if !problem.hint.is_empty() {
            out.line(&format!("     hint: {}", problem.hint));
        }
    }
    for notice in &status.notices {
        out.line(&format!("  notice: {}", notice.what));
        out.line(&format!("     hint: {}", notice.hint));
    }
    out.line("");
    let row = |name: &str, text: &str| {
        if !text.is_empty() {
            let name = out.paint(Tone::Strong, &format!("{name:<13}"));
            out.painted_line(&format!("{name}{text}"));
        }
    };
    let daemon = &status.daemon;
    row("account", &account(status, out));
    row("organisation", &daemon.organisation);
    row("stripe", &remote(&status.stripe, out));
    row("zenskar", &remote(&status.zenskar, out));
    row("webhooks", &endpoint(status));
    row("sync", &status.sync);
    row("customers", &customers(status));
    row("creating", &creating(status, out));
    row("money", &money(status));
    row("queues", &queues(status));
    row("polling", &polling(status, out));
    row("changes", &changes(status, out));
    row("scan", &scan(status, out));
    row("store", &size(status.store.bytes));
    row("listens", &pairs(&daemon.listeners, " at "));
    row(
        "started",
        &format!("{}, process {}", out.when(&daemon.started_at), daemon.pid),
    );
    row("config", &config(status, out));
}

fn account(status: &Status, out: &Out) -> String {
    let (connection, daemon) = (&status.connection, &status.daemon);
    let state = connection.state.replace('-', " ");
    let mut parts = Vec::new();
    if daemon.account.is_empty() {
        parts.push(format!("none ({} mode)", daemon.mode));
    } else {
        parts.push(format!("{} ({})", daemon.account, daemon.mode));
    }
    let by = if connection.way == "oauth" && connection.state == "connected" {
        " by OAuth"
    } else {
        ""
    };
    parts.push(match &connection.reason {
        Some(reason) => format!("{state}: {reason}"),
        None => format!("{state}{by}"),
    });
    let since = connection.since.iter();
    parts.extend(since.map(|since| format!("since {}", out.when(since))));
    parts.join(", ")
}

fn endpoint(status: &Status) -> String {
    let endpoint = &status.endpoint;
    match (endpoint.state.as_str(), &endpoint.url) {
        ("registered", Some(url)) => format!("registered for {url}"),
        ("off", _) => "none registered by us".to_owned(),
        (state, _) => match &endpoint.reason {
            Some(reason) => format!("{state}: {reason}"),
            None => state.to_owned(),
        },
    }
}

fn remote(remote: &Remote, out: &Out) -> String {
    let mut parts = vec![remote.state.clone()];
    if let Some(since) = &remote.since {
        parts.push(format!("since {}", out.when(since)));
    }
    parts.extend(remote.reason.clone());
    parts.push(match &remote.last_answer {
        Some(at) => format!("answered {}", out.ago(at)),
        None => "has not answered yet".to_owned(),
    });
    // The limiter of the whole comes first by name; those of single endpoints are for `--json`.
    if let Some((_, rate)) = remote.rates.first_key_value() {
        parts.push(format!("at most {rate} requests a second"));
    }
    if let Some(error) = &remote.last_error {
        let (class, at) = (&error.class, out.ago(&error.at));
        parts.push(format!("last error {at} ({class}): {}", error.message));
    }
    parts.join(", ")
}

fn money(status: &Status) -> String {
    let money = &status.money;
    if let Some(off) = &money.off {
        return format!("nothing is charged: {off}");
    }
    let mut parts = vec![
        format!("{} invoices open", money.open_invoices),
        format!("{} being collected", money.collecting),
    ];
    for (count, what) in [
        (money.taken_not_booked, "taken and not booked"),
        (money.awaiting_person, "waiting for a person"),
    ] {
        parts.extend((count > 0).then(|| format!("{count} {what}")));
    }
    parts.extend(money.freeze.frozen.then(|| "charges are frozen".to_owned()));
    parts.join(", ")
}

fn customers(status: &Status) -> String {
    let others = status.links_by_state.iter();
    let others = others.filter(|(state, count)| *state != "active" && **count > 0);
    let others = others.map(|(state, count)| format!(", {count} {state}"));
    let linked = format!("{} linked{}", status.links, others.collect::<String>());
    let differing: u64 = status.differences.values().sum();
    if differing == 0 {
        return format!("{linked}, no differences");
    }
    let reasons = pairs(&status.differences, " ");
    format!("{linked}, {differing} differences ({reasons})")
}

fn creating(status: &Status, out: &Out) -> String {
    let creations = &status.creations;
    let since = creations.since.iter().map(|(side, since)| match since {
        Some(since) => format!("in {side} since {}", out.when(since)),
        None => format!("in {side}, once the other side tells its time"),
    });
    let counts = [
        (creations.offered, "waiting for an order"),
        (creations.open, "under way"),
        (creations.dead, "given up"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts = counts.map(|(count, what)| format!("{count} {what}"));
    since.chain(counts).collect::<Vec<_>>().join(", ")
}

fn queues(status: &Status) -> String {
    let queues = pairs(&status.queues, " ");
    match status.oldest_work_seconds {
        0 => queues,
        seconds => format!("{queues}; the oldest work waits since {}", span(seconds)),
    }
}

fn polling(status: &Status, out: &Out) -> String {
    let poll = &status.poll;
    let mut parts = vec![poll.mode.clone()];
    if let Some(until) = &poll.read_until {
        parts.push(format!("read until {}", out.when(until)));
    }
    if let Some(lag) = poll.lag_seconds {
        parts.push(format!("{} behind", span(lag)));
    }
    parts.push(format!(
        "{} of {} reads used in 30 days",
        poll.reads_used, poll.reads_floor
    ));
    parts.join(", ")
}

fn changes(status: &Status, out: &Out) -> String {
    let changes = &status.changes;
    let mut parts = vec![
        match changes.filter.as_str() {
            "works" => "of zenskar",
            "ignored" => "of zenskar: it does not filter by updated_at, so sweeps find them",
            _ => "of zenskar: whether it filters them is not known yet",
        }
        .to_owned(),
    ];
    if let Some(until) = &changes.read_until {
        parts.push(format!("read until {}", out.when(until)));
    }
    if let Some(lag) = changes.lag_seconds {
        parts.push(format!("{} behind", span(lag)));
    }
    if let Some(at) = &changes.swept_at {
        parts.push(format!("the last full listing began {}", out.when(at)));
    }
    if changes.unreadable > 0 {
        parts.push(format!("{} cannot be read", changes.unreadable));
    }
    parts.join(", ")
}

fn scan(status: &Status, out: &Out) -> String {
    let scan = &status.scan;
    let mut parts = vec![match scan.phase.as_str() {
        "idle" => "idle".to_owned(),
        phase if scan.sweep => format!("sweeping {phase}"),
        phase => format!("reading {phase}"),
    }];
    if scan.phase != "idle" {
        parts.extend((scan.per_second > 0).then(|| format!("{}/s", scan.per_second)));
        let left = scan.seconds_left.map(span);
        parts.extend(left.map(|left| format!("at least {left} left")));
    }
    parts.extend(scan.wanted.then(|| "another is asked for".to_owned()));
    match &scan.finished_at {
        Some(at) => parts.push(format!("the last one ended {}", out.when(at))),
        None => parts.push("none has ended yet".to_owned()),
    }
    if let (Some(stripe), Some(zenskar)) = (&scan.next_stripe, &scan.next_zenskar) {
        parts.push(if stripe == zenskar {
            format!("the next of both sides {}", out.when(stripe))
        } else {
            let (stripe, zenskar) = (out.when(stripe), out.when(zenskar));
            format!("the next of zenskar {zenskar} and of stripe {stripe}")
        });
    }
    let found: BTreeMap<String, u64> = scan
        .found
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(name, count)| (name.clone(), *count))
        .collect();
    if !found.is_empty() {
        parts.push(format!("found: {}", pairs(&found, " ")));
    }
    if !scan.differing.is_empty() {
        parts.push(format!("not as agreed {}", differing(scan)));
    }
    parts.join(", ")
}

fn config(status: &Status, out: &Out) -> String {
    let config = &status.daemon.config;
    let mut parts = vec![
        config.path.clone(),
        format!("read {}", out.ago(&config.loaded_at)),
    ];
    if !config.pending_restart.is_empty() {
        let pending = config.pending_restart.join("; ");
        parts.push(format!("waits for a restart: {pending}"));
    }
    if let Some(watch) = &config.watch {
        parts.push(format!("changes are noticed late: {watch}"));
    }
    parts.join(", ")
}

/// `name value` pairs in one line.
fn pairs<T: std::fmt::Display>(map: &BTreeMap<String, T>, between: &str) -> String {
    let pairs: Vec<String> = map
        .iter()
        .map(|(name, value)| format!("{name}{between}{value}"))
        .collect();
    pairs.join(", ")
}
