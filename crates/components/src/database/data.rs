//! The files that are loaded into a database: that they are there, and what they make.

use super::codes::{DBS005, DBS006};
use super::schema::DataSaid;
use crate::context::{NO_TEXT, ValidationContext};
use crate::path_rules;
use crate::said::{nearest, report};
use model::database::{DataForm, InitialData};
use model::{Findings, ManifestPath};
use regex_lite::Regex;

/// What is loaded into a database.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub(super) files: Vec<InitialData>,
    /// The tables that the files make, and whether rows come with them.
    pub(super) tables: Vec<Table>,
}

/// A table that a file makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    /// The name as the file writes it, with its quotes.
    pub(super) written: String,
    /// Whether a file has rows for it.
    pub(super) has_rows: bool,
}

/// Checks the files of a database. Reports everything that is wrong.
pub(super) fn validate(
    said: &[DataSaid],
    at: &ManifestPath,
    cx: &ValidationContext<'_>,
    findings: &mut Findings,
) -> Data {
    let mut data = Data::default();
    // Not known of a file that is too large to be read here, or that is wrong.
    let mut knows_all_tables = true;
    for (index, said) in said.iter().enumerate() {
        let at = at.index(index);
        let Some((path, place, form)) = form(said, &at, findings) else {
            knows_all_tables = false;
            continue;
        };
        let digest = match path_rules::below(path) {
            Ok(()) => cx.files.file_digest(path).map_err(|why| format!("{path}: {why}")),
            Err(why) => Err(format!("the path `{path}` {why}")),
        };
        let digest = match digest {
            Ok(digest) => digest,
            Err(problem) => {
                knows_all_tables = false;
                report(findings, &DBS005, &place, problem, "make the file beside the manifest, as `data/schema.sql`");
                continue;
            }
        };
        let text = cx.files.text(path);
        if let Some((problem, help)) = unreadable(&text, &form) {
            knows_all_tables = false;
            report(findings, &DBS005, &place, format!("{path} {problem}"), help);
            continue;
        }
        match (&form, text) {
            (DataForm::Sql, Ok(text)) => data.tables.extend(tables_made_by(&text)),
            (DataForm::Sql, Err(_)) => knows_all_tables = false,
            (DataForm::Csv { table }, text) => {
                let text = text.unwrap_or_default();
                let known = data.tables.iter_mut().find(|known| is_same(&known.name, table));
                match known {
                    Some(known) => known.has_rows |= text.lines().nth(1).is_some(),
                    None if knows_all_tables => {
                        let made: Vec<&str> = data.tables.iter().map(|table| table.name.as_str()).collect();
                        report_unknown_table(table, &made, &at.key("table"), findings);
                    }
                    None => {}
                }
            }
        }
        data.files.push(InitialData { path: path.clone(), digest, form });
    }
    data
}

/// What no server could load, with what to do. What is too large to be read here is left to the server.
fn unreadable(text: &Result<String, String>, form: &DataForm) -> Option<(&'static str, &'static str)> {
    let text = match text {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(why) if why == NO_TEXT => {
            return Some((NO_TEXT, "save it as UTF-8; `file` and `iconv` tell and change what it is"));
        }
        Err(_) => return None,
    };
    if text.contains('\0') {
        return Some(("has bytes that no text has", "a data file is text in UTF-8: SQL, rows, or a plain dump"));
    }
    if !matches!(form, DataForm::Csv { .. }) {
        return None;
    }
    let first = text.lines().next().unwrap_or_default();
    if first.trim().is_empty() {
        let help = "write the names of the columns into the first line, separated by commas";
        return Some(("does not begin with names of columns", help));
    }
    let is_separated_otherwise = !first.contains([',', '"']) && first.contains([';', '\t']);
    is_separated_otherwise
        .then_some(("has no commas between its columns", "write `,` between fields, as RFC 4180 says"))
}

