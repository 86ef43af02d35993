//! The example file against the program: defaults, examples, and the table of keys.

use std::path::Path;

use super::keys::KEYS;
use super::load::parse;
use super::problem::Source;
use super::*;

fn loaded(text: &str) -> Loaded {
    let path = Path::new("/etc/zenstripe/zenstripe.toml");
    let source = Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    parse(path, &[source]).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The example with every setting that ships as a comment switched on.
fn everything() -> String {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if is_setting(rest) => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `name = …`, which prose does not look like.
fn is_setting(text: &str) -> bool {
    text.split_once(" = ").is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    })
}

#[test]
fn the_defaults_are_the_uncommented_lines() {
    let shipped = loaded(EXAMPLE);
    assert_eq!(shipped.config, Config::default());
    assert_eq!(loaded("").config, Config::default());
}

#[test]
fn every_key_stands_in_the_example() {
    let shipped = loaded(EXAMPLE);
    let everything = loaded(&everything());
    for key in KEYS {
        assert!(
            everything.origins.contains_key(key.path),
            "{} is not in the example",
            key.path
        );
        let unset = key
            .show(&Config::default())
            .is_none_or(|value| value == "[]");
        // The address is written, so that people see where it goes.
        let written = shipped.origins.contains_key(key.path);
        assert_eq!(
            written,
            !unset || key.path == "listen.public_url",
            "{}",
            key.path
        );
    }
}

#[test]
fn the_examples_are_valid_all_together() {
    let config = loaded(&everything()).config;
    assert_eq!(config.stripe.client_id.as_deref(), Some("ca_1A2b3C4d5E6f"));
    assert_eq!(config.zenskar.native_stripe, Some(NativeStripe::Off));
    assert_eq!(
        config
            .zenskar
            .minor_units
            .get(&CurrencyCode::parse("JPY").unwrap()),
        Some(&0)
    );
    assert_eq!(
        config.customers.fields,
        Some(vec![
            Field::Name,
            Field::Email,
            Field::Phone,
            Field::Address
        ])
    );
    assert_eq!(
        config.limits.amount_per_hour.values().next(),
        Some(&10_000_000)
    );
    let tls = config.listen.tls.unwrap();
    assert_eq!(
        tls.key,
        SecretRef::Path("/etc/zenstripe/tls/key.pem".into())
    );
    assert_eq!(
        config.store.key_file,
        Some(SecretRef::Name("zenstripe-store-key".to_owned()))
    );
}

/// What `config show` prints can be put into a file and means the same.
#[test]
fn shown_values_read_back_as_themselves() {
    let mut config = loaded(&everything()).config;
    config
        .customers
        .conflict
        .fields
        .insert(Field::TaxIds, Winner::Newest);
    config.customers.metadata.insert(
        MetadataKey::parse("a b.c").unwrap(),
        CustomDataKey::parse("d\"e").unwrap(),
    );
    config.events.poll = Poll::Every(Duration::from_millis(90_500));
    config.limits.decline_rate = 1.0;
    let lines = KEYS
        .iter()
        .filter_map(|key| Some((key.path, key.show(&config)?)));
    let text: Vec<String> = lines
        .map(|(path, value)| format!("{path} = {value}"))
        .collect();
    assert_eq!(loaded(&text.join("\n")).config, config);
}

#[test]
fn the_file_says_which_settings_need_a_restart() {
    let mut marked = false;
    let mut section = String::new();
    for line in EXAMPLE.lines() {
        let text = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
        {
            section = name.to_owned();
            marked = false;
        } else if is_setting(text) {
            let name = text.split_once(" = ").unwrap().0;
            let path = format!("{section}.{name}");
            let group = format!("{path}.");
            for key in KEYS
                .iter()
                .filter(|k| k.path == path || k.path.starts_with(&group))
            {
                let restart = key.effect == keys::Effect::NeedsRestart;
                assert_eq!(marked, restart, "{}", key.path);
            }
        } else {
            marked = text.ends_with("(restart)") || (marked && text.is_empty());
        }
    }
}

#[test]
fn a_field_without_a_rule_follows_the_default() {
    let rule = loaded("[customers]\nconflict = { default = \"zenskar\", email = \"stripe\" }");
    let rule = rule.config.customers.conflict;
    assert_eq!(rule.winner(Field::Email), Winner::Stripe);
    assert_eq!(rule.winner(Field::Name), Winner::Zenskar);
}

#[test]
fn a_pair_of_metadata_has_a_rule_of_its_own() {
    let text = "[customers]\nmetadata = { tier = \"level\" }\n\
        conflict = { \"metadata.tier\" = \"newest\", email = \"stripe\" }";
    let rule = loaded(text).config.customers.conflict;
    let winners: Vec<_> = rule.metadata.iter().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(
        (winners[0].0.key(), *winners[0].1),
        ("tier", Winner::Newest)
    );
    let shown = value::Setting::show(&rule).unwrap();
    assert!(shown.contains("\"metadata.tier\" = \"newest\""), "{shown}");
    let unknown = "[customers]\nconflict = { \"metadata.tier\" = \"stripe\" }";
    let source = Source {
        path: Path::new("/z.toml").to_owned(),
        text: unknown.to_owned(),
    };
    let problems = parse(Path::new("/z.toml"), &[source]).unwrap_err();
    let said = problems.to_string();
    assert!(said.contains("not in `customers.metadata`"), "{said}");
}
