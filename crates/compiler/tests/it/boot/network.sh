#!/bin/bash
# Namespaces that stand for a network in an account and what is around it: network.sh up NAME PORT, network.sh down NAME.
#
#   NAME-inet (203.0.113.10)   the internet, which routes to everything but may only reach the load balancer
#   NAME-alb  (10.64.0.10)     the load balancer in a public subnet
#   NAME-host (10.64.64.10)    the host in a private subnet
#   NAME-db   (10.64.128.10)   a database in an isolated subnet
#   NAME-aws  (198.51.100.10)  services of AWS and the Python registry
#   NAME-vendor (192.0.2.10)   somebody else's SSH server
#   NAME-vpc                   the router between them, whose rules are those of the security groups
set -euo pipefail
what=$1 name=$2 port=${3:-}
if test "$what" = down; then
  for part in inet alb host db aws vendor vpc; do ip netns delete "$name-$part" 2>/dev/null || true; done
  exit
fi
for part in inet alb host db aws vendor vpc; do
  ip netns add "$name-$part"
  ip -n "$name-$part" link set lo up
done
join() {
  local part=$1 address=$2 gateway=$3
  ip -n "$name-vpc" link add "$part" type veth peer name eth0 netns "$name-$part"
  ip -n "$name-vpc" address add "$gateway/24" dev "$part"
  ip -n "$name-vpc" link set "$part" up
  ip -n "$name-$part" address add "$address/24" dev eth0
  ip -n "$name-$part" link set eth0 up
  ip -n "$name-$part" route add default via "$gateway"
}
join inet 203.0.113.10 203.0.113.1
join alb 10.64.0.10 10.64.0.1
join host 10.64.64.10 10.64.64.1
join db 10.64.128.10 10.64.128.1
join vendor 192.0.2.10 192.0.2.1
join aws 198.51.100.10 198.51.100.1
ip netns exec "$name-vpc" sysctl -q -w net.ipv4.ip_forward=1
ip netns exec "$name-vpc" nft -f - <<RULES
table ip groups {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "inet" ip daddr 10.64.0.10 tcp dport { 22, 443 } accept
    iifname "alb" ip daddr 10.64.64.10 tcp dport $port accept
    iifname "host" tcp dport 443 accept
    iifname "host" ip daddr 10.64.128.10 tcp dport { 3306, 5432 } accept
    iifname "host" ip daddr 192.0.2.10 tcp dport 22 accept
  }
}
RULES
# Where a host asks who it is.
ip -n "$name-host" address add 169.254.169.254/32 dev lo
