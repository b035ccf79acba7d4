//! Real packets: small random worlds laid out as Linux network namespaces, with the kernel's own routing
//! tables as route tables, stateless nftables chains as network ACLs and stateful ones as security groups.
//! Real TCP connects must come out as the verdicts say. Needs root, `ip`, `nft` and `python3`.

use crate::agreement::{picture, world};
use crate::walker::{Peer, Rule, Target, World};
use analysis::reachability::Status;
use analysis::reachability::judge::{Destination, Judge, Source};
use analysis::reachability::road::Atlas;
use proptest::strategy::{Strategy as _, ValueTree as _};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

const PORTS: [u16; 3] = [22, 443, 5432];
const OUTSIDE: [&str; 3] = ["203.0.113.10", "198.51.100.10", "9.9.9.10"];
const WORLDS: usize = 6;

fn run(program: &str, arguments: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    child.stdin.take().unwrap().write_all(input.as_bytes()).map_err(|error| error.to_string())?;
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// Why the kernel cannot be asked here.
fn missing() -> Option<String> {
    for (program, arguments) in [("nft", &["--version"][..]), ("python3", &["--version"]), ("ip", &["-V"])] {
        if let Err(why) = run(program, arguments, "") {
            return Some(why);
        }
    }
    let name = format!("lf{}x", std::process::id());
    if let Err(why) = run("ip", &["netns", "add", &name], "") {
        return Some(why);
    }
    let has_tables = run("ip", &["netns", "exec", &name, "nft", "list", "ruleset"], "");
    let _ = run("ip", &["netns", "del", &name], "");
    has_tables.err()
}

/// Namespace, source, destination, port, and what the analysis says.
type Asked = (String, String, String, u16, Status);

/// Namespaces that go with the test.
struct Lab {
    prefix: String,
    spaces: Vec<String>,
    servers: Vec<Child>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        for space in &self.spaces {
            let _ = run("ip", &["netns", "del", space], "");
        }
    }
}

const SERVER: &str = "
import socket, select, sys
listeners = []
for port in map(int, sys.argv[1:]):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('0.0.0.0', port)); s.listen(64); listeners.append(s)
print('ready', flush=True)
while True:
    for s in select.select(listeners, [], [])[0]:
        s.accept()[0].close()
";

// Arguments: source,destination,port each; prints 1 or 0 each. All at once, half a second for all.
const CLIENT: &str = "
import socket, select, sys, time, errno
open_, result = {}, {}
for n, probe in enumerate(sys.argv[1:]):
    source, destination, port = probe.split(',')
    s = socket.socket(); s.setblocking(False); s.bind((source, 0))
    error = s.connect_ex((destination, int(port)))
    result[n] = 0
    if error in (0, errno.EINPROGRESS): open_[s] = n
end = time.time() + 0.6
while open_ and time.time() < end:
    for s in select.select([], list(open_), [], 0.05)[1]:
        n = open_.pop(s)
        result[n] = int(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0)
print(''.join(str(result[n]) for n in sorted(result)))
";

impl Lab {
    fn space(&mut self, name: &str) -> String {
        let space = format!("{}{name}", self.prefix);
        run("ip", &["netns", "add", &space], "").unwrap();
        self.spaces.push(space.clone());
        space
    }

    fn build(world: &World, number: usize) -> Self {
        let mut lab =
            Self { prefix: format!("lf{}w{number}", std::process::id()), spaces: Vec::new(), servers: Vec::new() };
        let router = lab.space("r");
        let mut names: Vec<(String, Vec<String>)> =
            vec![("o".to_owned(), OUTSIDE.iter().map(|a| (*a).to_owned()).collect())];
        for (index, instance) in world.instances.iter().enumerate() {
            names.push((format!("i{index}"), vec![instance.address.unwrap().to_string()]));
        }
        let mut batch = String::from("link set lo up\n");
        for (name, addresses) in &names {
            let space = lab.space(name);
            run(
                "ip",
                &[
                    "link",
                    "add",
                    "e",
                    "netns",
                    &space,
                    "type",
                    "veth",
                    "peer",
                    "name",
                    &format!("v{name}"),
                    "netns",
                    &router,
                ],
                "",
            )
            .unwrap();
            let mut inner = String::from("link set lo up\nlink set e up\n");
            for address in addresses {
                let _ = writeln!(inner, "addr add {address}/32 dev e");
            }
            inner.push_str("route add 169.254.1.1/32 dev e\nroute add default via 169.254.1.1 dev e\n");
            run("ip", &["-n", &space, "-batch", "-"], &inner).unwrap();
            let _ = writeln!(batch, "link set v{name} up\naddr add 169.254.1.1/32 dev v{name}");
            for address in addresses {
                let _ = writeln!(batch, "route add {address}/32 dev v{name}");
            }
        }
        for (index, subnet) in world.subnets.iter().enumerate() {
            let table = 100 + index;
            let _ = writeln!(batch, "rule add from {}/{} lookup {table} pref {table}", subnet.block.0, subnet.block.1);
            for (instance, is) in world.instances.iter().enumerate() {
                let _ = writeln!(batch, "route add {}/32 dev vi{instance} table {table}", is.address.unwrap());
            }
            let _ = writeln!(batch, "route add unreachable 0.0.0.0/0 metric 9999 table {table}");
            for route in subnet.table.into_iter().flat_map(|table| &world.tables[table]) {
                let (to, length) = route.to;
                if world.vpcs[0].has_gateway && route.target == Target::Gateway {
                    let _ = writeln!(batch, "route add {to}/{length} dev vo table {table}");
                } else {
                    let _ = writeln!(batch, "route add blackhole {to}/{length} table {table}");
                }
            }
        }
        run("ip", &["-n", &router, "-batch", "-"], &batch).unwrap();
        run(
            "ip",
            &[
                "netns",
                "exec",
                &router,
                "sysctl",
                "-qw",
                "net.ipv4.ip_forward=1",
                "net.ipv4.conf.all.rp_filter=0",
                "net.ipv4.conf.default.rp_filter=0",
            ],
            "",
        )
        .unwrap();
        for (name, _) in &names {
            let _ = run(
                "ip",
                &["netns", "exec", &router, "sysctl", "-qw", &format!("net.ipv4.conf.v{name}.rp_filter=0")],
                "",
            );
        }
        run("ip", &["netns", "exec", &router, "nft", "-f", "-"], &rules(world)).unwrap();
        for (name, _) in &names {
            let space = format!("{}{name}", lab.prefix);
            let ports: Vec<String> = PORTS.iter().map(ToString::to_string).collect();
            let mut server = Command::new("ip")
                .args(["netns", "exec", &space, "python3", "-c", SERVER])
                .args(ports)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut ready = [0; 6];
            server.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
            lab.servers.push(server);
        }
        lab
    }

