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
pub(crate) const ALL: &[Blueprint] = &[PRIVATE_WEBAPP, TABPY];

const PRIVATE_WEBAPP: Blueprint = Blueprint {
    name: "private-webapp",
    about: "A web application over a private database, with a bastion and a tunnel to a dashboard",
    files: files!(
        "private-webapp":
        "README.md", "app/application.py", "app/gunicorn.conf.py", "app/harbourlog/__init__.py",
        "app/harbourlog/charts/__init__.py", "app/harbourlog/charts/detail.py",
        "app/harbourlog/charts/overview.py", "app/harbourlog/charts/svg.py", "app/harbourlog/database.py",
        "app/harbourlog/edge.py", "app/harbourlog/editing.py", "app/harbourlog/errors.py",
        "app/harbourlog/people.py", "app/harbourlog/presentation.py", "app/harbourlog/queries.py",
        "app/harbourlog/rights.py", "app/harbourlog/schema.py", "app/harbourlog/settings.py",
        "app/harbourlog/sql.py", "app/harbourlog/static/icon.svg", "app/harbourlog/static/style.css",
        "app/harbourlog/templates/about.html", "app/harbourlog/templates/base.html",
        "app/harbourlog/templates/call.html", "app/harbourlog/templates/calls.html",
        "app/harbourlog/templates/changes.html", "app/harbourlog/templates/edit.html",
        "app/harbourlog/templates/error.html", "app/harbourlog/templates/harbour.html",
        "app/harbourlog/templates/login.html", "app/harbourlog/templates/macros.html",
        "app/harbourlog/templates/overview.html", "app/harbourlog/templates/ship.html",
        "app/harbourlog/templates/ships.html", "app/harbourlog/tides.py", "app/harbourlog/views/__init__.py",
        "app/harbourlog/views/api.py", "app/harbourlog/views/edit.py", "app/harbourlog/views/health.py",
        "app/harbourlog/views/login.py", "app/harbourlog/views/pages.py", "data/calls.csv", "data/generate.py",
        "data/harbours.csv", "data/schema-mariadb.sql", "data/schema-mysql.sql", "data/schema-postgres.sql",
        "data/ships.csv", "data/weather.csv", "files/constraints.txt", "files/users.txt", "landfall.yaml",
        "report/report.py"
    ),
};

const TABPY: Blueprint = Blueprint {
    name: "tabpy",
    about: "TabPy, Tableau's Python server, behind HTTPS with authentication",
    files: files!(
        "tabpy": "README.md", "landfall.yaml", "files/constraints.txt", "files/launch.py", "files/passwords.txt", "files/tabpy.conf"
    ),
};

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
