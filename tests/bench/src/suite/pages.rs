//! The console's pages with a million linked customers: how long the server takes, and how much a
//! browser loads at first.

use crate::daemon::{Daemon, Setting};
use crate::ids::stripe_customer;
use crate::num::{count, median};
use crate::{Outcome, clock, out};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Each page is asked so often; the median counts.
const TIMES: usize = 15;
/// How long a page may take before the run fails.
const DEADLINE: Duration = Duration::from_secs(60);
/// Pages that are the same whatever is in the store.
const PAGES: [&str; 19] = [
    "/",
    "/integrations/stripe",
    "/integrations/stripe/manage",
    "/customers",
    "/customers?which=unlinked",
    "/customers?which=differing",
    "/customers?which=deleted",
    "/conflicts",
    "/plan",
    "/activity",
    "/activity/runs",
    "/events",
    "/events?type=invoice.",
    "/events?state=dead",
    "/events/dead",
    "/system",
    "/system/outbox",
    "/system/configuration",
    "/access",
];

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The page that took longest.
    pub(crate) slowest: String,
    /// What it took, in milliseconds, connecting included.
    pub(crate) slowest_ms: f64,
    /// Bytes of the overview with all that it loads, as they cross the wire.
    pub(crate) first_load: u64,
}

/// Asks for every page of the console that changes nothing; those of one customer are customer
/// `number`'s.
pub(super) fn measure(setting: &Setting, daemon: &Daemon, number: u64) -> Outcome<Found> {
    let mut visitor = Visitor {
        console: daemon.console(),
        cookie: String::new(),
    };
    let login = setting.command(&["--json", "console", "--role", "admin", "--for", "bench"])?;
    let login: serde_json::Value = serde_json::from_str(&login)?;
    let token = login.get("token").and_then(serde_json::Value::as_str);
    let token = token.ok_or("no token to sign in with")?;
    visitor.sign_in(token)?;

    let id = stripe_customer(number);
    let paths = PAGES.into_iter().map(str::to_owned);
    let paths = paths.chain([
        format!("/customers?after={id}"),
        format!("/customers/{id}"),
        format!("/customers/{id}/history"),
        format!("/conflicts/{id}"),
    ]);
    let mut slowest = (String::new(), 0.0);
    for path in paths {
        let took = visitor.time(&path)?;
        out::note(&format!("{took:7.1} ms  {path}"));
        if took > slowest.1 {
            slowest = (path, took);
        }
    }
    Ok(Found {
        slowest: slowest.0,
        slowest_ms: slowest.1,
        first_load: visitor.first_load()?,
    })
}

/// A browser that is signed in.
struct Visitor {
    console: SocketAddr,
    cookie: String,
}

impl Visitor {
    fn sign_in(&mut self, token: &str) -> Outcome<()> {
        let form = format!("token={token}");
        let more = format!(
            "sec-fetch-site: same-origin\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n",
            form.len()
        );
        let answer = self.ask("POST", "/login", &more, &form)?;
        let cookie = answer
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.ok_or("the console let nobody in")?;
        self.cookie = cookie.split(';').next().unwrap_or(cookie).to_owned();
        Ok(())
    }

    /// The median of what a page takes, in milliseconds.
    fn time(&self, path: &str) -> Outcome<f64> {
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let began = clock::now();
            let answer = self.ask("GET", path, "", "")?;
            times.push(super::millis(clock::now() - began));
            if !answer.starts_with("HTTP/1.1 200") {
                let first = answer.lines().next().unwrap_or_default();
                return Err(format!("{path}: {first}").into());
            }
        }
        Ok(median(times))
    }

    /// Bytes of the overview and of each file that it names.
    fn first_load(&self) -> Outcome<u64> {
        let page = self.ask("GET", "/", "", "")?;
        let mut sum = count(page.len());
        for named in page.split("=\"/assets/").skip(1) {
            let name = named.split('"').next().unwrap_or_default();
            let asset = self.ask("GET", &format!("/assets/{name}"), "", "")?;
            sum += count(asset.len());
        }
        Ok(sum)
    }

    /// Asks on a connection of its own; gives head and body.
    fn ask(&self, method: &str, path: &str, more: &str, body: &str) -> Outcome<String> {
        let mut stream = TcpStream::connect(self.console)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let cookie = &self.cookie;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             cookie: {cookie}\r\n{more}\r\n{body}"
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}
