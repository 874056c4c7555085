//! `why`: what it says of exports and imports that are there, and of those that are not.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use ferlix_core::command::{Arguments, CommandError, CommandProvider, Session};
use ferlix_core::framework::Framework;
use ferlix_core::property::{Properties, Value};
use ferlix_remote::discovery::process::{self, Exchange};
use ferlix_remote::provider::EndpointAdvertiser;
use ferlix_remote::{admin, command, topology};

use crate::support::{
    Distribution, HelloImpl, Local, Network, admin as the_admin, endpoint, exported, register_hello,
};

/// A framework with the admin and the commands.
async fn framework() -> Framework {
    Framework::builder()
        .install(&admin::BUNDLE)
        .install(&topology::BUNDLE)
        .install(&command::BUNDLE)
        .install(&process::BUNDLE)
        .start()
        .await
        .unwrap()
}

/// What `why` prints; a failure is the last line.
async fn why(framework: &Framework, subject: impl ToString) -> String {
    run(framework, "why", &[&subject.to_string()]).await
}

/// What a command prints; a failure is the last line.
async fn run(framework: &Framework, command: &str, words: &[&str]) -> String {
    framework.settle().await;
    let printed = Arc::new(Mutex::new(String::new()));
    let output = Arc::clone(&printed);
    let session = Session::new(move |text| output.lock().unwrap().push_str(text));
    let words = words.iter().map(ToString::to_string).collect();
    let arguments = Arguments::new(words, BTreeMap::new());
    let commands = framework.context().service::<dyn CommandProvider>(None);
    let result = commands.unwrap().run(command, &arguments, &session).await;
    let mut text = std::mem::take(&mut *printed.lock().unwrap());
    match result {
        Ok(_) => {}
        Err(CommandError::Failed) => text += "failed\n",
        Err(error) => text += &format!("{error}\n"),
    }
    text
}

/// Whether the answer is this, and these steps speak against it.
fn says(text: &str, answer: &str, against: &[&str]) {
    let first = text.lines().next().unwrap_or_default();
    assert!(first.ends_with(answer), "{text}");
    let marked: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  - "))
        .map(|line| line.split(' ').next().unwrap_or_default())
        .collect();
    assert_eq!(marked, against, "{text}");
}

#[tokio::test]
async fn a_service_is_explained_from_its_mark_to_the_discovery() {
    let framework = framework().await;
    let context = framework.context();
    let network = Network::default();
    let silent = register_hello(&context, Properties::new());
    says(
        &why(&framework, silent.reference().id()).await,
        "is not exported: it does not ask to be exported: set service.exported.interfaces to *, or to names of its interfaces",
        &["mark"],
    );
    let local = context
        .register::<dyn Local>(Arc::new(HelloImpl), exported())
        .unwrap();
    says(
        &why(&framework, local.reference().id()).await,
        "none of its interfaces is remote: declare one with #[remote_service]",
        &["interfaces"],
    );
    let service = register_hello(&context, exported());
    let id = service.reference().id();
    says(
        &why(&framework, id).await,
        "is not exported: there is no export provider",
        &["config", "provider"],
    );
    let x = Distribution::new(&network, "x");
    x.register_exporter(&context);
    says(
        &why(&framework, id).await,
        "is not exported: there is no topology manager, which would ask for it",
        &["policy"],
    );
    topology::instantiate(&context, Properties::new())
        .await
        .unwrap();
    let text = why(&framework, id).await;
    says(
        &text,
        "is exported: none is there, so no peer hears of it",
        &["discovery"],
    );
    Exchange::new().join(&context).unwrap();
    let text = why(&framework, id).await;
    says(&text, "is exported", &[]);
    let described = the_admin(&context).exported_services()[0]
        .exported_endpoint()
        .unwrap();
    let endpoint = format!("  + endpoint   endpoint {} at x://here\n", described.id());
    assert!(text.contains(&endpoint), "{text}");
    assert!(text.contains("  + discovery  1 told of it\n"), "{text}");
    let text = why(&framework, described.id()).await;
    assert!(
        text.starts_with(&format!("endpoint {} is of this framework", described.id())),
        "{text}"
    );

    let change = |key: &str, value: Value| {
        service
            .set_properties(&Properties::from([(key, value)]))
            .unwrap();
    };
    let configs = |names: &[&str]| change("service.exported.configs", Value::from(names.to_vec()));
    configs(&["y.server", "z.server"]);
    let text = why(&framework, id).await;
    says(&text, "is exported", &[]);
    let default =
        "  + config     nobody knows ['y.server', 'z.server'], so the default is taken: x.server\n";
    assert!(text.contains(default), "{text}");
    let listed = run(&framework, "listexports", &[]).await;
    let default = " is by default x.server: nobody knows ['y.server', 'z.server']\n";
    assert!(listed.contains(default), "{listed}");
    configs(&["y.server", "<<nodefault>>"]);
    says(
        &why(&framework, id).await,
        "is not exported: y.server is asked for, and the providers know x.server; <<nodefault>> forbids a default",
        &["config", "provider"],
    );
    configs(&["<<nodefault>>"]);
    says(
        &why(&framework, id).await,
        "is not exported: none is asked for, and the providers know x.server; <<nodefault>> forbids a default",
        &["config", "provider"],
    );
    configs(&["y.server", "x.server"]);
    let listed = run(&framework, "listexports", &[]).await;
    assert!(!listed.contains("by default"), "{listed}");
    let text = why(&framework, id).await;
    says(&text, "is exported", &[]);
    assert!(
        text.contains("  + config     x.server (nobody knows y.server, which is left out)\n"),
        "{text}"
    );
    change(
        "service.intents",
        Value::from(["osgi.private", "osgi.basic"]),
    );
    says(
        &why(&framework, id).await,
        "is not exported: osgi.private, osgi.basic is asked for, and x does not support osgi.private",
        &["intents", "provider"],
    );
    x.fail.store(true, Ordering::SeqCst);
    change("service.intents", Value::from("osgi.basic"));
    says(
        &why(&framework, id).await,
        "is not exported: provider x could not export the service: it is broken",
        &["error"],
    );
    x.fail.store(false, Ordering::SeqCst);
    change("service.intents", Value::from("osgi.async"));
    for registration in the_admin(&context).export_registrations() {
        registration.close().await;
    }
    says(
        &why(&framework, id).await,
        "is not exported: nobody asked for it, or somebody withdrew it",
        &["endpoint"],
    );
}

