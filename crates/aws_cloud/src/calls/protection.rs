//! Protection from deletion.

use super::{absent, code_is};
use crate::client::Client;
use crate::request::Fields;
use crate::service::Service::{LoadBalancers, Rds};
use stacks::account::{CallError, CallErrorKind, Called};

pub(crate) async fn end(client: &Client, resource_type: &str, physical_id: &str) -> Called<()> {
    let called = match resource_type {
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
            let fields = Fields::new().with("LoadBalancerArn", physical_id).pairs(
                "Attributes",
                ("Key", "Value"),
                [("deletion_protection.enabled", "false")],
            );
            client.query(LoadBalancers, "ModifyLoadBalancerAttributes", fields).await
        }
        "AWS::RDS::DBInstance" => {
            let fields = unprotected().with("DBInstanceIdentifier", physical_id);
            client.query(Rds, "ModifyDBInstance", fields).await
        }
        "AWS::RDS::DBCluster" => {
            let fields = unprotected().with("DBClusterIdentifier", physical_id);
            client.query(Rds, "ModifyDBCluster", fields).await
        }
        other => Err(CallError {
            operation: "aws:EndProtection".to_owned(),
            kind: CallErrorKind::Refused,
            code: String::new(),
            message: format!("{other} has no protection that could be ended here"),
        }),
    };
    let gone = &["LoadBalancerNotFound", "DBInstanceNotFound", "DBInstanceNotFoundFault", "DBClusterNotFoundFault"];
    absent(called, code_is(gone)).map(drop)
}

fn unprotected() -> Fields {
    Fields::new().with("DeletionProtection", "false").with("ApplyImmediately", "true")
}
