//! A world as Linux network namespaces: a router for every VPC, a namespace for the internet, and one for
//! every host, NAT gateway and load balancer.

use super::rules::{filters, masquerade};
use crate::walker::{Block, End, Host, Kind, Target, To, World};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Child, Command, Stdio};

/// Hosts of the internet.
pub(super) const OUTSIDE: [&str; 5] = ["203.0.113.10", "198.51.100.10", "9.9.9.10", "2001:4860::10", "2620:fe::10"];
/// Where programs listen; load balancers listen on 443 alone.
pub(super) const PORTS: [u16; 3] = [22, 443, 5432];

pub(super) fn run(program: &str, arguments: &[&str], input: &str) -> Result<String, String> {
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
        Err(format!("{program} {arguments:?}: {}\n{input}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// Why the kernel cannot be asked here.
pub(super) fn missing() -> Option<String> {
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

/// Whether the kernel speaks IPv6.
pub(super) fn has_v6() -> bool {
    std::path::Path::new("/proc/sys/net/ipv6/conf").exists()
}

/// The addresses that a host of the lab has: IPv4, and IPv6 where the world gives it one.
pub(super) fn addresses(world: &World, host: usize) -> Vec<IpAddr> {
    let (own, subnet) = (&world.hosts[host], &world.subnets[world.hosts[host].subnets[0]]);
    let mut all = vec![match own.kind {
        Kind::Instance { address: Some(address), .. } => IpAddr::V4(address),
        // Nobody chooses the address of a load balancer or endpoint.
        _ => in_subnet(subnet.block, 200 + host),
    }];
    if let Some(block) = subnet.v6.filter(|_| has_v6() && world.has_v6(end(own))) {
        all.push(in_subnet(block, 10 + host));
    }
    all
}

pub(super) fn end(host: &Host) -> End<'_> {
    End { host, subnet: host.subnets[0] }
}

fn in_subnet(block: Block, number: usize) -> IpAddr {
    match block.address {
        IpAddr::V4(address) => IpAddr::V4((u32::from(address) + u32::try_from(number).unwrap()).into()),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) + number as u128).into()),
    }
}

pub(super) fn nat_address(world: &World, nat: usize) -> IpAddr {
    in_subnet(world.subnets[world.nats[nat].subnet].block, 240 + nat)
}

/// What the internet gateway of a VPC translates a private address to.
pub(super) fn public_address(vpc: usize, private: IpAddr) -> Option<IpAddr> {
    let IpAddr::V4(private) = private else { return None };
    let [.., third, fourth] = private.octets();
    let block = u8::try_from(vpc).ok()? * 16 + third;
    Some(IpAddr::V4(Ipv4Addr::new(198, 18, block, fourth)))
}

/// Namespaces and programs that go with the test.
pub(super) struct Lab {
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

/// Says one byte to everybody who comes.
const SERVER: &str = "
import socket, select, sys
family = socket.AF_INET6 if sys.argv[1] == '6' else socket.AF_INET
listeners = [socket.create_server(('', port), family=family, backlog=64, dualstack_ipv6=sys.argv[1] == '6')
             for port in map(int, sys.argv[2:])]
print('ready', flush=True)
while True:
    for listener in select.select(listeners, [], [])[0]:
        try:
            one = listener.accept()[0]; one.sendall(b's'); one.close()
        except OSError: pass
";

/// A load balancer: a connection of its own to the target for each of a client, whose bytes it passes on.
const PROXY: &str = "
import socket, sys, threading
listener = socket.create_server(('', 443), family=socket.AF_INET6 if sys.argv[1] == '6' else socket.AF_INET,
                                backlog=64, dualstack_ipv6=sys.argv[1] == '6')
print('ready', flush=True)
def pass_on(client):
    try:
        with client, socket.create_connection((sys.argv[2], int(sys.argv[3])), timeout=30) as target:
            client.sendall(target.recv(1))
    except OSError: pass
while True:
    client = listener.accept()[0]
    threading.Thread(target=pass_on, args=(client,), daemon=True).start()
";

// Arguments: source,source port,destination,port,expected each. Prints for each 0 (no connection), 1 (a
// connection) or 2 (and a byte over it). Waits as long as it takes for what is expected, then a moment for the rest.
const CLIENT: &str = "
import socket, select, sys, time, errno
waiting, result, expected = {}, [], []
for n, probe in enumerate(sys.argv[1:]):
    source, source_port, destination, port, wanted = probe.split(',')
    s = socket.socket(socket.AF_INET6 if ':' in source else socket.AF_INET)
    s.setblocking(False); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    result.append(0); expected.append(int(wanted))
    s.bind((source, int(source_port)))
    if s.connect_ex((destination, int(port))) in (0, errno.EINPROGRESS): waiting[s] = n
start = time.time(); late = None
while waiting:
    connecting = [s for s in waiting if result[waiting[s]] == 0]
    readable, writable, _ = select.select([s for s in waiting if result[waiting[s]] == 1], connecting, [], 0.05)
    for s in writable:
        if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0: result[waiting[s]] = 1
        else: del waiting[s]
    for s in readable:
        n = waiting.pop(s)
        try:
            if s.recv(1): result[n] = 2
        except OSError: pass
    if late is None and (all(result[n] >= expected[n] for n in range(len(result))) or time.time() - start > 20): late = time.time() + 0.4
    if late is not None and time.time() > late: break
print(''.join(map(str, result)))
";

/// A packet to send: from where to where, and what should come of it.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub(super) space: String,
    pub(super) source: IpAddr,
    pub(super) source_port: u16,
    pub(super) destination: IpAddr,
    pub(super) port: u16,
    /// 0: nothing, 1: a connection, 2: and a byte.
    pub(super) expected: u8,
}

