//! What carries a tag.

use super::{list, maybe_text, text};
use crate::client::Client;
use crate::service::Service::Tagging;
use serde_json::{Value, json};
use stacks::account::{Called, TaggedResource};

pub(crate) async fn carriers(client: &Client, key: &str, value: &str) -> Called<Vec<TaggedResource>> {
    let mut found = Vec::new();
    let mut page: Option<String> = None;
    loop {
        let mut body = json!({ "TagFilters": [{ "Key": key, "Values": [value] }], "ResourcesPerPage": 100 });
        if let Some(page) = page {
            body["PaginationToken"] = Value::String(page);
        }
        let answer = client.json(Tagging, "GetResources", body).await?;
        found.extend(
            list(&answer, "ResourceTagMappingList")
                .iter()
                .map(|entry| TaggedResource { arn: text(entry, "ResourceARN") }),
        );
        page = maybe_text(&answer, "PaginationToken").filter(|page| !page.is_empty());
        if page.is_none() {
            return Ok(found);
        }
    }
}
