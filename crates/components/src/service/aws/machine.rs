//! Which machine a service needs.

/// What the system itself takes beside the service.
const SYSTEM_BYTES: u64 = 640 << 20;
/// The disk of a host: the system, packages, data.
pub(super) const DISK_GIBIBYTES: u32 = 20;

/// Machines by the memory that they have, in GiB.
const MACHINES: &[(u64, &str)] = &[
    (2, "t3.small"),
    (4, "t3.medium"),
    (8, "t3.large"),
    (16, "t3.xlarge"),
    (32, "t3.2xlarge"),
    (64, "r6i.2xlarge"),
    (128, "r6i.4xlarge"),
    (256, "r6i.8xlarge"),
];

/// The smallest machine on which a service of that memory has room.
pub(super) fn instance_type(memory: Option<u64>) -> &'static str {
    let needed = memory.unwrap_or(1 << 30).saturating_add(SYSTEM_BYTES);
    let fits = MACHINES.iter().find(|(gibibytes, _)| gibibytes << 30 >= needed);
    fits.or(MACHINES.last()).map_or("t3.small", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::instance_type;

    #[test]
    fn the_system_has_room_too() {
        assert_eq!(instance_type(None), "t3.small");
        assert_eq!(instance_type(Some(1 << 30)), "t3.small");
        assert_eq!(instance_type(Some(2 << 30)), "t3.medium");
        assert_eq!(instance_type(Some(4 << 30)), "t3.large");
        assert_eq!(instance_type(Some(1 << 50)), "r6i.8xlarge");
    }
}
