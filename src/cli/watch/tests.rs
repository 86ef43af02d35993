//! Real files and the real kernel. Nothing sleeps: each test waits for a state.

use std::fs;
use std::os::unix::fs::symlink;

use notify::EventKind;
use notify::event::{AccessKind, Flag, ModifyKind};

use super::*;

/// Shorter than `POLL`: what is noticed in time was told by the kernel.
const PATIENCE: Duration = Duration::from_secs(20);

const _: () = assert!(PATIENCE.as_secs() < POLL.as_secs());

struct Scene {
    directory: tempfile::TempDir,
    asked: Arc<Notify>,
    watcher: Watcher,
}

impl Scene {
    /// A watched configuration, made by `build` in an empty directory.
    async fn new(name: &str, build: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        build(directory.path());
        let path = directory.path().join(name);
        let used = load::load(&path).unwrap().fingerprint;
        let asked = Arc::new(Notify::new());
        let mut watcher = Watcher::new(&path, used, Arc::clone(&asked)).unwrap();
        // From here on events are raised; nothing rests on the first look.
        watcher.poll.tick().await;
        assert!(watcher.look().await.1.is_ok());
        Self {
            directory,
            asked,
            watcher,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn next(&mut self) -> Settled {
        timeout(PATIENCE, self.watcher.changed())
            .await
            .expect("the change is noticed")
    }

    /// Waits until the configuration has this retention; other results may come first, since a slow
    /// machine may pause in the middle of a change.
    async fn until_retention(&mut self, days: u16) {
        let settled = async {
            while self
                .watcher
                .changed()
                .await
                .loaded
                .ok()
                .map(|l| l.config.store.retention_days)
                != Some(days)
            {}
        };
        timeout(PATIENCE, settled)
            .await
            .expect("the change is noticed");
    }
}

fn retention(days: u16) -> String {
    format!("[store]\nretention_days = {days}\n")
}

fn write(path: &Path, days: u16) {
    fs::write(path, retention(days)).unwrap();
}

#[tokio::test]
async fn a_file_written_in_place_is_noticed() {
    let mut scene = Scene::new("z.toml", |dir| write(&dir.join("z.toml"), 40)).await;
    write(&scene.at("z.toml"), 41);
    scene.until_retention(41).await;
    assert_eq!(scene.watcher.degraded(), None);
}

#[tokio::test]
async fn a_file_renamed_over_is_noticed_again_and_again() {
    let mut scene = Scene::new("z.toml", |dir| write(&dir.join("z.toml"), 40)).await;
    for days in 41..44 {
        write(&scene.at(".z.toml.swp"), days);
        fs::rename(scene.at(".z.toml.swp"), scene.at("z.toml")).unwrap();
        scene.until_retention(days).await;
    }
}

#[tokio::test]
async fn a_file_moved_away_and_written_anew_is_noticed() {
    let mut scene = Scene::new("z.toml", |dir| write(&dir.join("z.toml"), 40)).await;
    fs::rename(scene.at("z.toml"), scene.at("z.toml~")).unwrap();
    let missing = scene.next().await.loaded;
    assert!(
        matches!(missing, Err(LoadError::Missing { .. })),
        "{missing:?}"
    );
    write(&scene.at("z.toml"), 41);
    scene.until_retention(41).await;
}

#[tokio::test]
async fn a_swapped_symlink_is_noticed_and_its_target_watched() {
    let mut scene = Scene::new("z.toml", |dir| {
        for (name, days) in [("a", 40), ("b", 41)] {
            fs::create_dir(dir.join(name)).unwrap();
            write(&dir.join(name).join("real.toml"), days);
        }
        symlink("a/real.toml", dir.join("z.toml")).unwrap();
    })
    .await;
    symlink("b/real.toml", scene.at("new")).unwrap();
    fs::rename(scene.at("new"), scene.at("z.toml")).unwrap();
    scene.until_retention(41).await;
    write(&scene.at("b/real.toml"), 42);
    scene.until_retention(42).await;
}

#[tokio::test]
async fn a_swapped_directory_above_the_file_is_noticed() {
    let mut scene = Scene::new("current/z.toml", |dir| {
        for (name, days) in [("one", 40), ("two", 41)] {
            fs::create_dir(dir.join(name)).unwrap();
            write(&dir.join(name).join("z.toml"), days);
        }
        symlink("one", dir.join("current")).unwrap();
    })
    .await;
    symlink("two", scene.at("new")).unwrap();
    fs::rename(scene.at("new"), scene.at("current")).unwrap();
    scene.until_retention(41).await;
    write(&scene.at("two/z.toml"), 42);
    scene.until_retention(42).await;
}

/// Kubernetes mounts `z.toml -> ..data/z.toml` and `..data -> ..<time>`, and swaps the second.
#[tokio::test]
async fn a_swapped_config_map_is_noticed_every_time() {
    let mut scene = Scene::new("z.toml", |dir| {
        fs::create_dir(dir.join("..40")).unwrap();
        write(&dir.join("..40/z.toml"), 40);
        symlink("..40", dir.join("..data")).unwrap();
        symlink("..data/z.toml", dir.join("z.toml")).unwrap();
    })
    .await;
    for days in 41..44 {
        let version = format!("..{days}");
        fs::create_dir(scene.at(&version)).unwrap();
        write(&scene.at(&version).join("z.toml"), days);
        symlink(&version, scene.at("..data_tmp")).unwrap();
        fs::rename(scene.at("..data_tmp"), scene.at("..data")).unwrap();
        fs::remove_dir_all(scene.at(&format!("..{}", days - 1))).unwrap();
        scene.until_retention(days).await;
    }
}

#[tokio::test]
async fn half_a_file_is_refused_and_the_rest_is_picked_up() {
    let mut scene = Scene::new("z.toml", |dir| write(&dir.join("z.toml"), 40)).await;
    fs::write(scene.at("z.toml"), "[store]\nretention_days = ").unwrap();
    // A slow machine may show the empty file between truncating and writing.
    let error = loop {
        if let Err(error) = scene.next().await.loaded {
            break error;
        }
    };
    assert!(error.to_string().contains("this is not TOML"), "{error}");
    write(&scene.at("z.toml"), 41);
    scene.until_retention(41).await;
}

#[tokio::test]
async fn drop_ins_come_and_go_with_their_directory() {
    let mut scene = Scene::new("z.toml", |dir| write(&dir.join("z.toml"), 40)).await;
    fs::create_dir(scene.at("z.d")).unwrap();
    write(&scene.at("z.d/10.toml"), 41);
    scene.until_retention(41).await;
    write(&scene.at("z.d/20.toml"), 42);
    scene.until_retention(42).await;
    fs::remove_file(scene.at("z.d/20.toml")).unwrap();
    scene.until_retention(41).await;
    fs::remove_dir_all(scene.at("z.d")).unwrap();
    scene.until_retention(40).await;
    fs::create_dir(scene.at("z.d")).unwrap();
    write(&scene.at("z.d/10.toml"), 43);
    scene.until_retention(43).await;
}

#[tokio::test]
async fn a_drop_in_that_is_a_symlink_is_followed() {
    let mut scene = Scene::new("z.toml", |dir| {
        write(&dir.join("z.toml"), 40);
        fs::create_dir(dir.join("z.d")).unwrap();
        fs::create_dir(dir.join("fleet")).unwrap();
        write(&dir.join("fleet/limits.toml"), 41);
        symlink("../fleet/limits.toml", dir.join("z.d/10.toml")).unwrap();
    })
    .await;
    write(&scene.at("fleet/limits.toml"), 42);
    scene.until_retention(42).await;
}

#[tokio::test]
async fn a_replaced_directory_is_watched_in_its_new_place() {
    let mut scene = Scene::new("etc/z.toml", |dir| {
        fs::create_dir(dir.join("etc")).unwrap();
        write(&dir.join("etc/z.toml"), 40);
    })
    .await;
    fs::rename(scene.at("etc"), scene.at("etc.old")).unwrap();
    fs::create_dir(scene.at("etc")).unwrap();
    write(&scene.at("etc/z.toml"), 41);
    scene.until_retention(41).await;
    write(&scene.at("etc/z.toml"), 42);
    scene.until_retention(42).await;
}

#[tokio::test]
async fn a_secret_is_watched_with_its_mode() {
    let mut scene = Scene::new("z.toml", |dir| write(&dir.join("z.toml"), 40)).await;
    let key = scene.at("keys/stripe");
    scene.watcher.watch_also(vec![key.clone()]).await;
    fs::create_dir(scene.at("keys")).unwrap();
    fs::write(&key, "one").unwrap();
    scene.until_retention(40).await;
    fs::write(&key, "two").unwrap();
    scene.until_retention(40).await;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    scene.until_retention(40).await;
}

#[tokio::test]
async fn asking_loads_what_did_not_change() {
    let mut scene = Scene::new("z.toml", |dir| write(&dir.join("z.toml"), 40)).await;
    scene.asked.notify_one();
    let settled = scene.next().await;
    assert_eq!(settled.cause, Cause::Asked);
    assert_eq!(settled.loaded.unwrap().config.store.retention_days, 40);
}

#[tokio::test]
async fn a_change_before_the_first_look_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("z.toml");
    write(&path, 40);
    let used = load::load(&path).unwrap().fingerprint;
    write(&path, 41);
    let mut watcher = Watcher::new(&path, used, Arc::default()).unwrap();
    let settled = timeout(PATIENCE, watcher.changed()).await.unwrap();
    assert_eq!(settled.loaded.unwrap().config.store.retention_days, 41);
}

#[test]
fn reading_and_neighbours_do_not_matter() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    write(&at("z.toml"), 40);
    let interest = Interest::in_files(&at("z.toml"), &[at("keys/stripe")]);
    let event = |kind, name: &str| Ok(Event::new(kind).add_path(at(name)));
    let matters = |event| matters(&event, &interest);

