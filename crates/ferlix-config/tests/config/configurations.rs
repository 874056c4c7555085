//! Configurations by PID and by factory PID: made, updated, listed, deleted, kept.

use std::sync::Arc;

use ferlix_config::{ConfigError, FACTORY, INSTANCE};
use ferlix_core::filter::Filter;
use ferlix_core::property::{Properties, Value};

use crate::support::{House, Managed, index};

fn pids(house: &House, filter: Option<&str>) -> Vec<String> {
    let filter = filter.map(|text| Filter::parse(text).unwrap());
    let found = house.admin().configurations(filter.as_ref());
    found.iter().map(|one| one.pid().to_owned()).collect()
}

#[tokio::test]
async fn factory_configurations_have_names_of_their_own() {
    let house = House::new().await;
    let admin = house.admin();
    for name in ["", "   ", "a/b", "..", "a\0b"] {
        let refused = admin.create_factory_configuration(name);
        assert!(matches!(refused, Err(ConfigError::Pid { .. })), "{name:?}");
        assert!(admin.factory_configuration("factory", name).is_err());
    }
    let one = admin.create_factory_configuration("test.factory").unwrap();
    assert_eq!(one.factory_pid(), Some("test.factory"));
    assert!(one.pid().starts_with("test.factory~"));
    assert_eq!(one.properties(), None);
    // The factory's own PID is not that of a configuration.
    let refused = admin.configuration("test.factory");
    assert!(matches!(refused, Err(ConfigError::Factory { .. })));
    one.delete().await.unwrap();
    let two = admin.create_factory_configuration("test.factory").unwrap();
    assert_ne!(one, two);
    assert_ne!(one.pid(), two.pid());

    let named = admin.factory_configuration("test.factory", "x").unwrap();
    assert_eq!(named, admin.configuration("test.factory~x").unwrap());
    named.update(index(1)).await.unwrap();
    let properties = named.properties().unwrap();
    assert_eq!(properties.text("service.factoryPid"), Some("test.factory"));
    house.stop().await;
}

#[tokio::test]
async fn a_configuration_is_one_until_it_is_deleted() {
    let house = House::new().await;
    let configuration = house.configuration("test.get");
    assert_eq!(configuration.properties(), None);
    configuration.update([("answer", 42)].into()).await.unwrap();
    assert_eq!(configuration, house.configuration("test.get"));
    let properties = configuration.properties().unwrap();
    assert_eq!(properties.text("service.pid"), Some("test.get"));
    assert_eq!(properties.get("answer"), Some(&Value::from(42)));

    configuration.delete().await.unwrap();
    assert!(configuration.is_deleted());
    assert_eq!(configuration.properties(), None);
    let refused = configuration.update(index(1)).await;
    assert!(matches!(refused, Err(ConfigError::Deleted { .. })));
    assert!(matches!(
        configuration.delete().await,
        Err(ConfigError::Deleted { .. })
    ));
    assert!(matches!(
        configuration.reload().await,
        Err(ConfigError::Deleted { .. })
    ));
    let other = house.configuration("test.get");
    assert_ne!(configuration, other);
    assert_eq!(other.properties(), None);
    house.stop().await;
}

#[tokio::test]
async fn lists_show_all_and_filters_those_with_properties() {
    let house = House::new().await;
    assert_eq!(pids(&house, None), [""; 0]);
    let one = house.configuration("test.list");
    assert_eq!(pids(&house, None), ["test.list"]);
    assert_eq!(pids(&house, Some("(service.pid=test.list)")), [""; 0]);
    one.update([("arthur", "dent")].into()).await.unwrap();
    let matching = [
        "(service.pid=test.list)",
        "(arthur=dent)",
        "(&(service.pid=test.list)(arthur=dent))",
    ];
    for filter in matching {
        assert_eq!(pids(&house, Some(filter)), ["test.list"], "{filter}");
    }
    let two = house.configuration("test.list-bis");
    assert_eq!(pids(&house, None), ["test.list", "test.list-bis"]);
    two.delete().await.unwrap();
    one.delete().await.unwrap();
    assert_eq!(pids(&house, None), [""; 0]);
    house.stop().await;
}

