//! What the commands print, and how they end.

use crate::support::{WEBHOOKS, World};
use std::process::Stdio;
use tokio::process::Command;

/// Output and exit code, without what differs from run to run.
async fn told(world: &World, arguments: &[&str]) -> String {
    let output = world.output(arguments).await;
    let text = format!(
        "{}{}exit {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        output.status.code().unwrap()
    );
    text.replace(&*world.place.directory.to_string_lossy(), "DIR")
}

#[tokio::test]
async fn without_a_daemon_commands_say_how_to_start_one() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    insta::assert_snapshot!(told(&world, &["status"]).await, @r#"
    error: zenstripe does not run: nothing listens on DIR/zenstripe.sock
    hint: start it: systemctl start zenstripe, or: zenstripe --config DIR/zenstripe.toml run
    exit 4
    "#);
    let json = told(&world, &["dead", "list", "--json"]).await;
    assert!(json.contains(r#""code":"not_running""#), "{json}");
}

#[tokio::test]
async fn a_configuration_is_checked_with_every_problem() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    insta::assert_snapshot!(told(&world, &["check"]).await, @r#"
    note: `events.poll` is "off": an event whose webhook is lost is lost
    store: DIR/zenstripe.redb is made at the first start
    key: DIR/zenstripe.key is made at the first start
    ok: the configuration can be used
    exit 0
    "#);
    std::fs::write(
        world.place.config(),
        "[stripe]\nmod = \"test\"\n[listen]\npublic = 7\n",
    )
    .unwrap();
    insta::assert_snapshot!(told(&world, &["check"]).await, @r#"
    error: unknown key `stripe.mod`
     --> DIR/zenstripe.toml:2:1
      |
    2 | mod = "test"
      | ^^^ did you mean `mode`?
      |
      = help: known here are: mode, api_base, connect_base, api_version, requests_per_second, secret_key_file, client_id, account, webhook_secret_files

    error: `listen.public` is an integer
     --> DIR/zenstripe.toml:4:10
      |
    4 | public = 7
      |          ^ expected an address with a port such as "127.0.0.1:9480" or "[::]:9480"
    error: 2 problems in the configuration DIR/zenstripe.toml
    hint: correct it and run: zenstripe --config DIR/zenstripe.toml check
    exit 78
    "#);
    std::fs::write(world.place.config(), "").unwrap();
    insta::assert_snapshot!(told(&world, &["run"]).await, @r"
    error: DIR/zenstripe.toml names no keys yet
      1. put a Stripe key (sk_… or rk_…) into a file of mode 600: `stripe.secret_key_file`
      2. write the account's id, acct_…: `stripe.account`
      3. put a Zenskar API key into a file of mode 600: `zenskar.api_key_file`
      4. write the organisation's id: `zenskar.organisation`
      5. zenstripe --config DIR/zenstripe.toml check     says what is still missing
    exit 78
    ");
    std::fs::remove_file(world.place.config()).unwrap();
    insta::assert_snapshot!(told(&world, &["run"]).await, @r"
    error: no configuration at DIR/zenstripe.toml
      1. zenstripe --config DIR/zenstripe.toml init     writes a commented one and files for keys
      2. put the Stripe and Zenskar API keys into the files it names
      3. zenstripe --config DIR/zenstripe.toml check    says what is still missing
      4. zenstripe --config DIR/zenstripe.toml run      or: systemctl start zenstripe
    exit 78
    ");
}

#[tokio::test]
async fn secrets_that_others_can_read_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let key = world.place.directory.join("zenskar-key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    insta::assert_snapshot!(told(&world, &["check"]).await, @r#"
    error: DIR/zenstripe.toml:10: `zenskar.api_key_file`: the secret DIR/zenskar-key can be read by others (mode 0644); run: chmod 600 DIR/zenskar-key
      fix: chmod 600 DIR/zenskar-key
    note: `events.poll` is "off": an event whose webhook is lost is lost
    store: DIR/zenstripe.redb is made at the first start
    key: DIR/zenstripe.key is made at the first start
    error: 1 problem in the configuration DIR/zenstripe.toml
    hint: correct it and run: zenstripe --config DIR/zenstripe.toml check
    exit 78
    "#);
}

#[tokio::test]
async fn empty_lists_say_so() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let _daemon = world.start().await;
    let mut all = String::new();
    for arguments in [
        &["dead", "list"][..],
        &["dead", "dropped"],
        &["dead", "reasons"],
        &["events", "list"],
        &["customers", "list"],
        &["customers", "list", "--unlinked"],
        &["customers", "list", "--differing"],
        &["customers", "show", "cus_none"],
        &["events", "show", "evt_none"],
        &["dead", "retry", "7"],
        &["dead", "drop", "--all"],
        &["dead", "take-back", "7"],
        &["customers", "unlink", "cus_none"],
    ] {
        let told = told(&world, arguments).await;
        all.push_str(&told);
        all.push('\n');
    }
    insta::assert_snapshot!(all, @r"
    no dead letters
    exit 0
    nothing was dropped
    exit 0
    no dead letters
    exit 0
    no events yet
    exit 0
    no linked customers
    exit 0
    no customers wait for a link
    exit 0
    no differences
    exit 0
    error: no customer cus_none is linked or waits for a link
    exit 1
    error: no event evt_none is in the inbox
    exit 1
    error: there is no dead letter 7
    exit 1
    0 dropped
    exit 0
    error: no dropped letter has the number 7
    exit 1
    error: cus_none is not linked
    exit 1
    ");
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let _daemon = world.start().await;
    let made = told(
        &world,
        &["token", "create", "--role", "viewer", "--name", "ci"],
    )
    .await;
    assert!(
        made.starts_with("made the token ci (viewer), which works until "),
        "{made}"
    );
    let token = made
        .split_whitespace()
        .find(|word| word.starts_with("zst_"));
    let token = token.unwrap().to_owned();
    assert!(
        made.contains("shown this once") && made.ends_with("exit 0"),
        "{made}"
    );
    let list = told(&world, &["token", "list"]).await;
    assert!(list.starts_with("NUMBER"), "{list}");
    let row: Vec<&str> = list.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..3], ["1", "ci", "viewer"], "{list}");
    assert!(list.contains("  in ") && list.contains("  never"), "{list}");
    assert!(!list.contains(&token), "{list}");
    let mut all = String::new();
    for arguments in [
        &["token", "create", "--role", "viewer", "--name", "ci"][..],
        &["token", "create", "--role", "viewer", "--name", "12"],
        &["token", "create", "--role", "viewer", "--ttl", "never"],
        &["token", "revoke", "1"],
        &["token", "revoke", "ci"],
        &["token", "list"],
        &["console", "--sessions"],
        &["console", "--sign-out", "0123456789abcdef"],
    ] {
        all.push_str(&told(&world, arguments).await);
        all.push('\n');
    }
    insta::assert_snapshot!(all, @r#"
    error: a token is called ci already
    hint: revoke it first, or take another name
    exit 1
    error: "12" cannot be a token's name: expected letters, digits, "-", "_" and ".", at most 40, beginning with a letter or digit, and not digits alone
    exit 2
    error: invalid value 'never' for '--ttl <SPAN>': expected a span such as 12h or 90d, at most 366d: every token ends

    For more information, try '--help'.
    exit 2
    the token ci lets nobody in any more
    exit 0
    error: there is no token ci; it may be revoked already
    exit 1
    no tokens
    exit 0
    nobody is signed in
    exit 0
    error: there is no session 0123456789abcdef; it may have ended
    exit 1
    "#);
}

#[tokio::test]
async fn a_console_that_others_reach_in_the_clear_is_refused() {
    let world = World::new().await;
    let text = world.place.config_text(WEBHOOKS);
    let text = text.replace("console = \"127.0.0.1:0\"", "console = \"0.0.0.0:0\"");
    world.place.put_config(&text).unwrap();
    insta::assert_snapshot!(told(&world, &["check"]).await, @r#"
    error: `listen.console` can be reached from other machines, and is not encrypted
      --> DIR/zenstripe.toml:15:11
       |
    15 | console = "0.0.0.0:0"
       |           ^^^^^^^^^^^ expected 127.0.0.1 or [::1]; else set `listen.tls`, or `listen.console_behind_proxy = true` with a proxy in front that speaks TLS
    error: 1 problem in the configuration DIR/zenstripe.toml
    hint: correct it and run: zenstripe --config DIR/zenstripe.toml check
    exit 78
    "#);
    let text = text.replace("[listen]\n", "[listen]\nconsole_behind_proxy = true\n");
    world.place.put_config(&text).unwrap();
    let check = told(&world, &["check"]).await;
    assert!(check.ends_with("exit 0"), "{check}");
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_failure() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let _daemon = world.start().await;
    for arguments in ["config show", "events list", "--help"] {
        let program = world.place.binary.display();
        let config = world.place.config();
        let line = format!(
            "{program} --config {} {arguments} | true; exit ${{PIPESTATUS[0]}}",
            config.display()
        );
        let shell = Command::new("bash")
            .args(["-c", &line])
            .stderr(Stdio::piped())
            .output();
        let output = shell.await.unwrap();
        assert!(output.status.success(), "{arguments}: {output:?}");
        assert!(output.stderr.is_empty(), "{arguments}: {output:?}");
    }
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_is_a_usage_error() {
    let world = World::new().await;
    for arguments in [
        &["nonsense"][..],
        &["dead", "retry"],
        &["events", "list", "--limit", "0"],
        &[],
    ] {
        let output = world.output(arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(world.output(&["version"]).await.status.code(), Some(0));
    assert_eq!(world.output(&["--version"]).await.status.code(), Some(0));
}

#[tokio::test]
async fn a_first_configuration_says_what_it_still_needs() {
    let world = World::new().await;
    let path = world.place.directory.join("first").join("zenstripe.toml");
    std::fs::create_dir(world.place.directory.join("first")).unwrap();
    let config = path.to_string_lossy().into_owned();
    let init = told(&world, &["--config", &config, "init"]).await;
    assert!(init.ends_with("exit 0"), "{init}");
    let again = told(&world, &["--config", &config, "init"]).await;
    assert!(again.ends_with("exit 1"), "{again}");
    let check = told(&world, &["--config", &config, "check"]).await;
    assert!(
        check.contains("neither `stripe.account` nor `stripe.client_id`"),
        "{check}"
    );
    assert!(check.ends_with("exit 78"), "{check}");
}
