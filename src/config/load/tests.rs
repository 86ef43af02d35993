//! What people see when a configuration is wrong, and how files are laid over one another.

use std::fs;
use std::time::Duration;

use super::*;
use crate::config::words::{Field, Winner};

const MAIN: &str = "/etc/zenstripe/zenstripe.toml";

fn parse_all(texts: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let sources: Vec<Source> = texts
        .iter()
        .map(|(path, text)| Source {
            path: path.into(),
            text: (*text).to_owned(),
        })
        .collect();
    parse(Path::new(MAIN), &sources)
}

fn refused(text: &str) -> String {
    parse_all(&[(MAIN, text)]).unwrap_err().to_string()
}

/// The one-line form of each problem, without the path.
fn lines(text: &str) -> Vec<String> {
    let problems = parse_all(&[(MAIN, text)]).unwrap_err();
    let start = format!("{MAIN}:");
    problems
        .lines()
        .map(|line| line.strip_prefix(&start).unwrap().to_owned())
        .collect()
}

#[test]
fn an_unknown_key_gets_the_nearest_known_one() {
    insta::assert_snapshot!(refused("[stripe]\nmode = \"test\"\nsecret_key = \"hunter2\"\n"), @r#"
    error: unknown key `stripe.secret_key`
     --> /etc/zenstripe/zenstripe.toml:3:1
      |
    3 | secret_key = "*******"
      | ^^^^^^^^^^ did you mean `secret_key_file`?
      |
      = help: known here are: mode, api_base, connect_base, api_version, requests_per_second, secret_key_file, client_id, account, webhook_secret_files
    "#);
}

#[test]
fn a_key_in_the_wrong_section_is_found() {
    insta::assert_snapshot!(refused("[customers]\nauto_charge = \"when-due\"\n"), @r#"
    error: unknown key `customers.auto_charge`
     --> /etc/zenstripe/zenstripe.toml:2:1
      |
    2 | auto_charge = "when-due"
      | ^^^^^^^^^^^ did you mean `payments.auto_charge`?
      |
      = help: known here are: sync, conflict, initial, match_email, allow_blank, create, fields, metadata
    "#);
}

#[test]
fn an_unknown_section_gets_the_nearest_known_one() {
    insta::assert_snapshot!(refused("[customer]\nsync = \"off\"\n"), @r#"
    error: unknown section or key `customer`
     --> /etc/zenstripe/zenstripe.toml:1:2
      |
    1 | [customer]
      |  ^^^^^^^^ did you mean `customers`?
      |
      = help: the sections are: stripe, zenskar, listen, store, customers, events, payments, transfers, payment_methods, limits, alerts
    "#);
}

#[test]
fn a_wrong_type_is_named() {
    insta::assert_snapshot!(refused("[stripe]\nrequests_per_second = \"25\" # per endpoint\n"), @r#"
    error: `stripe.requests_per_second` is a string
     --> /etc/zenstripe/zenstripe.toml:2:23
      |
    2 | requests_per_second = "25" # per endpoint
      |                       ^^^^ expected a whole number
    "#);
}

#[test]
fn a_bad_word_gets_the_known_ones() {
    insta::assert_snapshot!(refused("[customers]\nsync = \"both\"\n"), @r#"
    error: `customers.sync` cannot be "both"
     --> /etc/zenstripe/zenstripe.toml:2:8
      |
    2 | sync = "both"
      |        ^^^^^^ expected "off", "import-only", "export-only" or "import-and-export"
    "#);
}

#[test]
fn a_bad_duration_gets_examples() {
    insta::assert_snapshot!(refused("[transfers]\nhold = { ach = \"five days\", wire = \"0d\" }\n"), @r#"
    error: `transfers.hold.ach` cannot be "five days"
     --> /etc/zenstripe/zenstripe.toml:2:16
      |
    2 | hold = { ach = "five days", wire = "0d" }
      |                ^^^^^^^^^^^ expected a duration such as "30s", "2m" or "5d"
    "#);
}

#[test]
fn all_problems_of_all_files_come_at_once() {
    let problems = parse_all(&[
        (
            MAIN,
            "[store]\nretention_days = 7\n\n[limits]\ndecline_rat = 0.5\n",
        ),
        (
            "/etc/zenstripe/zenstripe.d/10-site.toml",
            "[listen]\nconsole = \"127.0.0.1:9480\"\n",
        ),
        (
            "/etc/zenstripe/zenstripe.d/20-live.toml",
            "stripe.mode = \"live\"\nstripe.mode = \"test\"\n",
        ),
    ])
    .unwrap_err();
    // A file that is not TOML leaves out what depends on all of them.
    insta::assert_snapshot!(problems, @r#"
    error: unknown key `limits.decline_rat`
     --> /etc/zenstripe/zenstripe.toml:5:1
      |
    5 | decline_rat = 0.5
      | ^^^^^^^^^^^ did you mean `decline_rate`?
      |
      = help: known here are: charges_per_hour, decline_rate, same_customer_minutes, amount_per_hour

    error: this is not TOML
     --> /etc/zenstripe/zenstripe.d/20-live.toml:2:8
      |
    2 | stripe.mode = "test"
      |        ^^^^ duplicate key
    "#);
}

#[test]
fn a_drop_in_is_judged_together_with_what_it_is_laid_over() {
    let problems = parse_all(&[
        (
            MAIN,
            "[store]\nretention_days = 7\n\n[limits]\ndecline_rat = 0.5\n",
        ),
        (
            "/etc/zenstripe/zenstripe.d/10-site.toml",
            "[listen]\nconsole = \"127.0.0.1:9480\"\n",
        ),
        (
            "/etc/zenstripe/zenstripe.d/20-live.toml",
            "stripe.mode = \"live\"\nlisten.public_url = \"http://pay.example.com\"\n",
        ),
    ])
    .unwrap_err();
    insta::assert_snapshot!(problems, @r#"
    error: `store.retention_days` cannot be 7
     --> /etc/zenstripe/zenstripe.toml:2:18
      |
    2 | retention_days = 7
      |                  ^ expected 31 to 3650: event ids must outlive the 30 days for which Stripe lists them

    error: unknown key `limits.decline_rat`
     --> /etc/zenstripe/zenstripe.toml:5:1
      |
    5 | decline_rat = 0.5
      | ^^^^^^^^^^^ did you mean `decline_rate`?
      |
      = help: known here are: charges_per_hour, decline_rate, same_customer_minutes, amount_per_hour

    error: the public and the console listener are both on port 9480
     --> /etc/zenstripe/zenstripe.d/10-site.toml:2:11
      |
    2 | console = "127.0.0.1:9480"
      |           ^^^^^^^^^^^^^^^^ expected two different addresses

    error: `listen.public_url` is not encrypted, and `stripe.mode` is "live"
     --> /etc/zenstripe/zenstripe.d/20-live.toml:2:21
      |
    1 | stripe.mode = "live"
      |               ------ `stripe.mode` is set here
    2 | listen.public_url = "http://pay.example.com"
      |                     ^^^^^^^^^^^^^^^^^^^^^^^^ expected an address that begins with https://
    "#);
    assert_eq!(problems.count(), 4);
}

#[test]
fn a_misplaced_secret_is_refused_and_not_shown() {
    let text = "[stripe]\nsecret_key_file = \"sk_live_51H8abcdEFGH5678\"\naccount = \"rk_test_51H8abcdEFGH5678\"\n\n[zenskar]\napi_token = \"hunter2hunter2\"\n";
    let problems = parse_all(&[(MAIN, text)]).unwrap_err();
    insta::assert_snapshot!(problems, @r#"
    error: `stripe.secret_key_file` is the secret itself, which never stands in this file
     --> /etc/zenstripe/zenstripe.toml:2:19
      |
    2 | secret_key_file = "sk_live_****************"
      |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^ expected a path, or the name of a systemd credential

    error: `stripe.account` cannot be "rk_test_****************"
     --> /etc/zenstripe/zenstripe.toml:3:11
      |
    3 | account = "rk_test_****************"
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^ expected an id such as "acct_1A2b3C"

    error: unknown key `zenskar.api_token`
     --> /etc/zenstripe/zenstripe.toml:6:1
      |
    6 | api_token = "**************"
      | ^^^^^^^^^ not a setting of this program
      |
      = help: known here are: api_base, requests_per_second, settle, organisation, api_key_file, webhook_secret_file, kind, native_stripe, owners, minor_units, consolidation
    "#);
    for shown in [
        problems.to_string(),
        problems.render(true),
        format!("{problems:?}"),
        problems.lines().collect(),
    ] {
        assert!(
            !shown.contains("51H8") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}

#[test]
fn a_secret_that_is_a_key_is_not_shown() {
    let text = "[stripe]\nsk_live_51H8abcdEFGH5678 = 1\n";
    let problems = parse_all(&[(MAIN, text)]).unwrap_err();
    let lines: String = problems.lines().collect();
    for shown in [problems.to_string(), format!("{problems:?}"), lines] {
        assert!(!shown.contains("51H8"), "{shown}");
    }
}

#[test]
fn bad_values_are_refused_one_by_one() {
    let text = r#"
[stripe]
api_base = "api.stripe.com"
api_version = "latest"
requests_per_second = 0
client_id = "acct_1"
webhook_secret_files = ["a", 5, "a/"]
[zenskar]
requests_per_second = 10
settle = "-2m"
owners = { links = "me" }
minor_units = { jpy = 0, KWD = 300 }
[listen]
public = "localhost:9480"
tls = { certificate = "cert.pem", kay = "x" }
[store]
retention_days = 100000
[customers]
fields = ["name", "mail"]
conflict = { email = "both", mail = "stripe", default = 1 }
metadata = { zenstripe_id = "a", ok = "", tier = "users", level = "shipping_name" }
[events]
poll = "often"
[payments]
time_zone = "Mars/Olympus"
links = "yes"
[transfers]
hold = { ach = "1mo", wire = "400d" }
[limits]
amount_per_hour = { USD = 1.5 }
"#;
    insta::assert_snapshot!(lines(text).join("\n"), @r#"
    3:12: `stripe.api_base` has no scheme: expected an address such as "https://example.com"
    4:15: `stripe.api_version` cannot be "latest": expected a version such as "2026-05-27.dahlia"
    5:23: `stripe.requests_per_second` cannot be 0: expected 1 to 1000
    6:13: `stripe.client_id` cannot be "acct_1": expected an id such as "ca_1A2b3C"
    7:30: `stripe.webhook_secret_files` has an entry that is an integer: expected a path, or the name of a systemd credential
    9:23: `zenskar.requests_per_second` is an integer: expected a table of start, max
    10:10: `zenskar.settle` cannot be negative: expected a duration such as "30s", "2m" or "5d"
    11:20: `zenskar.owners.links` cannot be "me": expected "zenstripe" or "zenskar"
    12:17: `zenskar.minor_units` cannot have an entry "jpy": expected a currency such as USD
    12:32: `zenskar.minor_units` has an entry `KWD` that cannot be 300: expected a smaller number
    14:10: `listen.public` cannot be "localhost:9480": expected an address with a port such as "127.0.0.1:9480" or "[::]:9480"
    15:7: `listen.tls` has no `key`: expected a path, or the name of a systemd credential
    15:35: `listen.tls` cannot have an entry "kay": expected `certificate` or `key`
    17:18: `store.retention_days` cannot be 100000: expected a smaller number
    19:19: `customers.fields` has an entry that cannot be "mail": expected "name", "email", "phone", "address", "shipping.name", "shipping.phone", "shipping.address", "locale" or "tax_ids"
    20:22: `customers.conflict` has an entry `email` that cannot be "both": expected "ask", "stripe", "zenskar" or "newest"
    20:30: `customers.conflict` cannot have an entry "mail": expected "name", "email", "phone", "address", "shipping.name", "shipping.phone", "shipping.address", "locale" or "tax_ids"
    20:57: `customers.conflict` has an entry `default` that is an integer: expected "ask", "stripe", "zenskar" or "newest"
    21:14: `customers.metadata` cannot have an entry "zenstripe_id": keys that begin with `zenstripe` are our own
    21:39: `customers.metadata` has an entry `ok` that cannot be "": a key of custom_data has 1 to 100 characters
    21:50: `customers.metadata` has an entry `tier` that cannot be "users": `users` means something to Zenskar itself
    21:67: `customers.metadata` has an entry `level` that cannot be "shipping_name": `shipping_name` holds the field `shipping.name`
    23:8: `events.poll` cannot be "often": expected "adaptive", "off" or a duration such as "30s"
    25:13: `payments.time_zone` cannot be "Mars/Olympus": expected the name of a time zone such as "Europe/Berlin"
    26:9: `payments.links` is a string: expected true or false
    28:16: `transfers.hold.ach` cannot be "1mo": its length varies: expected a duration such as "30s", "2m" or "5d"
    28:30: `transfers.hold.wire` cannot be "400d": more than a year: expected a duration such as "30s", "2m" or "5d"
    30:27: `limits.amount_per_hour` has an entry `USD` that is a number with a fraction: expected a whole number
    "#);
}

#[test]
fn settings_that_disagree_are_refused() {
    let text = r#"
[stripe]
mode = "live"
api_base = "http://127.0.0.1:12111"
secret_key_file = "stripe-secret-key"
[zenskar]
requests_per_second = { start = 60 }
native_stripe = "present"
owners = { links = "zenskar" }
[listen]
public = "0.0.0.0:9481"
[customers]
sync = "import-and-export"
metadata = { a = "x", b = "x" }
[alerts]
url = "http://alerts.example.com"
"#;
    insta::assert_snapshot!(lines(text).join("\n"), @r#"
    4:12: `stripe.api_base` is not encrypted, and `stripe.mode` is "live": expected an address that begins with https://
    5:19: `stripe.secret_key_file` is set, and neither `stripe.account` nor `stripe.client_id`: expected the account whose key this is, or the client for OAuth
    7:33: the rate starts at 60 and must not exceed 50: expected start <= max
    8:17: `zenskar.native_stripe` is "present" and `zenskar.owners.charge` is not set: expected one owner for each of links, charge and transfers
    8:17: `zenskar.native_stripe` is "present" and `zenskar.owners.transfers` is not set: expected one owner for each of links, charge and transfers
    11:10: the public and the console listener are both on port 9481: expected two different addresses
    13:8: `customers.sync` is "import-and-export" and `customers.fields` is not set: expected a list of the fields that travel both ways
    14:12: `customers.metadata` maps two keys to one: expected a different Zenskar key for each Stripe key
    16:7: `alerts.url` is not encrypted, and `stripe.mode` is "live": expected an address that begins with https://
    "#);
}

#[test]
fn nothing_to_notice_changes_by_is_refused() {
    insta::assert_snapshot!(refused("listen.public = \"\"\nevents.poll = \"off\"\n"), @r#"
    error: no change would ever be noticed
     --> /etc/zenstripe/zenstripe.toml:2:15
      |
    1 | listen.public = ""
      |                 -- `listen.public` is set here
    2 | events.poll = "off"
      |               ^^^^^ expected polling where `listen.public` is ""
    "#);
    assert!(parse_all(&[(MAIN, "listen.public = \"\"\n")]).is_ok());
}

#[test]
fn a_bad_value_does_not_raise_what_depends_on_it() {
    let text = "customers.sync = \"import-and-export\"\ncustomers.fields = [\"mail\"]\n";
    assert_eq!(lines(text).len(), 1);
}

#[test]
fn later_files_win_key_by_key() {
    let loaded = parse_all(&[
        (
            MAIN,
            "[stripe]\naccount = \"acct_1-a_B\"\n[zenskar.requests_per_second]\nstart = 7\n\
             [customers]\nconflict = { default = \"stripe\", email = \"zenskar\" }\n\
             metadata = { a = \"x\", b = \"y\" }\n",
        ),
        (
            "/etc/zenstripe/zenstripe.d/10.toml",
            "stripe.account = \"\"\nzenskar.requests_per_second = { max = 9 }\n\
             customers.metadata.b = \"z\"\ncustomers.conflict.phone = \"ask\"\n",
        ),
    ])
    .unwrap();
    let config = &loaded.config;
    assert_eq!(config.stripe.account, None);
    let rate = config.zenskar.requests_per_second;
    assert_eq!((rate.start, rate.max), (7, 9));
    let metadata: Vec<_> = config
        .customers
        .metadata
        .values()
        .map(crate::config::CustomDataKey::as_str)
        .collect();
    assert_eq!(metadata, ["x", "z"]);
    assert_eq!(
        config.customers.conflict.winner(Field::Email),
        Winner::Zenskar
    );
    assert_eq!(config.customers.conflict.winner(Field::Phone), Winner::Ask);
    assert_eq!(
        config.customers.conflict.winner(Field::Name),
        Winner::Stripe
    );

    let origin = |path| loaded.origin(path).to_string();
    assert_eq!(
        origin("zenskar.requests_per_second.start"),
        "/etc/zenstripe/zenstripe.toml:4"
    );
    assert_eq!(
        origin("zenskar.requests_per_second.max"),
        "/etc/zenstripe/zenstripe.d/10.toml:2"
    );
    assert_eq!(
        origin("customers.metadata"),
        "/etc/zenstripe/zenstripe.d/10.toml:3"
    );
    assert_eq!(origin("store.path"), "default");
}

#[test]
fn a_word_resets_the_exceptions_of_earlier_files() {
    let loaded = parse_all(&[
        (MAIN, "customers.conflict = { email = \"zenskar\" }"),
        (
            "/etc/zenstripe/zenstripe.d/10.toml",
            "customers.conflict = \"ask\"",
        ),
    ])
    .unwrap();
    assert_eq!(
        loaded.config.customers.conflict.winner(Field::Email),
        Winner::Ask
    );
}

#[test]
fn relative_paths_start_at_the_configuration() {
    let text = "stripe.account = \"acct_1\"\nstore.path = \"data/z.redb\"\nlisten.socket = \"z.sock\"\n\
                stripe.secret_key_file = \"keys/stripe\"\nzenskar.api_key_file = \"zenskar\"\n\
                listen.tls = { certificate = \"c.pem\", key = \"./k.pem\" }\n";
    let config = parse_all(&[(MAIN, text)]).unwrap().config;
    assert_eq!(config.store.path, Path::new("/etc/zenstripe/data/z.redb"));
    assert_eq!(config.listen.socket, Path::new("/etc/zenstripe/z.sock"));
    let path = |path: &str| SecretRef::Path(path.into());
    assert_eq!(
        config.stripe.secret_key_file,
        Some(path("/etc/zenstripe/keys/stripe"))
    );
    assert_eq!(
        config.zenskar.api_key_file,
        Some(SecretRef::Name("zenskar".to_owned()))
    );
    let tls = config.listen.tls.unwrap();
    assert_eq!(tls.certificate, Path::new("/etc/zenstripe/c.pem"));
    assert_eq!(tls.key, path("/etc/zenstripe/./k.pem"));
}

#[test]
fn durations_and_numbers_are_read_as_people_write_them() {
    let text = "zenskar.settle = \"1m 30s\"\ntransfers.hold = { ach = \"1 week\", wire = \"12h\" }\n\
                events.poll = \"45s\"\nlimits.decline_rate = 1\nlimits.charges_per_hour = 1_000\n\
                zenskar.owners.links = \"zenskar\"\nstripe.requests_per_second = 0x10\n";
    let config = parse_all(&[(MAIN, text)]).unwrap().config;
    assert_eq!(config.zenskar.settle, Duration::from_secs(90));
    assert_eq!(
        config.transfers.hold.ach,
        Duration::from_secs(7 * 24 * 60 * 60)
    );
    assert_eq!(
        config.transfers.hold.wire,
        Duration::from_secs(12 * 60 * 60)
    );
    assert_eq!(
        config.events.poll,
        crate::config::Poll::Every(Duration::from_secs(45))
    );
    assert!((config.limits.decline_rate - 1.0).abs() < f64::EPSILON);
    assert_eq!(config.limits.charges_per_hour, 1000);
    assert_eq!(config.stripe.requests_per_second, 16);
}

#[test]
fn without_a_file_people_are_told_what_to_do() {
    let error = load(Path::new("/nonexistent/zenstripe.toml")).unwrap_err();
    insta::assert_snapshot!(error, @r#"
    no configuration at /nonexistent/zenstripe.toml
      1. zenstripe --config /nonexistent/zenstripe.toml init     writes a commented one and files for keys
      2. put the Stripe and Zenskar API keys into the files it names
      3. zenstripe --config /nonexistent/zenstripe.toml check    says what is still missing
      4. zenstripe --config /nonexistent/zenstripe.toml run      or: systemctl start zenstripe
    "#);
}

#[test]
fn files_are_read_in_byte_order_and_hidden_ones_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("site.toml");
    fs::write(&path, "[store]\nretention_days = 40\n").unwrap();
    assert_eq!(load(&path).unwrap().files, [path.as_path()]);

    let drop_ins = directory.path().join("site.d");
    fs::create_dir(&drop_ins).unwrap();
    for (name, days) in [
        ("9.toml", 49),
        ("10.toml", 41),
        ("B.toml", 44),
        ("a.toml", 45),
        (".#a.toml", 1),
        ("a.toml~", 2),
    ] {
        fs::write(
            drop_ins.join(name),
            format!("[store]\nretention_days = {days}\n"),
        )
        .unwrap();
    }
    let loaded = load(&path).unwrap();
    let names: Vec<_> = loaded
        .files
        .iter()
        .filter_map(|path| path.file_name())
        .collect();
    assert_eq!(
        names,
        ["site.toml", "10.toml", "9.toml", "B.toml", "a.toml"]
    );
    assert_eq!(loaded.config.store.retention_days, 45);

    let before = loaded.fingerprint;
    fs::remove_file(drop_ins.join("a.toml~")).unwrap();
    assert_eq!(load(&path).unwrap().fingerprint, before);
    fs::remove_file(drop_ins.join("B.toml")).unwrap();
    assert_ne!(load(&path).unwrap().fingerprint, before);
}

#[test]
fn what_cannot_be_read_is_said_with_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("z.toml");
    fs::write(&path, b"\xff").unwrap();
    assert!(matches!(load(&path), Err(LoadError::Unreadable { path: said, .. }) if said == path));
    fs::write(&path, "#".repeat(1024 * 1024 + 1)).unwrap();
    assert!(matches!(load(&path), Err(LoadError::Unreadable { .. })));
    fs::write(&path, "").unwrap();
    fs::create_dir(directory.path().join("z.d")).unwrap();
    std::os::unix::fs::symlink("nowhere", directory.path().join("z.d/1.toml")).unwrap();
    let error = load(&path).unwrap_err();
    assert!(matches!(&error, LoadError::Unreadable { path, .. } if path.ends_with("z.d/1.toml")));
}

proptest::proptest! {
    /// Whatever is in the file, there is an answer, and it can be printed.
    #[test]
    fn nothing_in_a_file_is_fatal(text in "(\\[?[a-z_]{1,9}\\]?( = |\\.|\n)?[\"{\\[]?[-0-9a-zé\"#=,{}\n]{0,6}){0,9}") {
        if let Err(problems) = parse_all(&[(MAIN, &text)]) {
            proptest::prop_assert!(problems.count() > 0);
            proptest::prop_assert!(!problems.to_string().is_empty());
            proptest::prop_assert_eq!(problems.lines().count(), problems.count());
        }
    }
}