impl Lab {
    fn space(&mut self, name: &str) -> String {
        let space = format!("{}{name}", self.prefix);
        run("ip", &["netns", "add", &space], "").unwrap();
        self.spaces.push(space.clone());
        // Packets come and go on whatever way the tables say.
        let settings = "net.ipv4.ip_forward=1\nnet.ipv4.conf.all.rp_filter=0\nnet.ipv4.conf.default.rp_filter=0\n\
                        net.ipv4.conf.all.send_redirects=0\nnet.ipv4.conf.default.send_redirects=0\n";
        let for_v6 = "net.ipv6.conf.all.forwarding=1\nnet.ipv6.conf.default.accept_dad=0\n\
                      net.ipv6.conf.default.accept_ra=0\nnet.ipv6.conf.default.dad_transmits=0\n";
        let settings = format!("{settings}{}", if has_v6() { for_v6 } else { "" });
        run("ip", &["netns", "exec", &space, "sysctl", "-q", "-p", "-"], &settings).unwrap();
        run("ip", &["-n", &space, "link", "set", "lo", "up"], "").unwrap();
        space
    }

    /// A cable between two namespaces.
    fn cable(&self, one: &str, name: &str, other: &str, other_name: &str) {
        let (one, other) = (format!("{}{one}", self.prefix), format!("{}{other}", self.prefix));
        let words = format!("link add {name} netns {one} type veth peer name {other_name} netns {other}");
        run("ip", &words.split(' ').collect::<Vec<_>>(), "").unwrap();
    }

    fn batch(&self, space: &str, lines: &str) {
        let space = format!("{}{space}", self.prefix);
        let (v6, v4): (Vec<&str>, Vec<&str>) = lines.lines().partition(|line| line.contains("::"));
        run("ip", &["-n", &space, "-batch", "-"], &v4.join("\n")).unwrap();
        if has_v6() {
            run("ip", &["-n", &space, "-6", "-batch", "-"], &v6.join("\n")).unwrap();
        }
    }