#[tokio::test]
async fn an_endpoint_is_explained_from_the_discovery_to_the_proxy() {
    let framework = framework().await;
    let context = framework.context();
    let other = self::framework().await;
    let exchange = Exchange::new();
    exchange.join(&context).unwrap();
    exchange.join(&other.context()).unwrap();
    let advertise = async |id: &str, name: &str, more: &[(&str, Value)]| {
        let advertiser = other.context().service::<dyn EndpointAdvertiser>(None);
        let described = endpoint(id, name, more);
        advertiser.unwrap().advertise(&described).await.unwrap();
        other.settle().await;
    };
    let unknown = why(&framework, "e1").await;
    assert_eq!(
        unknown,
        "Neither a service nor an endpoint: e1. No discovery knows it, and nobody imported it from a file.\nfailed\n"
    );
    advertise("e1", "x", &[]).await;
    says(
        &why(&framework, "e1").await,
        "endpoint e1 is not imported: there is no import provider",
        &["config", "provider", "policy"],
    );
    topology::instantiate(&context, Properties::new())
        .await
        .unwrap();
    let x = Distribution::new(&Network::default(), "x");
    x.register_importer(&context);
    let text = why(&framework, "e1").await;
    says(&text, "endpoint e1 is imported", &[]);
    for step in [
        "  + discovery ",
        "  + config     x.server\n",
        "  + intents    none is asked for\n",
        "  + scope ",
        "  + proxy ",
    ] {
        assert!(text.contains(step), "{step}: {text}");
    }
    assert!(text.contains(" has (ecf.endpoint.id.ns=*)\n"), "{text}");

    advertise("e2", "y", &[]).await;
    let text = why(&framework, "e2").await;
    says(
        &text,
        "endpoint e2 is not imported: y.server is asked for, and the providers know x.server",
        &["config", "provider", "policy"],
    );
    advertise("e3", "x", &[("service.intents", "osgi.private".into())]).await;
    let text = why(&framework, "e3").await;
    says(
        &text,
        "osgi.private is asked for, and x does not support osgi.private",
        &["intents", "provider", "policy"],
    );
    let mut outside = endpoint("e4", "x", &[]).properties().clone();
    outside.remove("ecf.endpoint.id.ns");
    let outside = ferlix_remote::endpoint::EndpointDescription::new(outside).unwrap();
    let advertiser = other
        .context()
        .service::<dyn EndpointAdvertiser>(None)
        .unwrap();
    advertiser.advertise(&outside).await.unwrap();
    let text = why(&framework, "e4").await;
    says(&text, "has ['(ecf.endpoint.id.ns=*)']", &["scope"]);
    x.fail.store(true, Ordering::SeqCst);
    advertise("e5", "x", &[]).await;
    let text = why(&framework, "e5").await;
    says(
        &text,
        "endpoint e5 is not imported: provider x could not import the endpoint: it is broken",
        &["error", "policy"],
    );
    x.fail.store(false, Ordering::SeqCst);
    let by_hand = the_admin(&context)
        .import_service(&endpoint("e6", "x", &[]))
        .await
        .unwrap();
    let text = why(&framework, "e6").await;
    says(&text, "endpoint e6 is imported", &[]);
    assert!(
        text.contains("none knows it: it was given by hand"),
        "{text}"
    );
    by_hand.close().await;
    for registration in the_admin(&context).import_registrations() {
        registration.close().await;
    }
    says(
        &why(&framework, "e1").await,
        "endpoint e1 is not imported: its proxy was withdrawn by hand",
        &["policy"],
    );
}
