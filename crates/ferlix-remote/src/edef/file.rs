//! Endpoint descriptions from files: EDEF's XML, and ECF's `.properties` over it, beside it, or instead of it.
//!
//! `<name>.xml` holds descriptions; a file `<name>.properties` beside it overrides their properties. A `<name>.properties`
//! without XML is one description. A file `edef_defaults.properties` in the same folder holds what neither says. Deliberately
//! absent: ECF's profiles, which are more such defaults chosen by a system property.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ferlix_core::property::Properties;
use tokio::io::AsyncReadExt;

use super::{MAX_BYTES, read, read_properties};
use crate::Error;
use crate::endpoint::EndpointDescription;

/// The file of a folder with the properties of all its descriptions.
pub const DEFAULTS: &str = "edef_defaults.properties";
/// The endings of the two forms.
pub(crate) const XML: &str = ".xml";
pub(crate) const PROPERTIES: &str = ".properties";

/// The texts that describe endpoints together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Texts {
    /// The descriptions; without them the properties are one.
    pub(crate) xml: Option<String>,
    /// The properties over them.
    pub(crate) properties: Option<String>,
    /// What neither says.
    pub(crate) defaults: Option<String>,
}

impl Texts {
    /// The descriptions.
    ///
    /// # Errors
    /// As for [`read`] and [`read_properties`].
    pub(crate) fn descriptions(&self) -> Result<Vec<EndpointDescription>, Error> {
        let optional = |text: &Option<String>| match text {
            Some(text) => read_properties(text),
            None => Ok(Properties::new()),
        };
        let defaults = optional(&self.defaults)?;
        let over = optional(&self.properties)?;
        let Some(xml) = &self.xml else {
            return Ok(vec![laid_over(defaults, &over)?]);
        };
        let descriptions = read(xml)?;
        if defaults.is_empty() && over.is_empty() {
            return Ok(descriptions);
        }
        let changed = descriptions.iter().map(|description| {
            let mut properties = defaults.clone();
            properties.extend(owned(description.properties()));
            laid_over(properties, &over)
        });
        changed.collect()
    }
}

/// Reads the descriptions of a file, with the `.properties` beside it.
///
/// # Errors
/// [`Error::File`] when one that is there cannot be read; as for [`read`] and [`read_properties`].
pub async fn load(file: &Path) -> Result<Vec<EndpointDescription>, Error> {
    let name = file.as_os_str().to_string_lossy();
    let mut texts = Texts {
        defaults: optional(&file.with_file_name(DEFAULTS)).await?,
        ..Texts::default()
    };
    if name.ends_with(PROPERTIES) {
        texts.properties = Some(text(file).await?);
    } else {
        texts.xml = Some(text(file).await?);
        texts.properties = optional(&file.with_extension("properties")).await?;
    }
    texts.descriptions()
}

/// The text of a file, no longer than EDEF may be.
///
/// # Errors
/// [`Error::File`]; [`Error::TooLarge`].
pub async fn text(file: &Path) -> Result<String, Error> {
    let failed = |source: io::Error| Error::File {
        file: file.display().to_string(),
        source: Arc::new(source),
    };
    let limit = u64::try_from(MAX_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut text = String::new();
    let opened = tokio::fs::File::open(file).await.map_err(failed)?;
    let read = opened.take(limit).read_to_string(&mut text).await;
    read.map_err(failed)?;
    Ok(text)
}

/// The text of a file that need not be there.
async fn optional(file: &Path) -> Result<Option<String>, Error> {
    match text(file).await {
        Ok(text) => Ok(Some(text)),
        Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn laid_over(mut below: Properties, over: &Properties) -> Result<EndpointDescription, Error> {
    below.extend(owned(over));
    EndpointDescription::new(below)
}

fn owned(
    properties: &Properties,
) -> impl Iterator<Item = (String, ferlix_core::property::Value)> + '_ {
    properties
        .iter()
        .map(|(key, value)| (key.to_owned(), value.clone()))
}