#[tokio::test]
async fn configurations_outlive_the_framework() {
    let mut house = House::new().await;
    let given = Properties::from([
        ("zaphod", Value::from("beeblebrox")),
        ("heads.count", Value::from(2)),
        ("big", Value::from(1_i64 << 40)),
        ("names", Value::from(["a", "b"])),
        ("nothing", Value::Null),
    ]);
    house
        .configuration("test.kept")
        .update(given)
        .await
        .unwrap();
    let made = house
        .admin()
        .create_factory_configuration("test.factory")
        .unwrap();
    made.update(index(7)).await.unwrap();
    let before = house.configuration("test.kept").properties().unwrap();
    assert!(!before.contains("nothing"));
    house = house.again().await;
    assert_eq!(house.configuration("test.kept").properties(), Some(before));
    let found = house.configuration(made.pid());
    assert_eq!(found.factory_pid(), Some("test.factory"));
    assert_eq!(
        found.properties().unwrap().get("index"),
        Some(&Value::from(7))
    );
    house.stop().await;
}

#[tokio::test]
async fn a_wider_number_reads_as_its_file_says() {
    let house = House::new().await;
    let configuration = house.configuration("a");
    configuration.update([("n", 5_i64)].into()).await.unwrap();
    // The same as after a restart.
    assert_eq!(
        configuration.properties().unwrap().get("n"),
        Some(&Value::Int(5))
    );
    let refused = configuration
        .update([("n", Value::Bytes(vec![1]))].into())
        .await;
    assert!(matches!(refused, Err(ConfigError::Value { key, .. }) if key == "n"));
    assert_eq!(
        configuration.properties().unwrap().get("n"),
        Some(&Value::Int(5))
    );
    house.stop().await;
}

#[tokio::test]
async fn the_folder_is_made_when_something_is_stored() {
    let house = House::new().await;
    let configuration = house.configuration("a");
    house.admin().create_factory_configuration("f").unwrap();
    house.configuration("b").delete().await.unwrap();
    house.settle().await;
    assert!(!house.folder().exists());
    configuration.update(index(1)).await.unwrap();
    assert!(house.folder().join("a.toml").is_file());
    assert_eq!(configuration.location(), house.folder().join("a.toml"));
    configuration.delete().await.unwrap();
    assert!(!house.folder().join("a.toml").exists());
    house.stop().await;
}

#[tokio::test]
async fn a_store_that_fails_changes_nothing() {
    let house = House::new().await;
    // A file stands where the folder should be.
    std::fs::write(house.folder(), "").unwrap();
    let configuration = house.configuration("a");
    let refused = configuration.update(index(1)).await;
    assert!(matches!(refused, Err(ConfigError::Storage { .. })));
    assert_eq!(configuration.properties(), None);
    house.stop().await;
}

#[tokio::test]
async fn a_deletion_that_fails_is_told_all_the_same() {
    // Nobody but the test looks at the folder.
    let house = House::with_poll(0).await;
    let configuration = house.configuration("a");
    let managed = Arc::new(Managed::default());
    house.manage(&managed, "a");
    configuration.update(index(1)).await.unwrap();
    house.settle().await;
    assert_eq!(managed.take(), [1]);
    // A folder cannot be deleted like a file.
    let path = configuration.location();
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let deleted = configuration.delete().await;
    assert!(
        matches!(deleted, Err(ConfigError::Storage { .. })),
        "{deleted:?}"
    );
    house.settle().await;
    assert!(configuration.is_deleted());
    assert!(house.admin().configurations(None).is_empty());
    assert_eq!(managed.take(), [-1]);
    house.stop().await;
}

#[tokio::test]
async fn a_stopped_admin_says_so() {
    let house = House::new().await;
    let (admin, configuration) = (house.admin(), house.configuration("a"));
    house.context.components().kill(INSTANCE).await.unwrap();
    assert!(matches!(
        admin.configuration("a"),
        Err(ConfigError::NotRunning)
    ));
    assert!(matches!(
        configuration.update(index(1)).await,
        Err(ConfigError::NotRunning)
    ));
    assert!(admin.configurations(None).is_empty());
    let again = house.context.components();
    again
        .instantiate(FACTORY, INSTANCE, Properties::new())
        .await
        .unwrap();
    house.configuration("a").update(index(1)).await.unwrap();
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_can_be_made_while_configurations_come_and_go() {
    let house = House::new().await;
    let admin = house.admin();
    let maker = tokio::spawn(async move {
        for number in 0..200 {
            let configuration = admin.configuration(&format!("pid.{number}")).unwrap();
            configuration.update(index(number)).await.unwrap();
            if number % 2 == 0 {
                configuration.delete().await.unwrap();
            }
        }
    });
    let admin = house.admin();
    while !maker.is_finished() {
        assert!(admin.configurations(None).len() <= 200);
        tokio::task::yield_now().await;
    }
    maker.await.unwrap();
    assert_eq!(admin.configurations(None).len(), 100);
    house.stop().await;
}
