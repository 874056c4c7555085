//! The `rsa` commands: what they print, to the letter.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use ferlix_core::command::{Arguments, CommandError, CommandProvider, Session};
use ferlix_core::framework::Framework;
use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRegistration;
use ferlix_remote::provider::{ExportContainer, ImportContainer};
use ferlix_remote::{admin, command};

use crate::support::{Container, Distribution, Hello, Network, endpoint, exported, register_hello};

/// A framework with the commands, one distribution `x`, and an exported service.
struct Shell {
    framework: Framework,
    commands: Arc<dyn CommandProvider>,
    service: ServiceRegistration,
    distribution: Distribution,
    file: String,
    _directory: tempfile::TempDir,
}

impl Shell {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory
            .path()
            .join("edef.xml")
            .to_str()
            .unwrap()
            .to_owned();
        let framework = Framework::builder()
            .property(command::EDEF_FILE_NAME, file.as_str())
            .property(command::DEFAULT_EXPORT_CONFIG, "x.server")
            .install(&admin::BUNDLE)
            .install(&command::BUNDLE)
            .start()
            .await
            .unwrap();
        let context = framework.context();
        let distribution = Distribution::new(&Network::default(), "x");
        distribution.register_exporter(&context);
        distribution.register_importer(&context);
        let container = |id: &str| {
            Arc::new(Container {
                distribution: distribution.clone(),
                id: id.to_owned(),
            })
        };
        context
            .register::<dyn ExportContainer>(container("x://here"), Properties::new())
            .unwrap();
        context
            .register::<dyn ImportContainer>(container("client"), Properties::new())
            .unwrap();
        framework.settle().await;
        let commands = Arc::clone(&context.service::<dyn CommandProvider>(None).unwrap());
        let service = register_hello(&context, exported());
        Self {
            framework,
            commands,
            service,
            distribution,
            file,
            _directory: directory,
        }
    }

    /// What a line prints, with identities, time stamps and the file's name masked; a failure is the last line.
    async fn run(&self, line: &str) -> String {
        let printed = Arc::new(Mutex::new(String::new()));
        let output = Arc::clone(&printed);
        let session = Session::new(move |text| output.lock().unwrap().push_str(text));
        let mut words = line.split(' ').map(str::to_owned);
        let name = words.next().unwrap();
        let arguments = Arguments::new(words.collect(), BTreeMap::new());
        let result = self.commands.run(&name, &arguments, &session).await;
        let mut text = printed.lock().unwrap().clone();
        match result {
            Ok(_) => {}
            Err(CommandError::Failed) => text += "failed\n",
            Err(error) => text += &format!("{error}\n"),
        }
        self.mask(&text)
    }

    /// The identity of the only exported endpoint.
    fn endpoint_id(&self) -> String {
        let admin = crate::support::admin(&self.framework.context());
        admin.exported_services()[0]
            .exported_endpoint()
            .unwrap()
            .id()
            .to_owned()
    }

    fn mask(&self, text: &str) -> String {
        let admin = crate::support::admin(&self.framework.context());
        let mut text = text
            .replace(&self.file, "FILE")
            .replace(self.framework.uuid(), "FRAMEWORK");
        for reference in admin.exported_services() {
            let endpoint = reference.exported_endpoint().unwrap();
            text = text.replace(endpoint.id(), "-----------------ENDPOINT-----------");
            text = text.replace(&endpoint.timestamp().to_string(), "TIME");
        }
        text
    }
}

