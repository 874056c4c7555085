//! Who may call what; and that what is refused cannot be told from what is not there.

use ferlix_xmlrpc::provider::Rules;

use super::*;

/// A server with services 3 and 4, the latter with rules of its own.
async fn server(tokens: &Tokens, rules: &str, own: &str) -> Server {
    let services = Services::new(ServicesOptions {
        timeout: Duration::from_secs(20),
        ..ServicesOptions::default()
    });
    let services = Arc::new(services.with_rules(rules.parse().unwrap()));
    services.insert(3, dispatchers(None), None);
    let own: Rules = own.parse().unwrap();
    services.insert_restricted(4, dispatchers(None), None, Some(Arc::new(own)));
    serve(services, tokens.server()).await
}

#[tokio::test]
async fn rules_decide_by_who_service_and_method() {
    let tokens = Tokens::new(&["alice", "bob"]);
    let rules = "allow user:alice; deny user:bob org.example.Witness f*; \
                 allow known org.example.*; allow net:127.0.0.1 org.example.Witness fail";
    let server = server(&tokens, rules, "allow user:bob").await;
    let (alice, bob) = (tokens.header("alice"), tokens.header("bob"));
    for (who, method, allowed) in [
        (alice.as_str(), "3.tell", true),
        (&alice, "3.fail", true),
        (&alice, "4.tell", false),
        (&bob, "3.tell", true),
        (&bob, "3.fail", false),
        (&bob, "4.tell", true),
        (&bob, "4.fail", false),
        ("", "3.tell", false),
        ("", "3.fail", true),
        ("", "4.fail", false),
    ] {
        let told = text(post(&server, method, who).await);
        let refused = told.starts_with("RemoteServiceError:Unknown ");
        assert_eq!(!refused, allowed, "{method} by {who}: {told}");
    }
}

#[tokio::test]
async fn what_is_refused_looks_like_what_is_not_there() {
    let tokens = Tokens::new(&["alice"]);
    let server = server(
        &tokens,
        "allow known * t*; allow anyone * fail",
        "allow known",
    )
    .await;
    let alice = tokens.header("alice");
    let told = async |method: &str, who: &str| text(post(&server, method, who).await);
    // A stranger sees nothing of service 4, and of service 3 one method.
    assert_eq!(
        told("4.tell", "").await.replace('4', "5"),
        told("5.tell", "").await
    );
    assert_eq!(
        told("4.nothing", "").await.replace('4', "5"),
        told("5.nothing", "").await
    );
    assert_eq!(
        told("3.tell", "").await.replace("tell", "none"),
        told("3.none", "").await
    );
    assert_eq!(
        told("3.tell", "").await,
        "RemoteServiceError:Unknown method tell"
    );
    assert_eq!(
        told("4.tell", "").await,
        "RemoteServiceError:Unknown service with rs_id=4 for method call=tell"
    );
    // Alice sees a part of both.
    assert!(told("4.tell", &alice).await.starts_with("alice "));
    assert_eq!(
        told("4.never", &alice).await.replace("never", "none"),
        told("4.none", &alice).await
    );
}

#[tokio::test]
async fn rules_are_properties_of_the_provider_and_of_the_service() {
    use ferlix_remote::endpoint::EndpointDescription;
    use ferlix_remote::provider::ExportProvider;
    let framework = framework(Properties::from([(
        "ecf.xmlrpc.server.rules",
        "deny anyone * fail; allow anyone",
    )]))
    .await;
    let context = framework.context();
    let provider = context.service::<dyn ExportProvider>(None).unwrap();
    let export = async |id: i64, rules: Value| {
        let properties = Properties::from([("service.exported.rules", rules)]);
        let container = provider
            .container("ecf.xmlrpc.server", &[], &properties)
            .await?;
        let endpoint = EndpointDescription::new(Properties::from([
            ("endpoint.id", Value::from(format!("endpoint-{id}"))),
            ("objectClass", Value::from(["org.example.Witness"])),
            ("endpoint.framework.uuid", Value::from("other")),
            ("service.imported.configs", Value::from("ecf.xmlrpc.server")),
            ("ecf.endpoint.id", Value::from(container.id().id)),
            ("ecf.endpoint.id.ns", Value::from("ecf.namespace.xmlrpc")),
            ("ecf.rsvc.id", Value::Long(id)),
        ]))
        .unwrap();
        container.export(&endpoint, dispatchers(None)).await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(container.id().id)
    };
    let url = export(1, Value::from("")).await.unwrap();
    export(
        2,
        Value::from(["allow net:10.0.0.0/8", "allow anyone * tell"]),
    )
    .await
    .unwrap();
    let error = export(3, Value::from("let them in")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "property service.exported.rules: rule 1, \"let them in\": expected allow or deny first"
    );
    export(3, Value::from(true)).await.unwrap_err();
    let transport = Transport::new(&TransportOptions::default()).unwrap();
    for (id, method, allowed) in [
        (1, "tell", true),
        (1, "fail", false),
        (2, "tell", true),
        (2, "relay", false),
        (2, "fail", false),
    ] {
        let caller = XmlRpcCaller::new(&transport, &url, id, "w").unwrap();
        let result = soon(caller.call_values(method, Vec::new())).await;
        assert_eq!(result.is_ok(), allowed, "{id} {method}: {result:?}");
    }
    drop(provider);
    framework.stop().await.unwrap();

    let framework = super::framework(Properties::from([(
        "ecf.xmlrpc.server.rules",
        "allow everybody",
    )]))
    .await;
    let details = framework
        .components()
        .instance("xmlrpc-export-distribution-provider")
        .unwrap();
    let cause = format!("{:?}", details.cause);
    assert!(cause.contains("ecf.xmlrpc.server.rules"), "{cause}");
    assert!(cause.contains("allow everybody"), "{cause}");
    framework.stop().await.unwrap();
}
