//! The discoveries of the crate itself, and `discovered`: what is known, and why it is not imported.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use ferlix_core::command::{Arguments, CommandProvider, Session};
use ferlix_core::framework::Framework;
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRef;
use ferlix_remote::discovery::edef;
use ferlix_remote::discovery::process::{self, Exchange};
use ferlix_remote::endpoint::EndpointDescription;
use ferlix_remote::provider::{DiscoveredEndpoints, EndpointAdvertiser};
use ferlix_remote::{admin, command, topology};

use crate::support::{Distribution, Hello, Network, endpoint, exported, register_hello, wait_for};

/// A framework with everything, whose distribution `x` calls over `network`.
async fn framework(network: &Network) -> (Framework, Distribution) {
    let framework = Framework::builder()
        .install(&admin::BUNDLE)
        .install(&topology::BUNDLE)
        .install(&command::BUNDLE)
        .install(&process::BUNDLE)
        .install(&edef::BUNDLE)
        .start()
        .await
        .unwrap();
    let context = framework.context();
    let distribution = Distribution::new(network, "x");
    distribution.register_exporter(&context);
    distribution.register_importer(&context);
    topology::instantiate(&context, Properties::new())
        .await
        .unwrap();
    (framework, distribution)
}

/// What `discovered` prints.
async fn discovered(framework: &Framework, words: &[&str]) -> String {
    let printed = Arc::new(Mutex::new(String::new()));
    let output = Arc::clone(&printed);
    let session = Session::new(move |text| output.lock().unwrap().push_str(text));
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    let arguments = Arguments::new(words, BTreeMap::new());
    let commands = framework.context().service::<dyn CommandProvider>(None);
    let result = commands
        .unwrap()
        .run("discovered", &arguments, &session)
        .await;
    result.unwrap();
    std::mem::take(&mut printed.lock().unwrap())
}

/// How many records all discoveries of a framework know.
fn known(framework: &Framework) -> usize {
    let sources = framework
        .context()
        .services::<dyn DiscoveredEndpoints>(None);
    sources.iter().map(|source| source.discovered().len()).sum()
}

fn is_imported(framework: &Framework) -> bool {
    let context = framework.context();
    context
        .references(Some("org.example.IHello"), None)
        .iter()
        .any(ServiceRef::is_imported)
}

#[tokio::test]
async fn frameworks_of_one_process_find_and_call_each_other() {
    let (network, exchange) = (Network::default(), Exchange::new());
    let (one, _) = framework(&network).await;
    let (two, _) = framework(&network).await;
    for member in [&one, &two] {
        exchange.join(&member.context()).unwrap();
    }
    let service = register_hello(&one.context(), exported());
    one.settle().await;
    two.settle().await;
    let (late, _) = framework(&network).await;
    exchange.join(&late.context()).unwrap();
    late.settle().await;
    for importer in [&two, &late] {
        let hello = importer.context().service::<dyn Hello>(None).unwrap();
        assert_eq!(hello.say_hello("you").await.unwrap(), "Howdy you");
    }
    assert_eq!(known(&one), 0, "nobody is told of what is its own");

    service
        .set_properties(&Properties::from([("greeting", "new")]))
        .unwrap();
    one.settle().await;
    two.settle().await;
    let hello = two.context().service::<dyn Hello>(None).unwrap();
    let properties = hello.reference().properties();
    assert_eq!(properties.text("greeting"), Some("new"));
    drop(hello);

    // What a framework advertised goes with it, and another that leaves takes nothing along.
    late.stop().await.unwrap();
    assert!(is_imported(&two));
    one.stop().await.unwrap();
    two.settle().await;
    assert!(!is_imported(&two));
    assert_eq!(known(&two), 0);
    assert_eq!(
        format!("{exchange:?}"),
        "Exchange { members: 1, endpoints: 0 }"
    );
}

#[tokio::test]
async fn a_thousand_exports_that_come_and_go_leave_nothing() {
    let (network, exchange) = (Network::default(), Exchange::new());
    let (exporter, _) = framework(&network).await;
    let (importer, _) = framework(&network).await;
    for member in [&exporter, &importer] {
        exchange.join(&member.context()).unwrap();
    }
    for round in 0..1000 {
        let service = register_hello(&exporter.context(), exported());
        // Now and then the importer gets there in time, mostly it does not.
        if round % 10 == 0 {
            exporter.settle().await;
            importer.settle().await;
            assert!(is_imported(&importer), "{round}");
        }
        service.unregister().await.unwrap();
    }
    exporter.settle().await;
    importer.settle().await;
    assert!(!is_imported(&importer));
    assert_eq!(known(&importer), 0);
    let admin = importer
        .context()
        .service::<dyn admin::RemoteServiceAdmin>(None)
        .unwrap();
    assert!(admin.imported_endpoints().is_empty());
    assert!(admin.import_registrations().is_empty());
    assert!(format!("{exchange:?}").contains("endpoints: 0"));
}