    /// Whether each connect from a namespace comes through.
    fn connect(&self, from: &str, probes: &[(String, String, u16)]) -> Vec<bool> {
        let space = format!("{}{from}", self.prefix);
        let probes: Vec<String> = probes.iter().map(|(from, to, port)| format!("{from},{to},{port}")).collect();
        let mut arguments = vec!["netns", "exec", &space, "python3", "-c", CLIENT];
        arguments.extend(probes.iter().map(String::as_str));
        run("ip", &arguments, "").unwrap().trim().chars().map(|mark| mark == '1').collect()
    }
}

/// The filters of a world as nftables chains.
fn rules(world: &World) -> String {
    let mut out = String::from("table inet world {\n");
    let block = |(network, length): (Ipv4Addr, u8)| format!("{network}/{length}");
    let mut acl_jumps = String::new();
    for (index, subnet) in world.subnets.iter().enumerate() {
        let Some(acl) = subnet.acl else { continue };
        let own = block(subnet.block);
        for (name, is_egress, side) in [("out", true, "daddr"), ("in", false, "saddr")] {
            let mut rules: Vec<_> = world.acls[acl].iter().filter(|rule| rule.is_egress == is_egress).collect();
            rules.sort_by_key(|rule| rule.number);
            let _ = writeln!(out, " chain acl_{name}{index} {{");
            for rule in rules.into_iter().filter(|rule| rule.protocol != 17) {
                let ports = if rule.protocol == -1 {
                    String::new()
                } else {
                    format!("tcp dport {}-{} ", rule.ports.0, rule.ports.1)
                };
                let verdict = if rule.is_allow { "return" } else { "drop" };
                let _ = writeln!(out, "  {ports}ip {side} {} {verdict}", block(rule.block));
            }
            out.push_str("  drop\n }\n");
        }
        let _ = writeln!(acl_jumps, "  ip saddr {own} ip daddr != {own} jump acl_out{index}");
        let _ = writeln!(acl_jumps, "  ip daddr {own} ip saddr != {own} jump acl_in{index}");
    }
    let mut group_jumps = String::new();
    let mut public = String::new();
    let sg_rule = |out: &mut String, rule: &Rule, side: &str| {
        if rule.protocol == 17 {
            return;
        }
        let ports =
            if rule.protocol == -1 { String::new() } else { format!("tcp dport {}-{} ", rule.ports.0, rule.ports.1) };
        let peers: Vec<String> = match rule.peer {
            Peer::Block(peer) => vec![block(peer)],
            Peer::Group(group) => world
                .instances
                .iter()
                .filter(|instance| instance.groups.contains(&group))
                .map(|instance| instance.address.unwrap().to_string())
                .collect(),
        };
        for peer in peers {
            let _ = writeln!(out, "  {ports}ip {side} {peer} return");
        }
    };
    for (index, instance) in world.instances.iter().enumerate() {
        let address = instance.address.unwrap();
        let _ = writeln!(out, " chain sg_in{index} {{");
        for rule in instance.groups.iter().flat_map(|group| &world.groups[*group].ingress) {
            sg_rule(&mut out, rule, "saddr");
        }
        let _ = writeln!(out, "  drop\n }}\n chain sg_out{index} {{");
        for group in &instance.groups {
            match &world.groups[*group].egress {
                None => out.push_str("  return\n"),
                Some(rules) => rules.iter().for_each(|rule| sg_rule(&mut out, rule, "daddr")),
            }
        }
        out.push_str("  drop\n }\n");
        let _ =
            writeln!(group_jumps, "  ip saddr {address} jump sg_out{index}\n  ip daddr {address} jump sg_in{index}");
        let is_public = instance.has_elastic_address || world.subnets[instance.subnet].gives_public;
        if !is_public || !world.vpcs[0].has_gateway {
            let _ =
                writeln!(public, "  iifname \"vo\" ip daddr {address} drop\n  oifname \"vo\" ip saddr {address} drop");
        }
    }
    let _ = write!(
        out,
        " chain stateless {{ type filter hook forward priority -10; policy accept;\n{public}{acl_jumps} }}\n \
         chain stateful {{ type filter hook forward priority 0; policy accept;\n  ct state established,related accept\n{group_jumps} }}\n}}\n"
    );
    out
}