    pub(super) fn build(world: &World, number: usize) -> Self {
        let mut lab =
            Self { prefix: format!("lf{}w{number}", std::process::id()), spaces: Vec::new(), servers: Vec::new() };
        lab.space("o");
        let mut internet = String::new();
        for address in OUTSIDE {
            let _ = writeln!(internet, "addr add {} dev lo", with_length(address.parse().unwrap()));
        }
        let mut routers: Vec<String> = Vec::new();
        for (vpc, is) in world.vpcs.iter().enumerate() {
            lab.space(&format!("r{vpc}"));
            lab.cable(&format!("r{vpc}"), "vo", "o", &format!("e{vpc}"));
            lab.cable(&format!("r{vpc}"), "veo", "o", &format!("x{vpc}"));
            routers.push(link("vo", 1) + &link("veo", 1));
            internet += &(link(&format!("e{vpc}"), 2) + &link(&format!("x{vpc}"), 2));
            let public = format!("198.18.{}.0/20", vpc * 16);
            for block in is.blocks.iter().chain(&is.v6).map(ToString::to_string).chain([public]) {
                let via = if block.contains(':') { "fe80::1" } else { "169.254.1.1" };
                let _ = writeln!(internet, "route add {block} via {via} dev e{vpc} onlink");
            }
        }
        lab.batch("o", &internet);
        for (index, (one, other)) in world.peerings.iter().enumerate() {
            let cable = format!("vp{index}");
            lab.cable(&format!("r{one}"), &cable, &format!("r{other}"), &cable);
            routers[*one] += &link_in(2 + index, &cable, 1);
            routers[*other] += &link_in(2 + index, &cable, 2);
            // What comes over the connection is for the VPC itself, and for nothing behind it.
            for vpc in [one, other] {
                let _ = writeln!(routers[*vpc], "rule add iif {cable} lookup 99 pref 90");
                let _ = writeln!(routers[*vpc], "rule add from ::/0 iif {cable} lookup 99 pref 90");
            }
        }
        // Who stands in each VPC: cable, addresses.
        let mut standing: Vec<Vec<(String, Vec<IpAddr>)>> = vec![Vec::new(); world.vpcs.len()];
        for (index, host) in world.hosts.iter().enumerate() {
            standing[world.subnets[host.subnets[0]].vpc].push((format!("h{index}"), addresses(world, index)));
        }
        for (index, nat) in world.nats.iter().enumerate() {
            standing[world.subnets[nat.subnet].vpc].push((format!("n{index}"), vec![nat_address(world, index)]));
        }
        for (vpc, hosts) in standing.iter().enumerate() {
            let mut own = String::new();
            for (name, addresses) in hosts {
                lab.space(name);
                lab.cable(name, "e", &format!("r{vpc}"), &format!("v{name}"));
                let mut inner = String::from("link set e up\n");
                for address in addresses {
                    let _ = writeln!(inner, "addr add {} dev e", with_length(*address));
                    let _ = writeln!(own, "route add {address} dev v{name} table TABLE");
                }
                inner.push_str("route add default via 169.254.1.1 dev e onlink\n");
                inner.push_str("route add default via fe80::1 dev e onlink\n");
                lab.batch(name, &inner);
                routers[vpc] += &link(&format!("v{name}"), 1);
            }
            for block in world.vpcs[vpc].blocks.iter().chain(&world.vpcs[vpc].v6) {
                let _ = writeln!(own, "route add unreachable {block} table TABLE");
            }
            routers[vpc] += &own.replace("TABLE", "main");
            routers[vpc] += &own.replace("TABLE", "99");
            routers[vpc].push_str("route add unreachable 0.0.0.0/0 table 99\nroute add unreachable ::/0 table 99\n");
            routers[vpc] += &tables(world, vpc, &own);
            lab.batch(&format!("r{vpc}"), &routers[vpc]);
            let router = format!("{}r{vpc}", lab.prefix);
            run("ip", &["netns", "exec", &router, "nft", "-f", "-"], &filters(world, vpc)).unwrap();
        }
        for nat in 0..world.nats.len() {
            let space = format!("{}n{nat}", lab.prefix);
            run("ip", &["netns", "exec", &space, "nft", "-f", "-"], &masquerade(nat_address(world, nat))).unwrap();
        }
        lab.programs(world);
        lab
    }

    fn programs(&mut self, world: &World) {
        let family = if has_v6() { "6" } else { "4" };
        let ports: Vec<String> = PORTS.iter().map(ToString::to_string).collect();
        let mut programs: Vec<(String, Vec<String>)> = Vec::new();
        let server: Vec<String> =
            [SERVER.to_owned(), family.to_owned()].into_iter().chain(ports.iter().cloned()).collect();
        programs.push(("o".to_owned(), server.clone()));
        for (index, host) in world.hosts.iter().enumerate() {
            let name = format!("h{index}");
            match &host.kind {
                Kind::Balancer { targets, port, .. } => {
                    let target = targets
                        .first()
                        .map_or("127.0.0.1".to_owned(), |target| addresses(world, *target)[0].to_string());
                    programs.push((name, vec![PROXY.to_owned(), family.to_owned(), target, port.to_string()]));
                }
                _ => programs.push((name, server.clone())),
            }
        }
        for (name, arguments) in programs {
            let space = format!("{}{name}", self.prefix);
            let program = Command::new("ip")
                .args(["netns", "exec", &space, "python3", "-c"])
                .args(arguments)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            self.servers.push(program);
        }
        for server in &mut self.servers {
            server.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
        }
    }