fn write(folder: &Path, name: &str, endpoints: &[EndpointDescription]) {
    // As whoever is careful writes a file: whole or not at all.
    let aside = folder.join(format!(".{name}"));
    std::fs::write(&aside, ferlix_remote::edef::write(endpoints)).unwrap();
    std::fs::rename(aside, folder.join(name)).unwrap();
}

#[tokio::test]
async fn edef_files_in_a_folder_are_followed() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    write(folder, "first.xml", &[endpoint("e1", "x", &[])]);
    let (framework, _) = framework(&Network::default()).await;
    let given = Properties::from([
        (edef::FOLDER, Value::from(folder.to_str().unwrap())),
        (edef::POLL, 20.into()),
    ]);
    edef::instantiate(&framework.context(), given)
        .await
        .unwrap();
    framework.settle().await;
    assert!(is_imported(&framework), "what is there is there at once");
    let shown = discovered(&framework, &[]).await;
    assert!(
        shown.contains("| e1 ") && shown.contains("| first.xml ") && shown.contains("| service "),
        "{shown}"
    );

    let value = |framework: &Framework| {
        let hello = framework.context().service::<dyn Hello>(None)?;
        let properties = hello.reference().properties();
        properties.text("value").map(str::to_owned)
    };
    std::fs::write(folder.join("bad.xml"), "<endpoint-descriptions>").unwrap();
    write(
        folder,
        "first.xml",
        &[endpoint("e1", "x", &[("value", "new".into())])],
    );
    wait_for(|| value(&framework).as_deref() == Some("new")).await;
    write(folder, "second.xml", &[endpoint("e2", "x", &[])]);
    wait_for(|| known(&framework) == 2).await;
    // The same endpoint in two files is there until both are gone.
    write(folder, "second.xml", &[endpoint("e1", "x", &[])]);
    wait_for(|| value(&framework).is_none()).await;
    std::fs::remove_file(folder.join("first.xml")).unwrap();
    wait_for(|| known(&framework) == 1).await;
    framework.settle().await;
    assert!(is_imported(&framework));
    std::fs::remove_file(folder.join("second.xml")).unwrap();
    wait_for(|| !is_imported(&framework)).await;

    write(folder, "third.xml", &[endpoint("e3", "x", &[])]);
    wait_for(|| is_imported(&framework)).await;
    framework.components().kill(edef::INSTANCE).await.unwrap();
    framework.settle().await;
    assert!(!is_imported(&framework), "what it told goes with it");
}

#[tokio::test]
async fn discovered_says_why_an_endpoint_is_not_imported() {
    let exchange = Exchange::new();
    let (framework, distribution) = framework(&Network::default()).await;
    assert_eq!(
        discovered(&framework, &[]).await,
        "No discovery is running.\n"
    );
    let (other, _) = self::framework(&Network::default()).await;
    for member in [&framework, &other] {
        exchange.join(&member.context()).unwrap();
    }
    let advertiser = other.context().service::<dyn EndpointAdvertiser>(None);
    let advertise = async |endpoint: EndpointDescription| {
        let advertiser = advertiser.as_ref().unwrap();
        advertiser.advertise(&endpoint).await.unwrap();
        framework.settle().await;
    };
    advertise(endpoint("good", "x", &[])).await;
    advertise(endpoint("strange", "y", &[])).await;
    advertise(endpoint(
        "private",
        "x",
        &[("service.intents", "osgi.private".into())],
    ))
    .await;
    let ours = [("endpoint.framework.uuid", framework.uuid().into())];
    advertise(endpoint("ours", "x", &ours)).await;
    distribution.fail.store(true, Ordering::SeqCst);
    advertise(endpoint("failing", "x", &[])).await;
    let mut plain = endpoint("plain", "x", &[]).properties().clone();
    plain.remove("ecf.endpoint.id.ns");
    advertise(EndpointDescription::new(plain).unwrap()).await;

    let shown = discovered(&framework, &[]).await;
    let (table, reasons) = shown.split_once("Not imported:\n").unwrap();
    assert!(
        table.contains("| good ") && table.contains("| service "),
        "{table}"
    );
    let reasons: Vec<&str> = reasons.lines().map(str::trim).collect();
    assert_eq!(
        reasons,
        [
            "failing: provider x could not import the endpoint: it is broken",
            "ours: this framework exports it",
            "plain: no topology manager asks for it: it is not in (ecf.endpoint.id.ns=*)",
            "private: provider x does not support osgi.private",
            "strange: provider x imports none of y.server",
        ]
    );

    let shown = discovered(&framework, &["(endpoint.id=str*)"]).await;
    assert!(
        shown.contains("| strange ") && !shown.contains("| good "),
        "{shown}"
    );
    let shown = discovered(&framework, &["goo"]).await;
    assert!(
        shown.contains("| good ") && !shown.contains("Not imported"),
        "{shown}"
    );

    let components = framework.components();
    components.kill(topology::INSTANCE).await.unwrap();
    framework.settle().await;
    let shown = discovered(&framework, &["good"]).await;
    assert!(
        shown.contains("good: there is no topology manager"),
        "{shown}"
    );
}