/// What a file is, and where its path was said.
fn form<'s>(
    said: &'s DataSaid,
    at: &ManifestPath,
    findings: &mut Findings,
) -> Option<(&'s String, ManifestPath, DataForm)> {
    let (key, path, form) = match (&said.sql, &said.csv, &said.dump, &said.table) {
        (Some(path), None, None, None) => ("sql", path, DataForm::Sql),
        (None, None, Some(path), None) => ("dump", path, DataForm::Sql),
        (None, Some(path), None, Some(table)) => ("csv", path, DataForm::Csv { table: table.clone() }),
        (None, Some(_), None, None) => {
            let help = "say it, as `{ csv: data/teams.csv, table: teams }`";
            report(findings, &DBS005, at, "the rows of a CSV file go into a table", help);
            return None;
        }
        _ => {
            let help = "write one of `{ sql: FILE }`, `{ dump: FILE }`, `{ csv: FILE, table: NAME }`";
            report(findings, &DBS005, at, "it is not clear what is loaded", help);
            return None;
        }
    };
    let place = at.key(key);
    let end = if key == "csv" { ".csv" } else { ".sql" };
    if !path.to_ascii_lowercase().ends_with(end) {
        let help = match path.rsplit_once('.').map(|(_, end)| end) {
            Some("gz" | "zip" | "xz" | "zst" | "bz2") => "unpack it: files are loaded as they are".to_owned(),
            Some("dump" | "custom" | "tar") if key == "dump" => {
                "write a plain dump, as `pg_dump --format=plain > data/dump.sql`".to_owned()
            }
            _ => format!("a `{key}` file ends in `{end}`"),
        };
        report(findings, &DBS005, &place, format!("`{path}` is no `{end}` file"), help);
        return None;
    }
    Some((path, place, form))
}

fn report_unknown_table(table: &str, made: &[&str], at: &ManifestPath, findings: &mut Findings) {
    let help = match nearest(table, made.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if made.is_empty() => "load a file with its CREATE TABLE before this one".to_owned(),
        None => format!("the files before make {}; add a CREATE TABLE for it", made.join(", ")),
    };
    report(findings, &DBS006, at, format!("no file before makes the table `{table}`"), help);
}

fn is_same(made: &str, named: &str) -> bool {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    last(made) == last(named)
}

/// The tables that statements make, by what stands after CREATE TABLE.
fn tables_made_by(sql: &str) -> Vec<Table> {
    let create = Regex::new(
        r#"(?i)\bcreate\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?((?:[`"]?[a-z0-9_$]+[`"]?\s*\.\s*)?[`"]?[a-z0-9_$]+[`"]?)"#,
    );
    let Ok(create) = create else { return Vec::new() };
    let bare = |name: &str| name.chars().filter(|c| !"`\" \t\r\n".contains(*c)).collect::<String>();
    let code = without_comments(sql);
    let lower = code.to_ascii_lowercase();
    create
        .captures_iter(&code)
        .map(|found| {
            let name = bare(&found[1]);
            let last = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
            let has_rows = ["", "`", "\""].iter().any(|quote| {
                let start = format!("{quote}{last}{quote}");
                lower.split("insert into ").skip(1).any(|rest| {
                    rest.trim_start()
                        .strip_prefix(start.as_str())
                        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
                })
            });
            let written = found[1].chars().filter(|c| !c.is_whitespace()).collect();
            Table { name, written, has_rows }
        })
        .collect()
}

/// Lines that are comments say nothing.
fn without_comments(sql: &str) -> String {
    let lines = sql.lines().filter(|line| !line.trim_start().starts_with("--") && !line.trim_start().starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::tables_made_by;

    #[test]
    fn tables_are_found_however_they_are_written() {
        let sql = "-- CREATE TABLE no\nCREATE TABLE teams (id int);\ncreate table IF NOT EXISTS `g2`(id int);\n\
                   create\n table \"public\" . \"Games\"(id int); CREATE UNLOGGED TABLE x(y int);\n\
                   INSERT INTO teams VALUES (1); insert into \"games\" values (1); insert into xy values (1);";
        let tables: Vec<String> =
            tables_made_by(sql).iter().map(|table| format!("{} {}", table.written, table.has_rows)).collect();
        assert_eq!(tables, ["teams true", "`g2` false", "\"public\".\"Games\" true", "x false"]);
    }
}
