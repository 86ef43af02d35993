//! How the daemon starts, refuses to, and ends.

use crate::support::{WEBHOOKS, World};

/// Runs the daemon until it ends by itself; its exit code and what it said.
async fn refused(world: &World) -> (Option<i32>, String) {
    let output = world.output(&["run"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[tokio::test]
async fn a_second_instance_is_told_that_the_store_is_in_use() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let daemon = world.start().await;
    let (code, said) = refused(&world).await;
    assert_eq!(code, Some(75), "{said}");
    assert!(
        said.contains("the store is open in another process"),
        "{said}"
    );
    assert!(daemon.stop().await.unwrap().success());
    world.start().await.stop().await.unwrap();
}

#[tokio::test]
async fn a_store_of_another_organisation_is_refused() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    world.start().await.stop().await.unwrap();
    let organisation = zenstripe_sandbox::Options::default().organisation;
    let text = world.place.config_text(WEBHOOKS);
    let text = text.replace(&organisation, "another-organisation");
    world.place.put_config(&text).unwrap();
    let (code, said) = refused(&world).await;
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("belongs to Stripe account"), "{said}");
}

#[tokio::test]
async fn a_key_of_another_account_is_refused() {
    let world = World::new().await;
    let text = world.place.config_text(WEBHOOKS);
    let text = text.replace(zenstripe_sandbox::ACCOUNT, "acct_1Another");
    world.place.put_config(&text).unwrap();
    let (code, said) = refused(&world).await;
    assert_eq!(code, Some(78), "{said}");
    let wanted = format!(
        "the Stripe key opens account {}",
        zenstripe_sandbox::ACCOUNT
    );
    assert!(said.contains(&wanted), "{said}");
}

#[tokio::test]
async fn what_this_version_does_not_do_is_refused_with_its_key() {
    let world = World::new().await;
    for (more, key) in [
        (
            "[payments]\nauto_charge = \"when-due\"\n",
            "payments.auto_charge",
        ),
        ("[payments]\nlinks = true\n", "payments.links"),
    ] {
        world.configure(more);
        let (code, said) = refused(&world).await;
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains(key), "{said}");
        assert!(said.contains("not available in this version"), "{said}");
    }
}

#[tokio::test]
async fn remotes_that_do_not_answer_keep_nothing_from_starting() {
    let mut world = World::new().await;
    // The discard port: nothing listens there.
    let nobody = ([127, 0, 0, 1], 9).into();
    world.place.remotes = (nobody, nobody);
    world.configure(WEBHOOKS);
    let daemon = world.start().await;
    let doctor = world.output(&["doctor"]).await;
    assert_eq!(doctor.status.code(), Some(69), "{doctor:?}");
    assert!(daemon.stop().await.unwrap().success());
}

#[tokio::test]
async fn an_interrupt_ends_it_in_order() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let mut daemon = world.start().await;
    daemon.signal("INT").await.unwrap();
    assert_eq!(daemon.wait().await.unwrap().code(), Some(0));
    assert!(!world.place.directory.join("zenstripe.sock").exists());
    let check = world.output(&["check"]).await;
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(said.contains("has schema"), "the store was closed: {said}");
}

#[tokio::test]
async fn the_key_file_is_made_once_and_has_to_stay() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let check = world.output(&["check"]).await;
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(
        said.contains("zenstripe.key is made at the first start"),
        "{said}"
    );
    world.start().await.stop().await.unwrap();
    let path = world.place.directory.join("zenstripe.key");
    let key = std::fs::read(&path).unwrap();
    world.start().await.stop().await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), key);
    let check = world.output(&["check"]).await;
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(said.contains("zenstripe.key holds a key"), "{said}");

    // Another one opens nothing; a missing one is not made again.
    std::fs::write(&path, [1; 32]).unwrap();
    let (code, said) = refused(&world).await;
    assert_eq!(code, Some(78), "{said}");
    let wanted = "the key file is not the one this store was sealed with; restore it";
    assert!(said.contains(wanted), "{said}");
    std::fs::remove_file(&path).unwrap();
    let (code, said) = refused(&world).await;
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("there is no key file"), "{said}");
    assert!(!path.exists());

    world.place.write_secret("zenstripe.key", "short").unwrap();
    let (code, said) = refused(&world).await;
    assert_eq!(code, Some(78), "{said}");
    let doctor = world.output(&["doctor"]).await;
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("less than a key of 32 bytes"), "{said}");
}
