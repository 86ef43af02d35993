//! A browser, as far as connecting an account needs one: pages, a cookie, a form with two buttons.

use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Page {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A browser with the one cookie that it was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    pub(crate) cookie: Option<String>,
}

impl Browser {
    /// Opens an address that begins with `http://`.
    pub(crate) async fn open(&mut self, url: &str) -> io::Result<Page> {
        self.send("GET", url, &[], "").await
    }

    /// Sends a request with more headers.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Page> {
        let rest = url.strip_prefix("http://").unwrap_or(url);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut lines = vec![
            format!("{method} /{path} HTTP/1.1"),
            "connection: close".to_owned(),
            format!("content-length: {}", body.len()),
        ];
        if !headers.iter().any(|(name, _)| *name == "host") {
            lines.push(format!("host: {authority}"));
        }
        let cookie = self.cookie.iter();
        lines.extend(cookie.map(|cookie| format!("cookie: {cookie}")));
        let more = headers.iter();
        lines.extend(more.map(|(name, value)| format!("{name}: {value}")));
        let request = format!("{}\r\n\r\n{body}", lines.join("\r\n"));
        let mut stream = TcpStream::connect(authority).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let page = Page {
            status: status.unwrap_or(0),
            head: head.to_owned(),
            body: body.to_owned(),
        };
        if let Some(cookie) = page.header("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            self.cookie = Some(pair.to_owned()).filter(|pair| !pair.ends_with('='));
        }
        Ok(page)
    }

    /// Opens Stripe's page and presses a button, for an account; where that leads.
    pub(crate) async fn decide(
        &self,
        page: &str,
        decision: &str,
        account: &str,
    ) -> io::Result<String> {
        // Stripe has cookies of its own.
        let mut there = Self::default();
        let shown = there.open(page).await?;
        if shown.status != 200 {
            return Err(io::Error::other(format!("{shown:?}")));
        }
        let mut form = vec![format!("decision={decision}&account={account}")];
        for field in shown.body.split("<input type=\"hidden\" name=\"").skip(1) {
            let (name, rest) = field.split_once('"').unwrap_or((field, ""));
            let value = rest.strip_prefix(" value=\"").unwrap_or_default();
            let value = value.split('"').next().unwrap_or_default();
            let value = value.replace("&amp;", "&").replace('%', "%25");
            let value = value.replace('&', "%26").replace('+', "%2B");
            form.push(format!("{name}={value}"));
        }
        let (origin, _) = page.split_once("/oauth/").unwrap_or((page, ""));
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let target = format!("{origin}/oauth/authorize");
        let pressed = there.send("POST", &target, &kind, &form.join("&")).await?;
        let location = pressed.header("location").map(str::to_owned);
        location.ok_or_else(|| io::Error::other(format!("{pressed:?}")))
    }

    /// The whole way: opens the address with the ticket, says yes for this account, comes back.
    pub(crate) async fn connect(&mut self, url: &str, account: &str) -> io::Result<Page> {
        let sent = self.open(url).await?;
        let Some(stripe) = sent.header("location").map(str::to_owned) else {
            return Ok(sent);
        };
        let back = self.decide(&stripe, "authorize", account).await?;
        self.open(&back).await
    }
}
