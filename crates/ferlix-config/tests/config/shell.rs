//! The `config` commands, with the texts of iPOPO's shell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ferlix_core::command::{Arguments, CommandProvider, Session};
use ferlix_core::filter::Filter;
use ferlix_core::property::Value;

use crate::support::House;

fn words(words: &[&str], keywords: &[(&str, &str)]) -> Arguments {
    let owned = |text: &&str| (*text).to_owned();
    let pairs = keywords
        .iter()
        .map(|(key, value)| (owned(key), owned(value)));
    Arguments::new(
        words.iter().map(owned).collect(),
        pairs.collect::<BTreeMap<_, _>>(),
    )
}

#[tokio::test]
async fn configurations_are_made_changed_listed_and_deleted() {
    let house = House::new().await;
    let filter = Filter::parse("(instance.name=configadmin-shell-commands)").unwrap();
    let commands = house
        .context
        .service::<dyn CommandProvider>(Some(&filter))
        .unwrap();
    assert_eq!(commands.namespace(), "config");
    let output = Arc::new(Mutex::new(String::new()));
    let printed = Arc::clone(&output);
    let session = Session::new(move |text| printed.lock().unwrap().push_str(text));
    let take = || std::mem::take(&mut *output.lock().unwrap());

    commands
        .run("list", &words(&[], &[]), &session)
        .await
        .unwrap();
    assert_eq!(take(), "No configuration.\n");
    let pid = commands
        .run("create", &words(&["test.factory"], &[("a", "1")]), &session)
        .await
        .unwrap()
        .unwrap();
    let pid = pid.as_str().unwrap().to_owned();
    assert_eq!(take(), format!("New configuration: {pid}\n"));
    assert_eq!(
        house.configuration(&pid).properties().unwrap().text("a"),
        Some("1")
    );

    let update = words(&["test.pid"], &[("a", "x"), ("b", "y")]);
    commands.run("update", &update, &session).await.unwrap();
    let update = words(&["test.pid"], &[("a", "None"), ("c", "z")]);
    commands.run("update", &update, &session).await.unwrap();
    commands
        .run("list", &words(&["test.pid"], &[]), &session)
        .await
        .unwrap();
    let location = house.folder().join("test.pid.toml");
    let expected = format!(
        "* test.pid:\n\tLocation: {}\n\tProperties:\n\t\tb = y\n\t\tc = z\n\t\tservice.pid = test.pid\n\n",
        location.display()
    );
    assert_eq!(take(), expected);
    let count = commands
        .run("list", &words(&[], &[]), &session)
        .await
        .unwrap();
    assert_eq!(count, Some(Value::from(2_i64)));
    assert!(take().contains("\tFactory PID: test.factory\n"));
    commands
        .run("list", &words(&["unknown"], &[]), &session)
        .await
        .unwrap();
    assert_eq!(take(), "No configuration with PID unknown.\n");

    house.write("test.pid.toml", "b = 'new'\n");
    commands
        .run("reload", &words(&["test.pid"], &[]), &session)
        .await
        .unwrap();
    assert_eq!(
        house
            .configuration("test.pid")
            .properties()
            .unwrap()
            .text("b"),
        Some("new")
    );
    house.write("test.pid.toml", "b = \n");
    assert!(
        commands
            .run("reload", &words(&["test.pid"], &[]), &session)
            .await
            .is_err()
    );
    let said = take();
    assert!(
        said.starts_with("Error reloading test.pid: ") && said.contains(":1:"),
        "{said}"
    );

    commands
        .run("delete", &words(&["test.pid"], &[]), &session)
        .await
        .unwrap();
    assert!(!location.exists());
    let refused = commands
        .run("delete", &words(&["../x"], &[]), &session)
        .await
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("ConfigError: invalid configuration PID")
    );
    drop(commands);
    house.stop().await;
}
