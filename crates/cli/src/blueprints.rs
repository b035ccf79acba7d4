//! The blueprints, carried in the program so that `init` needs nothing else.

/// A manifest with its files.
pub(crate) struct Blueprint {
    /// As in `landfall init NAME`.
    pub(crate) name: &'static str,
    /// One line.
    pub(crate) about: &'static str,
    /// Paths and texts.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

macro_rules! files {
    ($folder:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../blueprints/", $folder, "/", $path)))),+]
    };
}

/// All of them, sorted by name.
pub(crate) const ALL: &[Blueprint] = &[Blueprint {
    name: "tabpy",
    about: "TabPy, Tableau's Python server, behind HTTPS with authentication",
    files: files!(
        "tabpy": "README.md", "landfall.yaml", "files/constraints.txt", "files/launch.py", "files/passwords.txt", "files/tabpy.conf"
    ),
}];

/// The blueprint of that name.
pub(crate) fn find(name: &str) -> Option<&'static Blueprint> {
    ALL.iter().find(|blueprint| blueprint.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    fn walk(folder: &Path, found: &mut BTreeSet<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.insert(path);
            }
        }
    }

    #[test]
    fn no_file_of_a_blueprint_is_forgotten() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints");
        let mut on_disk = BTreeSet::new();
        walk(&root, &mut on_disk);
        let carried: BTreeSet<PathBuf> = ALL
            .iter()
            .flat_map(|blueprint| blueprint.files.iter().map(|(path, _)| root.join(blueprint.name).join(path)))
            .collect();
        assert_eq!(carried, on_disk);
    }
}
