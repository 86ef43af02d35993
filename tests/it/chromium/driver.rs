//! A real browser: Debian's Chromium, told what to do by chromedriver (W3C `WebDriver`, and the
//! `DevTools` commands that chromedriver passes on).
//!
//! A few requests of JSON, written out: a client library of `WebDriver` would switch on features of
//! crates that the daemon is built of, and the tests would run another program than people do.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// Longest wait for what a page comes to show.
const LONGEST: Duration = Duration::from_secs(20);

/// Longest wait for a browser to close.
const CLOSING: Duration = Duration::from_secs(5);

/// Key codes of `WebDriver`.
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const SPACE: &str = " ";

/// How `WebDriver` names an element in JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Notes what the policy refuses, before a page's own script runs.
const NOTE_VIOLATIONS: &str = "window.refused = []; \
    addEventListener('securitypolicyviolation', (event) => \
    window.refused.push(event.violatedDirective + ' ' + event.blockedURI));";

/// A browser with one page.
pub(crate) struct Chromium {
    _driver: Child,
    port: u16,
    session: String,
}

impl Drop for Chromium {
    /// Has the browser closed; the driver is killed by its handle.
    fn drop(&mut self) {
        use std::io::{Read as _, Write as _};
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.port)) else {
            return;
        };
        let request = format!(
            "DELETE /session/{} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\r\n",
            self.session, self.port
        );
        let closed = stream
            .write_all(request.as_bytes())
            .and_then(|()| stream.set_read_timeout(Some(CLOSING)))
            .and_then(|()| stream.read(&mut [0; 256]));
        drop(closed);
    }
}