#[tokio::test]
async fn exports_are_listed_shown_made_and_withdrawn() {
    let shell = Shell::start().await;
    let id = shell.service.reference().id();
    assert_eq!(
        shell.run("listexports").await,
        "+-------------+--------------+------------+\n\
         | Endpoint ID | Container ID | Service ID |\n\
         +=============+==============+============+\n"
    );
    assert_eq!(
        shell.run(&format!("exportservice {id}")).await,
        format!(
            "Service=ServiceReference(ID={id}, Bundle=0, Specs=['org.example.IHello']) exported by 1 providers. EDEF written to file=FILE\n"
        )
    );
    assert_eq!(
        shell.run("listexports").await,
        format!(
            "+--------------------------------------+--------------+------------+\n\
             |             Endpoint ID              | Container ID | Service ID |\n\
             +======================================+==============+============+\n\
             | -----------------ENDPOINT----------- | x://here     | {id:<10} |\n\
             +--------------------------------------+--------------+------------+\n"
        )
    );
    let edef = format!(
        "<?xml version='1.0' encoding='utf-8'?>
<endpoint-descriptions xmlns=\"http://www.osgi.org/xmlns/rsa/v1.0.0\">
\t<endpoint-description>
\t\t<property name=\"objectClass\" value-type=\"String\">
\t\t\t<array>
\t\t\t\t<value>org.example.IHello</value>
\t\t\t</array>
\t\t</property>
\t\t<property name=\"remote.configs.supported\" value-type=\"String\">
\t\t\t<array>
\t\t\t\t<value>x.server</value>
\t\t\t</array>
\t\t</property>
\t\t<property name=\"service.imported.configs\" value-type=\"String\">
\t\t\t<array>
\t\t\t\t<value>x.server</value>
\t\t\t</array>
\t\t</property>
\t\t<property name=\"remote.intents.supported\" value-type=\"String\">
\t\t\t<array>
\t\t\t\t<value>osgi.basic</value>
\t\t\t\t<value>osgi.async</value>
\t\t\t</array>
\t\t</property>
\t\t<property name=\"endpoint.service.id\" value-type=\"Long\" value=\"{id}\" />
\t\t<property name=\"service.id\" value-type=\"Long\" value=\"{id}\" />
\t\t<property name=\"endpoint.framework.uuid\" value-type=\"String\" value=\"FRAMEWORK\" />
\t\t<property name=\"endpoint.package.version.org.example\" value-type=\"String\" value=\"1.1.0\" />
\t\t<property name=\"endpoint.id\" value-type=\"String\" value=\"-----------------ENDPOINT-----------\" />
\t\t<property name=\"service.imported\" value-type=\"String\" value=\"true\" />
\t\t<property name=\"ecf.endpoint.id\" value-type=\"String\" value=\"x://here\" />
\t\t<property name=\"ecf.endpoint.id.ns\" value-type=\"String\" value=\"test.namespace\" />
\t\t<property name=\"ecf.rsvc.id\" value-type=\"Long\" value=\"1\" />
\t\t<property name=\"ecf.endpoint.ts\" value-type=\"Long\" value=\"TIME\" />
\t</endpoint-description>
</endpoint-descriptions>
"
    );
    let endpoint_id = shell.endpoint_id();
    assert_eq!(
        shell.run(&format!("listexports {endpoint_id}")).await,
        format!(
            "Endpoint description for endpoint.id=-----------------ENDPOINT-----------:\n{edef}"
        )
    );
    assert_eq!(shell.run("showedeffile").await, edef);
    assert_eq!(
        shell.run(&format!("unexportservice {endpoint_id}")).await,
        ""
    );
    assert_eq!(
        shell.run(&format!("unexportservice {endpoint_id}")).await,
        format!("Cannot find export registration with endpoint.id={endpoint_id}\nfailed\n")
    );
    assert_eq!(
        shell.run("listexports x").await,
        "Cannot find export registration with endpoint.id=x\nfailed\n"
    );
}

#[tokio::test]
async fn an_export_by_hand_ends_with_one_command_however_often_it_was_made() {
    let shell = Shell::start().await;
    let id = shell.service.reference().id();
    shell.run(&format!("exportservice {id}")).await;
    shell.run(&format!("exportservice {id} x.server")).await;
    let endpoint_id = shell.endpoint_id();
    shell.run(&format!("unexportservice {endpoint_id}")).await;
    assert!(
        crate::support::admin(&shell.framework.context())
            .exported_services()
            .is_empty()
    );
    assert!(std::fs::exists(&shell.file).unwrap(), "the file stays");
    shell.framework.stop().await.unwrap();
    assert!(std::fs::exists(&shell.file).unwrap());
}