/// A world of one VPC in which every host has its address and the internet gateway is the only way out.
fn laid_out(mut world: World) -> World {
    world.vpcs.truncate(1);
    world.nat = None;
    world.has_peering = false;
    for (third, subnet) in (1_u8..).zip(&mut world.subnets) {
        subnet.vpc = 0;
        subnet.block = (Ipv4Addr::new(10, 0, third, 0), 24);
    }
    for routes in &mut world.tables {
        routes.retain(|route| route.target == Target::Gateway && route.to.0.octets()[0] != 10);
    }
    for (host, instance) in (10_u8..).zip(&mut world.instances) {
        instance.address = Some(Ipv4Addr::new(10, 0, u8::try_from(instance.subnet).unwrap() + 1, host));
    }
    world
}

#[test]
fn real_connects_come_out_as_the_verdicts_say() {
    if let Some(why) = missing() {
        println!("skipped: 0 of {WORLDS} worlds were laid out ({why})");
        return;
    }
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = world().prop_map(laid_out);
    let (mut connects, mut came_through, mut partly) = (0, 0, 0);
    for number in 0..WORLDS {
        let world = strategy.new_tree(&mut runner).unwrap().current();
        let picture = picture(&world.template());
        let atlas = Atlas::new(&picture);
        let judge = Judge::new(&atlas);
        let lab = Lab::build(&world, number);
        let component = |index: usize| picture.component(&format!("I{index}")).unwrap();
        let block = |text: &str| format!("{text}/32").parse::<ipnet::IpNet>().unwrap();
        let mut asked: Vec<Asked> = Vec::new();
        for (index, instance) in world.instances.iter().enumerate() {
            let address = instance.address.unwrap().to_string();
            for port in PORTS {
                let to = Destination::Port { component: component(index), protocol: 6, ports: (port, port) };
                for outside in OUTSIDE {
                    let status = judge.verdict(&Source::Block(block(outside)), &to).status;
                    asked.push(("o".to_owned(), outside.to_owned(), address.clone(), port, status));
                    let out = Destination::Block { block: block(outside), ports: (port, port) };
                    let status = judge.verdict(&Source::Component(component(index)), &out).status;
                    asked.push((format!("i{index}"), address.clone(), outside.to_owned(), port, status));
                }
                for (other, from) in world.instances.iter().enumerate().filter(|(other, _)| *other != index) {
                    let found = judge.verdict(&Source::Component(component(other)), &to);
                    // A road over the internet has addresses of its own, which the lab has not.
                    let is_inside = !found.hops.iter().any(|hop| hop.what == "the internet");
                    if is_inside {
                        let source = from.address.unwrap().to_string();
                        asked.push((format!("i{other}"), source, address.clone(), port, found.status));
                    }
                }
            }
        }
        let mut spaces: Vec<String> = asked.iter().map(|probe| probe.0.clone()).collect();
        spaces.sort();
        spaces.dedup();
        // From all namespaces at once, since most of the time is waiting for what does not come.
        let results: Vec<Vec<(&Asked, bool)>> = std::thread::scope(|scope| {
            let running: Vec<_> = spaces
                .iter()
                .map(|space| {
                    let (lab, asked) = (&lab, &asked);
                    scope.spawn(move || {
                        let probes: Vec<&Asked> = asked.iter().filter(|probe| probe.0 == *space).collect();
                        let wanted: Vec<_> =
                            probes.iter().map(|probe| (probe.1.clone(), probe.2.clone(), probe.3)).collect();
                        probes.into_iter().zip(lab.connect(space, &wanted)).collect()
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (probe, came) in results.into_iter().flatten() {
            connects += 1;
            came_through += usize::from(came);
            match probe.4 {
                // Some client ports only; which one the kernel takes is its own choice.
                Status::Partly => partly += 1,
                Status::Unknown => panic!("nothing is unknown here: {probe:?}\n{}", world.template()),
                status => {
                    assert_eq!(came, status == Status::Reachable, "{probe:?}\n{}\n{}", world.template(), rules(&world));
                }
            }
        }
    }
    println!("{WORLDS} worlds, {connects} connects, {came_through} came through, {partly} depend on the client's port");
    assert!(came_through > 20 && connects > 250, "{connects} connects, {came_through} came through");
}