impl Chromium {
    pub(crate) async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver, which tests/run installs: {error}"));
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next_line().await.unwrap().unwrap();
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        let mut browser = Self {
            _driver: driver,
            port,
            session: String::new(),
        };
        let options = json!({
            "goog:loggingPrefs": { "performance": "ALL" },
            "goog:chromeOptions": { "binary": "/usr/bin/chromium", "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--hide-scrollbars", "--lang=en-GB", "--disable-background-networking",
                "--disable-component-update", "--no-first-run",
            ] },
        });
        let wanted = json!({ "capabilities": { "alwaysMatch": options } });
        let begun = browser.send("POST", "/session", &wanted).await;
        begun["sessionId"]
            .as_str()
            .unwrap()
            .clone_into(&mut browser.session);
        let note = json!({ "source": NOTE_VIOLATIONS });
        browser
            .devtools("Page.addScriptToEvaluateOnNewDocument", &note)
            .await;
        browser.size(1280, 900).await;
        browser
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_send(method, path, body)
            .await
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    async fn try_send(&self, method: &str, path: &str, body: &Value) -> Result<Value, Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let body = if method == "GET" {
            String::new()
        } else {
            body.to_string()
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = answer(&mut stream).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut answer: Value = serde_json::from_str(body).unwrap();
        let value = answer["value"].take();
        if head.split(' ').nth(1) == Some("200") {
            Ok(value)
        } else {
            Err(value)
        }
    }

    async fn command(&self, command: &str, body: &Value) -> Value {
        let path = format!("/session/{}/{command}", self.session);
        self.send("POST", &path, body).await
    }

    /// A command of the `DevTools`.
    pub(crate) async fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.command("goog/cdp/execute", &body).await
    }

    pub(crate) async fn size(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &size)
            .await;
    }

    /// `light` or `dark`, as the system would say.
    pub(crate) async fn scheme(&self, scheme: &str) {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &media).await;
    }

    /// Pages get no script from here on.
    pub(crate) async fn without_scripts(&self) {
        let off = json!({ "value": true });
        self.devtools("Emulation.setScriptExecutionDisabled", &off)
            .await;
    }

    pub(crate) async fn open(&self, url: &str) {
        self.command("url", &json!({ "url": url })).await;
    }

    pub(crate) async fn url(&self) -> String {
        let path = format!("/session/{}/url", self.session);
        let url = self.send("GET", &path, &Value::Null).await;
        url.as_str().unwrap().to_owned()
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
            .await
    }

    /// What a script passes to its last argument.
    pub(crate) async fn run_async(&self, script: &str) -> Value {
        self.command("execute/async", &json!({ "script": script, "args": [] }))
            .await
    }

    /// Waits until the page is painted; before that the browser drops keys.
    pub(crate) async fn painted(&self) {
        self.run_async(
            "const done = arguments[0]; \
             requestAnimationFrame(() => requestAnimationFrame(() => done(null)));",
        )
        .await;
    }

    pub(crate) async fn delete_cookies(&self) {
        let path = format!("/session/{}/cookie", self.session);
        self.send("DELETE", &path, &json!({})).await;
    }

    async fn find(&self, xpath: &str) -> Option<String> {
        let path = format!("/session/{}/element", self.session);
        let body = json!({ "using": "xpath", "value": xpath });
        let found = self.try_send("POST", &path, &body).await.ok()?;
        found[ELEMENT].as_str().map(str::to_owned)
    }

    async fn until_found(&self, xpath: &str) -> String {
        let began = Instant::now();
        loop {
            if let Some(element) = self.find(xpath).await {
                return element;
            }
            assert!(
                began.elapsed() < LONGEST,
                "no {xpath}: {}",
                self.text().await
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Presses a button or follows a link, by what it says.
    pub(crate) async fn press(&self, words: &str) {
        let xpath = format!(
            "//*[(self::button or self::a or self::summary or self::label) and \
             contains(normalize-space(.), \"{words}\")]"
        );
        let element = self.until_found(&xpath).await;
        self.command(&format!("element/{element}/click"), &json!({}))
            .await;
    }

    /// Types into the field of this name.
    pub(crate) async fn fill(&self, name: &str, text: &str) {
        let element = self.until_found(&format!("//input[@name='{name}']")).await;
        self.command(&format!("element/{element}/clear"), &json!({}))
            .await;
        self.command(
            &format!("element/{element}/value"),
            &json!({ "text": text }),
        )
        .await;
    }

    /// Types into the search box, and sends it.
    pub(crate) async fn search(&self, text: &str) {
        self.fill("q", text).await;
        self.key(ENTER).await;
    }

    /// Presses a key, wherever the focus is.
    pub(crate) async fn key(&self, key: &str) {
        let actions = json!([{ "type": "key", "id": "keys", "actions": [
            { "type": "keyDown", "value": key }, { "type": "keyUp", "value": key },
        ] }]);
        self.command("actions", &json!({ "actions": actions }))
            .await;
    }

    /// What the page says.
    pub(crate) async fn text(&self) -> String {
        let Some(body) = self.find("//body").await else {
            return String::new();
        };
        let path = format!("/session/{}/element/{body}/text", self.session);
        let text = self.try_send("GET", &path, &Value::Null).await;
        text.ok()
            .and_then(|text| text.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Waits until the page says this.
    pub(crate) async fn says(&self, words: &str) -> String {
        let began = Instant::now();
        loop {
            let text = self.text().await;
            if text.contains(words) {
                return text;
            }
            assert!(
                began.elapsed() < LONGEST,
                "no {words:?} at {}: {text}",
                self.url().await
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The addresses that were asked for since this was last called.
    pub(crate) async fn requests(&self) -> Vec<String> {
        let log = self
            .command("se/log", &json!({ "type": "performance" }))
            .await;
        let entries = log.as_array().cloned().unwrap_or_default().into_iter();
        entries
            .filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok())
            .filter(|entry| entry["message"]["method"] == "Network.requestWillBeSent")
            .filter_map(|entry| {
                let url = &entry["message"]["params"]["request"]["url"];
                url.as_str().map(str::to_owned)
            })
            .collect()
    }

    /// A picture of the whole page, under `target/screenshots` or where `ZENSTRIPE_SCREENSHOTS` says.
    pub(crate) async fn picture(&self, name: &str) {
        let whole = json!({ "captureBeyondViewport": true });
        let taken = self.devtools("Page.captureScreenshot", &whole).await;
        let bytes = decoded(taken["data"].as_str().unwrap());
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = std::env::var_os("ZENSTRIPE_SCREENSHOTS")
            .map_or_else(|| root.join("target/screenshots"), PathBuf::from);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("{name}.png")), bytes).unwrap();
    }
}

/// One answer; the driver keeps its connections open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let (_, length) = head.split_once("content-length:").unwrap();
            let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
            if body.len() >= length {
                return text.into_owned();
            }
        }
        let mut more = vec![0; 64 * 1024];
        let count = stream.read(&mut more).await.unwrap();
        assert!(count > 0, "the driver went away");
        bytes.extend_from_slice(&more[..count]);
    }
}

/// Base64 as RFC 4648 has it, of bytes that are known to be right.
fn decoded(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::with_capacity(text.len());
    let (mut held, mut bits) = (0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        held = (held << 6) | u32::from(value(letter));
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            let [.., byte] = (held >> bits).to_be_bytes();
            bytes.push(byte);
        }
    }
    bytes
}
