//! Several machines: network namespaces for the site that is deployed, the vendor's server and the internet, with cables
//! between them and packet filters on them. What may reach what is asked from each of them.

use crate::private_access::{Shop, Vendor, tools};
use crate::support::{document, eventually, machine, skip};
use std::process::{Command, Stdio};
use std::time::Duration;

const SITE: &str = "10.211.1.1";
const SITE_TO_INTERNET: &str = "10.211.2.1";
const VENDOR: &str = "10.211.1.2";
const INTERNET: &str = "10.211.2.2";

/// The namespaces of one test; they go with it.
struct Lab {
    site: String,
    vendor: String,
    internet: String,
}

impl Lab {
    /// None when the kernel does not let us.
    fn new() -> Result<Self, String> {
        for tool in ["ip", "nft", "curl"] {
            run(Command::new(tool).arg("-V")).map_err(|error| format!("{tool}: {error}"))?;
        }
        let name = |end: &str| format!("lft{}{end}", std::process::id());
        let lab = Self { site: name("s"), vendor: name("v"), internet: name("i") };
        for space in [&lab.site, &lab.vendor, &lab.internet] {
            run(Command::new("ip").args(["netns", "add", space]))?;
            run(within(space, "ip").args(["link", "set", "lo", "up"]))?;
        }
        lab.cable((&lab.vendor, VENDOR), SITE, "v")?;
        lab.cable((&lab.internet, INTERNET), SITE_TO_INTERNET, "i")?;
        Ok(lab)
    }

    /// A cable from the site to another namespace, with an address at each end.
    fn cable(&self, (other, far): (&str, &str), near: &str, tag: &str) -> Result<(), String> {
        let (here, there) = (format!("s{}{tag}", std::process::id()), format!("{tag}{}", std::process::id()));
        let ends = ["link", "add", &here, "netns", &self.site, "type", "veth", "peer", "name", &there, "netns", other];
        run(Command::new("ip").args(ends))?;
        for (space, link, address) in [(self.site.as_str(), &here, near), (other, &there, far)] {
            run(within(space, "ip").args(["address", "add", &format!("{address}/24"), "dev", link]))?;
            run(within(space, "ip").args(["link", "set", link, "up"]))?;
        }
        Ok(())
    }

    /// Gives a namespace these rules for what comes in, after what belongs to open connections.
    fn filter(space: &str, rules: &str) {
        let _ = Command::new("ip").args(["netns", "exec", space, "nft", "flush", "ruleset"]).status();
        let text = format!(
            "add table inet t; add chain inet t c {{ type filter hook input priority 0; policy drop; }}; \
             add rule inet t c iif lo accept; {rules}"
        );
        run(within(space, "nft").arg(text)).expect("rules");
    }

    /// The status with which an address answers, seen from a namespace.
    fn asks(space: &str, address: &str, port: u16) -> Option<String> {
        let mut curl = within(space, "curl");
        curl.args(["-s", "-o", "/dev/null", "-m", "3", "-w", "%{http_code}"]).arg(format!("http://{address}:{port}/"));
        let output = curl.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for space in [&self.site, &self.vendor, &self.internet] {
            let _ = Command::new("ip").args(["netns", "del", space]).stderr(Stdio::null()).status();
        }
    }
}

fn within(space: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", space, program]);
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn the_vendor_gets_its_tunnel_and_nobody_gets_anything_else() {
    const TEST: &str = "the_vendor_gets_its_tunnel_and_nobody_gets_anything_else";
    let Some(()) = tools(TEST) else { return };
    let lab = match Lab::new() {
        Ok(lab) => lab,
        Err(why) => return skip(TEST, &format!("no network namespaces here: {why}")),
    };
    let shop = Shop::on(machine().within_network(&lab.site));
    let vendor = Vendor::within(shop.work().join("vendor"), &lab.vendor, VENDOR);
    // The vendor lets in who has something to do with its server; the site lets nobody in.
    let ssh = format!(
        "add rule inet t c ct state established accept; add rule inet t c ip saddr {SITE} tcp dport {} accept",
        vendor.port
    );
    Lab::filter(&lab.vendor, &ssh);
    shop.edit("target: app,", &format!("target: app, to: {},", vendor.end("host.pub")));
    let _ = shop.run(&["up"]).expect_code(0);
    vendor.register(&shop.output("bi.authorized-keys"));
    eventually("the tunnel is up", Duration::from_secs(60), || (shop.state() == "up").then_some(()));

    // Who is at the vendor's reaches the service, at the one port.
    assert_eq!(Lab::asks(&lab.vendor, "127.0.0.1", vendor.listen).as_deref(), Some("200"));
    assert_eq!(
        Lab::asks(&lab.site, VENDOR, vendor.listen),
        None,
        "the far end listens on more than the loopback address"
    );

    // Nothing of the site listens for anybody else: there is no packet filter that could hide it.
    let status = document(&shop.run(&["status", "--json"]).expect_code(0));
    let status = &status["deployments"][0]["status"];
    let service = status["programs"]["app/program"]["ports"][0].as_u64().expect("a port");
    let bastion = shop.output("jump.address");
    let bastion = bastion.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    for port in [u16::try_from(service).expect("a port"), bastion] {
        assert!(Lab::asks(&lab.site, "127.0.0.1", port).is_some() || port == bastion);
        for (space, address) in [(&lab.vendor, SITE), (&lab.internet, SITE_TO_INTERNET)] {
            assert_eq!(Lab::asks(space, address, port), None, "port {port} answers {space}");
        }
    }
    assert_eq!(Lab::asks(&lab.internet, VENDOR, vendor.port), None, "the internet has no way to the vendor here");

    // The network is away for a while; nobody tells either side.
    Lab::filter(&lab.vendor, "");
    eventually("the silence is seen", Duration::from_secs(60), || (shop.state() != "up").then_some(()));
    Lab::filter(&lab.vendor, &ssh);
    eventually("it is back", Duration::from_secs(90), || {
        Lab::asks(&lab.vendor, "127.0.0.1", vendor.listen).filter(|status| status == "200")
    });
    shop.down();
}
