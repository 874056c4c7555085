//! Files that others write: taken over, followed, and reported when they are bad.

use std::sync::Arc;

use ferlix_config::ConfigError;
use ferlix_core::property::Value;

use crate::support::{House, Managed, index, until};

#[tokio::test]
async fn files_come_change_and_go() {
    let house = House::new().await;
    let managed = Arc::new(Managed::default());
    house.manage(&managed, "test.file");
    house.write("test.file.toml", "index = 1\n");
    until("it is told", || *managed.told.lock().unwrap() == [1]).await;
    house.write("test.file.toml", "index = 2\n");
    until("the change is told", || {
        *managed.told.lock().unwrap() == [1, 2]
    })
    .await;
    assert_eq!(
        house
            .configuration("test.file")
            .properties()
            .unwrap()
            .text("service.pid"),
        Some("test.file")
    );
    std::fs::remove_file(house.folder().join("test.file.toml")).unwrap();
    until("the deletion is told", || {
        *managed.told.lock().unwrap() == [1, 2, -1]
    })
    .await;
    assert!(house.admin().configurations(None).is_empty());
    house.stop().await;
}

#[tokio::test]
async fn files_name_their_factory() {
    let house = House::new().await;
    house.write("test.factory~x.toml", "a.b = 1\n");
    house.write(
        "other.toml",
        "service.factoryPid = 'test.factory'\nservice.pid = 'wrong'\n",
    );
    until("they are read", || {
        house.admin().configurations(None).len() == 2
    })
    .await;
    for pid in ["test.factory~x", "other"] {
        let configuration = house.configuration(pid);
        assert_eq!(configuration.factory_pid(), Some("test.factory"));
        let properties = configuration.properties().unwrap();
        assert_eq!(properties.text("service.pid"), Some(pid));
    }
    // The handle that is updated keeps what the file said.
    let other = house.configuration("other");
    other.update(index(1)).await.unwrap();
    let text = std::fs::read_to_string(house.folder().join("other.toml")).unwrap();
    assert!(text.contains("test.factory"), "{text}");
    house.stop().await;
}

#[tokio::test]
async fn a_bad_file_leaves_the_last_good_configuration() {
    let house = House::new().await;
    let configuration = house.configuration("a");
    configuration.update(index(1)).await.unwrap();
    house.write("a.toml", "index = 2\nbroken = \n");
    // What comes after the bad one shows that it was looked at.
    house.write("b.toml", "index = 5\n");
    until("the other file is read", || {
        house.configuration("b").properties().is_some()
    })
    .await;
    assert_eq!(
        configuration.properties().unwrap().get("index"),
        Some(&Value::from(1))
    );
    let refused = configuration.reload().await;
    assert!(
        matches!(refused, Err(ConfigError::Syntax { line: 2, .. })),
        "{refused:?}"
    );
    house.write("a.toml", "index = 3\n");
    let good = || configuration.properties().unwrap().get("index") == Some(&Value::from(3));
    until("the good file is read", good).await;
    house.stop().await;
}

#[tokio::test]
async fn other_files_are_no_configurations() {
    let house = House::new().await;
    for name in ["README", "a.json", ".hidden.toml", "a.toml~"] {
        house.write(name, "index = 1\n");
    }
    house.write("good.toml", "index = 1\n");
    until("the good one is read", || {
        !house.admin().configurations(None).is_empty()
    })
    .await;
    assert_eq!(house.admin().configurations(None).len(), 1);
    house.stop().await;
}

#[tokio::test]
async fn a_reload_reads_at_once() {
    let house = House::new().await;
    let configuration = house.configuration("a");
    let refused = configuration.reload().await;
    assert!(
        matches!(refused, Err(ConfigError::Storage { .. })),
        "there is no file yet"
    );
    house.write("a.toml", "index = 4\n");
    configuration.reload().await.unwrap();
    assert_eq!(
        configuration.properties().unwrap().get("index"),
        Some(&Value::from(4))
    );
    house.stop().await;
}