    /// What comes of each probe: all at once, since most of the time is waiting for what does not come.
    pub(super) fn send(&self, probes: &[Probe]) -> Vec<u8> {
        let mut spaces: Vec<&str> = probes.iter().map(|probe| probe.space.as_str()).collect();
        spaces.sort_unstable();
        spaces.dedup();
        let mut results = vec![0; probes.len()];
        std::thread::scope(|scope| {
            let running: Vec<_> = spaces
                .iter()
                .map(|space| {
                    scope.spawn(move || {
                        let own = probes.iter().enumerate().filter(|(_, probe)| probe.space == *space);
                        let (numbers, words): (Vec<usize>, Vec<String>) = own
                            .map(|(number, p)| {
                                let words = format!(
                                    "{},{},{},{},{}",
                                    p.source, p.source_port, p.destination, p.port, p.expected
                                );
                                (number, words)
                            })
                            .unzip();
                        let space = format!("{}{space}", self.prefix);
                        let mut arguments = vec!["netns", "exec", &space, "python3", "-c", CLIENT];
                        arguments.extend(words.iter().map(String::as_str));
                        let said = run("ip", &arguments, "").unwrap();
                        numbers.into_iter().zip(said.trim().bytes().map(|mark| mark - b'0')).collect::<Vec<_>>()
                    })
                })
                .collect();
            for (number, result) in running.into_iter().flat_map(|thread| thread.join().unwrap()) {
                results[number] = result;
            }
        });
        results
    }
}

fn with_length(address: IpAddr) -> String {
    if address.is_ipv4() { format!("{address}/32") } else { format!("{address}/128 nodad") }
}

/// One end of a cable: 1 is the router's side, 2 the other one.
fn link(name: &str, side: u16) -> String {
    link_in(1, name, side)
}

/// The same with an IPv4 network of its own, for cables between routers.
fn link_in(net: usize, name: &str, side: u16) -> String {
    let v6 = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, side);
    format!("link set {name} up\naddr add 169.254.{net}.{side}/32 dev {name}\naddr add {v6}/64 dev {name} nodad\n")
}

/// The route tables of the subnets of a VPC: the kernel's own, chosen by the packet's source.
fn tables(world: &World, vpc: usize, own: &str) -> String {
    let mut out = String::new();
    for (index, subnet) in world.subnets.iter().enumerate().filter(|(_, subnet)| subnet.vpc == vpc) {
        let number = 100 + index;
        for block in std::iter::once(subnet.block).chain(subnet.v6) {
            let _ = writeln!(out, "rule add from {block} lookup {number} pref {number}");
        }
        out += &own.replace("TABLE", &number.to_string());
        let _ = writeln!(out, "route add unreachable 0.0.0.0/0 metric 9999 table {number}");
        let _ = writeln!(out, "route add unreachable ::/0 metric 9999 table {number}");
        let routes = subnet.table.into_iter().flat_map(|table| &world.tables[table]);
        for route in routes.filter(|route| world.can_stand(vpc, route)) {
            let blocks = match route.to {
                To::Block(block) => vec![block],
                To::List(list) => world.lists[list].clone(),
            };
            for block in blocks {
                let next = |v4: &str, v6: &str, device: &str| {
                    let via = if block.is_v4() { v4 } else { v6 };
                    format!("route replace {block} via {via} dev {device} onlink table {number}")
                };
                let words = match route.target {
                    Target::Gateway if world.vpcs[vpc].has_gateway => next("169.254.1.2", "fe80::2", "vo"),
                    Target::EgressOnly => next("169.254.1.2", "fe80::2", "veo"),
                    Target::Nat(nat) => next(&nat_address(world, nat).to_string(), "", &format!("vn{nat}")),
                    Target::Peering(peering) => {
                        let side = if world.peerings[peering].0 == vpc { 2 } else { 1 };
                        next(
                            &format!("169.254.{}.{side}", 2 + peering),
                            &format!("fe80::{side}"),
                            &format!("vp{peering}"),
                        )
                    }
                    Target::Gateway | Target::Transit => format!("route replace blackhole {block} table {number}"),
                };
                let _ = writeln!(out, "{words}");
            }
        }
    }
    out
}
