//! Plain aligned columns without lines, as people know them from `ls -l` and `docker ps`.

use comfy_table::{ContentArrangement, Table, presets};

/// A table with a head.
pub(crate) fn columns<R, C>(head: &[&str], rows: R) -> String
where
    R: IntoIterator<Item = C>,
    C: IntoIterator<Item = String>,
{
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    if !head.is_empty() {
        table.set_header(head.iter().map(|title| title.to_uppercase()));
    }
    for row in rows {
        table.add_row(row.into_iter().collect::<Vec<String>>());
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}
