//! Hidden properties: never shown, never a property of a service, never set by accident.

use ferlix_core::property::{Properties, Value};
use ferlix_core::{bundle, component, service_impl};

use crate::support::{Echo, Stage};

#[component(factory = "vault-factory", provides(dyn Echo))]
struct Vault {
    #[property("password", hidden, default = "secret")]
    password: String,
    #[property("user", default = "me")]
    user: String,
}

#[service_impl]
impl Echo for Vault {
    fn name(&self) -> String {
        format!("{}:{}", self.user, self.password)
    }
}

bundle!(VAULT = "test.vault", components = [Vault]);

impl Stage {
    fn secret(&self) -> String {
        let vault = self.framework.context().service::<dyn Echo>(None);
        vault.unwrap().name()
    }

    fn assert_hidden(&self) {
        let components = self.framework.components();
        let factory = components.factory("vault-factory").unwrap();
        assert!(!factory.properties.contains("password"));
        assert!(factory.properties.contains("user"));
        let instance = components.instance("v").unwrap();
        assert!(!format!("{instance:?}").contains("secret"));
        assert!(!instance.properties.contains("password"));
        let properties = instance.service.unwrap().properties();
        assert!(!properties.contains("password") && !properties.contains(".password"));
        assert!(properties.contains("user"));
    }
}

#[tokio::test]
async fn a_hidden_default_is_for_the_component_alone() {
    let stage = Stage::new(&[&VAULT]).await;
    stage.make("vault-factory", "v", Properties::new()).await;
    assert_eq!(stage.secret(), "me:secret");
    stage.assert_hidden();
}

#[tokio::test]
async fn a_hidden_property_is_given_at_instantiation() {
    let stage = Stage::new(&[&VAULT]).await;
    let given = Properties::from([("password", "secret 2"), ("user", "you")]);
    stage.make("vault-factory", "v", given).await;
    assert_eq!(stage.secret(), "you:secret 2");
    stage.assert_hidden();
}

#[tokio::test]
async fn reconfigure_sets_a_hidden_property_only_by_its_name_with_a_dot() {
    let stage = Stage::new(&[&VAULT]).await;
    stage.make("vault-factory", "v", Properties::new()).await;
    let components = stage.framework.components();
    let plain = Properties::from([("password", "stolen"), ("user", "you")]);
    components.reconfigure("v", plain).await.unwrap();
    assert_eq!(stage.secret(), "you:secret");
    let dotted = Properties::from([(".password", "secret 3")]);
    components.reconfigure("v", dotted).await.unwrap();
    assert_eq!(stage.secret(), "you:secret 3");
    stage.assert_hidden();
    // What replaces the configuration does not touch it either.
    components
        .configure("v", Properties::from([("other", Value::from(1))]))
        .await
        .unwrap();
    assert_eq!(stage.secret(), "me:secret 3");
    stage.assert_hidden();
}
