//! Loading: from the embedded files to checked data.

use crate::check::check_engine;
use crate::error::CatalogueError;
use crate::model::Engine;

/// The embedded files, by name.
const FILES: [(&str, &str); 2] = [
    ("postgresql.yaml", include_str!("../engines/postgresql.yaml")),
    ("mysql.yaml", include_str!("../engines/mysql.yaml")),
];

/// What all engines can be asked.
#[derive(Clone, Debug)]
pub struct Catalogue {
    engines: Vec<Engine>,
}

impl Catalogue {
    /// The catalogue that is part of the program.
    ///
    /// # Errors
    /// [`CatalogueError`] if a file is inconsistent, which the tests of this crate rule out.
    pub fn embedded() -> Result<Self, CatalogueError> {
        let engines = FILES
            .iter()
            .map(|(file, yaml)| parse(file, yaml))
            .collect::<Result<_, _>>()?;
        Ok(Self { engines })
    }

    /// The engine `name`, such as `postgresql`.
    pub fn engine(&self, name: &str) -> Option<&Engine> {
        self.engines.iter().find(|engine| engine.engine == name)
    }

    /// All engines.
    pub fn engines(&self) -> &[Engine] {
        &self.engines
    }
}

/// Reads and checks one engine's file.
pub(crate) fn parse(file: &str, yaml: &str) -> Result<Engine, CatalogueError> {
    let engine: Engine = serde_saphyr::from_str(yaml).map_err(|error| CatalogueError::Shape {
        file: file.to_owned(),
        detail: error.to_string(),
    })?;
    check_engine(&engine)?;
    Ok(engine)
}

#[cfg(test)]
mod tests;
