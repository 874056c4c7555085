// Generated from crates/ferlix-etcd/proto by `cargo xtask codegen`. Do not edit.

/// One key as it was at one revision.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct KeyValue {
    /// The key; never empty.
    #[prost(bytes = "bytes", tag = "1")]
    pub key: ::prost::bytes::Bytes,
    /// Revision at which the key was last put where there was none.
    #[prost(int64, tag = "2")]
    pub create_revision: i64,
    /// Revision of the latest put.
    #[prost(int64, tag = "3")]
    pub mod_revision: i64,
    /// Count of puts since the key was created: 1 for the first; a delete starts anew.
    #[prost(int64, tag = "4")]
    pub version: i64,
    /// What was put.
    #[prost(bytes = "bytes", tag = "5")]
    pub value: ::prost::bytes::Bytes,
    /// The lease that the key goes with; 0 for none.
    #[prost(int64, tag = "6")]
    pub lease: i64,
}
/// One change of one key.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Event {
    /// What happened.
    #[prost(enumeration = "event::EventType", tag = "1")]
    pub r#type: i32,
    /// The key after the change. Of a deleted key only `key` and `mod_revision` (that of the deletion) are set.
    #[prost(message, optional, tag = "2")]
    pub kv: ::core::option::Option<KeyValue>,
    /// The key before the change, if the watch asked for it, there was one, and it is not compacted.
    #[prost(message, optional, tag = "3")]
    pub prev_kv: ::core::option::Option<KeyValue>,
}
/// Nested message and enum types in `Event`.
pub mod event {
    /// The kinds of change.
    #[derive(
        Clone,
        Copy,
        Debug,
        PartialEq,
        Eq,
        Hash,
        PartialOrd,
        Ord,
        ::prost::Enumeration
    )]
    #[repr(i32)]
    pub enum EventType {
        /// The key was put.
        Put = 0,
        /// The key was deleted, by a request or with its lease.
        Delete = 1,
    }
    impl EventType {
        /// String value of the enum field names used in the ProtoBuf definition.
        ///
        /// The values are not transformed in any way and thus are considered stable
        /// (if the ProtoBuf definition does not change) and safe for programmatic use.
        pub fn as_str_name(&self) -> &'static str {
            match self {
                Self::Put => "PUT",
                Self::Delete => "DELETE",
            }
        }
        /// Creates an enum from field names used in the ProtoBuf definition.
        pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
            match value {
                "PUT" => Some(Self::Put),
                "DELETE" => Some(Self::Delete),
                _ => None,
            }
        }
    }
}