#[tokio::test]
async fn what_failed_is_listed_with_its_error_while_somebody_holds_it() {
    let shell = Shell::start().await;
    let admin = crate::support::admin(&shell.framework.context());
    shell.distribution.fail.store(true, Ordering::SeqCst);
    let none = Properties::new();
    let export = admin
        .export_service(shell.service.reference(), &none)
        .await
        .unwrap();
    let import = admin
        .import_service(&endpoint("e1", "x", &[]))
        .await
        .unwrap();
    let listed = shell.run("listexports").await;
    let service = shell.service.reference();
    let error =
        format!("Not exported: {service}: provider x could not export the service: it is broken\n");
    assert!(listed.ends_with(&error), "{listed}");
    let listed = shell.run("listimports").await;
    let error = "Not imported: e1: provider x could not import the endpoint: it is broken\n";
    assert!(listed.ends_with(error), "{listed}");
    drop((export, import));
    assert!(!shell.run("listexports").await.contains("Not exported"));
    assert!(!shell.run("listimports").await.contains("Not imported"));
}

#[tokio::test]
async fn what_cannot_be_exported_is_said() {
    let shell = Shell::start().await;
    let id = shell.service.reference().id();
    assert_eq!(
        shell.run("exportservice x").await,
        "Invalid service ID: x\nfailed\n"
    );
    assert_eq!(
        shell.run("exportservice 999").await,
        "Service not found: 999\nfailed\n"
    );
    let service =
        format!("Service=ServiceReference(ID={id}, Bundle=0, Specs=['org.example.IHello'])");
    assert_eq!(
        shell.run(&format!("exportservice {id} unknown")).await,
        format!("{service} exported by 0 providers\nfailed\n")
    );
    assert!(
        shell
            .run("exportservice 1")
            .await
            .starts_with("RemoteServiceError: service ServiceReference(ID=1, ")
    );
}

#[tokio::test]
async fn a_file_is_imported_and_its_proxies_are_listed_and_withdrawn() {
    let shell = Shell::start().await;
    let other = format!("{}.other", shell.file);
    let endpoints = [endpoint("e1", "x", &[]), endpoint("e2", "unknown", &[])];
    std::fs::write(&other, ferlix_remote::edef::write(&endpoints[..1])).unwrap();
    let imported = shell.run(&format!("importservice {other}")).await;
    let proxy = shell
        .framework
        .context()
        .reference(
            "org.example.IHello",
            Some(&"(service.imported=true)".parse().unwrap()),
        )
        .unwrap();
    assert_eq!(
        imported,
        format!(
            "Imported 1 endpoints from EDEF file=FILE.other\nProxy service={proxy} imported. rsid=x://there:5\n"
        )
    );
    assert_eq!(
        shell.run("listimports").await,
        format!(
            "+-------------+--------------+------------------+-------------------+\n\
             | Endpoint ID | Container ID | Local Service ID | Remote Service ID |\n\
             +=============+==============+==================+===================+\n\
             | e1          | x://there    | {:<16} | 9                 |\n\
             +-------------+--------------+------------------+-------------------+\n",
            proxy.id()
        )
    );
    // Nothing is served there: it says so once it was called.
    let context = shell.framework.context();
    let hello = Arc::clone(&context.get::<dyn Hello>(&proxy).unwrap());
    assert!(hello.say_hello("you").await.is_err());
    let listed = shell.run("listimports").await;
    assert!(
        listed.ends_with(
            "e1 is failing since 0 s, 1 times: cannot reach the test: nothing is served\n"
        ),
        "{listed}"
    );
    let shown = shell.run("listimports e1").await;
    assert!(shown.starts_with(
        "Endpoint description for endpoint.id=e1:\n<?xml version='1.0' encoding='utf-8'?>\n"
    ));
    assert_eq!(shell.run("unimportservice e1").await, "");
    assert!(!proxy.is_registered());
    assert_eq!(
        shell.run("unimportservice e1").await,
        "Cannot find import registration with endpoint.id=e1\nfailed\n"
    );
    assert_eq!(
        shell.run("listimports").await,
        "+-------------+--------------+------------------+-------------------+\n\
         | Endpoint ID | Container ID | Local Service ID | Remote Service ID |\n\
         +=============+==============+==================+===================+\n"
    );

    std::fs::write(&shell.file, ferlix_remote::edef::write(&endpoints[1..])).unwrap();
    assert_eq!(
        shell.run("importservice").await,
        "Imported 0 endpoints from EDEF file=FILE\n\
         RemoteServiceError: endpoint e2 cannot be imported: provider x imports none of unknown.server\nfailed\n"
    );
    std::fs::write(&shell.file, "<a/>").unwrap();
    assert!(
        shell
            .run("importservice")
            .await
            .starts_with("RemoteServiceError: invalid endpoint description file at byte")
    );
    std::fs::remove_file(&shell.file).unwrap();
    assert!(
        shell
            .run("importservice")
            .await
            .starts_with("FileError: EDEF file=FILE: ")
    );
    assert!(
        shell
            .run("showedeffile")
            .await
            .starts_with("FileError: EDEF file=FILE: ")
    );
}

