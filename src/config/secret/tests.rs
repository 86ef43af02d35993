//! Where secrets are found, when they are refused, and that they are never printed.

use std::fs;

use super::*;

struct Scene {
    directory: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("credentials")).unwrap();
        Self { directory }
    }

    fn write(&self, name: &str, content: &str, mode: u32) {
        let path = self.directory.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn resolve(&self, text: &str) -> Result<Resolved, SecretError> {
        let credentials = self.directory.path().join("credentials");
        let config = self.directory.path();
        SecretRef::parse(text).unwrap().resolve(Places {
            config,
            credentials: Some(&credentials),
        })
    }
}

#[test]
fn a_secret_prints_as_a_digest() {
    let secret = Secret::new("sk_test_1234");
    assert_eq!(format!("{secret}"), format!("{secret:?}"));
    insta::assert_snapshot!(secret, @r#"<redacted sha256:6261>"#);
    assert_eq!(secret.expose_text(), Some("sk_test_1234"));
    assert_eq!(secret, secret.clone());
    assert_ne!(secret, Secret::new("sk_test_1235"));
}

#[test]
fn a_path_is_read_live_and_without_its_newline() {
    let scene = Scene::new();
    for (content, expected) in [
        ("a", "a"),
        ("a\n", "a"),
        ("a\r\n", "a"),
        ("a b \n\n", "a b \n"),
    ] {
        scene.write("key", content, 0o600);
        let resolved = scene.resolve("./key").unwrap();
        assert_eq!(resolved.secret, Secret::new(expected));
        assert!(resolved.live);
    }
}

#[test]
fn a_name_is_a_credential_first_and_waits_for_a_restart() {
    let scene = Scene::new();
    scene.write("key", "beside", 0o600);
    let beside = scene.resolve("key").unwrap();
    assert_eq!(
        (beside.secret.expose_text(), beside.live),
        (Some("beside"), true)
    );

    // systemd's own modes are not for us to judge.
    scene.write("credentials/key", "credential", 0o440);
    let credential = scene.resolve("key").unwrap();
    assert_eq!(
        (credential.secret.expose_text(), credential.live),
        (Some("credential"), false)
    );
    assert!(!scene.resolve("credentials/key").unwrap().live);
}

#[test]
fn what_others_can_read_is_refused() {
    let scene = Scene::new();
    for mode in [0o640, 0o604, 0o660, 0o601] {
        scene.write("key", "a", mode);
        let error = scene.resolve("key").unwrap_err();
        assert!(matches!(error, SecretError::Exposed { mode: seen, .. } if seen == mode));
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn what_holds_no_secret_is_refused() {
    let scene = Scene::new();
    for empty in ["", "\n", " \r\n"] {
        scene.write("key", empty, 0o600);
        assert!(
            matches!(scene.resolve("key"), Err(SecretError::Empty { .. })),
            "{empty:?}"
        );
    }
    scene.write("key", &"x".repeat(SECRET_BYTES_MAX + 1), 0o600);
    assert!(matches!(
        scene.resolve("key"),
        Err(SecretError::TooLong { .. })
    ));
    assert!(matches!(
        scene.resolve("./credentials"),
        Err(SecretError::NotAFile { .. })
    ));
    assert!(matches!(
        scene.resolve("nothing"),
        Err(SecretError::Read { .. })
    ));
    for bad in ["", ".", "..", "a\0b"] {
        assert_eq!(SecretRef::parse(bad), None);
    }
}

#[test]
fn a_key_must_be_of_the_mode() {
    let kind = |key: &str, mode| stripe_key_kind(&Secret::new(key), mode);
    assert_eq!(kind("sk_test_1", Mode::Test), Ok(StripeKeyKind::Secret));
    assert_eq!(kind("rk_live_1", Mode::Live), Ok(StripeKeyKind::Restricted));
    let error = kind("sk_live_1", Mode::Test).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the key is for live mode, `stripe.mode` is \"test\""
    );
    let error = kind("pk_test_1", Mode::Test).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the key does not begin with sk_test_ or rk_test_"
    );
}

#[test]
fn an_organisation_is_a_sandbox_by_its_key() {
    assert_eq!(
        organisation_kind(&Secret::new("sandbox_1")),
        OrganisationKind::Sandbox
    );
    assert_eq!(
        organisation_kind(&Secret::new("1sandbox_")),
        OrganisationKind::Live
    );
}
