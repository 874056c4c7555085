//! Types that no peer can send, and errors that cannot hold a `CallError`.

use ferlix_core::remote_service;
use ferlix_core::service::CallError;
use ferlix_core::RemoteError;

struct Secret;

#[remote_service("argument")]
trait Argument: Send + Sync {
    async fn tell(&self, secret: Secret) -> Result<(), CallError>;
}

#[remote_service("answer")]
trait Answer: Send + Sync {
    async fn ask(&self) -> Result<Secret, CallError>;
}

#[remote_service("error")]
trait Fails: Send + Sync {
    async fn fail(&self) -> Result<(), std::fmt::Error>;
}

#[derive(Debug, RemoteError)]
enum Bare {
    One,
}

fn main() {
    let _ = Bare::One;
}
