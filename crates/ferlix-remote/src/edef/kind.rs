//! [`Kind`]: the `value-type` of a property.

use ferlix_core::property::Value;

use crate::endpoint::scalar::{self, Scalar};

/// A value type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The default.
    String,
    /// Any other; `primitive` when it is written with a small letter.
    Scalar { scalar: Scalar, primitive: bool },
}

impl Kind {
    /// The kind of a name as the specification has it, or as iPOPO writes it.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let scalar = match name {
            "String" | "string" => return Some(Self::String),
            "boolean" | "Boolean" => Scalar::Boolean,
            "byte" | "Byte" | "bytes" | "Bytes" => Scalar::Byte,
            "char" | "Character" | "character" => Scalar::Char,
            "double" | "Double" => Scalar::Double,
            "float" | "Float" => Scalar::Float,
            "int" | "Integer" | "integer" => Scalar::Int,
            "long" | "Long" => Scalar::Long,
            "short" | "Short" => Scalar::Short,
            _ => return None,
        };
        let primitive = name.starts_with(|first: char| first.is_ascii_lowercase());
        Some(Self::Scalar { scalar, primitive })
    }

    /// The kind of the elements that make up a value of bytes.
    pub(super) const BYTES: Self = Self::Scalar {
        scalar: Scalar::Byte,
        primitive: true,
    };

    /// The kind of one value.
    pub(super) fn of(value: &Value) -> Self {
        Scalar::of(value).map_or(Self::String, |scalar| Self::Scalar {
            scalar,
            primitive: false,
        })
    }

    /// The name that is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Scalar {
                scalar,
                primitive: true,
            } => scalar.name(),
            Self::Scalar { scalar, .. } => match scalar {
                Scalar::Boolean => "Boolean",
                Scalar::Byte => "Byte",
                Scalar::Char => "Character",
                Scalar::Double => "Double",
                Scalar::Float => "Float",
                Scalar::Int => "Integer",
                Scalar::Long => "Long",
                Scalar::Short => "Short",
            },
        }
    }

    /// Reads a text; `None` when it is no value of this kind.
    pub(super) fn parse(self, text: String) -> Option<Value> {
        let text = Value::String(text);
        match self {
            Self::String => Some(text),
            Self::Scalar { scalar, .. } => scalar::read(&text, scalar),
        }
    }
}