#[tokio::test]
async fn providers_and_containers_are_listed_and_shown() {
    let shell = Shell::start().await;
    assert_eq!(
        shell.run("listconfigs").await,
        "+------------------------------+--------------+\n\
         | Distribution Provider/Config |    Class     |\n\
         +==============================+==============+\n\
         | x                            | Distribution |\n\
         +------------------------------+--------------+\n\
         | x                            | Distribution |\n\
         +------------------------------+--------------+\n"
    );
    assert_eq!(
        shell.run("listconfigs x").await,
        "ID=x\n\tSupported Configs=['x.server']\n\tSupportedIntents=['osgi.basic', 'osgi.async']\n"
    );
    assert_eq!(
        shell.run("listconfigs y").await,
        "Cannot find distribution provider with name=y\nfailed\n"
    );
    assert_eq!(
        shell.run("listcontainers").await,
        "+----------------------------+-----------+\n\
         | Container ID/instance.name |   Class   |\n\
         +============================+===========+\n\
         | x://here                   | Container |\n\
         +----------------------------+-----------+\n\
         | client                     | Container |\n\
         +----------------------------+-----------+\n"
    );
    assert_eq!(
        shell.run("listcontainers x://here").await,
        "ID=x://here\n\tNamespace=test.namespace\n\tClass=Container\n\tConnectedTo=x://here\n\
         \tConnectNamespace=test.namespace\n\tConfig Type/Distribution Provider=x\n"
    );
    assert!(
        shell
            .run("listcontainers client")
            .await
            .contains("\n\tConnectedTo=None\n\tConnectNamespace=None\n")
    );
    assert_eq!(
        shell.run("listcontainers y").await,
        "Cannot find container with id=y\nfailed\n"
    );
}

#[tokio::test]
async fn without_any_provider_the_lists_are_empty() {
    let framework = Framework::builder()
        .install(&admin::BUNDLE)
        .install(&command::BUNDLE)
        .start()
        .await
        .unwrap();
    let commands = Arc::clone(
        &framework
            .context()
            .service::<dyn CommandProvider>(None)
            .unwrap(),
    );
    for name in ["listconfigs", "listcontainers"] {
        let session = Session::new(|_| {});
        commands
            .run(name, &Arguments::default(), &session)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn defaults_are_shown_and_changed() {
    let shell = Shell::start().await;
    assert_eq!(
        shell.run("showdefaults").await,
        "Defaults\n\texport_config=x.server\n\tEDEF file=FILE;exists=False\n"
    );
    shell
        .run(&format!("exportservice {}", shell.service.reference().id()))
        .await;
    assert_eq!(
        shell.run("setdefaults other").await,
        "Defaults\n\texport_config=other\n\tEDEF file=FILE;exists=True\n"
    );
    assert_eq!(
        shell.run("setdefaults y.server f.xml").await,
        "Defaults\n\texport_config=y.server\n\tEDEF file=f.xml;exists=False\n"
    );
    assert_eq!(
        shell.run("showdefaults").await,
        "Defaults\n\texport_config=y.server\n\tEDEF file=f.xml;exists=False\n"
    );
}

#[tokio::test]
async fn every_command_has_ipopos_names_but_for_two_that_ipopo_lacks() {
    let shell = Shell::start().await;
    assert_eq!(shell.commands.namespace(), "rsa");
    let names: Vec<String> = shell
        .commands
        .commands()
        .iter()
        .map(|command| [&[command.name], command.aliases].concat().join(" "))
        .collect();
    assert_eq!(
        names,
        [
            "listconfigs lcfgs listproviders",
            "listcontainers lcs",
            "listexports lexps",
            "listimports limps",
            "discovered",
            "why",
            "exportservice exportsvc",
            "importservice impsvc",
            "unexportservice unexpsvc",
            "unimportservice unimpsvc",
            "showdefaults",
            "setdefaults",
            "showedeffile",
        ]
    );
}