    let written = EventKind::Modify(ModifyKind::Any);
    for name in ["z.toml", "z.d", "keys"] {
        assert!(matters(event(written, name)), "{name}");
    }
    assert!(!matters(event(written, "z.redb")));
    assert!(!matters(event(
        EventKind::Access(AccessKind::Any),
        "z.toml"
    )));
    assert!(matters(Ok(
        Event::new(EventKind::Other).set_flag(Flag::Rescan)
    )));
    assert!(matters(Err(notify::Error::generic("queue"))));
}

#[tokio::test]
async fn the_same_content_again_is_no_change() {
    let mut scene = Scene::new("z.toml", |dir| write(&dir.join("z.toml"), 40)).await;
    write(&scene.at("z.toml"), 40);
    scene.watcher.stirred.notified().await;
    scene.watcher.pending.stirred = true;
    scene.watcher.wait().await;
    let (state, _) = scene.watcher.look().await;
    assert_eq!(state.config, scene.watcher.last.config);
}

#[tokio::test]
async fn a_cancelled_wait_loses_nothing() {
    let mut scene = Scene::new("z.toml", |dir| write(&dir.join("z.toml"), 40)).await;
    write(&scene.at("z.toml"), 41);
    let mut noticed = false;
    while !noticed {
        // Cancelled at every point it happens to have reached.
        let nap = Duration::from_millis(120);
        noticed =
            timeout(nap, scene.watcher.changed()).await.is_ok() || scene.watcher.pending.stirred;
    }
    if scene.watcher.pending.stirred {
        scene.until_retention(41).await;
    }
}
